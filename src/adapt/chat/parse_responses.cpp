// POST /v1/responses as far as it keeps no state (OL §6, CL §1).
#include <algorithm>

#include "reader.hpp"

namespace tideover::adapt::chat {
namespace {

/// The parts of a message or of a tool's output.
bool read_parts(reader& to, const json& value, const std::string& field, std::vector<part>& out) {
  if (value.is_null()) return true;
  if (value.is_string()) {
    add_text(out, adapt::text_of(value));
    return true;
  }
  if (!value.is_array()) return to.refuse("invalid_request", field, "The content is text or a list of parts.");
  for (auto const& given : value) {
    auto const type = member_text(given, "type");
    if (type == "input_text" || type == "output_text" || type == "text") {
      add_text(out, member_text(given, "text"));
    } else if (type == "refusal") {
      add_text(out, member_text(given, "refusal"));
    } else if (type == "input_image") {
      if (!add_image_url(to, member_text(given, "image_url"), field + "[].image_url", out)) return false;
    } else {
      return to.refuse("unsupported_content", field + "[].type=" + std::string(type.substr(0, 100)),
                       "The local server reads text and images only; put the content into the text.");
    }
  }
  return true;
}

bool read_message(reader& to, const json& item, std::string_view given) {
  message read;
  if (given == "user") {
    read.who = role::user;
  } else if (given == "assistant") {
    read.who = role::assistant;
  } else if (given == "system" || given == "developer") {
    read.who = role::system;
    if (given == "developer") to.note("role developer became system");
  } else {
    return to.refuse("invalid_request", "input[].role", "A message's role is user, assistant, system or developer.");
  }
  if (!read_parts(to, member(item, "content"), "input[].content", read.parts)) return false;
  to.out.messages.push_back(std::move(read));
  return true;
}

/// A call belongs to the assistant's message before it, or is one by itself.
void read_call(reader& to, const json& item) {
  tool_call call;
  call.id = member_text(item, "call_id");
  if (auto const space = member_text(item, "namespace"); !space.empty()) call.name = std::string(space) + ".";
  call.name += member_text(item, "name");
  if (member_text(item, "type") == "custom_tool_call")
    call.arguments = {{text_argument, member_text(item, "input")}};
  else
    call.arguments = read_arguments(to, member(item, "arguments"));
  if (to.out.messages.empty() || to.out.messages.back().who != role::assistant)
    to.out.messages.push_back({role::assistant});
  to.out.messages.back().calls.push_back(std::move(call));
}

bool read_item(reader& to, const json& item) {
  auto const type = member_text(item, "type");
  auto const given_role = member_text(item, "role");
  if (type == "message" || (type.empty() && !given_role.empty())) return read_message(to, item, given_role);
  if (type == "function_call" || type == "custom_tool_call") {
    read_call(to, item);
    return true;
  }
  if (type == "function_call_output" || type == "custom_tool_call_output") {
    message read{role::tool};
    read.call_id = member_text(item, "call_id");
    if (!read_parts(to, member(item, "output"), "input[].output", read.parts)) return false;
    to.out.messages.push_back(std::move(read));
    return true;
  }
  if (type == "reasoning") {
    // A local server would feed the cloud's ciphertext to the model as its own thoughts (OL §6).
    to.note("dropped reasoning of an earlier turn");
    return true;
  }
  if (type == "web_search_call" || type == "file_search_call") {
    to.note("dropped records of searches made by the cloud");
    return true;
  }
  return to.refuse(
      "unsupported_content", "input[].type=" + std::string(type.substr(0, 100)),
      "The local server reads messages, calls of functions and custom tools, and their outputs only; leave "
      "this item out.");
}

bool read_input(reader& to) {
  to.handled({"input", "instructions"});
  auto const& instructions = to.get("instructions");
  if (!instructions.is_null() && !instructions.is_string())
    return to.refuse("invalid_request", "instructions", "instructions must be text.");
  if (auto const text = adapt::text_of(instructions); !text.empty())
    to.out.messages.push_back({role::system, {{std::string(text)}}});
  auto const before = to.out.messages.size();
  auto const& input = to.get("input");
  if (input.is_string()) {
    to.out.messages.push_back({role::user, {{std::string(adapt::text_of(input))}}});
    return true;
  }
  if (!input.is_array()) return to.refuse("invalid_request", "input", "input is text or a list of items.");
  if (!std::all_of(input.begin(), input.end(), [&](const json& item) { return read_item(to, item); })) return false;
  return to.out.messages.size() > before ||
         to.refuse("invalid_request", "input", "input holds nothing that the local model can answer.");
}

bool read_text(reader& to) {
  to.handled({"text"});
  if (!member(to.get("text"), "verbosity").is_null()) to.note("dropped text.verbosity");
  auto const& format = member(to.get("text"), "format");
  auto const type = member_text(format, "type");
  if (format.is_null() || type == "text") return true;
  if (type == "json_schema" && member(format, "schema").is_object()) {
    to.out.format = {output_format::kind::schema, std::string(member_text(format, "name")), member(format, "schema")};
    return true;
  }
  if (type == "json_object") {
    to.out.format.what = output_format::kind::any_json;
    return true;
  }
  return to.refuse("unsupported_parameter", "text.format.type",
                   "The local server knows the formats text, json_object and json_schema only.");
}

}  // namespace

std::variant<parsed, refusal> parse_responses(reader& to) {
  to.handled({"reasoning", "background"});  // background: true was refused before
  auto& params = to.out.params;
  bool const read = read_input(to) && read_tools(to, tool_form::flat) && read_text(to) &&
                    to.limit("max_output_tokens") && to.number("temperature", params.temperature) &&
                    to.number("top_p", params.top_p) && to.flag("stream", to.out.stream);
  if (read) to.out.think = read_effort(to, member_text(to.get("reasoning"), "effort"), "reasoning.effort");
  return to.finish();
}

}  // namespace tideover::adapt::chat
