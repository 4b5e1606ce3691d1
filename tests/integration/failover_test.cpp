// Every way in which a cloud can fail before it has answered, and what is an answer and must pass.
#include "integration/world.hpp"

namespace tideover::test {
namespace {

struct failure_row {
  std::string name;
  script cloud;
  std::string reason;
};

void PrintTo(const failure_row& row, std::ostream* out) { *out << row.name; }

std::string status_line_and(const std::string& rest) { return "HTTP/1.1 200 OK\r\n" + rest; }
const std::string json_type = "Content-Type: application/json\r\n";

script status(int code, field_list extra = {}) {
  return reply(code, openai::error("The server had an error", "server_error"), std::move(extra));
}

/// Faults of an answer that is not streamed; none of them needs a short timeout.
std::vector<failure_row> failures() {
  auto const good = openai::chat({});
  auto const length = [&](std::size_t n) { return "Content-Length: " + std::to_string(n) + "\r\n\r\n"; };
  std::vector<failure_row> rows;
  for (int code : {500, 502, 503, 504, 520, 524, 529, 408, 409})
    rows.push_back({"status " + std::to_string(code), status(code), "server_error"});
  for (int code : {301, 302, 303, 307, 308})
    rows.push_back(
        {"status " + std::to_string(code), reply(code, "", {{"Location", "http://127.0.0.1:1/"}}), "redirect"});
  auto const limited = openai::error("Rate limit reached", "requests", "rate_limit_exceeded");
  rows.push_back({"429 with seconds", reply(429, limited, {{"Retry-After", "30"}}), "rate_limited"});
  rows.push_back(
      {"429 with a date", reply(429, limited, {{"Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"}}), "rate_limited"});
  rows.push_back({"429 with nonsense", reply(429, limited, {{"Retry-After", "99999999999999999999"}}), "rate_limited"});
  rows.push_back({"429 without a body", reply(429, ""), "rate_limited"});
  for (auto const* code : {"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded"})
    rows.push_back(
        {code, reply(429, openai::error("You exceeded your current quota", "insufficient_quota", code)), "quota"});
  rows.push_back(
      {"503 slow_down", reply(503, openai::error("Slow down", "rate_limit_error", "slow_down")), "rate_limited"});
  rows.push_back({"closed without a byte", hang_up(), "connect"});
  rows.push_back({"reset without a byte", reset_connection(), "connect"});
  rows.push_back({"an HTML page", reply(200, std::string(html_page), {}, "text/html"), "malformed"});
  rows.push_back({"HTML called JSON", reply(200, std::string(html_page)), "malformed"});
  rows.push_back({"an empty body", reply(200, ""), "malformed"});
  rows.push_back({"JSON cut short in a whole message", reply(200, good.substr(0, good.size() / 2)), "malformed"});
  rows.push_back({"another JSON altogether", reply(200, R"({"models":[]})"), "malformed"});
  rows.push_back({"an SSH banner", raw_bytes("SSH-2.0-OpenSSH_9.2\r\n"), "malformed"});
  rows.push_back({"half a head", raw_bytes(status_line_and("Content-Le")), "malformed"});
  rows.push_back({"body shorter than its length",
                  raw_bytes(status_line_and(json_type + length(good.size() + 9) + good)), "malformed"});
  rows.push_back({"no last chunk",
                  raw_bytes(status_line_and(json_type + "Transfer-Encoding: chunked\r\n\r\n" + chunk(good))),
                  "malformed"});
  rows.push_back({"chunk size that is none",
                  raw_bytes(status_line_and(json_type + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n" + good)),
                  "malformed"});
  rows.push_back(
      {"chunk size of 17 digits",
       raw_bytes(status_line_and(json_type + "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n" + good)),
       "malformed"});
  rows.push_back({"chunk without its CRLF",
                  raw_bytes(status_line_and(json_type + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n")),
                  "malformed"});
  for (auto const* coding : {"gzip, chunked", "xchunked", "chunked, identity",
                             "\xa0"
                             "chunked"})
    rows.push_back({"Transfer-Encoding " + (coding[0] == '\xa0' ? "after a no-break space" : std::string(coding)),
                    raw_bytes(status_line_and(json_type + "Transfer-Encoding: " + coding + "\r\n\r\n" + chunk(good) +
                                              std::string(last_chunk))),
                    "malformed"});
  rows.push_back({"two lengths",
                  raw_bytes(status_line_and(json_type + "Content-Length: 5\r\n" + length(good.size()) + good)),
                  "malformed"});
  rows.push_back({"length and chunked",
                  raw_bytes(status_line_and(json_type + "Transfer-Encoding: chunked\r\n" + length(5) + chunk(good) +
                                            std::string(last_chunk))),
                  "malformed"});
  for (auto const* line : {"HTTP/1.1 600 Odd", "HTTP/1.1 099 Odd", "HTTP/1.1 1000 Odd",
                           "HTTP/1.1 101 Switching Protocols", "HTTP/3.7 200 OK"})
    rows.push_back({line, raw_bytes(std::string(line) + "\r\n" + json_type + length(good.size()) + good), "malformed"});
  rows.push_back({"a folded field",
                  raw_bytes(status_line_and("X-A: 1\r\n  2\r\n" + json_type + length(good.size()) + good)),
                  "malformed"});
  rows.push_back({"a head of a megabyte",
                  raw_bytes(status_line_and("X-A: " + std::string(1 << 20, 'a') + "\r\n" + json_type +
                                            length(good.size()) + good)),
                  "malformed"});
  rows.push_back({"compressed although nobody asked",
                  raw_bytes(status_line_and(json_type + "Content-Encoding: gzip\r\n" + length(5) + "\x1f\x8bxyz")),
                  "malformed"});
  rows.push_back({"an error in a 200", reply(200, openai::error("Overloaded", "server_error")), "error_in_200"});
  rows.push_back(
      {"nothing said",
       reply(
           200,
           R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":0,"total_tokens":1}})"),
       "empty"});
  rows.push_back(
      {"null said",
       reply(
           200,
           R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"stop"}]})"),
       "empty"});
  rows.push_back(
      {"no choices", reply(200, R"({"id":"x","object":"chat.completion","model":"m","choices":[]})"), "empty"});
  return rows;
}

class EveryFailure : public testing::TestWithParam<failure_row> {};

TEST_P(EveryFailure, OfACloudIsAnsweredLocallyAfterOneTry) {
  world w;
  w.openai.on("/v1/chat/completions", GetParam().cloud);
  w.start();
  expect_local(w.chat(), GetParam().reason);
  EXPECT_EQ(w.openai.requests_to("/v1/chat/completions").size(), 1U);
  EXPECT_EQ(w.local_generations().size(), 1U);

  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].value("outcome", ""), "failed_over");
  EXPECT_EQ(lines[0].value("reason", ""), GetParam().reason);
  EXPECT_EQ(lines[0].value("upstream", ""), "ollama");
  EXPECT_EQ(lines[0].value("tier", ""), "local");
  EXPECT_EQ(lines[0].value("attempts", 0), 2);
  auto const events = w.daemon().wait_for_log("failover", 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].value("msg", ""), "Cloud unavailable, falling back to Ollama");
  EXPECT_EQ(events[0].value("from", ""), "openai");
  EXPECT_EQ(events[0].value("to", ""), "ollama");
  EXPECT_EQ(events[0].value("reason", ""), GetParam().reason);
  EXPECT_EQ(w.daemon().metric("tideover_failovers_total", {"reason=\"" + GetParam().reason + '"'}), 1);
}

