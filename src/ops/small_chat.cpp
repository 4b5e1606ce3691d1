#include "tideover/ops/small_chat.hpp"

#include <chrono>
#include <initializer_list>

namespace tideover::ops {

using nlohmann::json;

namespace {

std::uint64_t number_in(const json& object, const char* key) {
  auto const it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

std::string words_in(const json& message, std::initializer_list<const char*> keys) {
  std::string text;
  if (!message.is_object()) return text;
  for (const char* key : keys)
    if (auto const part = message.find(key); part != message.end() && part->is_string())
      text += part->get<std::string>();
  return text;
}

small_answer read_native(const json& object) {
  small_answer a{.readable = true};
  if (auto const message = object.find("message"); message != object.end())
    a.text = words_in(*message, {"content", "thinking"});
  a.timing.tokens = number_in(object, "eval_count");
  a.timing.generating = std::chrono::nanoseconds(number_in(object, "eval_duration"));
  a.timing.loading = std::chrono::nanoseconds(number_in(object, "load_duration"));
  return a;
}

small_answer read_completion(const json& object, duration took) {
  small_answer a;
  auto const choices = object.find("choices");
  if (choices == object.end() || !choices->is_array()) return a;
  a.readable = true;
  if (!choices->empty() && choices->front().is_object())
    if (auto const message = choices->front().find("message"); message != choices->front().end())
      a.text = words_in(*message, {"content", "reasoning_content", "reasoning"});
  if (auto const usage = object.find("usage"); usage != object.end() && usage->is_object())
    a.timing.tokens = number_in(*usage, "completion_tokens");
  a.timing.generating = took;  // reading the short prompt included: a little too long rather than a guess
  // llama-server measures by itself.
  if (auto const t = object.find("timings"); t != object.end() && t->is_object())
    if (auto const span = t->find("predicted_ms"); span != t->end() && span->is_number())
      if (auto const ms = span->get<double>(); ms > 0 && ms < 1e9)
        a.timing.generating = std::chrono::duration_cast<duration>(std::chrono::duration<double, std::milli>(ms));
  return a;
}

}  // namespace

small_chat write_small_chat(dialect of, const policy::local_model& m, const json& messages, int most_tokens) {
  json body{{"model", m.name}, {"messages", messages}, {"stream", false}};
  small_chat chat;
  if (of == dialect::ollama) {
    chat.path = "/api/chat";
    // The options are those that no runner is loaded again for, and the window that is loaded.
    body["options"] = {{"num_predict", most_tokens}, {"temperature", 0}, {"seed", 1}};
    if (m.loaded_context != 0) body["options"]["num_ctx"] = m.loaded_context;
    if (m.capabilities_known && m.thinking) body["think"] = false;
  } else {
    chat.path = "/v1/chat/completions";
    body["max_tokens"] = most_tokens;
    body["temperature"] = 0;
    body["seed"] = 1;
    body["chat_template_kwargs"] = {{"enable_thinking", false}};
    if (!messages.empty() && messages.back().value("role", "") == "assistant") {
      body["add_generation_prompt"] = false;
      body["continue_final_message"] = true;
    }
  }
  chat.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return chat;
}

small_answer read_small_answer(dialect of, std::string_view body, duration took) {
  auto const object = json::parse(body, nullptr, false);
  if (!object.is_object()) return {};
  return of == dialect::ollama ? read_native(object) : read_completion(object, took);
}

std::string said_by(const control_answer& answer) {
  if (answer.status == 0) return answer.problem;
  std::string text = "status " + std::to_string(answer.status);
  auto const body = json::parse(answer.body, nullptr, false);
  if (!body.is_object()) return text;
  auto const error = body.find("error");
  if (error == body.end()) return text;
  auto const words = error->is_string() ? error->get<std::string>() : words_in(*error, {"message"});
  if (!words.empty()) text += ": " + words.substr(0, 300);
  return text;
}

}  // namespace tideover::ops
