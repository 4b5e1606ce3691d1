// A whole world for one test: two clouds and an Ollama that are scripted, and the real daemon between them and the
// test. Not shared between tests: each has its own, so that no failure in one leaves a mark on another.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "support/answers.hpp"
#include "support/daemon_process.hpp"
#include "support/raw_client.hpp"
#include "support/scripted_upstream.hpp"
#include "support/test_ca.hpp"

namespace tideover::test {

struct world_options {
  std::string cloud_timeouts = "{connect: 20s, first_content: 60s, response: 60s, idle: 60s, total: 5m}";
  std::string local_timeouts = "{connect: 20s, first_content: 60s, response: 60s, idle: 60s, total: 5m}";
  // Never opens: tests that fail often ask what one failure does. Tests of the breaker say what they want.
  std::string breaker = "{failures_to_open: 1000000, failure_ratio: 1, min_requests: 1000000}";
  std::string local_more;  // further keys of the local upstream, such as `, concurrency: 4`
  std::string openai_url;  // empty: the scripted cloud's
  std::string anthropic_url;
  std::string ollama_url;
  std::string local_dialect = "ollama";  // what the local server speaks, whose URL and scripts are still `ollama`'s
  std::string openai_more;               // further keys of that upstream, such as `, credential: {env: KEY}`
  std::string anthropic_more;
  std::string more_upstreams;  // whole further entries, each `  NAME: {…}` on a line of its own
  std::string models = "models: [{cloud: \"*\", local: \"llama3.1:8b\"}]";
  std::string workflows = "workflows: {default: {policy: cloud_first}, legal: {policy: local_only}}";
  std::string listen = "listen: [{address: \"127.0.0.1:0\"}]";
  std::string admin_more;  // further keys of `admin`, such as `, token: {env: TOKEN}`
  std::string more;        // further top-level YAML
  std::map<std::string, std::string> environment;
  std::vector<std::string> arguments;  // of the command line, such as --workers
  std::vector<int> handed;             // listening sockets that somebody else opened
  std::string handed_names;            // what they are called
};

/// Timeouts that make a silent peer fail soon; everything else stays generous.
inline world_options impatient() {
  world_options options;
  options.cloud_timeouts = "{connect: 400ms, first_content: 400ms, response: 400ms, idle: 400ms, total: 5m}";
  return options;
}

class world {
 public:
  /// With `tls`, the OpenAI cloud speaks it.
  explicit world(ssl_context tls = nullptr);
  ~world();

  scripted_upstream openai, anthropic, ollama;  // well from the start

  daemon_process& start(const world_options& options = {});
  std::string yaml(const world_options& options) const;
  daemon_process& daemon() { return *daemon_; }
  std::uint16_t port() const { return daemon_->port(); }

  http_answer chat(const field_list& fields = {}) const;
  http_answer chat_stream(const field_list& fields = {}) const;

  /// Generations that reached Ollama; looks at its catalog and loads are not counted.
  std::vector<recorded_request> local_generations() const;

 private:
  std::unique_ptr<daemon_process> daemon_;
};

inline const std::string chat_body = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Why tides?"}]})";
inline const std::string chat_stream_body =
    R"({"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Why tides?"}]})";
inline const std::string message_body =
    R"({"model":"claude-sonnet-4-5","max_tokens":64,"messages":[{"role":"user","content":"Why tides?"}]})";
inline const std::string message_stream_body =
    R"({"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Why tides?"}]})";

/// One generation route: its bodies, and whose cloud serves it.
struct dialect_row {
  const char* name;
  const char* path;
  std::string whole;
  std::string stream;
  bool anthropic;
};
const std::vector<dialect_row>& dialects();
/// What the cloud of this route says as a stream.
std::vector<std::string> cloud_events(const dialect_row& row);
/// The last event(s) that make a stream complete; empty text means there is none to miss.
bool has_terminator(const dialect_row& row, const std::vector<sse_event>& events);
/// True for the event with which a stream of this route says that it was cut.
bool is_error_event(const dialect_row& row, const sse_event& event);

void expect_cloud(const http_answer& answer, std::string_view upstream = "openai");
/// Served by Ollama, complete, right text, and says why.
void expect_local(const http_answer& answer, std::string_view reason);
nlohmann::json json_of(const http_answer& answer);

}  // namespace tideover::test