std::string row_name(const testing::TestParamInfo<failure_row>& info) {
  std::string name = std::to_string(info.index) + "_";
  for (char c : info.param.name) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Kinds, EveryFailure, testing::ValuesIn(failures()), row_name);

TEST(Failover, ARefusedConnectionIsAnsweredLocally) {
  world w;
  w.start();
  w.openai.stop();
  expect_local(w.chat(), "connect");
  w.openai.start();
  EXPECT_TRUE(eventually([&] { return w.chat().field("x-tideover-tier") == "cloud"; }));
}

TEST(Failover, ANameThatDoesNotResolveIsAnsweredLocally) {
  world w;
  auto options = impatient();  // a resolver that is out of reach itself must not hold the test up
  options.openai_url = "https://cloud.invalid";
  w.start(options);
  expect_local(w.chat(), "dns");
}

TEST(Failover, AConnectThatNeverCompletesIsAnsweredLocally) {
  full_backlog const blackhole;
  world w;
  auto options = impatient();
  options.openai_url = "http://127.0.0.1:" + std::to_string(blackhole.port());
  w.start(options);
  expect_local(w.chat(), "connect_timeout");
  EXPECT_EQ(w.daemon().wait_for_log("request", 1).at(0).value("detail", ""),
            "openai: connect (400ms): no connection to 127.0.0.1:" + std::to_string(blackhole.port()) + " in time");
}

TEST(Failover, ASilentCloudIsAnsweredLocallyAndLetGo) {
  world w;
  w.openai.on("/v1/chat/completions", silence());
  w.start(impatient());
  expect_local(w.chat(), "timeout");
  EXPECT_TRUE(eventually([&] { return w.openai.peers_that_left() == 1; }));
}

