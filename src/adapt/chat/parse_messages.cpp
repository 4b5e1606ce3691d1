// POST /v1/messages (OL §7, CL §4, §8.1). Blocks are read or refused, never lost without a word.
#include <algorithm>

#include "reader.hpp"

namespace tideover::adapt::chat {
namespace {

/// Text of a list of text blocks; false when there is anything else in it.
bool join_text(const json& list, std::string& text, std::string_view between) {
  for (auto const& block : list) {
    if (member_text(block, "type") != "text") return false;
    append_part(text, member_text(block, "text"), between);
  }
  return true;
}

/// What one message's blocks amount to. A user's message may hold the results of tools, which are messages of their own
/// here and come first: they must follow the calls that they answer.
struct turn {
  message said;
  std::vector<message> results{};
  bool dropped_any = false;
};

bool read_image(reader& to, const json& block, std::vector<part>& out) {
  auto const& source = member(block, "source");
  if (member_text(source, "type") != "base64")
    return to.refuse("unsupported_content", "messages[].content[].source.type",
                     "The local server does not fetch images; send the image itself as base64.");
  return add_image_data(to, member_text(source, "media_type"), member_text(source, "data"),
                        "messages[].content[].source", out);
}

/// A document whose text is in the request is text with a title; other sources need somebody to read them.
bool read_document(reader& to, const json& block, std::vector<part>& out) {
  auto const& source = member(block, "source");
  auto const type = member_text(source, "type");
  auto const& inner = member(source, "content");
  std::string text;
  bool readable = type == "text";
  if (type == "text") text = member_text(source, "data");
  if (type == "content" && inner.is_string()) {
    text = adapt::text_of(inner);
    readable = true;
  }
  if (type == "content" && inner.is_array()) readable = join_text(inner, text, "\n");
  if (!readable)
    return to.refuse("unsupported_content", "messages[].content[].type=document",
                     "The local server reads documents given as text only; send the document's text.");
  std::string whole(member_text(block, "title"));
  append_part(whole, member_text(block, "context"));
  append_part(whole, text);
  add_text(out, whole);
  to.note("documents became text");
  return true;
}

bool read_search_result(reader& to, const json& block, std::vector<part>& out) {
  std::string text(member_text(block, "title"));
  append_part(text, member_text(block, "source"));
  if (auto const& content = member(block, "content"); !content.is_array() || !join_text(content, text, "\n"))
    return to.refuse("unsupported_content", "messages[].content[].type=search_result",
                     "The local server reads search results given as text only.");
  add_text(out, text);
  to.note("search results became text");
  return true;
}

/// Blocks that a user's message and a tool's result may both hold.
bool read_plain_block(reader& to, const json& block, std::vector<part>& out) {
  auto const type = member_text(block, "type");
  if (type == "text") {
    add_text(out, member_text(block, "text"));
    return true;
  }
  if (type == "image") return read_image(to, block, out);
  if (type == "document") return read_document(to, block, out);
  if (type == "search_result") return read_search_result(to, block, out);
  return to.refuse("unsupported_content", "messages[].content[].type=" + std::string(type.substr(0, 100)),
                   "The local server reads text, images, tool calls and their results only; put the content into the "
                   "text.");
}

bool read_tool_result(reader& to, const json& block, turn& out) {
  message result{role::tool};
  result.call_id = member_text(block, "tool_use_id");
  result.failed = is_true(member(block, "is_error"));
  auto const& content = member(block, "content");
  if (content.is_string()) add_text(result.parts, adapt::text_of(content));
  if (content.is_array() && !std::all_of(content.begin(), content.end(),
                                         [&](const json& one) { return read_plain_block(to, one, result.parts); }))
    return false;
  out.results.push_back(std::move(result));
  return true;
}

bool read_block(reader& to, const json& block, turn& out) {
  auto const type = member_text(block, "type");
  if (type == "tool_use") {
    out.said.calls.push_back({std::string(member_text(block, "id")), std::string(member_text(block, "name")),
                              read_arguments(to, member(block, "input"))});
    return true;
  }
  if (type == "tool_result") return read_tool_result(to, block, out);
  if (type == "thinking" || type == "redacted_thinking") {
    out.dropped_any = true;
    to.note("dropped thinking of an earlier turn");
    return true;
  }
  if (type == "server_tool_use" || type.ends_with("_tool_result")) {
    out.dropped_any = true;
    to.note("dropped records of tools run by the cloud");
    return true;
  }
  return read_plain_block(to, block, out.said.parts);
}

bool read_role(reader& to, std::string_view given, role& who) {
  if (given == "user") {
    who = role::user;
  } else if (given == "assistant") {
    who = role::assistant;
  } else if (given == "system") {
    who = role::system;
  } else if (given.empty()) {
    return to.refuse("invalid_request", "messages[].role", "Every message needs a role.");
  } else {
    return to.refuse("invalid_request", "messages[].role", "A message's role is user, assistant or system.");
  }
  return true;
}

bool read_message(reader& to, const json& given) {
  turn read;
  if (!read_role(to, member_text(given, "role"), read.said.who)) return false;
  auto const& content = member(given, "content");
  if (content.is_string()) {
    add_text(read.said.parts, adapt::text_of(content));
  } else if (!content.is_array()) {
    return to.refuse("invalid_request", "messages[].content", "A message's content is text or a list of blocks.");
  } else if (!std::all_of(content.begin(), content.end(),
                          [&](const json& block) { return read_block(to, block, read); })) {
    return false;
  }
  bool const anything = !read.said.parts.empty() || !read.said.calls.empty();
  if (!anything && read.results.empty()) {
    if (read.dropped_any) to.note("dropped a message of which nothing was left");
    return true;
  }
  auto& messages = to.out.messages;
  std::move(read.results.begin(), read.results.end(), std::back_inserter(messages));
  if (anything) messages.push_back(std::move(read.said));
  return true;
}

bool read_system(reader& to) {
  to.handled({"system"});
  auto const& system = to.get("system");
  std::string text(adapt::text_of(system));
  if (!system.is_null() && !system.is_string() && !system.is_array())
    return to.refuse("invalid_request", "system", "system is text or a list of text blocks.");
  if (system.is_array() && !join_text(system, text, "\n\n"))
    return to.refuse("unsupported_content", "system[].type", "The local server reads a system prompt of text only.");
  if (!text.empty()) to.out.messages.push_back({role::system, {{std::move(text)}}});
  return true;
}

bool read_conversation(reader& to) {
  to.handled({"messages"});
  auto const& messages = to.get("messages");
  if (!messages.is_array() || messages.empty())
    return to.refuse("invalid_request", "messages", "messages must be a list with at least one message.");
  auto const before = to.out.messages.size();
  if (!std::all_of(messages.begin(), messages.end(), [&](const json& one) { return read_message(to, one); }))
    return false;
  return to.out.messages.size() > before ||
         to.refuse("invalid_request", "messages", "messages hold nothing that the local model can answer.");
}

bool read_limit(reader& to) {
  if (!to.get("max_tokens").is_null()) return to.limit("max_tokens");
  return to.refuse("invalid_request", "max_tokens", "max_tokens is required.");
}

bool read_format(reader& to) {
  to.handled({"output_config", "output_format"});
  auto const& newer = member(to.get("output_config"), "format");
  auto const& format = newer.is_null() ? to.get("output_format") : newer;
  if (format.is_null()) return true;
  if (member_text(format, "type") != "json_schema" || !member(format, "schema").is_object())
    return to.refuse("unsupported_parameter", "output_config.format",
                     "The local server knows answers of the format json_schema only.");
  to.out.format = {output_format::kind::schema, {}, member(format, "schema")};
  return true;
}

void read_thinking(reader& to) {
  to.handled({"thinking"});
  auto const type = member_text(to.get("thinking"), "type");
  auto const effort = member_text(to.get("output_config"), "effort");
  if (type == "enabled" || type == "adaptive") {
    auto const grade = read_effort(to, effort, "output_config.effort");
    to.out.think = asks(grade) ? grade : reasoning::on;
    return;
  }
  if (type == "disabled") to.out.think = reasoning::off;
  // Without thinking, effort is about how much is said.
  if (!effort.empty()) to.note("dropped output_config.effort: thinking decides");
}

}  // namespace

std::variant<parsed, refusal> parse_messages(reader& to) {
  auto& params = to.out.params;
  bool const read =
      read_limit(to) && read_system(to) && read_conversation(to) && read_tools(to, tool_form::anthropic) &&
      read_format(to) && to.number("temperature", params.temperature) && to.number("top_p", params.top_p) &&
      to.integer("top_k", params.top_k) && to.stop_texts("stop_sequences") && to.flag("stream", to.out.stream);
  if (read) read_thinking(to);
  return to.finish();
}

}  // namespace tideover::adapt::chat
