// Tools and the choice among them, in the forms of all dialects (CL §8.1).
#include <algorithm>

#include "reader.hpp"

namespace tideover::adapt::chat {
namespace {

bool unmet(reader& to) {
  return to.refuse("tool_choice_unmet", "tool_choice",
                   "The local server offers tools that are functions only; use tool_choice auto, none, required or a "
                   "function's name.");
}

/// In chat completions what a tool is stands under its type.
std::string name_in(const json& value, tool_form form) {
  if (form != tool_form::nested) return std::string(member_text(value, "name"));
  return std::string(
      member_text(member(value, member_text(value, "type") == "custom" ? "custom" : "function"), "name"));
}

bool read_allowed(reader& to, const json& value, tool_form form) {
  auto const& allowed = form == tool_form::nested ? member(value, "allowed_tools") : value;
  auto const& tools = member(allowed, "tools");
  auto const mode = member_text(allowed, "mode");
  if (!tools.is_array() || tools.empty() || (mode != "auto" && mode != "required")) return unmet(to);
  to.out.choice.what = mode == "auto" ? tool_choice::kind::free : tool_choice::kind::must;
  for (auto const& one : tools) to.out.choice.only.push_back(name_in(one, form));
  return true;
}

bool read_choice(reader& to, tool_form form) {
  using kind = tool_choice::kind;
  auto const& value = to.get("tool_choice");
  auto& choice = to.out.choice;
  if (value.is_null()) return true;
  auto const word = value.is_string() ? adapt::text_of(value) : member_text(value, "type");
  if (word == "auto") return true;
  if (word == "none") {
    choice.what = kind::none;
    return true;
  }
  if (word == (form == tool_form::anthropic ? "any" : "required")) {
    choice.what = kind::must;
    return true;
  }
  if (word == "allowed_tools" && form != tool_form::anthropic) return read_allowed(to, value, form);
  bool const by_name = word == (form == tool_form::anthropic ? "tool" : "function") ||
                       (word == "custom" && form != tool_form::anthropic);
  if (by_name && value.is_object()) {
    auto name = name_in(value, form);
    if (name.empty()) return to.refuse("invalid_request", "tool_choice", "tool_choice names no tool.");
    choice.what = kind::must;
    choice.only.push_back(std::move(name));
    return true;
  }
  return unmet(to);
}

/// A custom tool is given text, by rules of its own if it has a grammar. A local model knows functions only: it gets
/// one that takes the text as its argument, with the grammar as advice, and the answer is told as the custom tool's
/// call.
bool read_custom_tool(reader& to, const json& whole, tool_form form) {
  auto const& given = form == tool_form::nested ? member(whole, "custom") : whole;
  tool read;
  read.takes_text = true;
  read.name = member_text(given, "name");
  if (read.name.empty()) return to.refuse("invalid_request", "tools[].name", "Every tool needs a name.");
  read.description = member_text(given, "description");
  auto const& format = form == tool_form::nested ? member(member(given, "format"), "grammar") : member(given, "format");
  std::string about = "What the tool is given, as plain text.";
  if (auto const rules = member_text(format, "definition"); !rules.empty()) {
    about = "What the tool is given, as plain text that keeps to this " + std::string(member_text(format, "syntax")) +
            " grammar:\n" + std::string(rules);
    to.note("the grammar of tool " + read.name + " is advice for a local model");
  }
  read.schema = json{{"type", "object"}, {"properties", json::object()}, {"required", {text_argument}}};
  read.schema["properties"][text_argument] = {{"type", "string"}, {"description", about}};
  to.note("custom tool " + read.name + " became a function");
  to.out.tools.push_back(std::move(read));
  return true;
}

bool read_tool(reader& to, const json& given, tool_form form) {
  auto const type = member_text(given, "type");
  if (type == "custom" && form != tool_form::anthropic) return read_custom_tool(to, given, form);
  bool const is_function = type == "function" || (form == tool_form::anthropic && (type.empty() || type == "custom"));
  if (!is_function) {
    if (to.out.choice.what == tool_choice::kind::none) return true;  // not going to be offered anyway
    return to.refuse("unsupported_parameter", "tools[].type=" + std::string(type.substr(0, 100)),
                     "The local server offers tools that are functions only; leave this tool out.");
  }
  auto const& source = form == tool_form::nested ? member(given, "function") : given;
  tool read;
  read.name = member_text(source, "name");
  if (read.name.empty()) return to.refuse("invalid_request", "tools[].name", "Every tool needs a name.");
  read.description = member_text(source, "description");
  auto const& schema = member(source, form == tool_form::anthropic ? "input_schema" : "parameters");
  read.schema = schema.is_object() ? schema : json{{"type", "object"}, {"properties", json::object()}};
  to.out.tools.push_back(std::move(read));
  return true;
}

}  // namespace

bool read_tools(reader& to, tool_form form) {
  to.handled({"tools", "tool_choice", "parallel_tool_calls"});
  if (!read_choice(to, form)) return false;
  auto const& parallel = form == tool_form::anthropic ? member(to.get("tool_choice"), "disable_parallel_tool_use")
                                                      : to.get("parallel_tool_calls");
  to.out.choice.one_call_at_a_time = parallel.is_boolean() && parallel.get<bool>() == (form == tool_form::anthropic);

  auto const& tools = to.get("tools");
  if (!tools.is_null() && !tools.is_array()) return to.refuse("invalid_request", "tools", "tools must be a list.");
  if (tools.is_array() &&
      !std::all_of(tools.begin(), tools.end(), [&](const json& one) { return read_tool(to, one, form); }))
    return false;

  auto const& choice = to.out.choice;
  if (choice.what != tool_choice::kind::must) return true;
  auto const is_offered = [&](const std::string& name) {
    return std::any_of(to.out.tools.begin(), to.out.tools.end(), [&](const tool& one) { return one.name == name; });
  };
  bool const possible =
      choice.only.empty() ? !to.out.tools.empty() : std::any_of(choice.only.begin(), choice.only.end(), is_offered);
  return possible || to.refuse("tool_choice_unmet", "tool_choice",
                               "tool_choice asks for a call of a tool that is not among tools; offer the tool.");
}

}  // namespace tideover::adapt::chat
