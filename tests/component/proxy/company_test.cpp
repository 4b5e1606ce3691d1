// A hedge beside a silent cloud, keep-alives for a caller who waits, and streams that are held back.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

using namespace std::chrono_literals;
using state = policy::circuit_breaker::state;

const std::string event_stream = "text/event-stream";
const std::string wire = chunked(stream_body, 100000, event_stream.c_str());
const std::size_t before_content = wire.find("H\xc3\xa9");
const std::size_t after_content = wire.find("llo");

auto with(const std::function<void(config::workflow&)>& change) {
  return [change](config::snapshot& made) {
    made.upstreams[bench_of_one::cloud].breaker.failures_to_open = 1;
    change(made.workflows.at("default"));
  };
}
auto hedged(duration span) {
  return with([span](config::workflow& w) { w.hedge_after = span; });
}

TEST(Hedge, StartsTheLocalTierBesideASilentCloudAndTheFirstAnswerWins) {
  for (bool const stream : {false, true}) {
    bench_of_one bench(hedged(8s));
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(stream));
    EXPECT_NE(bench.hear(cloud), "");
    EXPECT_EQ(bench.hear(local), "") << "too early";
    bench.let_pass(9s);
    EXPECT_NE(bench.hear(local).find("llama3.1:8b"), std::string::npos);
    EXPECT_FALSE(bench.at_end(cloud)) << "the cloud may still win";
    EXPECT_TRUE(bench.reported().failovers.empty()) << "nothing has been decided";
    bench.say(local, local_answer(stream));
    auto const heard = bench.hear(bench.caller());
    EXPECT_EQ(text_of_chat(payload(heard)), "local");
    EXPECT_NE(heard.find("X-Tideover-Tier: local"), std::string::npos) << heard;
    EXPECT_NE(heard.find("X-Tideover-Failover: hedged"), std::string::npos) << heard;
    EXPECT_TRUE(bench.at_end(cloud)) << "the loser is cancelled";
    ASSERT_EQ(bench.reported().records.size(), 1U);
    auto const& record = bench.reported().records[0];
    EXPECT_EQ(record.how, outcome::failed_over);
    EXPECT_EQ(record.attempts, 2U);
    EXPECT_EQ(record.why, reason::hedged);
    EXPECT_EQ(bench.reported().failovers, std::vector<std::string>{"openai>ollama:hedged"});
    EXPECT_EQ(bench.health().connection_state(bench_of_one::cloud), state::closed) << "the loser is not blamed";
  }
}

TEST(Hedge, LosesAgainstACloudThatSpeaksAfterAll) {
  bench_of_one bench(hedged(8s));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  bench.let_pass(9s);
  ASSERT_NE(bench.hear(local), "");
  bench.say(local, local_answer(true).substr(0, 120));
  bench.say(cloud, wire);
  auto const heard = bench.hear(bench.caller());
  EXPECT_EQ(payload(heard), stream_body);
  EXPECT_NE(heard.find("X-Tideover-Tier: cloud"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("X-Tideover-Failover"), std::string::npos) << heard;
  EXPECT_TRUE(bench.at_end(local));
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::answered);
  EXPECT_TRUE(bench.reported().failovers.empty());
}

TEST(Hedge, BecomesAnOrdinaryFailoverWhenTheCloudFailsMeanwhile) {
  bench_of_one bench(hedged(8s));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(false));
  bench.let_pass(9s);
  ASSERT_NE(bench.hear(local), "");
  bench.say(cloud, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(bench.reported().failovers, std::vector<std::string>{"openai>ollama:server_error"});
  bench.say(local, local_answer(false));
  auto const heard = bench.hear(bench.caller());
  EXPECT_EQ(text_of_chat(payload(heard)), "local");
  EXPECT_NE(heard.find("X-Tideover-Failover: server_error"), std::string::npos) << heard;
  EXPECT_EQ(bench.reported().records.at(0).attempts, 2U);
  EXPECT_EQ(bench.health().shown_state(bench_of_one::cloud), state::open) << "its failure counts";
}

TEST(Hedge, ThatFailsLeavesTheCloudItsTime) {
  bench_of_one bench(hedged(8s));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(false));
  bench.let_pass(9s);
  bench.say(local, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(bench.hear(bench.caller()), "");
  bench.say(cloud, with_length(whole_body));
  auto const heard = bench.hear(bench.caller());
  EXPECT_EQ(payload(heard), whole_body);
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::answered);
}

