#include "support/answers.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "support/raw_client.hpp"

namespace tideover::test {

using json = nlohmann::ordered_json;  // vendors' order of keys

namespace {

constexpr int created = 1'755'800'000;

std::string data_event(const json& object) { return "data: " + object.dump() + "\n\n"; }
std::string named_event(const json& object) {
  return "event: " + object.at("type").get<std::string>() + "\ndata: " + object.dump() + "\n\n";
}

json usage_of(const said& what) {
  auto const out = static_cast<int>(what.words.size());
  return {{"prompt_tokens", what.input_tokens}, {"completion_tokens", out}, {"total_tokens", what.input_tokens + out}};
}

enum class maker { cloud, ollama };

json chat_object(const said& what, maker by) {
  json message{{"role", "assistant"}, {"content", what.text()}};
  json choice{{"index", 0}, {"message", message}, {"finish_reason", "stop"}};
  json object{
      {"id", "chatcmpl-" + what.id}, {"object", "chat.completion"}, {"created", created}, {"model", what.model}};
  if (by == maker::ollama) {
    object["system_fingerprint"] = "fp_ollama";
  } else {
    message["refusal"] = nullptr;
    message["annotations"] = json::array();
    choice["message"] = message;
    choice["logprobs"] = nullptr;
    object["service_tier"] = "default";
    object["system_fingerprint"] = "fp_0123456789";
  }
  object["choices"] = json::array({choice});
  object["usage"] = usage_of(what);
  if (by == maker::cloud) object["usage"]["completion_tokens_details"] = {{"reasoning_tokens", 0}, {"audio_tokens", 0}};
  return object;
}

std::vector<std::string> chat_chunks(const said& what, maker by, bool usage) {
  auto const event = [&](json delta, json finish) {
    json object{{"id", "chatcmpl-" + what.id},
                {"object", "chat.completion.chunk"},
                {"created", created},
                {"model", what.model},
                {"system_fingerprint", by == maker::ollama ? "fp_ollama" : "fp_0123456789"}};
    object["choices"] =
        json::array({{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}}});
    if (usage && by == maker::cloud) object["usage"] = nullptr;
    return data_event(object);
  };
  std::vector<std::string> events;
  if (by == maker::cloud) events.push_back(event({{"role", "assistant"}, {"content", ""}}, nullptr));
  bool first = by == maker::ollama;  // Ollama's first chunk already holds a word
  for (auto const& word : what.words) {
    json delta;
    if (std::exchange(first, false)) delta["role"] = "assistant";
    delta["content"] = word;
    events.push_back(event(delta, nullptr));
  }
  events.push_back(event(json::object(), "stop"));
  if (usage) {
    json object{{"id", "chatcmpl-" + what.id}, {"object", "chat.completion.chunk"}, {"created", created},
                {"model", what.model},         {"choices", json::array()},          {"usage", usage_of(what)}};
    events.push_back(data_event(object));
  }
  events.emplace_back("data: [DONE]\n\n");
  return events;
}

json completion_object(const said& what, const std::string& text, json finish, maker by) {
  json object{{"id", "cmpl-" + what.id}, {"object", "text_completion"}, {"created", created}, {"model", what.model}};
  if (by == maker::ollama) object["system_fingerprint"] = "fp_ollama";
  json choice{{"text", text}, {"index", 0}};
  if (by == maker::cloud) choice["logprobs"] = nullptr;
  choice["finish_reason"] = std::move(finish);
  object["choices"] = json::array({choice});
  return object;
}

std::vector<std::string> completion_chunks(const said& what, maker by) {
  std::vector<std::string> events;
  for (auto const& word : what.words) events.push_back(data_event(completion_object(what, word, nullptr, by)));
  events.push_back(data_event(completion_object(what, "", "stop", by)));
  events.emplace_back("data: [DONE]\n\n");
  return events;
}

json response_object(const said& what, const char* status, bool with_output) {
  json object{{"id", "resp_" + what.id}, {"object", "response"},    {"created_at", created},
              {"status", status},        {"error", nullptr},        {"incomplete_details", nullptr},
              {"model", what.model},     {"output", json::array()}, {"parallel_tool_calls", true},
              {"tool_choice", "auto"},   {"tools", json::array()}};
  if (with_output) {
    object["output"].push_back(
        {{"id", "msg_" + what.id},
         {"type", "message"},
         {"status", "completed"},
         {"role", "assistant"},
         {"content", json::array({{{"type", "output_text"}, {"text", what.text()}, {"annotations", json::array()}}})}});
    auto const out = static_cast<int>(what.words.size());
    object["usage"] = {
        {"input_tokens", what.input_tokens}, {"output_tokens", out}, {"total_tokens", what.input_tokens + out}};
  } else {
    object["usage"] = nullptr;
  }
  return object;
}

std::vector<std::string> response_chunks(const said& what) {
  std::vector<std::string> events;
  int number = 0;
  auto const add = [&](const char* type, json more) {
    json object{{"type", type}, {"sequence_number", number++}};
    object.update(more);
    events.push_back(named_event(object));
  };
  auto const item_id = "msg_" + what.id;
  add("response.created", {{"response", response_object(what, "in_progress", false)}});
  add("response.in_progress", {{"response", response_object(what, "in_progress", false)}});
  json const empty_item{{"id", item_id},
                        {"type", "message"},
                        {"status", "in_progress"},
                        {"role", "assistant"},
                        {"content", json::array()}};
  add("response.output_item.added", {{"output_index", 0}, {"item", empty_item}});
  json const place{{"item_id", item_id}, {"output_index", 0}, {"content_index", 0}};
  auto const at_place = [&](json more) {
    json object = place;
    object.update(more);
    return object;
  };
  add("response.content_part.added",
      at_place({{"part", {{"type", "output_text"}, {"text", ""}, {"annotations", json::array()}}}}));
  for (auto const& word : what.words)
    add("response.output_text.delta", at_place({{"delta", word}, {"logprobs", json::array()}}));
  add("response.output_text.done", at_place({{"text", what.text()}, {"logprobs", json::array()}}));
  add("response.content_part.done",
      at_place({{"part", {{"type", "output_text"}, {"text", what.text()}, {"annotations", json::array()}}}}));
  auto const done = response_object(what, "completed", true);
  add("response.output_item.done", {{"output_index", 0}, {"item", done["output"][0]}});
  add("response.completed", {{"response", done}});
  return events;
}

json message_object(const said& what, maker by) {
  json object{{"id", "msg_" + what.id},
              {"type", "message"},
              {"role", "assistant"},
              {"model", what.model},
              {"content", json::array({{{"type", "text"}, {"text", what.text()}}})},
              {"stop_reason", "end_turn"}};
  if (by == maker::cloud) object["stop_sequence"] = nullptr;
  object["usage"] = {{"input_tokens", what.input_tokens}, {"output_tokens", what.words.size()}};
  if (by == maker::cloud) object["usage"]["service_tier"] = "standard";
  return object;
}

std::vector<std::string> message_chunks(const said& what, maker by) {
  std::vector<std::string> events;
  json start = message_object(what, by);
  start["content"] = json::array();
  start["usage"]["output_tokens"] = 1;
  if (by == maker::cloud)
    start["stop_reason"] = nullptr;
  else
    start.erase("stop_reason");  // Ollama leaves empty ones out
  events.push_back(named_event({{"type", "message_start"}, {"message", start}}));
  events.push_back(named_event(
      {{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}}));
  if (by == maker::cloud) events.push_back(named_event({{"type", "ping"}}));
  for (auto const& word : what.words)
    events.push_back(named_event(
        {{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", word}}}}));
  events.push_back(named_event({{"type", "content_block_stop"}, {"index", 0}}));
  json delta{{"stop_reason", "end_turn"}};
  if (by == maker::cloud) delta["stop_sequence"] = nullptr;
  events.push_back(
      named_event({{"type", "message_delta"}, {"delta", delta}, {"usage", {{"output_tokens", what.words.size()}}}}));
  events.push_back(named_event({{"type", "message_stop"}}));
  return events;
}

json list_entry(const ollama::model& what) {
  json entry{{"name", what.name},
             {"model", what.name},
             {"modified_at", "2026-05-01T09:00:00Z"},
             {"size", what.size},
             {"digest", what.digest},
             {"details",
              {{"family", "llama"},
               {"parameter_size", "8.0B"},
               {"quantization_level", "Q4_K_M"},
               {"context_length", what.context_length}}},
             {"capabilities", what.own_template ? std::vector<std::string>{"completion"} : what.capabilities}};
  if (!what.remote_host.empty()) {
    entry["remote_host"] = what.remote_host;
    entry["remote_model"] = "gpt-oss:120b";
  }
  return entry;
}

json native_end(const said& what) {
  return {{"done", true},
          {"done_reason", "stop"},
          {"total_duration", 5'000'000'000},
          {"load_duration", 1'000'000},
          {"prompt_eval_count", what.input_tokens},
          {"prompt_eval_duration", 100'000'000},
          {"eval_count", what.words.size()},
          {"eval_duration", 100'000'000}};
}

json native_object(const said& what, bool chat, const std::string& text) {
  json object{{"model", what.model}, {"created_at", "2026-05-01T09:00:00Z"}};
  if (chat)
    object["message"] = {{"role", "assistant"}, {"content", text}};
  else
    object["response"] = text;
  object["done"] = false;
  return object;
}

std::string native_whole(const said& what, bool chat) {
  auto object = native_object(what, chat, what.echo + what.text());
  object.update(native_end(what));
  return object.dump();
}

std::vector<std::string> native_lines(const said& what, bool chat) {
  std::vector<std::string> lines;
  auto echo = what.echo;
  for (auto const& word : what.words)
    lines.push_back(native_object(what, chat, std::exchange(echo, "") + word).dump() + "\n");
  auto last = native_object(what, chat, "");
  last.update(native_end(what));
  lines.push_back(last.dump() + "\n");
  return lines;
}

}  // namespace

std::string joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (auto const& piece : pieces) text += piece;
  return text;
}

std::string said::text() const { return joined(words); }

namespace openai {
std::string chat(const said& what) { return chat_object(what, maker::cloud).dump(2) + "\n"; }
std::vector<std::string> chat_events(const said& what, bool usage) { return chat_chunks(what, maker::cloud, usage); }
std::string completion(const said& what) {
  auto object = completion_object(what, what.text(), "stop", maker::cloud);
  object["usage"] = usage_of(what);
  return object.dump();
}
std::vector<std::string> completion_events(const said& what) { return completion_chunks(what, maker::cloud); }
std::string response(const said& what) { return response_object(what, "completed", true).dump(); }
std::vector<std::string> response_events(const said& what) { return response_chunks(what); }
std::string models(const std::vector<std::string>& ids) {
  json data = json::array();
  for (auto const& id : ids)
    data.push_back({{"id", id}, {"object", "model"}, {"created", created}, {"owned_by", "openai"}});
  return json{{"object", "list"}, {"data", data}}.dump();
}
std::string embeddings(const std::string& model) {
  return json{{"object", "list"},
              {"data", json::array({{{"object", "embedding"}, {"index", 0}, {"embedding", {0.25, -0.5, 0.75}}}})},
              {"model", model},
              {"usage", {{"prompt_tokens", 3}, {"total_tokens", 3}}}}
      .dump();
}
std::string error(std::string_view message, std::string_view type, std::string_view code) {
  return json{
      {"error",
       {{"message", message}, {"type", type}, {"param", nullptr}, {"code", code.empty() ? json(nullptr) : json(code)}}}}
      .dump(2);
}
}  // namespace openai

namespace anthropic {
std::string message(const said& what) { return message_object(what, maker::cloud).dump(); }
std::vector<std::string> message_events(const said& what) { return message_chunks(what, maker::cloud); }
std::string error(std::string_view type, std::string_view message, std::string_view error_code) {
  json inner{{"type", type}, {"message", message}};
  inner["details"] = error_code.empty() ? json(nullptr) : json{{"error_code", error_code}};
  return json{{"type", "error"}, {"error", inner}, {"request_id", "req_cloud_1"}}.dump();
}
}  // namespace anthropic

namespace ollama {
std::string tags(const std::vector<model>& installed) {
  json models = json::array();
  for (auto const& what : installed) models.push_back(list_entry(what));
  return json{{"models", models}}.dump();
}
std::string ps(const std::vector<model>& installed) {
  json models = json::array();
  for (auto const& what : installed) {
    if (!what.loaded) continue;
    models.push_back({{"name", what.name},
                      {"model", what.name},
                      {"size", what.size},
                      {"size_vram", what.size},
                      {"digest", what.digest},
                      {"details", {{"family", "llama"}}},
                      {"expires_at", "2318-05-01T09:00:00Z"},
                      {"context_length", 32768}});
  }
  return json{{"models", models}}.dump();
}
std::string show(const model& what) {
  return json{{"parameters", ""},
              {"details", {{"family", "llama"}, {"parameter_size", "8.0B"}}},
              {"model_info", {{"general.architecture", "llama"}, {"llama.context_length", what.context_length}}},
              {"capabilities", what.capabilities}}
      .dump();
}
std::string chat(const said& what) { return chat_object(what, maker::ollama).dump(); }
std::vector<std::string> chat_events(const said& what, bool usage) { return chat_chunks(what, maker::ollama, usage); }
std::string completion(const said& what) {
  auto object = completion_object(what, what.text(), "stop", maker::ollama);
  object["usage"] = usage_of(what);
  return object.dump();
}
std::vector<std::string> completion_events(const said& what) { return completion_chunks(what, maker::ollama); }
std::string response(const said& what) { return response_object(what, "completed", true).dump(); }
std::vector<std::string> response_events(const said& what) { return response_chunks(what); }
std::string message(const said& what) { return message_object(what, maker::ollama).dump(); }
std::vector<std::string> message_events(const said& what) { return message_chunks(what, maker::ollama); }
std::string native_chat(const said& what) { return native_whole(what, true); }
std::vector<std::string> native_chat_lines(const said& what) { return native_lines(what, true); }
std::string native_generate(const said& what) { return native_whole(what, false); }
std::vector<std::string> native_generate_lines(const said& what) { return native_lines(what, false); }
std::string error(int status, std::string_view message) {
  auto const* type = status == 400 ? "invalid_request_error" : status == 404 ? "not_found_error" : "api_error";
  return openai::error(message, type);
}
}  // namespace ollama

script reply(int status, std::string body, field_list extra, std::string type) {
  return [=](served_connection& c, const recorded_request&) { c.answer(status, body, extra, type); };
}

script stream(std::vector<std::string> events, field_list extra, std::string type) {
  return [=](served_connection& c, const recorded_request&) {
    c.begin_stream(type, extra);
    for (auto const& event : events) c.send_chunk(event);
    c.end_stream();
  };
}

script stream_then(std::vector<std::string> events, std::size_t count, std::function<void(served_connection&)> after) {
  return [=](served_connection& c, const recorded_request&) {
    c.begin_stream();
    for (std::size_t i = 0; i < std::min(count, events.size()); ++i) c.send_chunk(events[i]);
    after(c);
  };
}

script stream_gated(std::vector<std::string> events, std::size_t count, gate opened) {
  return [=](served_connection& c, const recorded_request&) {
    c.begin_stream();
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i == count && c.wait(opened) != io::ok) return;
      c.send_chunk(events[i]);
    }
    c.end_stream();
  };
}

script silence() {
  return [](served_connection& c, const recorded_request&) { c.say_nothing(); };
}

script hang_up() {
  return [](served_connection& c, const recorded_request&) { c.close(); };
}

script reset_connection() {
  return [](served_connection& c, const recorded_request&) { c.reset(); };
}

script raw_bytes(std::string bytes, bool then_close) {
  return [=](served_connection& c, const recorded_request&) {
    c.send(bytes);
    if (then_close) c.close();
  };
}

namespace {

/// Streams when the request asks for it.
template <class Whole, class Events>
script either(Whole whole, Events events, field_list extra, std::string stream_type = "text/event-stream",
              bool streams_by_default = false) {
  return [=](served_connection& c, const recorded_request& r) {
    auto const body = nlohmann::json::parse(r.body, nullptr, false);
    bool const wanted = body.is_object() && body.value("stream", streams_by_default);
    if (!wanted) {
      c.answer(200, whole, extra);
      return;
    }
    c.begin_stream(stream_type, extra);
    for (auto const& event : events) c.send_chunk(event);
    c.end_stream();
  };
}

}  // namespace

void serve_cloud(scripted_upstream& cloud, const said& what) {
  field_list const openai_fields{
      {"x-request-id", "req_cloud_1"}, {"openai-processing-ms", "12"}, {"x-ratelimit-remaining-requests", "99"}};
  field_list const anthropic_fields{{"request-id", "req_cloud_2"}, {"anthropic-ratelimit-requests-remaining", "99"}};
  cloud.on("/v1/chat/completions", [=](served_connection& c, const recorded_request& r) {
    auto const body = nlohmann::json::parse(r.body, nullptr, false);
    bool const usage = body.is_object() && body.contains("stream_options");
    either(openai::chat(what), openai::chat_events(what, usage), openai_fields)(c, r);
  });
  cloud.on("/v1/completions", either(openai::completion(what), openai::completion_events(what), openai_fields));
  cloud.on("/v1/responses", either(openai::response(what), openai::response_events(what), openai_fields));
  cloud.on("/v1/messages", either(anthropic::message(what), anthropic::message_events(what), anthropic_fields));
  cloud.on("/v1/messages/count_tokens", reply(200, R"({"input_tokens":17})", anthropic_fields));
  cloud.on("/v1/models", reply(200, openai::models({what.model, "o9-cloud"}), openai_fields));
  cloud.on("/v1/embeddings", reply(200, openai::embeddings("text-embedding-3-small"), openai_fields));
}

void serve_ollama(scripted_upstream& server, std::vector<ollama::model> installed, std::vector<std::string> words,
                  bool echoes_prefill) {
  server.on("/api/version", reply(200, R"({"version":"0.33.0"})"));
  server.on("/", reply(200, "Ollama is running", {}, "text/plain"));
  server.on("/api/tags", reply(200, ollama::tags(installed)));
  server.on("/api/ps", reply(200, ollama::ps(installed)));
  server.on("/api/status", reply(200, R"({"cloud":{"disabled":true,"source":"env"}})"));
  server.on("/api/show", [=](served_connection& c, const recorded_request& r) {
    auto const body = nlohmann::json::parse(r.body, nullptr, false);
    auto const name = body.is_object() ? body.value("model", body.value("name", "")) : "";
    for (auto const& what : installed)
      if (what.name == name) return void(c.answer(200, ollama::show(what)));
    c.answer(404, R"({"error":"model ')" + name + R"(' not found"})");
  });

  using answer_maker = std::function<script(const said&, const nlohmann::json& body)>;
  auto const route = [&server, installed, words](const std::string& path, const char* list, bool native,
                                                 answer_maker make) {
    server.on(path, [=](served_connection& c, const recorded_request& r) {
      auto const refuse = [&](int status, const std::string& message) {
        if (native)
          c.answer(status, nlohmann::json{{"error", message}}.dump());
        else if (path == "/v1/messages")
          c.answer(status, anthropic::error(status == 404 ? "not_found_error" : "invalid_request_error", message));
        else
          c.answer(status, ollama::error(status, message));
      };
      auto const body = nlohmann::json::parse(r.body, nullptr, false);
      if (!body.is_object()) return refuse(400, "invalid character in request body");
      auto const name = body.value("model", "");
      if (name.empty()) return refuse(400, "model is required");
      auto const found =
          std::find_if(installed.begin(), installed.end(), [&](auto const& m) { return m.name == name; });
      if (found == installed.end()) return refuse(404, "model '" + name + "' not found");
      if (list != nullptr && (!body.contains(list) || body[list].empty()))
        return refuse(400, std::string("[] is too short - '") + list + "'");
      if (path == "/v1/messages" && body.value("max_tokens", 0) <= 0) return refuse(400, "max_tokens is required");
      auto const can = [&](const char* what) {
        return std::find(found->capabilities.begin(), found->capabilities.end(), what) != found->capabilities.end();
      };
      if (body.contains("tools") && !can("tools")) return refuse(400, name + " does not support tools");
      if (body.contains("reasoning_effort") && body["reasoning_effort"] != "none" && !can("thinking"))
        return refuse(400, '"' + name + "\" does not support thinking");
      said answer;
      answer.model = name;
      answer.words = words;
      answer.id = "417";  // Ollama's ids are small random numbers: not unique
      make(answer, body)(c, r);
    });
  };
  route("/v1/chat/completions", "messages", false, [](const said& what, const nlohmann::json& body) {
    bool const usage = body.contains("stream_options") && body["stream_options"].value("include_usage", false);
    return either(ollama::chat(what), ollama::chat_events(what, usage), {});
  });
  route("/v1/completions", nullptr, false, [](const said& what, const nlohmann::json&) {
    return either(ollama::completion(what), ollama::completion_events(what), {});
  });
  route("/v1/responses", nullptr, false, [](const said& what, const nlohmann::json&) {
    return either(ollama::response(what), ollama::response_events(what), {});
  });
  route("/v1/messages", "messages", false, [](const said& what, const nlohmann::json&) {
    return either(ollama::message(what), ollama::message_events(what), {});
  });
  route("/api/chat", nullptr, true, [echoes_prefill](said what, const nlohmann::json& body) {
    auto const messages = body.value("messages", nlohmann::json::array());
    if (echoes_prefill && !messages.empty() && messages.back().value("role", "") == "assistant")
      what.echo = messages.back().value("content", "");
    return either(ollama::native_chat(what), ollama::native_chat_lines(what), {}, "application/x-ndjson", true);
  });
  route("/api/generate", nullptr, true, [](const said& what, const nlohmann::json&) {
    return either(ollama::native_generate(what), ollama::native_generate_lines(what), {}, "application/x-ndjson", true);
  });
  server.on("/v1/embeddings", reply(200, openai::embeddings("nomic-embed-text")));
  server.on("/api/embed", [](served_connection& c, const recorded_request& r) {
    auto const body = nlohmann::json::parse(r.body, nullptr, false);
    auto const input = body.is_object() ? body.value("input", nlohmann::json()) : nlohmann::json();
    auto const too_long = [](const nlohmann::json& text) {
      return text.is_string() && text.get_ref<const std::string&>().size() > 4000;
    };
    auto vectors = nlohmann::json::array();
    for (auto const& text : input.is_array() ? input : nlohmann::json::array({input})) {
      if (too_long(text) && !body.value("truncate", true))
        return void(c.answer(400, R"({"error":"the input length exceeds the context length"})"));
      vectors.push_back({0.25, -0.5, 0.75});
    }
    c.answer(
        200,
        nlohmann::json{{"model", body.value("model", "")}, {"embeddings", vectors}, {"prompt_eval_count", 3}}.dump());
  });
}

namespace {
void add_text(const nlohmann::json& object, std::string& text) {
  if (!object.is_object()) return;
  auto const string_at = [](const nlohmann::json& from, const char* key) -> std::string {
    return from.is_object() && from.contains(key) && from[key].is_string() ? from[key].get<std::string>() : "";
  };
  if (object.contains("choices"))
    for (auto const& choice : object["choices"]) {
      if (choice.contains("message")) text += string_at(choice["message"], "content");
      if (choice.contains("delta")) text += string_at(choice["delta"], "content");
      text += string_at(choice, "text");
    }
  auto const type = string_at(object, "type");
  if (type == "content_block_delta") text += string_at(object["delta"], "text");
  if (type == "response.output_text.delta") text += string_at(object, "delta");
  if (object.contains("content") && object["content"].is_array())
    for (auto const& block : object["content"]) text += string_at(block, "text");
  if (object.contains("output") && object["output"].is_array())
    for (auto const& item : object["output"])
      if (item.contains("content"))
        for (auto const& part : item["content"]) text += string_at(part, "text");
  if (object.contains("message")) text += string_at(object["message"], "content");
  text += string_at(object, "response");
}
}  // namespace

std::string text_of(std::string_view body) {
  std::string text;
  if (auto const whole = nlohmann::json::parse(body, nullptr, false); !whole.is_discarded()) {
    add_text(whole, text);
    return text;
  }
  for (auto const& event : split_events(body)) add_text(nlohmann::json::parse(event.data, nullptr, false), text);
  if (!text.empty()) return text;
  while (!body.empty()) {  // NDJSON
    auto const end = body.find('\n');
    add_text(nlohmann::json::parse(body.substr(0, end), nullptr, false), text);
    if (end == std::string_view::npos) break;
    body.remove_prefix(end + 1);
  }
  return text;
}

}  // namespace tideover::test