TEST(Failover, AHeadThatTricklesIsNotAnAnswer) {
  world w;
  w.openai.on("/v1/chat/completions", [](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Ty");
    c.say_nothing();
  });
  w.start(impatient());
  expect_local(w.chat(), "timeout");
}

TEST(Failover, ABodyThatStallsIsNotAnAnswer) {
  world w;
  w.openai.on("/v1/chat/completions", [](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"id\":");
    c.say_nothing();
  });
  w.start(impatient());
  expect_local(w.chat(), "timeout");
}

TEST(Failover, AnAnswerLargerThanTheLimitIsNeverHeld) {
  world w;
  auto const body = R"({"filler":")" + std::string(200'000, 'x') + "\"}";
  w.openai.on("/v1/chat/completions", reply(200, body));
  world_options options;
  options.more = "limits: {response_body: 100KiB}";
  w.start(options);
  auto const answer = w.chat();
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  EXPECT_EQ(text_of(answer.body), local_text);
}

TEST(Failover, WorksInEveryDialectWholeAndStreamed) {
  for (auto const& row : dialects()) {
    SCOPED_TRACE(row.name);
    world w;  // of its own: after three failures in a row the cloud would not even be asked
    w.start();
    w.openai.stop();
    w.anthropic.stop();
    expect_local(post(w.port(), row.path, row.whole), "connect");
    auto const streamed = post(w.port(), row.path, row.stream);
    expect_local(streamed, "connect");
    EXPECT_EQ(streamed.field("content-type").substr(0, 17), "text/event-stream");
    EXPECT_TRUE(has_terminator(row, streamed.events()));
  }
}

TEST(Failover, AnthropicsOverloadIsAnsweredLocally) {
  world w;
  w.anthropic.on("/v1/messages",
                 reply(529, anthropic::error("overloaded_error", "Overloaded"), {{"x-should-retry", "true"}}));
  w.start();
  expect_local(post(w.port(), "/v1/messages", message_body), "server_error");
}

TEST(Failover, AnthropicsMoneyTroubleIsQuota) {
  struct row {
    const char* name;
    int status;
    std::string body;
  };
  for (auto const& r : std::vector<row>{
           {"billing", 402, anthropic::error("billing_error", "Your credit balance is too low")},
           {"spend limit", 429, anthropic::error("rate_limit_error", "limit", "enforced_spend_limit_reached")},
           {"own limit", 400,
            anthropic::error(
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on 2026-06-01.")}}) {
    SCOPED_TRACE(r.name);
    world w;
    w.anthropic.on("/v1/messages", reply(r.status, r.body));
    w.start();
    expect_local(post(w.port(), "/v1/messages", message_body), "quota");
  }
}

struct passing_row {
  const char* name;
  int status;
  std::string body;
};

TEST(NotAFailure, IsPassedThroughByteForByte) {
  std::vector<passing_row> const rows{
      {"bad request", 400, openai::error("Invalid value for 'temperature'", "invalid_request_error")},
      {"context too long", 400,
       openai::error("This model's maximum context length is 128000 tokens", "invalid_request_error",
                     "context_length_exceeded")},
      {"own key refused", 401, openai::error("Incorrect API key provided", "invalid_request_error", "invalid_api_key")},
      {"own key without rights", 403, openai::error("No access", "invalid_request_error")},
      {"unknown model", 404, openai::error("The model does not exist", "invalid_request_error", "model_not_found")},
      {"too large", 413, openai::error("Too large", "invalid_request_error")},
      {"unprocessable", 422, openai::error("Unprocessable", "invalid_request_error")},
      {"not JSON", 400, "plain words"},
      {"teapot", 418, "short and stout"},
      {"request at fault in a 200", 200, openai::error("Invalid value", "invalid_request_error")},
      {"content filter", 200,
       R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"content_filter"}]})"},
      {"refusal", 200,
       R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No."},"finish_reason":"stop"}]})"},
      {"tool call", 200,
       R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})"},
      {"budget eaten by thinking", 200,
       R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":64,"total_tokens":65}})"},
  };
  world w;
  w.start();
  for (auto const& row : rows) {
    SCOPED_TRACE(row.name);
    w.openai.once("/v1/chat/completions", reply(row.status, row.body, {{"x-request-id", "req_cloud"}}));
    auto const answer = w.chat({{"Authorization", "Bearer sk-own"}});
    EXPECT_EQ(answer.status, row.status);
    EXPECT_EQ(answer.body, row.body);
    EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
    EXPECT_EQ(answer.field("x-request-id"), "req_cloud");
    EXPECT_FALSE(answer.has("x-tideover-failover"));
  }
  EXPECT_TRUE(w.local_generations().empty());
}