TEST(Hedge, WhenBothFailTheCallerHearsOfItOnce) {
  for (bool const cloud_first : {true, false}) {
    bench_of_one bench(hedged(8s));
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(false));
    bench.let_pass(9s);
    std::string const no = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
    bench.say(cloud_first ? cloud : local, no);
    bench.say(cloud_first ? local : cloud, no);
    auto const heard = bench.hear(bench.caller());
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 500 ")) << heard;
    ASSERT_EQ(bench.reported().records.size(), 1U);
    EXPECT_EQ(bench.reported().records[0].how, outcome::failed);
  }
}

TEST(Hedge, IsCancelledWithItsCaller) {
  for (bool const leaves : {true, false}) {
    bench_of_one bench(hedged(8s));
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    ASSERT_NE(bench.hear(cloud), "");
    bench.let_pass(9s);
    ASSERT_NE(bench.hear(local), "");
    if (leaves) {
      ::shutdown(bench.caller(), SHUT_RDWR);
      bench.run();
    } else {
      bench.stop();
    }
    EXPECT_TRUE(bench.at_end(cloud));
    EXPECT_TRUE(bench.at_end(local));
    ASSERT_EQ(bench.reported().records.size(), 1U);
    EXPECT_EQ(bench.reported().records[0].how, leaves ? outcome::client_gone : outcome::failed);
  }
}

TEST(KeepAlive, ReachesTheCallerWhileTheLastCandidateIsSilent) {
  bench_of_one bench([](config::snapshot& made) { made.upstreams[bench_of_one::local].timeouts.first_content = 2min; });
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  bench.let_pass(16s);
  EXPECT_EQ(bench.hear(bench.caller()), "") << "another may take over, so nothing is promised";
  bench.say(cloud, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  ASSERT_NE(bench.hear(local), "");
  EXPECT_EQ(bench.hear(bench.caller()), "");
  bench.let_pass(16s);
  auto heard = bench.hear(bench.caller());
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 200 ")) << heard;
  EXPECT_NE(heard.find("Content-Type: text/event-stream\r\n"), std::string::npos) << heard;
  EXPECT_NE(heard.find("X-Tideover-Tier: local\r\n"), std::string::npos) << heard;
  EXPECT_NE(heard.find("X-Tideover-Failover: server_error\r\n"), std::string::npos) << heard;
  bench.let_pass(40s);
  heard += bench.hear(bench.caller());
  bench.say(local, local_answer(true));
  heard += bench.hear(bench.caller());
  EXPECT_TRUE(payload(heard).starts_with(": keep-alive\n\n: keep-alive\n\ndata: ")) << heard;
  EXPECT_EQ(text_of_chat(payload(heard)), "local");
  ASSERT_EQ(bench.reported().records.size(), 1U);
  EXPECT_EQ(bench.reported().records[0].how, outcome::failed_over);
  EXPECT_EQ(bench.reported().records[0].upstream, "ollama");
}

TEST(KeepAlive, IsFollowedByAnErrorEventWhenNobodyAnswersAfterAll) {
  struct row {
    const char* what;
    std::string says;
    outcome how;
  };
  for (const auto& [what, says, how] :
       std::initializer_list<row>{{"an error status", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", outcome::failed},
                                  {"a refusal of the request",
                                   "HTTP/1.1 400 No\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n"
                                   R"({"error":{"message":"is too large"}})",
                                   outcome::failed},
                                  {"what is no answer", with_length("<html>", "text/html"), outcome::failed}}) {
    bench_of_one bench;
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    bench.say(cloud, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    ASSERT_NE(bench.hear(local), "");
    bench.let_pass(16s);
    bench.say(local, says);
    auto const heard = bench.hear(bench.caller());
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 200 ")) << heard;
    EXPECT_NE(heard.find("data: {\"error\":"), std::string::npos) << what << heard;
    EXPECT_EQ(heard.find("[DONE]"), std::string::npos) << what;
    EXPECT_FALSE(heard.ends_with("0\r\n\r\n")) << what;
    EXPECT_TRUE(bench.at_end(bench.caller())) << what;
    ASSERT_EQ(bench.reported().records.size(), 1U) << what;
    EXPECT_EQ(bench.reported().records[0].how, how) << what;
  }
}

auto holding = with([](config::workflow& w) { w.on_cut = config::on_cut::hold; });

TEST(Hold, SendsNothingOfAStreamBeforeItsProvenEnd) {
  auto const terminator = wire.find("[DONE]");
  for (std::size_t at = 1; at < wire.size(); at += 5) {
    bench_of_one bench(holding);
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), chat_request(true));
    bench.say(cloud, wire.substr(0, at));
    auto heard = bench.hear(bench.caller());
    if (at < terminator) {
      ASSERT_EQ(heard, "") << at;
    }
    bench.say(cloud, wire.substr(at));
    heard += bench.hear(bench.caller());
    ASSERT_EQ(payload(heard), stream_body) << at;
    ASSERT_NE(heard.find("X-Tideover-Tier: cloud"), std::string::npos) << heard;
    ASSERT_EQ(bench.reported().records.at(0).how, outcome::answered);
  }
}

TEST(Hold, MakesEveryCutAPlainFailover) {
  auto const finish = wire.find("\"finish_reason\":\"stop\"");
  for (std::size_t at = 1; at < finish; at += 5) {
    bench_of_one bench(holding);
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    bench.say(cloud, wire.substr(0, at));
    ::shutdown(cloud, SHUT_RDWR);
    ASSERT_NE(bench.hear(local), "") << at;
    bench.say(local, local_answer(true));
    auto const heard = bench.hear(bench.caller());
    ASSERT_EQ(text_of_chat(payload(heard)), "local") << at;
    ASSERT_NE(heard.find("X-Tideover-Tier: local"), std::string::npos) << at;
    ASSERT_EQ(bench.reported().records.at(0).how, outcome::failed_over);
    if (at > after_content + 120) {
      ASSERT_EQ(bench.reported().failovers, std::vector<std::string>{"openai>ollama:cut"}) << at;
    }
  }
}

TEST(Hold, KeepsTheCallerAwakeWithoutNamingWhoWillHaveAnswered) {
  bench_of_one bench(holding);
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  bench.say(cloud, wire.substr(0, after_content));
  bench.let_pass(16s);
  auto heard = bench.hear(bench.caller());
  EXPECT_TRUE(heard.ends_with(": keep-alive\n\n\r\n")) << heard;
  EXPECT_NE(heard.find("X-Tideover-Tier: none"), std::string::npos) << heard;
  ::shutdown(cloud, SHUT_RDWR);
  ASSERT_NE(bench.hear(local), "");
  bench.say(local, local_answer(true));
  heard += bench.hear(bench.caller());
  EXPECT_TRUE(payload(heard).starts_with(": keep-alive\n\ndata: ")) << heard;
  EXPECT_EQ(text_of_chat(payload(heard)), "local");
  EXPECT_EQ(bench.reported().records.at(0).upstream, "ollama");
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::failed_over);
}

