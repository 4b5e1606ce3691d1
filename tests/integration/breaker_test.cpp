// A cloud that fails is left alone, one that asks for peace gets it, and one that is back is used again: seen from
// outside, with the defaults of an operator where the test is not about them.
#include <atomic>
#include <memory>
#include <thread>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

world_options with_breaker(const std::string& breaker) {
  world_options options;
  options.breaker = breaker;
  return options;
}
const std::string usual = "{}";
const std::string long_pause = "{open_for: 60s, open_for_max: 60s}";

field_list key(const std::string& name) { return {{"Authorization", "Bearer sk-" + name}}; }

script server_error() { return reply(500, openai::error("The server had an error", "server_error")); }

std::size_t asked(const world& w) { return w.openai.requests_to("/v1/chat/completions").size(); }

TEST(Breaker, AfterThreeConnectionFailuresNoConnectionReachesTheCloud) {
  world w;
  w.openai.on("/v1/chat/completions", hang_up());
  w.start(with_breaker(usual));
  for (int i = 0; i < 3; ++i) expect_local(w.chat(key(std::to_string(i))), "connect");
  for (int i = 0; i < 5; ++i) expect_local(w.chat(key(std::to_string(i))), "breaker_open");
  EXPECT_EQ(w.openai.connections(), 3U);

  auto const events = w.daemon().wait_for_log("breaker", 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].value("upstream", ""), "openai");
  EXPECT_EQ(events[0].value("state", ""), "open");
  EXPECT_EQ(events[0].value("reason", ""), "connect");
  EXPECT_FALSE(events[0].contains("model"));
  EXPECT_EQ(w.daemon().metric("tideover_breaker_state", {"upstream=\"openai\"", "state=\"open\""}), 1);
  EXPECT_EQ(w.daemon().metric("tideover_breaker_state", {"upstream=\"openai\"", "state=\"closed\""}), 0);
  EXPECT_EQ(w.daemon().metric("tideover_breaker_state", {"upstream=\"anthropic\"", "state=\"closed\""}), 1);
  EXPECT_EQ(w.daemon().metric("tideover_upstream_up", {"upstream=\"openai\""}), 0);
  EXPECT_EQ(w.daemon().metric("tideover_upstream_up", {"upstream=\"anthropic\""}), 1);
  EXPECT_EQ(w.daemon().wait_for_log("request", 8).back().value("attempts", 0), 1) << "an open breaker costs no attempt";
  expect_cloud(post(w.port(), "/v1/messages", message_body), "anthropic");
}

TEST(Breaker, StatusTroubleClosesOneModelOfOneKey) {
  world w;
  w.openai.on("/v1/chat/completions", server_error());
  w.start(with_breaker(long_pause));
  for (int i = 0; i < 3; ++i) expect_local(w.chat(key("a")), "server_error");
  expect_local(w.chat(key("a")), "breaker_open");
  EXPECT_EQ(asked(w), 3U);
  expect_local(w.chat(key("b")), "server_error");
  auto const other_model = R"({"model":"gpt-4o","messages":[{"role":"user","content":"Why tides?"}]})";
  expect_local(post(w.port(), "/v1/chat/completions", other_model, key("a")), "server_error");
  EXPECT_EQ(asked(w), 5U);
  auto const events = w.daemon().wait_for_log("breaker", 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].value("model", ""), "gpt-4o-mini");
  EXPECT_EQ(w.daemon().all_output().find("sk-a"), std::string::npos);
}

TEST(Breaker, AConfiguredKeyIsOneKeyForAllCallers) {
  world w;
  w.openai.on("/v1/chat/completions", server_error());
  auto options = with_breaker(long_pause);
  options.openai_more = ", credential: {env: CLOUD_KEY}";
  options.environment["CLOUD_KEY"] = "sk-configured";
  w.start(options);
  for (auto const* caller : {"a", "b", "c"}) expect_local(w.chat(key(caller)), "server_error");
  expect_local(w.chat(key("d")), "breaker_open");
}

