// Local servers that speak OpenAI's chat route: vLLM, llama.cpp server, LM Studio. They read tool_choice themselves.
#include <algorithm>

#include "reader.hpp"
#include "renderer.hpp"

namespace tideover::adapt::chat {
namespace {

json render_content(const message& from) {
  auto const is_image = [](const part& p) { return p.is_image(); };
  if (std::none_of(from.parts.begin(), from.parts.end(), is_image)) {
    auto text = joined_text(from);
    // With calls and without a word, null is what this dialect says.
    if (text.empty() && !from.calls.empty()) return nullptr;
    return text;
  }
  json list = json::array();
  for (auto const& piece : from.parts) {
    if (piece.is_image())
      list.push_back(
          {{"type", "image_url"}, {"image_url", {{"url", "data:" + piece.media_type + ";base64," + piece.data}}}});
    else
      list.push_back({{"type", "text"}, {"text", piece.text}});
  }
  return list;
}

json render_message(const message& from) {
  switch (from.who) {
    case role::system: return {{"role", "system"}, {"content", render_content(from)}};
    case role::user: return {{"role", "user"}, {"content", render_content(from)}};
    case role::tool: return {{"role", "tool"}, {"tool_call_id", from.call_id}, {"content", render_content(from)}};
    case role::assistant: break;
  }
  json out = {{"role", "assistant"}, {"content", render_content(from)}};
  for (auto const& call : from.calls) {
    json function = {{"name", call.name}, {"arguments", write_document(call.arguments)}};
    out["tool_calls"].push_back({{"id", call.id}, {"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

void render_tools(json& out, const prepared& ready) {
  for (auto const& one : ready.tools) {
    json function = {{"name", one.name}};
    if (!one.description.empty()) function["description"] = one.description;
    function["parameters"] = one.schema;
    out["tools"].push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  // Only the tools that may be called are left, so that the one word that all of these servers know is enough.
  if (ready.must_call) out["tool_choice"] = "required";
}

void render_format(json& out, const output_format& format) {
  if (format.what == output_format::kind::any_json) out["response_format"] = {{"type", "json_object"}};
  if (format.what != output_format::kind::schema) return;
  json schema = {{"name", format.name.empty() ? "answer" : format.name}, {"schema", format.schema}};
  out["response_format"] = {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

void render_parameters(json& out, const parameters& params) {
  auto const put = [&out](const char* key, auto const& value) {
    if (value) out[key] = *value;
  };
  put("max_tokens", params.max_tokens);
  put("temperature", params.temperature);
  put("top_p", params.top_p);
  put("frequency_penalty", params.frequency_penalty);
  put("presence_penalty", params.presence_penalty);
  put("seed", params.seed);
  // No part of OpenAI's route, but these servers read them.
  put("top_k", params.top_k);
  put("min_p", params.min_p);
  put("repeat_penalty", params.repeat_penalty);
  if (!params.stop.empty()) out["stop"] = params.stop;
}

/// Templates take the switch, models that grade their thinking the effort; whoever knows neither passes over them.
/// Said even where nothing is known of the model, because one that thinks unasked may spend a small budget on that
/// alone and say nothing (measured with llama-server).
void render_thinking(json& out, reasoning wish, const capabilities& can) {
  if (can.known && !can.thinking) return;
  out["chat_template_kwargs"] = {{"enable_thinking", asks(wish)}};
  if (wish == reasoning::low) out["reasoning_effort"] = "low";
  if (wish == reasoning::medium) out["reasoning_effort"] = "medium";
  if (wish == reasoning::high || wish == reasoning::max) out["reasoning_effort"] = "high";
}

}  // namespace

std::variant<rendered, refusal> render_openai_chat(const request& what, const render_options& options) {
  if (what.suffix)
    return refusal{"unsupported_parameter", "suffix",
                   "This local server does not fill a gap between two texts; leave suffix out."};
  auto ready = prepare(what, options, server_habits{});
  if (ready.refused) return std::move(*ready.refused);
  json out = {{"model", options.model}, {"messages", json::array()}};
  for (auto const& one : ready.messages) out["messages"].push_back(render_message(one));
  render_tools(out, ready);
  render_format(out, ready.format);
  render_parameters(out, ready.params);
  render_thinking(out, ready.think, options.can);
  if (what.logprobs) {
    out["logprobs"] = true;
    if (what.top_logprobs) out["top_logprobs"] = std::clamp<std::int64_t>(*what.top_logprobs, 0, 20);
  }
  if (what.stream) {
    // Always, because every dialect's answer ends with the usage; whether the caller sees it is the answer's affair.
    out["stream"] = true;
    out["stream_options"] = {{"include_usage", true}};
  }
  if (!ready.messages.empty() && ready.messages.back().who == role::assistant) {
    // llama.cpp goes on with a last message of the assistant by itself, vLLM must be told.
    out["add_generation_prompt"] = false;
    out["continue_final_message"] = true;
  }
  auto prefill = begun_answer(ready);
  return rendered{"/v1/chat/completions",         write_document(out), std::move(ready.notes), ready.must_call,
                  std::move(ready.allowed_calls), std::move(prefill)};
}

}  // namespace tideover::adapt::chat
