#include "tool_schema.hpp"

#include <algorithm>

namespace tideover::adapt {
namespace {

using json = ordered_document;

/// Rewrites one schema, with a budget: references may refer to each other and grow without end.
class schema_fitter {
 public:
  explicit schema_fitter(const json& root) : root_(root) {}

  json fit(const json& schema, unsigned depth);
  bool changed() const { return changed_; }

 private:
  static constexpr unsigned max_depth = 24;

  const json& resolve(std::string_view reference) const;
  void merge(json& into, const json& from, unsigned depth);
  json fit_all(const json& list, unsigned depth);

  const json& root_;
  unsigned budget_ = 4000;
  bool changed_ = false;
};

const json& schema_fitter::resolve(std::string_view reference) const {
  for (std::string_view place : {"$defs", "definitions"}) {
    auto const prefix = "#/" + std::string(place) + "/";
    if (reference.starts_with(prefix)) return member(member(root_, place), reference.substr(prefix.size()));
  }
  return member(root_, "");  // null: nothing we can see into
}

void schema_fitter::merge(json& into, const json& from, unsigned depth) {
  auto const fitted = fit(from, depth);
  for (auto const& [key, value] : fitted.items()) {
    if (!into.contains(key)) {
      into[key] = value;
    } else if (key == "properties" && value.is_object() && into[key].is_object()) {
      for (auto const& [name, property] : value.items())
        if (!into[key].contains(name)) into[key][name] = property;
    } else if (key == "required" && value.is_array() && into[key].is_array()) {
      for (auto const& name : value)
        if (std::find(into[key].begin(), into[key].end(), name) == into[key].end()) into[key].push_back(name);
    }
  }
}

json schema_fitter::fit_all(const json& list, unsigned depth) {
  json fitted = json::array();
  for (auto const& one : list) fitted.push_back(fit(one, depth));
  return fitted;
}

json schema_fitter::fit(const json& schema, unsigned depth) {
  if (!schema.is_object()) {  // true: anything; false: nothing, which no model would send anyway
    changed_ = true;
    return json::object();
  }
  if (depth > max_depth || budget_ == 0) {
    changed_ = true;
    return json::object();
  }
  --budget_;
  json out = json::object();
  for (auto const& [key, value] : schema.items()) {
    if (key == "$defs" || key == "definitions" || key == "$schema" || key == "$ref" || key == "allOf") continue;
    if (key == "properties" && value.is_object()) {
      json& properties = out[key] = json::object();
      for (auto const& [name, property] : value.items()) properties[name] = fit(property, depth + 1);
    } else if (key == "items" && value.is_object()) {
      out[key] = fit(value, depth + 1);
    } else if (key == "items" && value.is_boolean()) {
      changed_ = true;
    } else if (key == "anyOf" && value.is_array()) {
      out[key] = fit_all(value, depth + 1);
    } else if (key == "oneOf" && value.is_array() && !schema.contains("anyOf")) {
      changed_ = true;
      out["anyOf"] = fit_all(value, depth + 1);
    } else if (key == "const" && !schema.contains("enum")) {
      changed_ = true;
      out["enum"] = json::array({value});
    } else {
      out[key] = value;
    }
  }
  if (auto const reference = member_text(schema, "$ref"); !reference.empty()) {
    changed_ = true;
    if (auto const& target = resolve(reference); target.is_object()) merge(out, target, depth + 1);
  }
  if (auto const& all = member(schema, "allOf"); all.is_array()) {
    changed_ = true;
    for (auto const& one : all) merge(out, one, depth + 1);
  }
  return out;
}

}  // namespace

ordered_document fit_tool_schema(const ordered_document& schema, bool& changed) {
  schema_fitter fitter(schema);
  auto fitted = fitter.fit(schema, 0);
  changed = changed || fitter.changed();
  return fitted;
}

}  // namespace tideover::adapt