TEST(BothDown, TheCallerGetsTheCloudsOwnErrorWithoutAnInvitationToRepeat) {
  world w;
  auto const error = openai::error("The engine is overloaded", "server_error");
  w.openai.on("/v1/chat/completions", reply(503, error, {{"x-should-retry", "true"}, {"x-request-id", "req_cloud"}}));
  w.start();
  w.ollama.stop();
  for (auto const& body : {chat_body, chat_stream_body}) {
    auto const answer = post(w.port(), "/v1/chat/completions", body);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.body, error);
    EXPECT_EQ(answer.field("x-request-id"), "req_cloud");
    EXPECT_EQ(answer.field("x-should-retry"), "false");
    EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
    EXPECT_EQ(answer.field("x-tideover-failover"), "server_error");
  }
  EXPECT_EQ(w.daemon().wait_for_log("request", 2).at(0).value("outcome", ""), "failed");
}

TEST(BothDown, TheCallerGetsA503InTheDialectItSpeaks) {
  for (auto const& row : dialects()) {
    world w;
    w.start();
    w.openai.stop();
    w.anthropic.stop();
    w.ollama.stop();
    for (auto const& body : {row.whole, row.stream}) {
      SCOPED_TRACE(std::string(row.name) + " " + body);
      auto const answer = post(w.port(), row.path, body);
      EXPECT_EQ(answer.status, 503);
      EXPECT_EQ(answer.field("x-tideover-tier"), "none");
      EXPECT_EQ(answer.field("x-tideover-failover"), "connect");
      EXPECT_EQ(answer.field("x-should-retry"), "false");
      EXPECT_NE(answer.field("retry-after"), "");
      EXPECT_EQ(answer.field("content-type").substr(0, 16), "application/json");
      auto const json = json_of(answer);
      ASSERT_TRUE(json.is_object() && json.contains("error")) << answer.body;
      auto const code =
          row.anthropic ? json["error"]["details"].value("error_code", "") : json["error"].value("code", "");
      EXPECT_EQ(code, "local_unavailable");
      EXPECT_EQ(answer.field("x-tideover-error"), code);
      EXPECT_EQ(json.value("type", ""), row.anthropic ? "error" : "");
    }
  }
}

TEST(BothDown, AMissingLocalModelIsNamedUnlessAnotherCanStandIn) {
  world_options options;
  options.models = "models: [{cloud: \"*\", local: \"phi4:14b\"}]";
  {
    world w;
    w.start(options);
    w.openai.stop();
    expect_local(w.chat(), "connect");  // llama3.1:8b is not phi4:14b, but it answers
  }
  world w;
  ollama::model vectors_only;
  vectors_only.name = "nomic-embed-text:latest";
  vectors_only.capabilities = {"embedding"};
  serve_ollama(w.ollama, {vectors_only});
  w.start(options);
  w.openai.stop();
  auto const answer = w.chat();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("x-tideover-error"), "local_model_missing");
  EXPECT_NE(answer.body.find("phi4:14b"), std::string::npos) << answer.body;
}

TEST(BothDown, AnErrorOfOllamaIsAnErrorAndNotAnAnswer) {
  for (auto const& [name, local] : std::vector<std::pair<std::string, script>>{
           {"500", reply(500, R"({"error":"model runner has unexpectedly stopped"})")},
           {"HTML", reply(200, std::string(html_page), {}, "text/html")},
           {"redirect", reply(302, "", {{"Location", "http://127.0.0.1:1/"}})},
           {"hang-up", hang_up()}}) {
    SCOPED_TRACE(name);
    world w;
    w.ollama.on("/api/chat", local);
    w.start();
    w.openai.stop();
    auto const answer = w.chat();
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-tier"), "none");
    EXPECT_TRUE(json_of(answer).contains("error"));
  }
}

TEST(NotReplayable, ARequestThatNeedsTheCloudsMemoryIsRefusedWithTheFieldsName) {
  world w;
  w.start();
  w.openai.stop();
  struct row {
    const char* field;
    const char* body;
  };
  for (auto const& r :
       std::vector<row>{{"previous_response_id", R"({"model":"gpt-4o","input":"hi","previous_response_id":"resp_1"})"},
                        {"conversation", R"({"model":"gpt-4o","input":"hi","conversation":"conv_1"})"},
                        {"background", R"({"model":"gpt-4o","input":"hi","background":true})"},
                        {"prompt", R"({"model":"gpt-4o","input":"hi","prompt":{"id":"pmpt_1"}})"}}) {
    SCOPED_TRACE(r.field);
    auto const answer = post(w.port(), "/v1/responses", r.body);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.field("x-tideover-error"), "not_replayable");
    EXPECT_EQ(json_of(answer)["error"].value("param", ""), r.field);
  }
  EXPECT_TRUE(w.local_generations().empty());
}

