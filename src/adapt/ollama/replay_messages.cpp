// POST /v1/messages (OL §7). The local route drops blocks it does not know without a word; here they are read or
// refused.
#include <algorithm>

#include "replay_rewriter.hpp"

namespace tideover::adapt::ollama {
namespace {

/// Blocks under construction: text alone becomes one text at the end.
struct blocks {
  std::string text;
  json list = json::array();
  bool only_text = true;

  void add_text(std::string_view said) {
    append_part(text, said);
    list.push_back({{"type", "text"}, {"text", said}});
  }
  void add(json block) {
    only_text = false;
    list.push_back(std::move(block));
  }
};

bool fit_image(rewriter& to, const json& block, blocks& out) {
  auto const& source = member(block, "source");
  auto const data = member_text(source, "data");
  if (member_text(source, "type") != "base64" || data.empty())
    return to.refuse("unsupported_content", "messages[].content[].source.type",
                     "The local server does not fetch images; send the image itself as base64.");
  out.add({{"type", "image"},
           {"source", {{"type", "base64"}, {"media_type", member_text(source, "media_type")}, {"data", data}}}});
  return true;
}

/// Text of a list of text blocks; false when there is anything else in it.
bool join_text(const json& list, std::string& text, std::string_view between) {
  for (auto const& block : list) {
    if (member_text(block, "type") != "text") return false;
    append_part(text, member_text(block, "text"), between);
  }
  return true;
}

/// A document whose text is in the request is text with a title; other sources need somebody to read them.
bool fit_document(rewriter& to, const json& block, blocks& out) {
  auto const& source = member(block, "source");
  std::string text;
  auto const type = member_text(source, "type");
  if (type == "text") {
    text = member_text(source, "data");
  } else if (auto const& inner = member(source, "content"); type != "content" ||
                                                            !(inner.is_string() || inner.is_array()) ||
                                                            (inner.is_array() && !join_text(inner, text, "\n"))) {
    return to.refuse("unsupported_content", "messages[].content[].type=document",
                     "The local server reads documents given as text only; send the document's text.");
  } else if (inner.is_string()) {
    text = text_of(inner);
  }
  std::string whole(member_text(block, "title"));
  append_part(whole, member_text(block, "context"));
  append_part(whole, text);
  out.add_text(whole);
  to.note("documents became text");
  return true;
}

bool fit_search_result(rewriter& to, const json& block, blocks& out) {
  std::string text(member_text(block, "title"));
  append_part(text, member_text(block, "source"));
  if (auto const& content = member(block, "content"); !content.is_array() || !join_text(content, text, "\n"))
    return to.refuse("unsupported_content", "messages[].content[].type=search_result",
                     "The local server reads search results given as text only.");
  out.add_text(text);
  to.note("search results became text");
  return true;
}

bool fit_blocks(rewriter& to, const json& list, bool inside_result, blocks& out);

bool fit_tool_result(rewriter& to, const json& block, blocks& out) {
  auto const& content = member(block, "content");
  blocks inner;
  if (content.is_string())
    inner.add_text(text_of(content));
  else if (content.is_array() && !fit_blocks(to, content, true, inner))
    return false;
  // The local route has no place for is_error; a model that reads on must know all the same.
  if (auto const& failed = member(block, "is_error"); failed.is_boolean() && failed.get<bool>()) {
    to.note("is_error of a tool result became part of its text");
    inner.text.insert(0, "Error: ");
    inner.list.insert(inner.list.begin(), json{{"type", "text"}, {"text", "Error:"}});
  }
  out.add({{"type", "tool_result"},
           {"tool_use_id", member_text(block, "tool_use_id")},
           {"content", inner.only_text ? json(inner.text) : std::move(inner.list)}});
  return true;
}

bool fit_block(rewriter& to, const json& block, bool inside_result, blocks& out) {
  auto const type = member_text(block, "type");
  if (type == "text") {
    out.add_text(member_text(block, "text"));
    return true;
  }
  if (type == "image") return fit_image(to, block, out);
  if (type == "document") return fit_document(to, block, out);
  if (type == "search_result") return fit_search_result(to, block, out);
  if (!inside_result && type == "tool_use") {
    auto const& input = member(block, "input");
    out.add({{"type", "tool_use"},
             {"id", member_text(block, "id")},
             {"name", member_text(block, "name")},
             {"input", input.is_object() ? input : json::object()}});
    return true;
  }
  if (!inside_result && type == "tool_result") return fit_tool_result(to, block, out);
  if (type == "thinking" || type == "redacted_thinking") {
    to.note("dropped thinking of an earlier turn");
    return true;
  }
  if (type == "server_tool_use" || type.ends_with("_tool_result")) {
    to.note("dropped records of tools run by the cloud");
    return true;
  }
  return to.refuse("unsupported_content", "messages[].content[].type=" + std::string(type.substr(0, 100)),
                   "The local server reads text, images, tool calls and their results only; put the content into the "
                   "text.");
}

bool fit_blocks(rewriter& to, const json& list, bool inside_result, blocks& out) {
  return std::all_of(list.begin(), list.end(),
                     [&](const json& block) { return fit_block(to, block, inside_result, out); });
}

bool add_message(rewriter& to, const json& message, json& list) {
  auto const role = member_text(message, "role");
  auto const& content = member(message, "content");
  if (role.empty()) return to.refuse("invalid_request", "messages[].role", "Every message needs a role.");
  if (content.is_string()) {
    list.push_back({{"role", role}, {"content", content}});
    return true;
  }
  if (!content.is_array())
    return to.refuse("invalid_request", "messages[].content", "A message's content is text or a list of blocks.");
  blocks fitted;
  if (!fit_blocks(to, content, false, fitted)) return false;
  if (fitted.list.empty()) {
    if (!content.empty()) to.note("dropped a message of which nothing was left");
    return true;
  }
  list.push_back({{"role", role}, {"content", fitted.only_text ? json(fitted.text) : std::move(fitted.list)}});
  return true;
}

bool rewrite_conversation(rewriter& to) {
  to.handled({"messages"});
  auto const& messages = to.get("messages");
  if (!messages.is_array() || messages.empty())
    return to.refuse("invalid_request", "messages", "messages must be a list with at least one message.");
  json list = json::array();
  for (auto const& message : messages)
    if (!add_message(to, message, list)) return false;
  if (list.empty())
    return to.refuse("invalid_request", "messages", "messages hold nothing that the local model can answer.");
  to.out["messages"] = std::move(list);
  return true;
}

bool rewrite_system(rewriter& to) {
  to.handled({"system"});
  auto const& system = to.get("system");
  if (system.is_string()) {
    to.out["system"] = system;
  } else if (system.is_array()) {
    std::string text;
    // The local route would join the blocks without anything between them.
    if (!join_text(system, text, "\n\n"))
      return to.refuse("unsupported_content", "system[].type", "The local server reads a system prompt of text only.");
    to.out["system"] = std::move(text);
  }
  return true;
}

bool rewrite_limit(rewriter& to) {
  auto const& limit = to.get("max_tokens");
  if (!limit.is_number() || limit.get<double>() < 1)
    return to.refuse("invalid_request", "max_tokens",
                     "max_tokens must be at least 1: the local server has no prompt cache to fill.");
  to.keep({"max_tokens"});
  return true;
}

bool rewrite_thinking(rewriter& to) {
  to.handled({"thinking", "output_config", "output_format"});
  auto const& config = to.get("output_config");
  if (!member(config, "format").is_null() || !to.get("output_format").is_null())
    return to.refuse("unsupported_parameter", "output_config.format",
                     "The local server cannot hold this route's answers to a schema; describe the format in the "
                     "prompt.");
  auto const type = member_text(to.get("thinking"), "type");
  auto const wish = member_text(config, "effort");
  if (!to.options.model_thinks) {
    if (!type.empty() && type != "disabled") to.note("dropped thinking: the local model does not think");
    if (!wish.empty()) to.note("dropped output_config.effort: the local model does not think");
    return true;
  }
  if (type == "adaptive" && !wish.empty()) {
    // Left out, thinking is on, and the effort decides how much.
    auto const effort = fit_effort(wish);
    to.out["output_config"] = {{"effort", effort.empty() || effort == "none" ? "medium" : effort}};
    return true;
  }
  if (!wish.empty()) to.note("dropped output_config.effort: thinking decides");
  if (type == "adaptive") to.note("thinking adaptive became enabled");
  if (type == "enabled" || type == "adaptive") {
    to.out["thinking"] = {{"type", "enabled"}};
    if (auto const& budget = member(to.get("thinking"), "budget_tokens"); budget.is_number_integer())
      to.out["thinking"]["budget_tokens"] = budget;
  } else {
    // On by default locally, where it eats small budgets (OL §1 row 4).
    to.out["thinking"] = {{"type", "disabled"}};
  }
  return true;
}

}  // namespace

std::variant<replay_body, replay_refusal> rewrite_messages(rewriter& to) {
  if (!rewrite_limit(to) || !rewrite_system(to) || !rewrite_conversation(to) ||
      !rewrite_tools(to, tool_form::anthropic) || !rewrite_thinking(to))
    return to.finish();
  to.keep({"temperature", "top_p", "top_k", "stop_sequences", "stream"});
  return to.finish();
}

}  // namespace tideover::adapt::ollama
