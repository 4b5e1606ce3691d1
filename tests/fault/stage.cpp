#include "fault/stage.hpp"

#include <algorithm>

namespace tideover::test {
namespace {

const dialect_row& dialect_of(call what) {
  auto const i = static_cast<std::size_t>(what) % 4;
  return dialects()[what <= call::messages_stream ? i : 0];
}

ssl_context context_for(row::tls kind) {
  const auto& ca = shared_ca();
  const auto* leaf = &ca.good();
  switch (kind) {
    case row::tls::none: return nullptr;
    case row::tls::good: break;
    case row::tls::wrong_host: leaf = &ca.wrong_host(); break;
    case row::tls::expired: leaf = &ca.expired(); break;
    case row::tls::not_yet_valid: leaf = &ca.not_yet_valid(); break;
    case row::tls::self_signed: leaf = &ca.self_signed(); break;
  }
  return make_server_context(leaf->certificate_file, leaf->key_file);
}

std::string path_of(call what) {
  switch (what) {
    case call::native:
    case call::native_stream: return "/api/chat";
    case call::files: return "/v1/files";
    case call::models: return "/v1/models";
    default: return dialect_of(what).path;
  }
}

std::string body_of(call what) {
  constexpr auto native = R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"Why tides?"}],"stream":)";
  switch (what) {
    case call::native: return native + std::string("false}");
    case call::native_stream: return native + std::string("true}");
    case call::files: return R"({"purpose":"batch","file":"words"})";
    case call::models: return "";
    default: return is_stream(what) ? dialect_of(what).stream : dialect_of(what).whole;
  }
}

said claude() {
  said what;
  what.model = "claude-sonnet-4-5";
  return what;
}

std::vector<std::string> events_of(call what) {
  return what == call::messages_stream ? anthropic::message_events(claude()) : test::cloud_events(dialect_of(what));
}

}  // namespace

const test_ca& shared_ca() {
  static test_ca const ca;
  return ca;
}

bool is_anthropic(call what) { return what == call::messages || what == call::messages_stream; }

std::string good_answer(call what) {
  switch (what) {
    case call::chat: return openai::chat({});
    case call::completions: return openai::completion({});
    case call::responses: return openai::response({});
    case call::messages: return anthropic::message(claude());
    case call::models: return openai::models({"gpt-4o-mini", "o9-cloud"});
    case call::files: return R"({"id":"file-1","object":"file"})";
    case call::native:
    case call::native_stream: return "";
    default: return joined(events_of(what));
  }
}

std::string cloud_error(call what, std::string_view type, std::string_view code, std::string_view message) {
  return is_anthropic(what) ? anthropic::error(type == "server_error" ? "api_error" : type, message, code)
                            : openai::error(message, type, code);
}

stage::stage(const row& what)
    : played(what),
      dialect(dialect_of(what.asked)),
      home(std::make_unique<world>(context_for(what.certificate))),
      cloud(is_anthropic(what.asked) ? home->anthropic : home->openai),
      local(home->ollama),
      to_cloud(cloud.port()),
      to_local(local.port()),
      path(path_of(what.asked)),
      body(body_of(what.asked)),
      expected(good_answer(what.asked)),
      sent_before_door(silent_events() + 2),
      key_("sk-canary-7f3e9a51" + std::to_string(static_cast<int>(what.asked))) {
  cloud.on("/v1/files", reply(200, good_answer(call::files)));
}

// The daemon goes first: gates and upstreams must outlive it.
stage::~stage() {
  if (started_) daemon().stop();
}

void stage::cloud_is_given_little_time() { options.cloud_timeouts = impatient().cloud_timeouts; }

void stage::cloud_does(script what) { cloud.on(path, std::move(what)); }

void stage::cloud_says(int status, std::string text, field_list extra, std::string type) {
  if (status != 200) expected = text;
  cloud_does(reply(status, std::move(text), std::move(extra), std::move(type)));
}

void stage::local_does(script what) {
  for (auto const* generation :
       {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate"})
    local.on(generation, what);
}

void stage::local_is_down() {
  when_up = [](stage& s) {
    s.to_local.set(fault_gate::door::refuse);
    s.to_local.drop_all();
  };
}

std::vector<std::string> stage::cloud_events() const { return events_of(played.asked); }

std::size_t stage::silent_events() const {
  switch (played.asked) {
    case call::completions_stream: return 0;
    case call::responses_stream: return 4;  // created, in_progress, output_item.added, content_part.added
    case call::messages_stream: return 3;   // message_start, content_block_start, ping
    default: return 1;                      // the role chunk
  }
}

void stage::cloud_breaks_off(std::function<void(served_connection&)> what) {
  auto const events = cloud_events();
  expected.clear();
  for (std::size_t i = 0; i < sent_before_door; ++i) expected += events[i];
  cloud_does(stream_then(events, sent_before_door, [door = door, what](served_connection& c) {
    if (c.wait(door) == io::ok) what(c);
  }));
}

void stage::start() {
  auto const url = (played.certificate == row::tls::none ? "http://127.0.0.1:" : "https://127.0.0.1:") +
                   std::to_string(to_cloud.port());
  auto& mine = is_anthropic(played.asked) ? options.anthropic_url : options.openai_url;
  if (mine.empty()) mine = url;
  if (options.ollama_url.empty()) options.ollama_url = to_local.url();
  if (played.certificate != row::tls::none && options.openai_more.empty())
    options.openai_more = ", tls: {ca_file: \"" + shared_ca().ca_file() + "\"}";
  // One failure shows whom it counts against; nothing counts twice and nothing heals by itself meanwhile.
  options.breaker = "{failures_to_open: " + std::to_string(failures_to_open) +
                    ", failure_ratio: 1, min_requests: 1000000, open_for: 60s, open_for_max: 60s}";
  home->start(options);
  started_ = true;
  if (when_up) {
    EXPECT_TRUE(eventually([&] { return daemon().metric("tideover_upstream_up", {"upstream=\"ollama\""}) == 1; }));
    when_up(*this);
  }
  resident_at_start_ = daemon().resident_kib();
}

std::string stage::request_text() const {
  std::string text = (body.empty() ? "GET " : "POST ") + path + " HTTP/1.1\r\nHost: localhost\r\n";
  text += "Authorization: Bearer " + key_ + "\r\n";
  if (!body.empty())
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

observed stage::ask() {
  raw_client client(home->port());
  return ask(client);
}

observed stage::ask(raw_client& client) { return ask(client, key_); }

observed stage::ask(raw_client& client, const std::string& key) {
  ++asked_;
  auto all = fields;
  all.emplace_back("Authorization", "Bearer " + key);
  if (is_anthropic(played.asked)) all.emplace_back("x-api-key", key);
  client.request(body.empty() ? "GET" : "POST", path, body, all);
  observed seen;
  seen.answer = client.read_head();
  seen.ended = seen.answer.ended;
  if (seen.status() == 0) return seen;
  std::string words;
  while (auto event = client.next_event()) {
    seen.body += event->raw;
    if (!door.is_open()) words += text_of(event->raw);
    if (std::count(words.begin(), words.end(), ' ') >= 2) door.open();
    seen.events.push_back(std::move(*event));
  }
  seen.unfinished = client.unfinished();
  seen.body += seen.unfinished;
  seen.ended = client.ended();
  return seen;
}

std::size_t stage::resident_growth_kib() const {
  auto const now = home->daemon().resident_kib();
  return now > resident_at_start_ ? now - resident_at_start_ : 0;
}

}  // namespace tideover::test
