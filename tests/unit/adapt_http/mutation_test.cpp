// Seeded mutations of real heads against the properties that the fuzzer checks too, so that every build runs them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "fuzz/head_properties.hpp"

namespace tideover {
namespace {

/// TIDEOVER_MUTATIONS asks for a longer run, TIDEOVER_SEED repeats one that failed.
unsigned from_environment(const char* name, unsigned otherwise) {
  const char* const text = std::getenv(name);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

std::vector<std::string> const& seeds() {
  static std::vector<std::string> const list = {
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:6837\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n"
      "Connection: keep-alive\r\n\r\n{}",
      "POST /v1/messages?beta=true HTTP/1.1\r\nHost: [::1]\r\nx-api-key: k\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2;a=b\r\n{}\r\n0\r\nT: u\r\n\r\n",
      "GET http://localhost/v1/models HTTP/1.0\r\nHost: localhost\r\nConnection: close, authorization\r\nCookie: "
      "a=b\r\n"
      "X_Forwarded_For: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.0 204\r\nContent-Length: 0\r\nX-Tideover-Tier: local\r\n\r\n",
  };
  return list;
}

std::vector<std::string> const& words() {
  using namespace std::string_literals;
  static std::vector<std::string> const list = {"\r\n"s,
                                                "\n"s,
                                                "\r"s,
                                                "\0"s,
                                                " "s,
                                                "\t"s,
                                                "\x0b"s,
                                                "\xa0"s,
                                                ":"s,
                                                ","s,
                                                "5"s,
                                                "+"s,
                                                "0x"s,
                                                ";"s,
                                                "\r\n "s,
                                                "\r\n\r\n"s,
                                                "chunked"s,
                                                "Content-Length: 3\r\n"s,
                                                "Content-Length: 5, 5\r\n"s,
                                                "Transfer-Encoding: chunked\r\n"s,
                                                "Transfer-Encoding: \xa0"s
                                                "chunked\r\n"s,
                                                "Transfer_Encoding: chunked\r\n"s,
                                                "transfer-encoding : chunked\r\n"s,
                                                "Host: evil.test\r\n"s,
                                                "Upgrade: h2c\r\n"s,
                                                "Expect: 100-continue\r\n"s,
                                                "HTTP/1.1"s,
                                                "HTTP/1.0"s,
                                                "Connection: x-api-key\r\n"s,
                                                "18446744073709551616"s};
  return list;
}

std::string mutated(std::mt19937& random) {
  auto const below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  std::string text = seeds()[below(seeds().size())];
  for (auto times = 1 + below(4); times > 0; --times) {
    auto const at = below(text.size() + 1);
    switch (below(6)) {
      case 0: text.insert(at, words()[below(words().size())]); break;
      case 1: text.erase(at, 1 + below(6)); break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 3: {  // a line twice, or moved to another message's place
        auto const end = text.find("\r\n", at);
        if (end != std::string::npos) text.insert(end + 2, text.substr(at, end + 2 - at));
        break;
      }
      case 4: {
        auto const& other = seeds()[below(seeds().size())];
        auto const from = below(other.size());
        text.insert(at, other.substr(from, below(60)));
        break;
      }
      default:
        if (at < text.size()) text[at] ^= 0x20;  // the other case of a letter
        break;
    }
  }
  return text;
}

TEST(Mutations, NothingAcceptedLeavesAmbiguous) {
  auto const count = from_environment("TIDEOVER_MUTATIONS", 60000);
  auto const seed = from_environment("TIDEOVER_SEED", 6837);
  std::mt19937 random(seed);
  std::string scratch;
  unsigned accepted = 0;
  for (unsigned i = 0; i < count; ++i) {
    auto const text = mutated(random);
    properties::check_all(text, scratch);  // aborts, showing the bytes, when a property does not hold
    if (auto const end = net::find_head_end(text, 0)) {
      request_head head;
      if (net::parse_request_head(std::string_view(text).substr(0, end), head) == net::head_status::ok)
        accepted += adapt::judge_request(head).refuse_status == 0;
    }
  }
  // A mutator that only makes rubbish, or nothing but good requests, would prove little.
  EXPECT_GT(accepted, count / 50);
  EXPECT_LT(accepted, count / 2);
}

}  // namespace
}  // namespace tideover