TEST(Breaker, HalfOpenLetsOneOfFiftyThroughAndTheOthersAreAnsweredLocally) {
  world w;
  w.openai.on("/v1/chat/completions", hang_up());
  w.start(with_breaker("{failures_to_open: 1, open_for: 100ms}"));
  expect_local(w.chat(), "connect");
  gate const answers;
  w.openai.on("/v1/chat/completions", [answers](served_connection& c, const recorded_request&) {
    c.wait(answers);
    c.answer(200, openai::chat({}));
  });
  ASSERT_TRUE(eventually([&] {
    return w.daemon().metric("tideover_breaker_state", {"upstream=\"openai\"", "state=\"half_open\""}) == 1;
  }));
  std::vector<http_answer> heard(50);
  std::vector<std::thread> callers;
  std::atomic<int> done{0};
  for (auto& answer : heard)
    callers.emplace_back([&] {
      answer = w.chat();
      ++done;
    });
  EXPECT_TRUE(eventually([&] { return done == 49; }));
  EXPECT_EQ(asked(w), 2U);
  gate(answers).open();
  for (auto& c : callers) c.join();
  int cloud = 0, local = 0;
  for (const auto& answer : heard) {
    EXPECT_EQ(answer.status, 200);
    if (answer.field("x-tideover-tier") == "cloud") ++cloud;
    if (answer.field("x-tideover-failover") == "breaker_open") ++local;
  }
  EXPECT_EQ(cloud, 1);
  EXPECT_EQ(local, 49);
  expect_cloud(w.chat());
  std::vector<std::string> states;
  for (const auto& e : w.daemon().wait_for_log("breaker", 3)) states.push_back(e.value("state", ""));
  EXPECT_EQ(states, (std::vector<std::string>{"open", "half_open", "closed"}));
}

TEST(Breaker, ACloudThatIsBackIsFoundForFreeAndNobodyNotices) {
  world w;
  w.start(with_breaker("{open_for: 400ms, open_for_max: 60s}"));
  w.openai.stop();
  for (int i = 0; i < 3; ++i) expect_local(w.chat(), "connect");
  expect_local(w.chat(), "breaker_open");
  w.openai.start();
  auto const events = w.daemon().wait_for_log("breaker", 2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].value("state", ""), "closed");
  EXPECT_EQ(w.openai.application_bytes(), 0U) << "a probe says nothing";
  EXPECT_GE(w.openai.connections(), 1U);
  expect_cloud(w.chat());
  EXPECT_EQ(w.daemon().metric("tideover_upstream_up", {"upstream=\"openai\""}), 1);
}

TEST(Breaker, WithTheUsualSettingsTheCloudIsInUseAgainWithinFiveSecondsOfItsReturn) {
  world w;
  w.start(with_breaker(usual));
  w.openai.stop();
  for (int i = 0; i < 3; ++i) expect_local(w.chat(), "connect");
  w.openai.start();
  auto const returned = steady::now();
  EXPECT_TRUE(eventually([&] {
    auto const answer = w.chat();
    EXPECT_EQ(answer.status, 200);
    return answer.field("x-tideover-tier") == "cloud";
  }));
  EXPECT_LT(steady::now() - returned, std::chrono::seconds(6));  // and a second for a busy machine
}

TEST(Breaker, ALateAnswerFromBeforeItOpenedChangesNothing) {
  world w;
  gate late;
  w.openai.once("/v1/chat/completions", [late](served_connection& c, const recorded_request&) {
    c.wait(late);
    c.answer(200, openai::chat({}));
  });
  w.openai.on("/v1/chat/completions", server_error());
  w.start(with_breaker(long_pause));
  http_answer answer;
  std::thread early([&] { answer = w.chat(); });
  EXPECT_TRUE(w.openai.wait_for_requests(1));
  for (int i = 0; i < 3; ++i) expect_local(w.chat(), "server_error");
  expect_local(w.chat(), "breaker_open");
  late.open();
  early.join();
  expect_cloud(answer);
  expect_local(w.chat(), "breaker_open");
  w.daemon().stop();
  EXPECT_EQ(w.daemon().log_lines_of("breaker").size(), 1U);
}

TEST(Breaker, OpenCostsNobodyAConnectTimeout) {
  full_backlog const blackhole;
  world w;
  auto options = impatient();
  options.breaker = usual;
  options.openai_url = "http://127.0.0.1:" + std::to_string(blackhole.port());
  w.start(options);
  for (int i = 0; i < 3; ++i) expect_local(w.chat(), "connect_timeout");
  expect_local(w.chat(), "breaker_open");
  auto const lines = w.daemon().wait_for_log("request", 4);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3].value("attempts", 0), 1);
  EXPECT_GE(lines[2].value("duration_ms", 0.0), 400.0);
  EXPECT_LT(lines[3].value("duration_ms", 1e9), 400.0);
}

