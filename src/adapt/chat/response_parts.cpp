#include "response_parts.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tideover/adapt/chat/request.hpp"

namespace tideover::adapt::chat::answer {

namespace {

void append_response_usage(std::string& out, const usage& u) {
  json_append json(out);
  json.raw(R"({"input_tokens":)").number(u.prompt).raw(R"(,"input_tokens_details":{"cached_tokens":0})");
  json.raw(R"(,"output_tokens":)").number(u.completion);
  json.raw(R"(,"output_tokens_details":{"reasoning_tokens":)").number(u.reasoning.value_or(0));
  json.raw(R"(},"total_tokens":)").number(u.prompt + u.completion).raw("}");
}

}  // namespace

void append_response(std::string& out, std::string_view envelope, response_end end, std::string_view output,
                     const usage* used) {
  json_append json(out);
  json.raw("{").raw(envelope).raw(R"(,"status":)").text(end.status).raw(R"(,"error":null,"incomplete_details":)");
  if (end.incomplete_because.empty()) {
    json.raw("null");
  } else {
    json.raw(R"({"reason":)").text(end.incomplete_because).raw("}");
  }
  json.raw(R"(,"output":[)").raw(output).raw(R"(],"usage":)");
  if (used != nullptr) {
    append_response_usage(out, *used);
  } else {
    json.raw("null");
  }
  json.raw("}");
}

response_end response_end_of(end_reason why) {
  switch (why) {
    case end_reason::length: return {"incomplete", "max_output_tokens"};
    case end_reason::content_filter: return {"incomplete", "content_filter"};
    case end_reason::stop:
    case end_reason::tool_calls:
    case end_reason::nothing: break;
  }
  return {"completed", {}};
}

std::string response_envelope(const writer_options& options) {
  std::string envelope;
  json_append json(envelope);
  json.raw(R"("id":)").text(options.id.empty() ? id_from("resp_", options.unique) : std::string(options.id));
  json.raw(R"(,"object":"response","created_at":)").number(options.created).raw(R"(,"model":)").text(options.model);
  json.raw(",").raw(options.echo.empty() ? response_echo({}) : std::string(options.echo));
  return envelope;
}

response_items::response_items(const writer_options& options)
    : unique_(options.unique),
      reasoning_id_(options.reasoning_id.empty() ? id_from("rs_", options.unique) : std::string(options.reasoning_id)),
      encrypted_content_(options.encrypted_content),
      text_tools_(options.text_tools.begin(), options.text_tools.end()) {}

std::string response_items::reasoning_id(std::size_t output_index) const {
  return output_index == 0 ? reasoning_id_ : reasoning_id_ + "_" + std::to_string(output_index);
}
std::string response_items::message_id(std::size_t output_index) const {
  return id_from("msg_", unique_, output_index);
}
std::string response_items::call_item_id(std::size_t output_index, const tool_call& call) const {
  return id_from(takes_text(call) ? "ctc_" : "fc_", unique_, output_index);
}
bool response_items::takes_text(const tool_call& call) const { return answer::takes_text(text_tools_, call); }
std::string response_items::call_id(std::size_t call) const { return id_from("call_", unique_, call); }

std::string response_items::message_members(std::size_t output_index) const {
  std::string members;
  json_append(members).raw(R"("id":)").text(message_id(output_index)).raw(R"(,"type":"message","role":"assistant")");
  return members;
}

void append_text_part(std::string& out, std::string_view text, std::span<const token_logprob> tokens) {
  json_append(out).raw(R"({"type":"output_text","text":)").text(text).raw(R"(,"annotations":[],"logprobs":)");
  append_token_list(out, tokens);
  out += '}';
}

void append_message_item(std::string& out, std::string_view members, std::string_view status, std::string_view part) {
  json_append(out).raw("{").raw(members).raw(R"(,"status":)").text(status).raw(R"(,"content":[)").raw(part).raw("]}");
}

void response_items::append_reasoning(std::string& out, std::size_t output_index, std::string_view status,
                                      std::string_view part) const {
  json_append json(out);
  json.raw(R"({"id":)").text(reasoning_id(output_index)).raw(R"(,"type":"reasoning","status":)").text(status);
  json.raw(R"(,"summary":[)").raw(part).raw("]");
  if (!encrypted_content_.empty()) json.raw(R"(,"encrypted_content":)").text(encrypted_content_);
  json.raw("}");
}

void response_items::append_call(std::string& out, std::size_t output_index, std::string_view status,
                                 const tool_call& call, std::string_view given) const {
  bool const custom = takes_text(call);
  json_append json(out);
  json.raw(R"({"id":)").text(call_item_id(output_index, call));
  json.raw(custom ? R"(,"type":"custom_tool_call","status":)" : R"(,"type":"function_call","status":)").text(status);
  json.raw(R"(,"call_id":)").text(call_id(call.index)).raw(R"(,"name":)").text(call.name);
  json.raw(custom ? R"(,"input":)" : R"(,"arguments":)").text(given).raw("}");
}

bool takes_text(std::span<const std::string> text_tools, const tool_call& call) {
  return std::find(text_tools.begin(), text_tools.end(), call.name) != text_tools.end();
}

std::string text_given(std::string_view arguments) {
  auto const given = nlohmann::json::parse(arguments, nullptr, false);
  if (given.is_object()) {
    if (given.empty()) return {};
    auto const it = given.find(text_argument);
    if (it != given.end() && it->is_string()) return it->get<std::string>();
  }
  return std::string(arguments);
}

void append_summary_part(std::string& out, std::string_view text) {
  json_append(out).raw(R"({"type":"summary_text","text":)").text(text).raw("}");
}

}  // namespace tideover::adapt::chat::answer
