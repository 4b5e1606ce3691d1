// Ollama's native routes (OL §8): the only ones where context size, truncation, thinking and keep-alive can be set.
#include <algorithm>
#include <charconv>

#include "reader.hpp"
#include "renderer.hpp"

namespace tideover::adapt::chat {
namespace {

std::string_view word(role who) {
  switch (who) {
    case role::system: return "system";
    case role::user: return "user";
    case role::assistant: return "assistant";
    case role::tool: return "tool";
  }
  return "user";
}

/// Keys that a version does not know are ignored by it, so newer ones (id, tool_call_id) may always be sent.
json render_calls(const std::vector<tool_call>& calls) {
  json list = json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    json call = json::object();
    if (!calls[i].id.empty()) call["id"] = calls[i].id;
    call["function"] = {{"index", i}, {"name", calls[i].name}, {"arguments", calls[i].arguments}};
    list.push_back(std::move(call));
  }
  return list;
}

bool mixes_images_with_text(const message& from) {
  auto const image = [](const part& p) { return p.is_image(); };
  auto const first = std::find_if(from.parts.begin(), from.parts.end(), image);
  auto const text = std::find_if_not(first, from.parts.end(), image);
  return std::find_if(text, from.parts.end(), image) != from.parts.end();
}

json render_message(prepared& to, const message& from) {
  json out = {{"role", word(from.who)}, {"content", joined_text(from)}};
  for (auto const& piece : from.parts)
    if (piece.is_image()) out["images"].push_back(piece.data);
  if (mixes_images_with_text(from)) to.note("images within a message's text were moved to its beginning");
  if (!from.calls.empty()) out["tool_calls"] = render_calls(from.calls);
  if (from.who == role::tool) {
    if (!from.tool_name.empty()) out["tool_name"] = from.tool_name;
    if (!from.call_id.empty()) out["tool_call_id"] = from.call_id;
  }
  return out;
}

json render_options_object(const parameters& params, std::optional<std::uint64_t> num_ctx) {
  json out = json::object();
  auto const put = [&out](const char* key, auto const& value) {
    if (value) out[key] = *value;
  };
  put("num_ctx", num_ctx);
  put("num_predict", params.max_tokens);
  put("temperature", params.temperature);
  put("top_p", params.top_p);
  put("top_k", params.top_k);
  put("min_p", params.min_p);
  put("seed", params.seed);
  put("frequency_penalty", params.frequency_penalty);
  put("presence_penalty", params.presence_penalty);
  put("repeat_penalty", params.repeat_penalty);
  if (!params.stop.empty()) out["stop"] = params.stop;
  return out;
}

/// Only the gpt-oss family grades its thinking by a word. Others read any word as yes, and versions before about 0.13
/// refuse a word for them with 400.
json think_value(reasoning wish, std::string_view model) {
  if (!asks(wish)) return false;
  if (wish == reasoning::on || model.find("gpt-oss") == std::string_view::npos) return true;
  return wish == reasoning::low ? "low" : wish == reasoning::medium ? "medium" : "high";
}

/// What /api/chat and /api/generate have in common.
void render_common(json& out, const request& what, const prepared& ready, const render_options& options) {
  // Here a stream is what one gets without asking.
  out["stream"] = what.stream;
  // Said even where nothing is known of the model: no model and no version minds being told not to think.
  if (!options.can.known || options.can.thinking) out["think"] = think_value(ready.think, options.model);
  if (ready.format.what == output_format::kind::any_json) out["format"] = "json";
  if (ready.format.what == output_format::kind::schema) out["format"] = ready.format.schema;
  auto settings = render_options_object(ready.params, options.num_ctx);
  if (!settings.empty()) out["options"] = std::move(settings);
  if (options.keep_alive) out["keep_alive"] = keep_alive_value(*options.keep_alive);
  out["truncate"] = options.truncate;
  if (options.shift) out["shift"] = *options.shift;
  if (what.logprobs) {
    out["logprobs"] = true;
    // More than 20 is refused (OL §3); OpenAI allows no more either.
    if (what.top_logprobs) out["top_logprobs"] = std::clamp<std::int64_t>(*what.top_logprobs, 0, 20);
  }
}

rendered finish(std::string path, const json& body, prepared&& ready, std::string prefill) {
  return {std::move(path), write_document(body),           std::move(ready.notes),
          ready.must_call, std::move(ready.allowed_calls), std::move(prefill)};
}

}  // namespace

json keep_alive_value(const std::string& text) {
  std::int64_t seconds = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) return seconds;
  return text;
}

std::variant<rendered, refusal> render_ollama_chat(const request& what, const render_options& options) {
  auto ready = prepare(what, options, {.needs_instruction = true, .refuses_unable = true});
  if (ready.refused) return std::move(*ready.refused);
  json out = {{"model", options.model}};
  if (what.suffix) {
    // A gap between two texts; messages have no such thing. No continuation: the text begun goes before the gap.
    std::string prompt, system;
    for (auto const& one : ready.messages) (one.who == role::system ? system : prompt) += joined_text(one);
    out["prompt"] = std::move(prompt);
    out["suffix"] = *what.suffix;
    if (!system.empty()) out["system"] = std::move(system);
    render_common(out, what, ready, options);
    return finish("/api/generate", out, std::move(ready), {});
  }
  out["messages"] = json::array();
  for (auto const& one : ready.messages) out["messages"].push_back(render_message(ready, one));
  for (auto const& one : ready.tools) {
    json function = {{"name", one.name}, {"description", one.description}, {"parameters", one.schema}};
    out["tools"].push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  render_common(out, what, ready, options);
  auto prefill = begun_answer(ready);
  return finish("/api/chat", out, std::move(ready), std::move(prefill));
}

}  // namespace tideover::adapt::chat
