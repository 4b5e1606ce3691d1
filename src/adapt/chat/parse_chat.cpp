// POST /v1/chat/completions (OL §4, CL §1).
#include <algorithm>

#include "reader.hpp"

namespace tideover::adapt::chat {
namespace {

bool read_part(reader& to, const json& given, std::vector<part>& out) {
  if (given.is_string()) {
    add_text(out, adapt::text_of(given));
    return true;
  }
  auto const type = member_text(given, "type");
  if (type == "text" || type == "refusal") {
    add_text(out, member_text(given, type));
    return true;
  }
  if (type == "image_url") {
    auto const& image = member(given, "image_url");
    return add_image_url(to, image.is_string() ? adapt::text_of(image) : member_text(image, "url"),
                         "messages[].content[].image_url", out);
  }
  if (type == "thinking" || type == "redacted_thinking" || type == "reasoning") {
    to.note("dropped reasoning of an earlier turn");
    return true;
  }
  return to.refuse("unsupported_content", "messages[].content[].type=" + std::string(type.substr(0, 100)),
                   "The local server reads text and images only; put the content into the text.");
}

bool read_content(reader& to, const json& value, std::vector<part>& out) {
  if (value.is_null()) return true;
  if (value.is_string() || value.is_object()) return read_part(to, value, out);
  if (!value.is_array())
    return to.refuse("invalid_request", "messages[].content", "A message's content is text or a list of parts.");
  return std::all_of(value.begin(), value.end(), [&](const json& one) { return read_part(to, one, out); });
}

class conversation {
 public:
  explicit conversation(reader& to) : to_(to) {}
  bool add(const json& given);

 private:
  bool read_role(std::string_view given, message& to);
  bool read_calls(const json& given, message& to);

