#include "support/living_ollama.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace tideover::test {

using nlohmann::json;

namespace {

constexpr auto a_moment = std::chrono::milliseconds(20);

/// True when the gate opened before the peer left.
bool gate_before_peer(served_connection& c, const gate& opened) {
  std::string unread;
  for (auto const deadline = soon(); steady::now() < deadline;) {
    if (c.raw().wait_for(opened, steady::now() + a_moment) == io::ok) return true;
    auto const peer = c.raw().read_some(unread, 1, steady::now());
    if (peer != io::timed_out && peer != io::ok) return false;
  }
  return false;
}

/// A word is a token here.
int tokens_of(const json& message) {
  std::istringstream words(message.value("content", ""));
  int n = 0;
  for (std::string word; words >> word;) ++n;
  return n;
}

std::string error_text(const std::string& message) { return json{{"error", message}}.dump(); }

}  // namespace

living_ollama::~living_ollama() { server_.stop(); }

living_ollama::living_ollama(scripted_upstream& server, living_options how) : server_(server), how_(std::move(how)) {
  serve_ollama(server, how_.installed);
  for (const auto& m : how_.installed)
    if (m.loaded) loaded_[m.name] = {how_.default_context, "null"};
  server.on("/api/tags", [this](served_connection& c, const recorded_request&) {
    std::string text;
    {
      std::lock_guard const lock(mutex_);
      text = tags();
    }
    c.answer(200, text);
  });
  server.on("/api/ps", [this](served_connection& c, const recorded_request&) {
    for (auto const deadline = soon(); steady::now() < deadline;) {
      std::string text;
      {
        std::lock_guard const lock(mutex_);
        if (loading_ == 0 || !how_.ps_hangs_while_loading) text = ps();
      }
      if (!text.empty()) return void(c.answer(200, text));
      std::string unread;  // the caller may tire of it first
      auto const peer = c.raw().read_some(unread, 1, steady::now() + a_moment);
      if (peer != io::timed_out && peer != io::ok) return c.close();
    }
  });
  server.on("/api/chat", [this](served_connection& c, const recorded_request& r) { chat(c, r); });
}

const ollama::model* living_ollama::find(const std::string& name) const {
  auto const it =
      std::find_if(how_.installed.begin(), how_.installed.end(), [&](const auto& m) { return m.name == name; });
  return it == how_.installed.end() ? nullptr : &*it;
}

std::string living_ollama::tags() const {
  auto list = json::parse(ollama::tags(how_.installed));
  if (!how_.capabilities_in_tags)
    for (auto& m : list["models"]) {
      m.erase("capabilities");
      m["details"].erase("context_length");
    }
  return list.dump();
}

std::string living_ollama::ps() const {
  json models = json::array();
  for (const auto& [name, r] : loaded_) {
    const auto* m = find(name);
    if (m == nullptr) continue;
    auto const size = how_.ps_tells_sizes ? m->size : 0;
    models.push_back({{"name", name},
                      {"model", name},
                      {"size", size},
                      {"size_vram", static_cast<std::uint64_t>(static_cast<double>(size) * how_.gpu_share)},
                      {"digest", m->digest},
                      {"expires_at", "2318-05-01T09:00:00Z"},
                      {"context_length", r.window}});
  }
  return json{{"models", models}}.dump();
}

/// One load at a time would be truer; tests load one model. False: the one who asked went away.
bool living_ollama::load(served_connection& c, const std::string& model, int window) {
  std::optional<gate> until;
  {
    std::lock_guard const lock(mutex_);
    auto const it = loaded_.find(model);
    if (it != loaded_.end() && it->second.window == window) return true;
    if (it != loaded_.end()) {
      ++reloads_;
      loaded_.erase(it);
    }
    ++loading_;
    until = how_.load_until;
  }
  bool const whole = !until || gate_before_peer(c, *until);
  std::lock_guard const lock(mutex_);
  --loading_;
  if (!whole) {
    ++aborted_;
    return false;
  }
  ++loads_;
  if (how_.holds != 0 && loaded_.size() >= how_.holds) loaded_.clear();  // pushed out
  loaded_[model] = {window, "null"};
  return true;
}

