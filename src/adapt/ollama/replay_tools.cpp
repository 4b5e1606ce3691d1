#include <algorithm>

#include "replay_rewriter.hpp"

namespace tideover::adapt::ollama {
namespace {

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

/// What tool_choice asks for, whichever dialect wrote it.
struct choice {
  enum class kind { free, none, forced } what = kind::free;
  std::optional<std::vector<std::string>> only;  // allowed_tools with mode auto
};

choice read_choice(const json& value, tool_form form) {
  using kind = choice::kind;
  if (value.is_null()) return {};
  auto const word = value.is_string() ? text_of(value) : member_text(value, "type");
  if (word == "auto") return {};
  if (word == "none") return {kind::none, {}};
  if (word == "allowed_tools") {
    auto const& allowed = form == tool_form::nested ? member(value, "allowed_tools") : value;
    auto const& tools = member(allowed, "tools");
    if (member_text(allowed, "mode") != "auto" || !tools.is_array()) return {kind::forced, {}};
    choice verdict{kind::free, std::vector<std::string>{}};
    for (auto const& tool : tools)
      verdict.only->emplace_back(member_text(form == tool_form::nested ? member(tool, "function") : tool, "name"));
    return verdict;
  }
  return {kind::forced, {}};
}

/// One tool in the form that the local route reads, built from the members it knows.
json fit_tool(rewriter& to, const json& tool, tool_form form) {
  auto const& source = form == tool_form::nested ? member(tool, "function") : tool;
  auto const schema_key = form == tool_form::anthropic ? "input_schema" : "parameters";
  json fitted = json::object();
  if (form == tool_form::flat) fitted["type"] = "function";
  fitted["name"] = member(source, "name");
  if (auto const& description = member(source, "description"); description.is_string())
    fitted["description"] = description;
  if (auto const& schema = member(source, schema_key); schema.is_object())
    fitted[schema_key] = fit_schema(to, schema);
  else
    fitted[schema_key] = json{{"type", "object"}, {"properties", json::object()}};
  if (form == tool_form::nested) return json{{"type", "function"}, {"function", std::move(fitted)}};
  return fitted;
}

std::string_view tool_name(const json& tool, tool_form form) {
  return member_text(form == tool_form::nested ? member(tool, "function") : tool, "name");
}

}  // namespace

json fit_schema(rewriter& to, const json& schema) {
  schema_fitter fitter(schema);
  auto fitted = fitter.fit(schema, 0);
  if (fitter.changed()) to.note("tool schemas simplified: references inlined, allOf merged, oneOf read as anyOf");
  return fitted;
}

bool rewrite_tools(rewriter& to, tool_form form) {
  to.handled({"tools", "tool_choice", "parallel_tool_calls"});
  auto const& tools = to.get("tools");
  auto const wish = read_choice(to.get("tool_choice"), form);
  if (wish.what == choice::kind::none) {
    if (tools.is_array() && !tools.empty()) to.note("dropped tools: tool_choice is none");
    return true;
  }
  if (wish.what == choice::kind::forced)
    return to.refuse("tool_choice_unmet", "tool_choice",
                     "The local server cannot be made to call a tool; use tool_choice auto or none.");
  if (tools.is_null() || (tools.is_array() && tools.empty())) return true;
  if (!tools.is_array()) return to.refuse("invalid_request", "tools", "tools must be a list.");

  json fitted = json::array();
  for (auto const& tool : tools) {
    auto const type = member_text(tool, "type");
    bool const is_function = type == "function" || (form == tool_form::anthropic && (type.empty() || type == "custom"));
    if (!is_function)
      return to.refuse("unsupported_parameter", "tools[].type=" + std::string(type.substr(0, 100)),
                       "The local server offers tools that are functions only; leave this tool out.");
    auto const name = tool_name(tool, form);
    if (name.empty()) return to.refuse("invalid_request", "tools[].name", "Every tool needs a name.");
    if (wish.only && std::find(wish.only->begin(), wish.only->end(), name) == wish.only->end()) continue;
    fitted.push_back(fit_tool(to, tool, form));
  }
  if (wish.only) to.note("tools reduced to those that tool_choice allows");
  if (fitted.empty()) return true;
  if (!to.options.model_has_tools)
    return to.refuse("unsupported_parameter", "tools",
                     "The local model cannot use tools; map this model to a local one that can.");
  auto const& parallel = form == tool_form::anthropic ? member(to.get("tool_choice"), "disable_parallel_tool_use")
                                                      : to.get("parallel_tool_calls");
  if (parallel.is_boolean() && parallel.get<bool>() == (form == tool_form::anthropic))
    to.note("several tool calls at once cannot be ruled out locally");
  to.out["tools"] = std::move(fitted);
  return true;
}

}  // namespace tideover::adapt::ollama
