#include "stand_in_answers.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

namespace tideover::app {
namespace {

// Ordered, so that answers read as the vendors' do.
using json = nlohmann::ordered_json;

constexpr std::string_view cloud_model = "stand-in-cloud";
constexpr std::string_view local_model = "stand-in-local:1b";
constexpr std::string_view native_route = "/api/chat";

struct speaker {
  stand_in_kind kind;
  std::string_view model;
  std::vector<std::string_view> words;
};

speaker who(stand_in_kind kind) {
  switch (kind) {
    case stand_in_kind::cloud:
      return {kind,
              cloud_model,
              {"Hello ", "from ", "the ", "stand-in ", "cloud: ", "no ", "real ", "provider ", "was ", "asked, ",
               "and ", "these ", "words ", "are ", "always ", "the ", "same."}};
    case stand_in_kind::ollama:
      return {kind,
              local_model,
              {"Hello ", "from ", "the ", "stand-in ", "for ", "Ollama: ", "the ", "cloud ", "did ", "not ", "answer, ",
               "this ", "machine ", "did. ", "No ", "real ", "model ", "was ", "asked."}};
  }
  return {};
}

std::string text_of(const speaker& by) {
  std::string text;
  for (auto const word : by.words) text += word;
  return text;
}

json openai_usage(const speaker& by) {
  return {{"prompt_tokens", 1}, {"completion_tokens", by.words.size()}, {"total_tokens", by.words.size() + 1}};
}

stand_in_answer openai_error(unsigned status, const std::string& message, const char* type) {
  json const error{{"message", message}, {"type", type}, {"param", nullptr}, {"code", nullptr}};
  return {.status = status, .body = json{{"error", error}}.dump()};
}

std::string data_event(const json& object) { return "data: " + object.dump() + "\n\n"; }
std::string named_event(const json& object) {
  return "event: " + object["type"].get<std::string>() + "\ndata: " + object.dump() + "\n\n";
}

json openai_object(const speaker& by, const char* id, const char* object) {
  return {{"id", id}, {"object", object}, {"created", std::time(nullptr)}, {"model", by.model}};
}

stand_in_answer chat(const speaker& by, bool stream, bool usage) {
  stand_in_answer answer{.words = by.words.size()};
  if (!stream) {
    auto object = openai_object(by, "chatcmpl-stand-in", "chat.completion");
    json const message{{"role", "assistant"}, {"content", text_of(by)}};
    object["choices"] = json::array({{{"index", 0}, {"message", message}, {"finish_reason", "stop"}}});
    object["usage"] = openai_usage(by);
    answer.body = object.dump();
    return answer;
  }
  auto const add = [&](const json& delta, const json& finish) {
    auto object = openai_object(by, "chatcmpl-stand-in", "chat.completion.chunk");
    object["choices"] = json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}});
    answer.events.push_back(data_event(object));
  };
  add({{"role", "assistant"}, {"content", ""}}, nullptr);
  for (auto const word : by.words) add({{"content", word}}, nullptr);
  add(json::object(), "stop");
  if (usage) {
    auto object = openai_object(by, "chatcmpl-stand-in", "chat.completion.chunk");
    object["choices"] = json::array();
    object["usage"] = openai_usage(by);
    answer.events.push_back(data_event(object));
  }
  answer.events.emplace_back("data: [DONE]\n\n");
  return answer;
}

stand_in_answer completion(const speaker& by, bool stream) {
  stand_in_answer answer{.words = by.words.size()};
  auto const object_with = [&](std::string_view text, const json& finish) {
    auto object = openai_object(by, "cmpl-stand-in", "text_completion");
    object["choices"] = json::array({{{"text", text}, {"index", 0}, {"logprobs", nullptr}, {"finish_reason", finish}}});
    return object;
  };
  if (!stream) {
    auto object = object_with(text_of(by), "stop");
    object["usage"] = openai_usage(by);
    answer.body = object.dump();
    return answer;
  }
  for (auto const word : by.words) answer.events.push_back(data_event(object_with(word, nullptr)));
  answer.events.push_back(data_event(object_with("", "stop")));
  answer.events.emplace_back("data: [DONE]\n\n");
  return answer;
}

