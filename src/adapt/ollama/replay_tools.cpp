#include <algorithm>

#include "../chat/tool_schema.hpp"
#include "replay_rewriter.hpp"

namespace tideover::adapt::ollama {
namespace {

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
  bool changed = false;
  auto fitted = fit_tool_schema(schema, changed);
  if (changed) to.note(schemas_simplified);
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
