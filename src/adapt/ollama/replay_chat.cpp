// POST /v1/chat/completions, /v1/completions and /v1/embeddings (OL §4, §5).
#include <algorithm>

#include "replay_rewriter.hpp"

namespace tideover::adapt::ollama {
namespace {

/// The parts of one message's content: joined text, or text and media in their order.
struct content {
  std::string text;
  json parts = json::array();
  bool only_text = true;
};

void add_text(content& to, std::string_view text) {
  append_part(to.text, text);
  // Neighbouring text parts become one: the local server makes a message of each part.
  if (!to.parts.empty() && member_text(to.parts.back(), "type") == "text") {
    std::string joined(member_text(to.parts.back(), "text"));
    append_part(joined, text);
    to.parts.back()["text"] = std::move(joined);
  } else {
    to.parts.push_back({{"type", "text"}, {"text", text}});
  }
}

bool read_part(rewriter& to, const json& part, content& out) {
  if (part.is_string()) {
    add_text(out, text_of(part));
    return true;
  }
  auto const type = member_text(part, "type");
  if (type == "text" || type == "refusal") {
    add_text(out, member_text(part, type));
    return true;
  }
  if (type == "image_url") {
    auto const& image = member(part, "image_url");
    auto const url = image.is_string() ? text_of(image) : member_text(image, "url");
    if (!check_image_url(to, url, "messages[].content[].image_url")) return false;
    out.only_text = false;
    out.parts.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
    return true;
  }
  if (type == "input_audio") {
    out.only_text = false;
    out.parts.push_back({{"type", "input_audio"}, {"input_audio", member(part, "input_audio")}});
    return true;
  }
  if (type == "thinking" || type == "redacted_thinking" || type == "reasoning") {
    to.note("dropped reasoning of an earlier turn");
    return true;
  }
  return to.refuse("unsupported_content", "messages[].content[].type=" + std::string(type.substr(0, 100)),
                   "The local server reads text, images and audio only; put the content into the text.");
}

bool read_content(rewriter& to, const json& value, content& out) {
  if (value.is_string()) {
    add_text(out, text_of(value));
    return true;
  }
  if (value.is_null()) return true;
  if (value.is_object()) return read_part(to, value, out);
  if (!value.is_array())
    return to.refuse("invalid_request", "messages[].content", "A message's content is text or a list of parts.");
  return std::all_of(value.begin(), value.end(), [&](const json& part) { return read_part(to, part, out); });
}

json fit_call(rewriter& to, const json& call) {
  auto const& function = member(call, "function");
  json fitted = json::object();
  if (auto const id = member_text(call, "id"); !id.empty()) fitted["id"] = id;
  fitted["type"] = "function";
  fitted["function"] = {{"name", member_text(function, "name")},
                        {"arguments", fit_arguments(to, member(function, "arguments"))}};
  return fitted;
}

class chat_messages {
 public:
  explicit chat_messages(rewriter& to) : to_(to) {}

  bool add(const json& message);
  json take() { return std::move(list_); }
  bool ends_with_assistant() const { return !list_.empty() && member_text(list_.back(), "role") == "assistant"; }

 private:
  bool add_calls(const json& message, json& fitted);