void living_ollama::chat(served_connection& c, const recorded_request& r) {
  auto const body = json::parse(r.body, nullptr, false);
  if (!body.is_object()) return void(c.answer(400, error_text("invalid character in request body")));
  auto const model = body.value("model", "");
  living_options how;
  int window = 0;
  {
    std::lock_guard const lock(mutex_);
    how = how_;
    if (find(model) == nullptr) return void(c.answer(404, error_text("model '" + model + "' not found")));
    window = how_.default_context;
  }
  if (how.silent_chat) return c.say_nothing();
  if (!how.failure.empty()) return void(c.answer(500, error_text(how.failure)));
  if (body.contains("options") && body["options"].contains("num_ctx")) window = body["options"]["num_ctx"].get<int>();
  if (!load(c, model, window)) return c.close();
  if (body.contains("keep_alive")) {
    std::lock_guard const lock(mutex_);
    loaded_[model].keep_alive = body["keep_alive"].dump();
  }
  auto messages = body.value("messages", json::array());
  int prompt = 0, dropped = 0;
  for (const auto& m : messages) prompt += tokens_of(m);
  if (prompt >= window && !body.value("truncate", true)) {
    auto const refusal = json{{"error", {{"code", 400}, {"type", "exceed_context_size_error"}, {"n_ctx", window}}}};
    return void(c.answer(400, error_text(refusal.dump())));
  }
  // Whole old messages go without a word; the system's and the last one stay (OL §10).
  for (std::size_t i = 0; prompt >= window && i + 1 < messages.size();) {
    if (messages[i].value("role", "") == "system") {
      ++i;
      continue;
    }
    prompt -= tokens_of(messages[i]);
    messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
    ++dropped;
  }
  if (how.reads_at_most) prompt = std::min(prompt, *how.reads_at_most);
  bool const stream = body.value("stream", true);
  auto const send = [&](const std::string& text) {
    if (!stream) return void(c.answer(200, text));
    c.begin_stream("application/x-ndjson");
    c.send_chunk(text + "\n");
    c.end_stream();
  };
  json object{{"model", model}, {"created_at", "2026-05-01T09:00:00Z"}};
  if (messages.empty()) {
    object["message"] = {{"role", "assistant"}, {"content", ""}};
    object["done"] = true;
    object["done_reason"] = "load";
    return send(object.dump());
  }

  {
    std::lock_guard const lock(mutex_);
    most_ = std::max(most_, ++at_once_);
    read_ = prompt;
    dropped_ += dropped;
    for (auto it = messages.rbegin(); it != messages.rend(); ++it)
      if (it->value("role", "") == "user") {
        order_.push_back(it->value("content", ""));
        break;
      }
  }
  bool const whole = !how.generate_until || gate_before_peer(c, *how.generate_until);
  std::string text = "The local model answers this.";
  if (messages.back().value("role", "") == "assistant")
    text = how.echoes_prefill      ? messages.back().value("content", "") + " seven eight"
           : how.continues_prefill ? " seven eight nine"
                                   : "one two three four five six";
  constexpr int tokens = 40;
  object["message"] = {{"role", "assistant"}, {"content", text}};
  object["done"] = true;
  object["done_reason"] = "stop";
  object["total_duration"] = 5'000'000'000;
  object["load_duration"] = static_cast<std::int64_t>(how.load_seconds * 1e9);
  object["prompt_eval_count"] = prompt;
  object["prompt_eval_duration"] = 100'000'000;
  object["eval_count"] = tokens;
  object["eval_duration"] = static_cast<std::int64_t>(tokens / how.tokens_per_second * 1e9);
  {
    std::lock_guard const lock(mutex_);
    --at_once_;
    if (whole) ++generations_;
  }
  if (whole)
    send(object.dump());
  else
    c.close();
}

void living_ollama::change(const std::function<void(living_options&)>& what) {
  std::lock_guard const lock(mutex_);
  what(how_);
}

int living_ollama::loads() const {
  std::lock_guard const lock(mutex_);
  return loads_;
}
int living_ollama::reloads() const {
  std::lock_guard const lock(mutex_);
  return reloads_;
}
int living_ollama::aborted_loads() const {
  std::lock_guard const lock(mutex_);
  return aborted_;
}
int living_ollama::most_at_once() const {
  std::lock_guard const lock(mutex_);
  return most_;
}
int living_ollama::generations() const {
  std::lock_guard const lock(mutex_);
  return generations_;
}
bool living_ollama::is_loading() const {
  std::lock_guard const lock(mutex_);
  return loading_ != 0;
}
bool living_ollama::is_loaded(const std::string& model) const {
  std::lock_guard const lock(mutex_);
  return loaded_.contains(model);
}
int living_ollama::window_of(const std::string& model) const {
  std::lock_guard const lock(mutex_);
  auto const it = loaded_.find(model);
  return it == loaded_.end() ? 0 : it->second.window;
}
std::string living_ollama::keep_alive_of(const std::string& model) const {
  std::lock_guard const lock(mutex_);
  auto const it = loaded_.find(model);
  return it == loaded_.end() ? "" : it->second.keep_alive;
}
void living_ollama::unload(const std::string& model) {
  std::lock_guard const lock(mutex_);
  loaded_.erase(model);
}
int living_ollama::read_last() const {
  std::lock_guard const lock(mutex_);
  return read_;
}
int living_ollama::dropped() const {
  std::lock_guard const lock(mutex_);
  return dropped_;
}
std::vector<std::string> living_ollama::order() const {
  std::lock_guard const lock(mutex_);
  return order_;
}

}  // namespace tideover::test