/// Only an error event could then come from somebody else: from Tideover itself.
TEST(Hold, NamesWhoWillHaveAnsweredWhereNobodyElseCan) {
  struct row {
    const char* what;
    policy_kind policy;
    std::size_t asked;
    const char *tier, *upstream, *model;
  };
  for (auto const& [what, policy, asked, tier, upstream, model] : std::initializer_list<row>{
           {"a cloud alone", policy_kind::cloud_only, bench_of_one::cloud, "cloud", "openai", "gpt-4o"},
           {"a local server alone", policy_kind::local_only, bench_of_one::local, "local", "ollama", "llama3.1:8b"},
           {"a local server, and a cloud behind it", policy_kind::local_first, bench_of_one::local, "none", "", ""},
       }) {
    bench_of_one bench([&, policy = policy](config::snapshot& made) {
      holding(made);
      made.workflows.at("default").policy = policy;
    });
    int const fd = bench.connect(asked);
    int const other = asked == bench_of_one::local ? bench.connect(bench_of_one::cloud) : fd;
    bench.say(bench.caller(), chat_request(true));
    ASSERT_NE(bench.hear(fd), "") << what;
    if (asked == bench_of_one::cloud) bench.say(fd, wire.substr(0, after_content));
    bench.let_pass(16s);
    auto heard = bench.hear(bench.caller());
    auto const field = [&](const std::string& name) {
      auto const at = heard.find("X-Tideover-" + name + ": ");
      if (at == std::string::npos) return std::string();
      auto const begin = heard.find(' ', at) + 1;
      return heard.substr(begin, heard.find('\r', begin) - begin);
    };
    EXPECT_EQ(field("Tier"), tier) << what;
    EXPECT_EQ(field("Upstream"), upstream) << what;
    EXPECT_EQ(field("Model"), model) << what;
    EXPECT_EQ(field("Failover"), tier == std::string("local") ? "policy" : "") << what;
    ::shutdown(fd, SHUT_RDWR);
    bench.run();
    heard += bench.hear(bench.caller());
    if (tier != std::string("none")) {
      EXPECT_NE(heard.find("data: {\"error\":"), std::string::npos) << what << heard;
      continue;
    }
    bench.say(other, wire);
    heard += bench.hear(bench.caller());
    EXPECT_EQ(payload(heard), ": keep-alive\n\n" + stream_body) << what;
    EXPECT_EQ(bench.reported().records.at(0).tier, tier::cloud);
  }
}

