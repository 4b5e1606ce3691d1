// Whatever the network makes of the bytes of an answer, the caller gets the same ones.
#include <gtest/gtest.h>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

struct shape {
  const char* name;
  bool stream;
  std::string wire;
  const std::string& body;
};

const std::vector<shape>& shapes() {
  static const std::vector<shape> all = {
      {"length", false, with_length(whole_body), whole_body},
      {"one chunk", false, chunked(whole_body, 10000), whole_body},
      {"small chunks", false, chunked(whole_body, 7), whole_body},
      {"stream, one chunk", true, chunked(stream_body, 100000, "text/event-stream"), stream_body},
      {"stream, chunks across events", true, chunked(stream_body, 50, "text/event-stream"), stream_body},
      {"stream, with a length", true, with_length(stream_body, "text/event-stream; charset=utf-8"), stream_body},
  };
  return all;
}

TEST(AnswerSplit, AnyTwoPiecesGiveTheSameAnswer) {
  for (const auto& s : shapes()) {
    for (std::size_t at = 1; at < s.wire.size(); ++at) {
      bench_of_one bench;
      int const cloud = bench.connect(bench_of_one::cloud);
      bench.say(bench.caller(), chat_request(s.stream));
      ASSERT_NE(bench.hear(cloud).find("POST /v1/chat/completions HTTP/1.1\r\n"), std::string::npos);
      bench.say(cloud, s.wire.substr(0, at));
      bench.say(cloud, s.wire.substr(at));
      auto const heard = bench.hear(bench.caller());
      ASSERT_EQ(payload(heard), s.body) << s.name << " split at " << at << "\n" << heard;
      ASSERT_NE(heard.find("X-Tideover-Tier: cloud"), std::string::npos);
      ASSERT_EQ(bench.reported().records.size(), 1u);
      ASSERT_EQ(bench.reported().records[0].how, outcome::answered) << s.name << " split at " << at;
      ASSERT_EQ(bench.reported().records[0].bytes_out, s.body.size());
    }
  }
}

TEST(AnswerSplit, OneByteAtATimeGivesTheSameAnswer) {
  for (const auto& s : shapes()) {
    bench_of_one bench;
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), chat_request(s.stream));
    std::string heard;
    for (char const byte : s.wire) {
      bench.say(cloud, {&byte, 1});
      heard += bench.hear(bench.caller());
    }
    EXPECT_EQ(payload(heard), s.body) << s.name;
    EXPECT_EQ(bench.reported().records.at(0).how, outcome::answered) << s.name;
  }
}

TEST(AnswerSplit, OnlyWholeEventsAreSentAndEachAtOnce) {
  bench_of_one bench;
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), chat_request(true));
  (void)bench.hear(cloud);
  auto const wire = chunked(stream_body, 50, "text/event-stream");
  std::string heard;
  for (char const byte : wire) {
    bench.say(cloud, {&byte, 1});
    auto const piece = bench.hear(bench.caller());
    if (piece.empty()) continue;
    heard += piece;
    // A chunk that is sent ends with its event, except for the last chunk of all.
    EXPECT_TRUE(piece.ends_with("\n\n\r\n") || piece.ends_with("0\r\n\r\n")) << piece;
  }
  EXPECT_EQ(payload(heard), stream_body);
}

TEST(AnswerSplit, TheConnectionIsReusedAfterAWholeAnswerAndNotAfterSurplusBytes) {
  bench_of_one bench;
  int const cloud = bench.connect(bench_of_one::cloud);
  for (int i = 0; i < 3; ++i) {
    bench.say(bench.caller(), chat_request(false));
    ASSERT_FALSE(bench.hear(cloud).empty()) << i;
    bench.say(cloud, with_length(whole_body));
    ASSERT_EQ(payload(bench.hear(bench.caller())), whole_body);
  }
  bench.say(bench.caller(), chat_request(false));
  (void)bench.hear(cloud);
  bench.say(cloud, with_length(whole_body) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL");
  EXPECT_EQ(payload(bench.hear(bench.caller())), whole_body);
  EXPECT_TRUE(bench.at_end(cloud));
}

TEST(AnswerSplit, HeadIsToldTheLengthThatGetWouldHaveHad) {
  for (const char* path : {"/v1/models", "/v1/files/file-1"}) {
    bench_of_one bench;
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), std::string("HEAD ") + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(bench.hear(cloud).starts_with("HEAD ")) << path;
    bench.say(cloud, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234\r\n\r\n");
    auto const heard = bench.hear(bench.caller());
    EXPECT_NE(heard.find("Content-Length: 1234\r\n"), std::string::npos) << path << "\n" << heard;
    EXPECT_TRUE(heard.ends_with("\r\n\r\n")) << heard;
    ASSERT_EQ(bench.reported().records.size(), 1u) << path;
    EXPECT_EQ(bench.reported().records[0].how, outcome::answered);
  }
}

}  // namespace
}  // namespace tideover::proxy::test
