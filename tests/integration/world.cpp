#include "integration/world.hpp"

#include <algorithm>

namespace tideover::test {

world::world(ssl_context tls) : openai(std::move(tls)) {
  serve_cloud(openai);
  said claude;
  claude.model = "claude-sonnet-4-5";
  serve_cloud(anthropic, claude);
  serve_ollama(ollama);
}

// The daemon goes first: its upstreams must outlive it.
world::~world() { daemon_.reset(); }

std::string world::yaml(const world_options& options) const {
  auto const or_else = [](const std::string& chosen, const std::string& usual) {
    return chosen.empty() ? usual : chosen;
  };
  return options.listen + "\nadmin: {address: \"127.0.0.1:0\", socket: \"${TMPDIR}/admin.sock\"" + options.admin_more +
         "}\nupstreams:\n" + "  openai: {tier: cloud, dialect: openai, url: \"" +
         or_else(options.openai_url, openai.url()) + "\", timeouts: " + options.cloud_timeouts +
         ", breaker: " + options.breaker + options.openai_more + "}\n" +
         "  anthropic: {tier: cloud, dialect: anthropic, url: \"" + or_else(options.anthropic_url, anthropic.url()) +
         "\", timeouts: " + options.cloud_timeouts + ", breaker: " + options.breaker + options.anthropic_more + "}\n" +
         "  ollama: {tier: local, dialect: " + options.local_dialect + ", url: \"" +
         or_else(options.ollama_url, ollama.url()) + "\", timeouts: " + options.local_timeouts + options.local_more +
         "}\n" + options.more_upstreams + options.models + "\n" + options.workflows + "\n" + options.more + "\n";
}

daemon_process& world::start(const world_options& options) {
  daemon_options how;
  how.yaml = yaml(options);
  how.environment = options.environment;
  how.arguments = options.arguments;
  how.handed = options.handed;
  how.handed_names = options.handed_names;
  daemon_ = std::make_unique<daemon_process>(how);
  // Without a daemon nothing else can be said; an exception ends this test and no other.
  if (!daemon_->serves()) throw std::runtime_error("the daemon did not start:\n" + daemon_->all_output() + how.yaml);
  return *daemon_;
}

http_answer world::chat(const field_list& fields) const {
  return post(port(), "/v1/chat/completions", chat_body, fields);
}
http_answer world::chat_stream(const field_list& fields) const {
  return post(port(), "/v1/chat/completions", chat_stream_body, fields);
}

std::vector<recorded_request> world::local_generations() const {
  auto all = ollama.requests();
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const recorded_request& r) {
                             auto const path = r.path();
                             return path == "/" || path == "/api/tags" || path == "/api/ps" || path == "/api/version" ||
                                    path == "/api/show" || path == "/api/status" ||
                                    // A chat without messages only loads (OL §11).
                                    (path == "/api/chat" && r.body.find("\"messages\":[]") != std::string::npos);
                           }),
            all.end());
  return all;
}

const std::vector<dialect_row>& dialects() {
  static const std::vector<dialect_row> rows{
      {"chat", "/v1/chat/completions", chat_body, chat_stream_body, false},
      {"completions", "/v1/completions", R"({"model":"gpt-3.5","prompt":"Why tides?"})",
       R"({"model":"gpt-3.5","prompt":"Why tides?","stream":true})", false},
      {"responses", "/v1/responses", R"({"model":"gpt-4o-mini","input":"Why tides?"})",
       R"({"model":"gpt-4o-mini","input":"Why tides?","stream":true})", false},
      {"messages", "/v1/messages", message_body, message_stream_body, true},
  };
  return rows;
}

std::vector<std::string> cloud_events(const dialect_row& row) {
  std::string const path = row.path;
  if (path == "/v1/completions") return openai::completion_events({});
  if (path == "/v1/responses") return openai::response_events({});
  if (path == "/v1/messages") return anthropic::message_events({});
  return openai::chat_events({});
}

bool has_terminator(const dialect_row& row, const std::vector<sse_event>& events) {
  std::string const path = row.path;
  return std::any_of(events.begin(), events.end(), [&](const sse_event& event) {
    if (path == "/v1/responses") return event.name == "response.completed" || event.name == "response.incomplete";
    if (path == "/v1/messages") return event.name == "message_stop";
    return event.data == "[DONE]";
  });
}

bool is_error_event(const dialect_row& row, const sse_event& event) {
  std::string const path = row.path;
  auto const json = nlohmann::json::parse(event.data, nullptr, false);
  if (!json.is_object()) return false;
  if (path == "/v1/responses") return event.name == "error" && json.value("type", "") == "error";
  if (path == "/v1/messages")
    return event.name == "error" && json.value("type", "") == "error" && json.contains("error");
  return event.name.empty() && json.contains("error") && json["error"].is_object();
}

void expect_cloud(const http_answer& answer, std::string_view upstream) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.complete());
  EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
  EXPECT_EQ(answer.field("x-tideover-upstream"), upstream);
  EXPECT_FALSE(answer.has("x-tideover-failover"));
  EXPECT_TRUE(answer.has("x-tideover-request-id"));
  EXPECT_EQ(text_of(answer.body), cloud_text);
}

void expect_local(const http_answer& answer, std::string_view reason) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.complete());
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  EXPECT_EQ(answer.field("x-tideover-upstream"), "ollama");
  EXPECT_EQ(answer.field("x-tideover-model"), "llama3.1:8b");
  EXPECT_EQ(answer.field("x-tideover-failover"), reason);
  EXPECT_TRUE(answer.has("x-tideover-request-id"));
  EXPECT_EQ(text_of(answer.body), local_text) << answer.body;
}

nlohmann::json json_of(const http_answer& answer) { return nlohmann::json::parse(answer.body, nullptr, false); }

}  // namespace tideover::test
