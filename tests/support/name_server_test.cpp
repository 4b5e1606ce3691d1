// The name server of the tests, asked by hand: each mood is what a resolver would see on the wire.
#include "support/name_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace tideover::test {
namespace {

using mood = name_server::mood;

/// The answer to one question of type A (1) or AAAA (28) about `cloud.test`; empty: none came.
std::string ask(const name_server& server, char type, int wait_ms = 5000) {
  std::string question("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05", 13);
  question += std::string("Cloud\x04test\0\0", 12) + type + std::string("\0\x01", 2);
  descriptor const socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(server.port());
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::sendto(socket.get(), question.data(), question.size(), 0, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  pollfd entry{socket.get(), POLLIN, 0};
  if (::poll(&entry, 1, wait_ms) != 1) return {};
  char buffer[512];
  auto const n = ::recv(socket.get(), buffer, sizeof buffer, 0);
  return {buffer, n > 0 ? static_cast<std::size_t>(n) : 0};
}

int code_of(const std::string& answer) { return answer.size() < 12 ? -1 : answer[3] & 0x0f; }
int records_in(const std::string& answer) { return answer.size() < 12 ? -1 : answer[7]; }

TEST(NameServer, TellsTheAddressesOfTheTypeThatWasAskedFor) {
  name_server server;
  server.set("cloud.test", {mood::answers, {"10.66.0.1", "10.66.0.2", "2001:db8::1"}});
  auto const v4 = ask(server, 1);
  EXPECT_EQ(code_of(v4), 0);
  EXPECT_EQ(records_in(v4), 2);
  EXPECT_EQ(v4.substr(v4.size() - 4), std::string("\x0a\x42\x00\x02", 4));
  EXPECT_EQ(v4.substr(0, 2), "\x12\x34");
  auto const v6 = ask(server, 28);
  EXPECT_EQ(records_in(v6), 1);
  EXPECT_EQ(v6.substr(v6.size() - 16, 4), std::string("\x20\x01\x0d\xb8", 4));
  EXPECT_EQ(server.questions("cloud.test"), 2U);
}

TEST(NameServer, FailsAsItIsTold) {
  name_server server;
  EXPECT_EQ(code_of(ask(server, 1)), 3) << "what nobody told it does not exist";
  for (auto const& [how, code] :
       {std::pair{mood::no_such_name, 3}, std::pair{mood::fails, 2}, std::pair{mood::refuses, 5}}) {
    server.set("cloud.test", {how, {"10.66.0.1"}});
    auto const answer = ask(server, 1);
    EXPECT_EQ(code_of(answer), code);
    EXPECT_EQ(records_in(answer), 0);
  }
  server.set("cloud.test", {mood::garbage});
  EXPECT_NE(code_of(ask(server, 1)), 0);
}

TEST(NameServer, SaysNothingWhenItIsSilent) {
  name_server server;
  server.set("cloud.test", {mood::silent, {"10.66.0.1"}});
  std::string heard = "something";
  // The question arrives, and that is the end of it.
  std::thread asking([&] { heard = ask(server, 1, 200); });
  EXPECT_TRUE(eventually([&] { return server.questions("cloud.test") == 1; }));
  server.set("cloud.test", {mood::answers, {"10.66.0.1"}});
  asking.join();
  EXPECT_EQ(heard, "");
}

}  // namespace
}  // namespace tideover::test