TEST(Embeddings, OfTheVerySameModelAreMadeLocally) {
  world_options options;
  options.models = "models: [{cloud: nomic-embed-text, local: nomic-embed-text}]";
  world w;
  ollama::model vectors_only;
  vectors_only.name = "nomic-embed-text";
  vectors_only.capabilities = {"embedding"};
  serve_ollama(w.ollama, {vectors_only});
  w.start(options);
  w.openai.stop();
  auto const answer = post(w.port(), "/v1/embeddings", R"({"model":"nomic-embed-text","input":["a","b"]})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  auto const list = json_of(answer);
  ASSERT_EQ(list["data"].size(), 2u) << answer.body;
  EXPECT_EQ(list["data"][1]["embedding"], (nlohmann::json{0.25, -0.5, 0.75}));
  EXPECT_EQ(list["usage"]["prompt_tokens"], 3);

  // An input that is too long is an error, never a vector of its beginning.
  auto const long_text = std::string(5000, 'x');
  auto const refused = post(w.port(), "/v1/embeddings", R"({"model":"nomic-embed-text","input":")" + long_text + "\"}");
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_EQ(refused.field("x-tideover-error"), "context_length_exceeded");
}

TEST(NotReplayable, EmbeddingsAndFilesNeverGoLocal) {
  world w;
  w.start();
  w.openai.stop();
  auto const vectors = post(w.port(), "/v1/embeddings", R"({"model":"text-embedding-3-small","input":"x"})");
  EXPECT_EQ(vectors.status, 503);
  EXPECT_EQ(vectors.field("x-tideover-error"), "no_same_embedding_model");
  auto const files = post(w.port(), "/v1/files", "x", {{"Content-Type", "text/plain"}});
  EXPECT_EQ(files.status, 503);
  EXPECT_EQ(files.field("x-tideover-error"), "cloud_unavailable");
  EXPECT_TRUE(w.local_generations().empty());
}

TEST(Compressed, AnErrorStatusIsOneWhateverItsCoding) {
  world w;
  w.openai.on("/v1/chat/completions", reply(503, "\x1f\x8b not for reading", {{"Content-Encoding", "gzip"}}));
  w.start();
  expect_local(w.chat(), "server_error");
}

TEST(History, OfALocalTurnDoesNotPoisonTheNextOneAtTheCloud) {
  // A thinking block without a signature of the cloud's own is answered with 400 there, for ever after.
  world w;
  auto thinker = ollama::model{};
  thinker.capabilities = {"completion", "tools", "thinking"};
  serve_ollama(w.ollama, {thinker});
  auto thought = nlohmann::json::parse(ollama::native_chat({.model = "llama3.1:8b"}));
  thought["message"]["thinking"] = "The moon, of course.";
  w.ollama.on("/api/chat", reply(200, thought.dump()));
  w.start();
  w.anthropic.stop();
  auto const asks = [](nlohmann::json messages) {
    return nlohmann::json{{"model", "claude-sonnet-4-5"},
                          {"max_tokens", 2048},
                          {"thinking", {{"type", "enabled"}, {"budget_tokens", 1024}}},
                          {"messages", std::move(messages)}}
        .dump();
  };
  auto messages = nlohmann::json::array({{{"role", "user"}, {"content", "Why tides?"}}});
  auto const local = post(w.port(), "/v1/messages", asks(messages));
  ASSERT_EQ(local.status, 200) << local.body;
  auto const content = json_of(local)["content"];
  ASSERT_EQ(content.at(0).value("type", ""), "thinking") << local.body;

  w.anthropic.start();
  messages.push_back({{"role", "assistant"}, {"content", content}});
  messages.push_back({{"role", "user"}, {"content", "And ebb?"}});
  expect_cloud(post(w.port(), "/v1/messages", asks(messages)), "anthropic");
  auto const sent = nlohmann::json::parse(w.anthropic.requests().back().body);
  EXPECT_EQ(sent["messages"].size(), 3U);
  ASSERT_EQ(sent["messages"][1]["content"].size(), 1U) << sent.dump();
  EXPECT_EQ(sent["messages"][1]["content"][0].value("type", ""), "text");
}

}  // namespace
}  // namespace tideover::test
