#include "support/llama_server.hpp"

#include <nlohmann/json.hpp>

#include "support/answers.hpp"

namespace tideover::test {

using nlohmann::json;

namespace {

std::string error(int status, const char* type, const char* message) {
  return json{{"error", {{"code", status}, {"message", message}, {"type", type}}}}.dump();
}

/// True when the request was answered with an error.
bool refused(served_connection& c, const recorded_request& r, const llama_options& how) {
  if (!how.key.empty() && r.field("authorization") != "Bearer " + how.key) {
    c.answer(401, error(401, "authentication_error", "Invalid API Key"));
    return true;
  }
  if (!how.loading) return false;
  c.answer(503, error(503, "unavailable_error", "Loading model"));
  return true;
}

}  // namespace

llama_server::~llama_server() { server_.stop(); }

llama_server::llama_server(scripted_upstream& server, llama_options first) : server_(server), how_(std::move(first)) {
  for (auto const* path : {"/api/tags", "/api/ps", "/api/show", "/api/chat"})
    server.on(path, reply(404, error(404, "not_found_error", "File Not Found")));
  server.on("/health", [this](served_connection& c, const recorded_request&) {
    auto const how = now();
    if (!how.knows_health) return void(c.answer(404, error(404, "not_found_error", "File Not Found")));
    if (how.loading) return void(c.answer(503, error(503, "unavailable_error", "Loading model")));
    c.answer(200, R"({"status":"ok"})");
  });
  server.on("/v1/models", [this](served_connection& c, const recorded_request& r) {
    auto const how = now();
    if (refused(c, r, how)) return;
    json entry{{"id", how.model}, {"object", "model"}, {"created", 1764150000}, {"owned_by", "llamacpp"}};
    entry["meta"] = {{"vocab_type", 2}, {"n_ctx_train", how.trained_context}, {"size", 484'000'000}};
    c.answer(200, json{{"object", "list"}, {"data", json::array({entry})}}.dump());
  });
  server.on("/v1/chat/completions", [this](served_connection& c, const recorded_request& r) { chat(c, r); });
}

void llama_server::chat(served_connection& c, const recorded_request& r) const {
  auto const how = now();
  if (refused(c, r, how)) return;
  auto const body = json::parse(r.body, nullptr, false);
  if (!body.is_object()) return void(c.answer(400, error(400, "invalid_request_error", "parse error")));
  said answer;
  answer.model = how.model;
  answer.words = {"The ", "local ", "model ", "answers ", "this."};
  auto const messages = body.value("messages", json::array());
  if (!messages.empty() && messages.back().value("role", "") == "assistant") answer.words = {" seven", " eight"};
  if (body.value("stream", false)) {
    c.begin_stream();
    for (auto const& event : openai::chat_events(answer, true)) c.send_chunk(event);
    return void(c.end_stream());
  }
  auto object = json::parse(openai::chat(answer));
  constexpr int tokens = 48;
  // A small budget goes into thoughts alone, and nothing is said.
  bool const thinks = body.value("chat_template_kwargs", json::object()).value("enable_thinking", true);
  if (thinks) {
    object["choices"][0]["message"] = {{"role", "assistant"}, {"content", ""}, {"reasoning_content", "Well, "}};
    object["choices"][0]["finish_reason"] = "length";
  }
  object["usage"] = {{"prompt_tokens", 9}, {"completion_tokens", tokens}, {"total_tokens", 9 + tokens}};
  object["timings"] = {{"predicted_n", tokens}, {"predicted_ms", 1000.0 * tokens / how.tokens_per_second}};
  c.answer(200, object.dump());
}

llama_options llama_server::now() const {
  std::lock_guard const lock(mutex_);
  return how_;
}

void llama_server::loading(bool still) {
  std::lock_guard const lock(mutex_);
  how_.loading = still;
}

}  // namespace tideover::test
