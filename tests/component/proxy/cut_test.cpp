// An answer that ends after any number of bytes: before the commit another candidate serves, after it the cut shows.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

/// The last event of the role chunk: nothing usable has been said before it.
std::size_t first_usable_byte(const std::string& wire) { return wire.find("H\xc3\xa9"); }

TEST(Cut, AWholeAnswerThatEndsEarlyIsNeverSeenByTheCaller) {
  for (const auto& wire : {with_length(whole_body), chunked(whole_body, 20)}) {
    for (std::size_t at = 1; at < wire.size(); ++at) {
      bench_of_one bench;
      int const cloud = bench.connect(bench_of_one::cloud);
      int const local = bench.connect(bench_of_one::local);
      bench.say(bench.caller(), chat_request(false));
      bench.say(cloud, wire.substr(0, at));
      ::shutdown(cloud, SHUT_RDWR);
      auto const asked = bench.hear(local);
      ASSERT_NE(asked.find("\"model\":\"llama3.1:8b\""), std::string::npos) << "cut after " << at << ": " << asked;
      ASSERT_EQ(asked.find("canary"), std::string::npos) << "the caller's key went to the local tier";
      bench.say(local, local_answer(false));
      auto const heard = bench.hear(bench.caller());
      ASSERT_EQ(text_of_chat(payload(heard)), "local");
      ASSERT_NE(heard.find("X-Tideover-Failover: malformed"), std::string::npos) << heard;
      ASSERT_EQ(bench.reported().failovers, std::vector<std::string>{"openai>ollama:malformed"});
      ASSERT_EQ(bench.reported().records.at(0).how, outcome::failed_over);
    }
  }
}

TEST(Cut, AStreamThatEndsEarlyFailsOverBeforeContentAndShowsTheCutAfterIt) {
  auto const wire = chunked(stream_body, 100000, "text/event-stream");
  auto const done = wire.find("data: [DONE]");
  for (std::size_t at = 1; at < done; ++at) {
    bench_of_one bench;
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    bench.say(cloud, wire.substr(0, at));
    ::shutdown(cloud, SHUT_RDWR);
    auto const asked = bench.hear(local);
    auto const heard = bench.hear(bench.caller());
    auto const committed = heard.find("X-Tideover-Tier: cloud") != std::string::npos;
    if (at <= first_usable_byte(wire)) {
      ASSERT_FALSE(committed) << at;
      ASSERT_NE(asked.find("\"stream\":true"), std::string::npos) << at;
      bench.say(local, chunked(local_lines, 33, "application/x-ndjson"));
      ASSERT_EQ(text_of_chat(payload(bench.hear(bench.caller()))), "local") << at;
      ASSERT_EQ(bench.reported().records.at(0).how, outcome::failed_over);
      continue;
    }
    if (!committed) continue;  // inside the first usable event: held, so the other candidate was asked
    ASSERT_EQ(heard.find("[DONE]"), std::string::npos) << at;
    ASSERT_FALSE(heard.ends_with("0\r\n\r\n")) << "a clean end of an incomplete answer, cut after " << at;
    ASSERT_NE(heard.find("\"code\":\"upstream_ended_early\""), std::string::npos) << at << "\n" << heard;
    ASSERT_TRUE(bench.at_end(bench.caller()));
    ASSERT_EQ(bench.reported().records.at(0).how, outcome::cut);
    ASSERT_EQ(asked, "") << "a committed answer must not be replayed";
  }
}

TEST(Cut, AStreamWithoutItsLastLineIsCompletedWhenItSaidThatItHasFinished) {
  auto body = stream_body.substr(0, stream_body.find("data: [DONE]"));
  bench_of_one bench;
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), chat_request(true));
  bench.say(cloud, chunked(body, 100000, "text/event-stream"));
  EXPECT_EQ(payload(bench.hear(bench.caller())), body + "data: [DONE]\n\n");
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::answered);
}

TEST(Cut, ARedirectIsNeverPassedOnEvenWhenNobodyElseServes) {
  // It would send the caller, and its key, to wherever the redirect says.
  bench_of_one bench;
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(false));
  bench.say(cloud, "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n");
  ASSERT_FALSE(bench.hear(local).empty());
  bench.say(local, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
  auto const heard = bench.hear(bench.caller());
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 503 ")) << heard;
  EXPECT_EQ(heard.find("Location"), std::string::npos);
  EXPECT_NE(heard.find("X-Tideover-Failover: redirect"), std::string::npos) << heard;
}

TEST(Cut, ACallerWhoLeavesEndsTheUpstreamAtOnceAndNobodyIsBlamed) {
  auto const wire = chunked(stream_body, 40, "text/event-stream");
  for (std::size_t at = 0; at < wire.find("[DONE]"); at += 7) {
    bench_of_one bench;
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    (void)bench.hear(cloud);
    bench.say(cloud, wire.substr(0, at));
    ::shutdown(bench.caller(), SHUT_RDWR);
    bench.run();
    ASSERT_TRUE(bench.at_end(cloud)) << at;
    ASSERT_EQ(bench.hear(local), "") << "nothing is started for a caller who left";
    ASSERT_EQ(bench.reported().records.at(0).how, outcome::client_gone) << at;
    ASSERT_FALSE(bench.reported().records.at(0).why) << at;
  }
}

}  // namespace
}  // namespace tideover::proxy::test