  rewriter& to_;
  json list_ = json::array();
  unsigned old_calls_ = 0;  // function_call has no id; its result, a message of role function, comes next
};

bool chat_messages::add_calls(const json& message, json& fitted) {
  json calls = json::array();
  if (auto const& given = member(message, "tool_calls"); given.is_array()) {
    for (auto const& call : given) {
      auto const type = member_text(call, "type");
      if (!type.empty() && type != "function")
        return to_.refuse("unsupported_content", "messages[].tool_calls[].type=" + std::string(type.substr(0, 100)),
                          "The local server knows function calls only; leave this call out of the history.");
      calls.push_back(fit_call(to_, call));
    }
  }
  if (auto const& old = member(message, "function_call"); old.is_object()) {
    calls.push_back(fit_call(to_, {{"id", "call_" + std::to_string(++old_calls_)}, {"function", old}}));
    to_.note("messages[].function_call became tool_calls");
  }
  if (!calls.empty()) fitted["tool_calls"] = std::move(calls);
  return true;
}

bool chat_messages::add(const json& message) {
  if (!message.is_object()) return to_.refuse("invalid_request", "messages[]", "Every message is an object.");
  std::string role(member_text(message, "role"));
  if (role.empty()) return to_.refuse("invalid_request", "messages[].role", "Every message needs a role.");
  json fitted = json::object();
  if (role == "developer") {
    role = "system";
    to_.note("role developer became system");
  }
  bool const old_result = role == "function";
  if (old_result) {
    role = "tool";
    to_.note("role function became tool");
  }
  fitted["role"] = role;

  content said;
  if (!read_content(to_, member(message, "content"), said)) return false;
  if (said.parts.empty())
    if (auto const refusal = member_text(message, "refusal"); !refusal.empty()) add_text(said, refusal);
  if (said.only_text) {
    if (member(message, "content").is_array()) to_.note("text parts joined to one text");
    fitted["content"] = said.text;
  } else if (role == "tool") {
    // With a list as content the local server would forget which call this answers.
    return to_.refuse("unsupported_content", "messages[].content[]",
                      "The local server reads text only in tool messages; send images in a user message.");
  } else {
    fitted["content"] = std::move(said.parts);
  }

  if (!add_calls(message, fitted)) return false;
  if (said.text.empty() && said.only_text && fitted.contains("tool_calls")) fitted["content"] = nullptr;
  if (member(message, "content").is_null() && !fitted.contains("tool_calls"))
    to_.note("content null became an empty text");

  for (std::string_view key : {"name", "tool_call_id"})
    if (auto const& value = member(message, key); value.is_string()) fitted[std::string(key)] = value;
  if (old_result) fitted["tool_call_id"] = "call_" + std::to_string(old_calls_);
  for (std::string_view key : {"reasoning", "reasoning_content", "reasoning_details", "thinking"})
    if (!member(message, key).is_null()) to_.note("dropped reasoning of an earlier turn");
  list_.push_back(std::move(fitted));
  return true;
}

/// Thinking is off unless the caller asked for it: it is on by default locally and eats small budgets (OL §1 row 4).
void rewrite_reasoning(rewriter& to, bool continues_an_answer) {
  to.handled({"reasoning_effort", "reasoning"});
  auto const flat = member_text(to.in, "reasoning_effort");
  auto const asked = !flat.empty() ? flat : member_text(to.get("reasoning"), "effort");
  if (!to.options.model_thinks) {
    if (!asked.empty()) to.note("dropped reasoning_effort: the local model does not think");
    return;
  }
  auto effort = fit_effort(asked);
  if (effort != asked)
    to.note(effort.empty() ? "reasoning_effort set to none: its value is not known locally"
                           : "reasoning_effort became " + std::string(effort));
  if (!effort.empty() && effort != "none" && continues_an_answer) {
    to.note("reasoning_effort set to none: an answer that is continued cannot be thought about first");
    effort = "none";
  }
  to.out["reasoning_effort"] = effort.empty() ? "none" : effort;
}

bool rewrite_format(rewriter& to) {
  to.handled({"response_format"});
  auto const& format = to.get("response_format");
  if (format.is_null()) return true;
  auto const type = member_text(format, "type");
  if (type == "text") return true;
  if (type == "json_object") {
    to.out["response_format"] = {{"type", "json_object"}};
    return true;
  }
  if (type == "json_schema") {
    auto const& given = member(format, "json_schema");
    if (auto const& schema = member(given, "schema"); schema.is_object()) {
      auto const name = member_text(given, "name");
      to.out["response_format"] = {{"type", "json_schema"},
                                   {"json_schema", {{"name", name.empty() ? "answer" : name}, {"schema", schema}}}};
    } else {
      to.note("response_format without a schema became json_object");
      to.out["response_format"] = {{"type", "json_object"}};
    }
    return true;
  }
  return to.refuse("unsupported_parameter", "response_format.type",
                   "The local server knows the formats text, json_object and json_schema only.");
}

bool refuse_more_than_one(rewriter& to, std::string_view key) {
  to.handled({key});
  auto const& value = to.get(key);
  if (value.is_null() || (value.is_number() && value.get<double>() == 1)) return true;
  return to.refuse("unsupported_parameter", std::string(key),
                   "The local server gives one answer at a time; send " + std::string(key) + " requests instead.");
}

bool refuse_logit_bias(rewriter& to) {
  to.handled({"logit_bias"});
  auto const& bias = to.get("logit_bias");
  if (bias.is_null() || bias.empty()) return true;
  return to.refuse("unsupported_parameter", "logit_bias",
                   "Token numbers of the cloud's model mean other words to the local one; leave logit_bias out.");
}

void rewrite_stream_options(rewriter& to) {
  to.keep({"stream"});
  to.handled({"stream_options"});
  if (auto const& usage = member(to.get("stream_options"), "include_usage"); usage.is_boolean())
    to.out["stream_options"] = {{"include_usage", usage}};
}

}  // namespace

std::variant<replay_body, replay_refusal> rewrite_chat(rewriter& to) {
  to.handled({"messages", "max_tokens", "max_completion_tokens", "functions", "function_call", "modalities"});
  auto const& messages = to.get("messages");
  if (!messages.is_array() || messages.empty()) {
    to.refuse("invalid_request", "messages", "messages must be a list with at least one message.");
    return to.finish();
  }
  if (auto const& functions = to.get("functions");
      functions.is_array() && !functions.empty() && member_text(to.in, "function_call") != "none") {
    to.refuse("unsupported_parameter", "functions",
              "The local server does not know functions, which tools have replaced; use tools.");
    return to.finish();
  }
  chat_messages fitted(to);
  for (auto const& message : messages)
    if (!fitted.add(message)) return to.finish();
  bool const continues_an_answer = fitted.ends_with_assistant();
  to.out["messages"] = fitted.take();

  if (!rewrite_tools(to, tool_form::nested) || !rewrite_format(to) || !refuse_more_than_one(to, "n") ||
      !refuse_logit_bias(to))
    return to.finish();
  if (auto const& limit = to.get("max_completion_tokens"); !limit.is_null()) {
    to.out["max_tokens"] = limit;
    to.note("max_completion_tokens became max_tokens");
  } else {
    to.keep({"max_tokens"});
  }
  rewrite_reasoning(to, continues_an_answer);
  rewrite_stream_options(to);
  to.keep(
      {"temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop", "logprobs", "top_logprobs"});
  return to.finish();
}

std::variant<replay_body, replay_refusal> rewrite_completions(rewriter& to) {
  to.handled({"prompt", "echo"});
  const json* prompt = &to.get("prompt");
  if (prompt->is_array() && prompt->size() == 1) {
    prompt = &prompt->front();
    if (prompt->is_string()) to.note("prompt taken out of its list");
  }
  if (!prompt->is_string()) {
    to.refuse("unsupported_parameter", "prompt",
              "The local server completes one prompt given as text; send one request for each prompt.");
    return to.finish();
  }
  if (text_of(*prompt).empty()) {
    to.refuse("unsupported_parameter", "prompt",
              "The local server completes nothing to an empty prompt; give some text.");
    return to.finish();
  }
  to.out["prompt"] = *prompt;
  if (auto const& echo = to.get("echo"); echo.is_boolean() && echo.get<bool>()) {
    to.refuse("unsupported_parameter", "echo", "The local server does not repeat the prompt; leave echo out.");
    return to.finish();
  }
  if (!refuse_more_than_one(to, "n") || !refuse_more_than_one(to, "best_of") || !refuse_logit_bias(to))
    return to.finish();
  rewrite_stream_options(to);
  to.keep({"max_tokens", "temperature", "top_p", "seed", "stop", "frequency_penalty", "presence_penalty", "suffix",
           "logprobs"});
  return to.finish();
}

std::variant<replay_body, replay_refusal> rewrite_embeddings(rewriter& to) {
  auto const& input = to.get("input");
  bool const texts =
      input.is_string() || (input.is_array() && !input.empty() &&
                            std::all_of(input.begin(), input.end(), [](const json& one) { return one.is_string(); }));
  if (!texts)
    to.refuse("unsupported_parameter", "input",
              "The local server embeds text only, not the token numbers of another model; send the text.");
  to.keep({"input", "dimensions", "encoding_format"});
  return to.finish();
}

}  // namespace tideover::adapt::ollama