  reader& to_;
  unsigned old_calls_ = 0;  // function_call has no id; its result, a message of role function, comes next
};

bool conversation::read_role(std::string_view given, message& to) {
  if (given == "user") {
    to.who = role::user;
  } else if (given == "assistant") {
    to.who = role::assistant;
  } else if (given == "system") {
    to.who = role::system;
  } else if (given == "developer") {
    to.who = role::system;
    to_.note("role developer became system");
  } else if (given == "tool") {
    to.who = role::tool;
  } else if (given == "function") {
    to.who = role::tool;
    to_.note("role function became tool");
  } else if (given.empty()) {
    return to_.refuse("invalid_request", "messages[].role", "Every message needs a role.");
  } else {
    return to_.refuse("invalid_request", "messages[].role",
                      "A message's role is system, developer, user, assistant or tool.");
  }
  return true;
}

bool conversation::read_calls(const json& given, message& to) {
  if (auto const& calls = member(given, "tool_calls"); calls.is_array()) {
    for (auto const& call : calls) {
      auto const type = member_text(call, "type");
      if (type == "custom") {
        auto const& custom = member(call, "custom");
        tool_call read{std::string(member_text(call, "id")), std::string(member_text(custom, "name")), {}};
        read.arguments = {{text_argument, member_text(custom, "input")}};
        to.calls.push_back(std::move(read));
        continue;
      }
      if (!type.empty() && type != "function")
        return to_.refuse("unsupported_content", "messages[].tool_calls[].type=" + std::string(type.substr(0, 100)),
                          "The local server knows calls of functions and custom tools only; leave this call out of the "
                          "history.");
      auto const& function = member(call, "function");
      to.calls.push_back({std::string(member_text(call, "id")), std::string(member_text(function, "name")),
                          read_arguments(to_, member(function, "arguments"))});
    }
  }
  if (auto const& old = member(given, "function_call"); old.is_object()) {
    to.calls.push_back({"call_" + std::to_string(++old_calls_), std::string(member_text(old, "name")),
                        read_arguments(to_, member(old, "arguments"))});
    to_.note("messages[].function_call became tool_calls");
  }
  return true;
}

bool conversation::add(const json& given) {
  if (!given.is_object()) return to_.refuse("invalid_request", "messages[]", "Every message is an object.");
  auto const word = member_text(given, "role");
  message read;
  if (!read_role(word, read) || !read_content(to_, member(given, "content"), read.parts)) return false;
  if (read.parts.empty())
    if (auto const refusal = member_text(given, "refusal"); !refusal.empty()) add_text(read.parts, refusal);
  if (read.who == role::assistant && !read_calls(given, read)) return false;
  if (read.who == role::tool) {
    read.call_id = word == "function" ? "call_" + std::to_string(old_calls_) : member_text(given, "tool_call_id");
    read.tool_name = member_text(given, "name");
  } else if (!member(given, "name").is_null()) {
    to_.note("dropped messages[].name");
  }
  for (std::string_view key : {"reasoning", "reasoning_content", "reasoning_details", "thinking"})
    if (!member(given, key).is_null()) to_.note("dropped reasoning of an earlier turn");
  to_.out.messages.push_back(std::move(read));
  return true;
}

bool read_conversation(reader& to) {
  to.handled({"messages"});
  auto const& messages = to.get("messages");
  if (!messages.is_array() || messages.empty())
    return to.refuse("invalid_request", "messages", "messages must be a list with at least one message.");
  conversation read(to);
  return std::all_of(messages.begin(), messages.end(), [&](const json& one) { return read.add(one); });
}

bool refuse_functions(reader& to) {
  to.handled({"functions", "function_call"});
  auto const& functions = to.get("functions");
  if (!functions.is_array() || functions.empty() || member_text(to.in, "function_call") == "none") return true;
  return to.refuse("unsupported_parameter", "functions",
                   "The local server does not know functions, which tools have replaced; use tools.");
}

bool read_format(reader& to) {
  to.handled({"response_format"});
  auto const& format = to.get("response_format");
  auto const type = member_text(format, "type");
  if (format.is_null() || type == "text") return true;
  auto const& given = member(format, "json_schema");
  if (type == "json_schema" && member(given, "schema").is_object()) {
    to.out.format = {output_format::kind::schema, std::string(member_text(given, "name")), member(given, "schema")};
    return true;
  }
  if (type == "json_schema") to.note("response_format without a schema became json_object");
  if (type == "json_schema" || type == "json_object") {
    to.out.format.what = output_format::kind::any_json;
    return true;
  }
  return to.refuse("unsupported_parameter", "response_format.type",
                   "The local server knows the formats text, json_object and json_schema only.");
}

bool read_limit(reader& to) {
  if (to.get("max_completion_tokens").is_null()) return to.limit("max_tokens");
  to.handled({"max_tokens"});
  return to.limit("max_completion_tokens");
}

void read_reasoning(reader& to) {
  to.handled({"reasoning_effort", "reasoning"});
  auto const flat = member_text(to.in, "reasoning_effort");
  to.out.think = read_effort(to, !flat.empty() ? flat : member_text(to.get("reasoning"), "effort"), "reasoning_effort");
}

}  // namespace

std::variant<parsed, refusal> parse_chat(reader& to) {
  to.handled({"modalities"});  // a spoken answer was refused before; text is what there is
  auto& params = to.out.params;
  bool const read = read_conversation(to) && refuse_functions(to) && read_tools(to, tool_form::nested) &&
                    read_format(to) && refuse_more_than_one(to, "n") && refuse_logit_bias(to) && read_limit(to) &&
                    read_stream(to) && to.number("temperature", params.temperature) &&
                    to.number("top_p", params.top_p) && to.number("frequency_penalty", params.frequency_penalty) &&
                    to.number("presence_penalty", params.presence_penalty) && to.integer("seed", params.seed) &&
                    to.stop_texts("stop") && to.flag("logprobs", to.out.logprobs) &&
                    to.integer("top_logprobs", to.out.top_logprobs);
  if (read) read_reasoning(to);
  return to.finish();
}

}  // namespace tideover::adapt::chat
