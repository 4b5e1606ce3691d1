// Whatever the network makes of the bytes of a request, the upstream gets the same ones.
#include <gtest/gtest.h>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

std::string body_of(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }

std::string chunked_request() {
  auto const plain = chat_request(false);
  auto const body = body_of(plain);
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
         chunk(body.substr(0, 11)) + chunk(body.substr(11)) + "0\r\nX-Trailer: forged\r\n\r\n";
}

TEST(RequestSplit, AnyTwoPiecesReachTheCloudAsOneRequest) {
  auto const body = body_of(chat_request(false));
  for (const auto& wire : {chat_request(false), chunked_request()}) {
    for (std::size_t at = 1; at < wire.size(); ++at) {
      bench_of_one bench;
      int const cloud = bench.connect(bench_of_one::cloud);
      bench.say(bench.caller(), wire.substr(0, at));
      ASSERT_EQ(bench.hear(cloud), "") << "nothing is sent before the request is whole; split at " << at;
      bench.say(bench.caller(), wire.substr(at));
      auto const heard = bench.hear(cloud);
      ASSERT_EQ(body_of(heard), body) << "split at " << at;
      ASSERT_NE(heard.find("Content-Length: " + std::to_string(body.size()) + "\r\n"), std::string::npos);
      ASSERT_EQ(heard.find("X-Trailer"), std::string::npos);
    }
  }
}

TEST(RequestSplit, PipelinedRequestsAreAnsweredInOrderHoweverTheyArrive) {
  auto const one = chat_request(false);
  std::string const wire = one + chunked_request() + one;
  for (std::size_t at = 1; at < wire.size(); at += 3) {
    bench_of_one bench;
    int const cloud = bench.connect(bench_of_one::cloud);
    bench.say(bench.caller(), wire.substr(0, at));
    bench.say(bench.caller(), wire.substr(at));
    for (int i = 0; i < 3; ++i) {
      auto const heard = bench.hear(cloud);
      ASSERT_EQ(body_of(heard), body_of(one)) << "request " << i << ", split at " << at;
      std::string const body = R"({"choices":[{"index":0,"message":{"content":"answer )" + std::to_string(i) +
                               R"("},"finish_reason":"stop"}]})";
      bench.say(cloud, with_length(body));
      ASSERT_EQ(payload(bench.hear(bench.caller())), body);
    }
  }
}

TEST(RequestSplit, AnExpectedContinueIsSaidOnceAndOnlyWhileTheBodyIsAwaited) {
  auto wire = chat_request(false);
  wire.insert(wire.find("\r\n\r\n"), "\r\nExpect: 100-continue");
  auto const head_bytes = wire.find("\r\n\r\n") + 4;
  bench_of_one bench;
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.say(bench.caller(), wire.substr(0, head_bytes));
  EXPECT_EQ(bench.hear(bench.caller()), "HTTP/1.1 100 Continue\r\n\r\n");
  bench.say(bench.caller(), wire.substr(head_bytes));
  EXPECT_EQ(bench.hear(bench.caller()), "");
  EXPECT_EQ(bench.hear(cloud).find("Expect"), std::string::npos);

  bench_of_one eager;
  int const other = eager.connect(bench_of_one::cloud);
  eager.say(eager.caller(), wire);
  EXPECT_EQ(eager.hear(eager.caller()), "");
  EXPECT_FALSE(eager.hear(other).empty());
}

}  // namespace
}  // namespace tideover::proxy::test