TEST(Breaker, AnswersAboutTheRequestNeverTripIt) {
  world w;
  w.start(with_breaker(usual));
  for (int const code : {400, 404, 413, 422, 401, 403}) {
    w.openai.on("/v1/chat/completions", reply(code, openai::error("no", "invalid_request_error")));
    for (int i = 0; i < 12; ++i) ASSERT_EQ(w.chat(key("a")).status, code);
  }
  EXPECT_EQ(asked(w), 72U);
  w.daemon().stop();
  EXPECT_TRUE(w.daemon().log_lines_of("breaker").empty());
}

TEST(Breaker, CallersWhoLeaveNeverTripIt) {
  world w;
  w.openai.on("/v1/chat/completions", silence());
  w.start(with_breaker(usual));
  for (unsigned i = 1; i <= 4; ++i) {
    auto caller = std::make_unique<raw_client>(w.port());
    caller->request("POST", "/v1/chat/completions", chat_body, {{"Content-Type", "application/json"}});
    ASSERT_TRUE(w.openai.wait_for_requests(i));
    caller.reset();
    ASSERT_TRUE(eventually([&] { return w.openai.peers_that_left() == i; }));
  }
  w.openai.on("/v1/chat/completions", reply(200, openai::chat({})));
  expect_cloud(w.chat());
}

TEST(Rest, ARateLimitRestsItsKeyAndNoOther) {
  world w;
  w.openai.once(
      "/v1/chat/completions",
      reply(429, openai::error("Rate limit reached", "requests", "rate_limit_exceeded"), {{"Retry-After", "30"}}));
  w.start(with_breaker(usual));
  expect_local(w.chat(key("a")), "rate_limited");
  for (int i = 0; i < 3; ++i) expect_local(w.chat(key("a")), "rate_limited");
  EXPECT_EQ(asked(w), 1U);
  expect_cloud(w.chat(key("b")));
  expect_cloud(post(w.port(), "/v1/chat/completions",
                    R"({"model":"gpt-4o","messages":[{"role":"user","content":"Why tides?"}]})", key("a")));
  w.daemon().stop();
  EXPECT_TRUE(w.daemon().log_lines_of("breaker").empty()) << "busy is not broken";
}

TEST(Rest, AnEmptyAccountRestsLong) {
  world w;
  w.openai.once("/v1/chat/completions",
                reply(429, openai::error("You exceeded your quota", "insufficient_quota", "insufficient_quota")));
  auto options = with_breaker(usual);
  options.workflows = "workflows: {default: {policy: cloud_only}}";
  w.start(options);
  EXPECT_EQ(w.chat(key("a")).status, 429) << "the cloud's own words";
  auto const refused = w.chat(key("a"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("x-tideover-failover"), "quota");
  auto const wait = std::stoi(refused.field("retry-after"));
  EXPECT_GE(wait, 540);
  EXPECT_LE(wait, 600);
  EXPECT_EQ(asked(w), 1U);
}

TEST(Rest, WhereNobodyElseMayServeTheCallerIsToldHowLongToWait) {
  world w;
  w.openai.on("/v1/chat/completions",
              reply(429, openai::error("Slow", "requests", "rate_limit_exceeded"), {{"Retry-After", "30"}}));
  w.anthropic.on("/v1/messages", hang_up());
  auto options = with_breaker(long_pause);
  options.workflows = "workflows: {default: {policy: cloud_only}}";
  w.start(options);
  EXPECT_EQ(w.chat(key("a")).status, 429);
  auto const resting = w.chat(key("a"));
  EXPECT_EQ(resting.status, 503);
  EXPECT_EQ(resting.field("x-tideover-error"), "cloud_unavailable");
  EXPECT_EQ(resting.field("x-tideover-failover"), "rate_limited");
  auto const wait = std::stoi(resting.field("retry-after"));
  EXPECT_GE(wait, 20);
  EXPECT_LE(wait, 30);

  for (int i = 0; i < 3; ++i) EXPECT_EQ(post(w.port(), "/v1/messages", message_body).status, 503);
  auto const open = post(w.port(), "/v1/messages", message_body);
  EXPECT_EQ(open.status, 503);
  EXPECT_EQ(open.field("x-tideover-error"), "cloud_unavailable");
  EXPECT_EQ(open.field("x-tideover-failover"), "breaker_open");
  auto const pause = std::stoi(open.field("retry-after"));
  EXPECT_GE(pause, 40);
  EXPECT_LE(pause, 60);
  EXPECT_EQ(w.anthropic.connections(), 3U);
}

}  // namespace
}  // namespace tideover::test