stand_in_answer messages(const speaker& by, bool stream) {
  stand_in_answer answer{.words = by.words.size()};
  json const block{{"type", "text"}, {"text", text_of(by)}};
  json message{{"id", "msg_stand_in"},
               {"type", "message"},
               {"role", "assistant"},
               {"model", by.model},
               {"content", json::array({block})},
               {"stop_reason", "end_turn"},
               {"stop_sequence", nullptr},
               {"usage", {{"input_tokens", 1}, {"output_tokens", by.words.size()}}}};
  if (!stream) {
    answer.body = message.dump();
    return answer;
  }
  message["content"] = json::array();
  message["stop_reason"] = nullptr;
  message["usage"]["output_tokens"] = 1;
  auto const add = [&](const json& object) { answer.events.push_back(named_event(object)); };
  add({{"type", "message_start"}, {"message", message}});
  add({{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}});
  for (auto const word : by.words)
    add({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", word}}}});
  add({{"type", "content_block_stop"}, {"index", 0}});
  add({{"type", "message_delta"},
       {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}},
       {"usage", {{"output_tokens", by.words.size()}}}});
  add({{"type", "message_stop"}});
  return answer;
}

/// Ollama's own route: an object, or a line each. Its numbers are those of a model that says 30 words a second.
stand_in_answer native_chat(const speaker& by, bool stream) {
  constexpr std::uint64_t nanoseconds_a_word = 33'000'000;
  stand_in_answer answer{.stream_type = "application/x-ndjson", .words = by.words.size()};
  auto const object_with = [&](std::string_view text) {
    return json{{"model", by.model},
                {"created_at", "2026-01-01T00:00:00Z"},
                {"message", {{"role", "assistant"}, {"content", text}}},
                {"done", false}};
  };
  auto last = object_with(stream ? std::string() : text_of(by));
  last["done"] = true;
  last["done_reason"] = "stop";
  last["total_duration"] = nanoseconds_a_word * (by.words.size() + 1);
  last["load_duration"] = 0;
  last["prompt_eval_count"] = 1;
  last["prompt_eval_duration"] = nanoseconds_a_word;
  last["eval_count"] = by.words.size();
  last["eval_duration"] = nanoseconds_a_word * by.words.size();
  if (!stream) {
    answer.body = last.dump();
    return answer;
  }
  for (auto const word : by.words) answer.events.push_back(object_with(word).dump() + "\n");
  answer.events.push_back(last.dump() + "\n");
  return answer;
}

stand_in_answer model_list(const speaker& by) {
  json const entry{{"id", by.model}, {"object", "model"}, {"created", std::time(nullptr)}, {"owned_by", "stand-in"}};
  return {.body = json{{"object", "list"}, {"data", json::array({entry})}}.dump()};
}

json catalog_entry() {
  return {{"name", local_model},
          {"model", local_model},
          {"modified_at", "2026-01-01T00:00:00Z"},
          {"size", 1'000'000'000},
          {"digest", std::string(64, '0')},
          {"details", {{"family", "stand-in"}, {"parameter_size", "1B"}, {"context_length", 32768}}},
          {"capabilities", {"completion", "tools"}}};
}

stand_in_answer catalog(bool only_loaded) {
  auto entry = catalog_entry();
  if (only_loaded) {
    entry["size_vram"] = entry["size"];
    entry["context_length"] = 32768;
    entry["expires_at"] = "2318-01-01T00:00:00Z";
  }
  return {.body = json{{"models", json::array({entry})}}.dump()};
}

stand_in_answer generate(const speaker& by, std::string_view path, std::string_view body) {
  auto const request = json::parse(body, nullptr, false);
  if (!request.is_object()) return openai_error(400, "the body is not a JSON object", "invalid_request_error");
  auto const flag = [](const json& object, const char* name, bool otherwise = false) {
    auto const found = object.find(name);
    return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
  };
  auto const model = request.find("model");
  if (model == request.end() || !model->is_string())
    return openai_error(400, "model is required", "invalid_request_error");
  // Ollama knows what is installed and nothing else; a cloud under its stand-in's name answers for every model.
  if (by.kind == stand_in_kind::ollama && *model != local_model)
    return openai_error(404, "model '" + model->get<std::string>() + "' not found", "not_found_error");
  if (path == native_route) return native_chat(by, flag(request, "stream", true));
  bool const stream = flag(request, "stream");
  if (path == "/v1/messages") return messages(by, stream);
  if (path == "/v1/completions") return completion(by, stream);
  auto const options = request.find("stream_options");
  return chat(by, stream, options != request.end() && options->is_object() && flag(*options, "include_usage"));
}

}  // namespace

stand_in_answer answer_as(stand_in_kind kind, std::string_view method, std::string_view path, std::string_view body) {
  auto const by = who(kind);
  bool const generates = path == "/v1/chat/completions" || path == "/v1/completions" || path == "/v1/messages" ||
                         (kind == stand_in_kind::ollama && path == native_route);
  if (generates && method == "POST") return generate(by, path, body);
  if (method == "GET") {
    if (path == "/v1/models") return model_list(by);
    if (kind == stand_in_kind::ollama) {
      if (path == "/api/tags") return catalog(false);
      if (path == "/api/ps") return catalog(true);
      if (path == "/api/version") return {.body = R"({"version":"0.0.0-stand-in"})"};
    }
  }
  if (kind == stand_in_kind::ollama && path == "/api/show" && method == "POST") {
    auto const entry = catalog_entry();
    return {.body = json{{"details", entry["details"]}, {"capabilities", entry["capabilities"]}}.dump()};
  }
  if (generates) return openai_error(405, "use POST", "invalid_request_error");
  return openai_error(404, "the stand-in does not serve this path", "not_found_error");
}

}  // namespace tideover::app