TEST(Hold, ThatStallsAfterContentFailsOverByTheIdleTimer) {
  bench_of_one bench(holding);
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  ASSERT_NE(bench.hear(cloud), "");
  bench.say(cloud, wire.substr(0, after_content));
  bench.let_pass(31s);  // idle is 30 s
  ASSERT_NE(bench.hear(local), "");
  EXPECT_TRUE(bench.at_end(cloud));
  bench.say(local, local_answer(true));
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::failed_over);
  EXPECT_NE(bench.reported().records.at(0).detail.find("idle (30s)"), std::string::npos)
      << bench.reported().records.at(0).detail;
}

TEST(HoldFor, MendsAnEarlyCutAndThenLetsTheStreamGo) {
  auto const brief = with([](config::workflow& w) { w.hold_for = 2s; });
  {
    bench_of_one bench(brief);
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    bench.say(cloud, wire.substr(0, after_content));
    EXPECT_EQ(bench.hear(bench.caller()), "");
    ::shutdown(cloud, SHUT_RDWR);
    ASSERT_NE(bench.hear(local), "");
    bench.say(local, local_answer(true));
    EXPECT_EQ(bench.reported().failovers, std::vector<std::string>{"openai>ollama:cut"});
  }
  bench_of_one bench(brief);
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), chat_request(true));
  bench.say(cloud, wire.substr(0, after_content));
  bench.let_pass(3s);
  auto heard = bench.hear(bench.caller());
  EXPECT_NE(heard.find("H\xc3\xa9"), std::string::npos) << heard;
  bench.say(cloud, wire.substr(after_content));
  heard += bench.hear(bench.caller());
  EXPECT_EQ(payload(heard), stream_body);
}

auto retrying = [](config::snapshot& made) {
  made.upstreams[bench_of_one::cloud].retry = {.attempts = 1, .max_wait = 2s};
};

TEST(Retry, OfAFastFailureStaysAtTheCloud) {
  bench_of_one bench(retrying);
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), chat_request(false));
  ASSERT_NE(bench.hear(cloud), "");
  bench.say(cloud, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(bench.hear(cloud), "") << "after a pause";
  bench.let_pass(1s);
  EXPECT_NE(bench.hear(cloud), "") << "the connection was good";
  bench.say(cloud, with_length(whole_body));
  auto const heard = bench.hear(bench.caller());
  EXPECT_EQ(payload(heard), whole_body);
  EXPECT_EQ(heard.find("X-Tideover-Failover"), std::string::npos) << heard;
  auto const& record = bench.reported().records.at(0);
  EXPECT_EQ(record.how, outcome::answered);
  EXPECT_EQ(record.attempts, 2U);
  EXPECT_FALSE(record.why);
  EXPECT_TRUE(bench.reported().failovers.empty());
}

TEST(Retry, HappensAsOftenAsConfiguredAndEndsAtTheLocalTier) {
  bench_of_one bench(retrying);
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(false));
  for (int i = 0; i < 2; ++i) {
    ASSERT_NE(bench.hear(cloud), "") << i;
    bench.say(cloud, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    bench.let_pass(1s);
  }
  ASSERT_NE(bench.hear(local), "");
  EXPECT_EQ(bench.hear(cloud), "");
  bench.say(local, local_answer(false));
  EXPECT_EQ(bench.reported().records.at(0).attempts, 3U);
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::failed_over);
}

TEST(Retry, ACallerWhoLeavesDuringThePauseEndsIt) {
  bench_of_one bench(retrying);
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), chat_request(false));
  (void)bench.hear(cloud);
  bench.say(cloud, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  ::shutdown(bench.caller(), SHUT_RDWR);
  bench.run();
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::client_gone);
  EXPECT_EQ(bench.hear(cloud), "");
}

}  // namespace
}  // namespace tideover::proxy::test
