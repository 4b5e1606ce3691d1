// Each fault of the gate, as the peers on both sides see it: a test that leans on a fault must know that it happens.
#include "support/fault_gate.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>

#include "support/answers.hpp"
#include "support/raw_client.hpp"
#include "support/scripted_upstream.hpp"

namespace tideover::test {
namespace {

class FaultGate : public testing::Test {
 protected:
  FaultGate() { upstream.on("*", reply(200, "0123456789", {}, "text/plain")); }

  /// Everything that comes back on a connection of its own, and how it ended.
  std::pair<std::string, io> all_of(std::string_view request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n") {
    raw_client client(gate_.port());
    client.send(request);
    std::string all;
    auto const ended = client.read_to_end(all);
    return {all, ended};
  }
  /// Nothing comes for a while that is long for a loopback: as much as can be said of silence.
  static bool says_nothing(raw_client& client) {
    pollfd entry{client.raw().fd(), POLLIN, 0};
    return ::poll(&entry, 1, 150) == 0;
  }

  scripted_upstream upstream;
  fault_gate gate_{upstream.port()};
};

TEST_F(FaultGate, ForwardsBothWaysUnlessToldOtherwise) {
  raw_client client(gate_.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.post("/x", "the body").body, "0123456789");
  EXPECT_EQ(upstream.requests().at(2).body, "the body");
  EXPECT_EQ(gate_.connections(), 1U);
  EXPECT_EQ(upstream.connections(), 1U);
  EXPECT_GT(gate_.passed(side::to_upstream), 3U * 8);
  EXPECT_GT(gate_.passed(side::to_daemon), 3U * 10);
}

TEST_F(FaultGate, CarriesMegabytesUnchanged) {
  std::string const big(8 << 20, 'x');
  upstream.on("/big", reply(200, big));
  EXPECT_EQ(get(gate_.port(), "/big").body, big);
  EXPECT_EQ(post(gate_.port(), "/", big).body, "0123456789");
  EXPECT_EQ(upstream.requests_to("/").at(0).body, big);
}

TEST_F(FaultGate, PassesAnEndOnInEitherDirection) {
  auto const [all, ended] = all_of();
  EXPECT_EQ(ended, io::end);
  EXPECT_EQ(all.substr(all.size() - 10), "0123456789");
  upstream.on("/reset", reset_connection());
  EXPECT_EQ(all_of("GET /reset HTTP/1.1\r\n\r\n").second, io::reset);
  upstream.on("/silent", silence());
  {
    raw_client client(gate_.port());
    client.request("GET", "/silent");
    ASSERT_TRUE(eventually([&] { return upstream.requests_to("/silent").size() == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return upstream.peers_that_left() == 1; }));
  EXPECT_TRUE(eventually([&] { return gate_.open_connections() == 0; }));
}

TEST_F(FaultGate, RefusesAndServesAgainOnTheSamePort) {
  gate_.set(fault_gate::door::refuse);
  EXPECT_THROW(raw_client{gate_.port()}, std::runtime_error);
  gate_.heal();
  EXPECT_EQ(get(gate_.port(), "/").body, "0123456789");
}

TEST_F(FaultGate, EndsWhatIsOpenInOrderOrWithAReset) {
  for (bool in_order : {true, false}) {
    raw_client client(gate_.port());
    client.get("/");
    if (in_order)
      gate_.drop_all();
    else
      gate_.reset_all();
    std::string rest;
    EXPECT_EQ(client.read_to_end(rest), in_order ? io::end : io::reset);
  }
}

TEST_F(FaultGate, ResetsOrClosesWhatItAccepts) {
  gate_.set(fault_gate::door::reset_on_accept);
  {
    raw_client client(gate_.port());
    std::string rest;
    EXPECT_EQ(client.read_to_end(rest), io::reset);
  }
  gate_.set(fault_gate::door::close_on_accept);
  raw_client client(gate_.port());
  std::string rest;
  EXPECT_EQ(client.read_to_end(rest), io::end);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(FaultGate, LeavesSynsUnansweredAsABlackholeAndRecovers) {
  gate_.set(fault_gate::door::blackhole);
  descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(gate_.port());
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
  pollfd entry{socket.get(), POLLOUT, 0};
  EXPECT_EQ(::poll(&entry, 1, 150), 0) << "neither connected nor refused";
  gate_.heal();
  EXPECT_EQ(get(gate_.port(), "/").body, "0123456789");
}

TEST_F(FaultGate, AcceptsAndIgnores) {
  gate_.set(fault_gate::door::ignore);
  raw_client client(gate_.port());
  client.request("GET", "/");
  EXPECT_TRUE(says_nothing(client));
  EXPECT_EQ(gate_.passed(side::to_upstream), 0U);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(FaultGate, StallsBehindSoManyBytesAndGoesOnWhenHealed) {
  gate_.set(side::to_daemon, broken::stall(behind(12)));
  raw_client client(gate_.port());
  client.request("GET", "/");
  std::string got;
  while (got.size() < 12) ASSERT_EQ(client.raw().read_some(got), io::ok);
  EXPECT_EQ(got, "HTTP/1.1 200");
  EXPECT_TRUE(says_nothing(client));
  gate_.heal();
  while (got.size() < 22 || got.substr(got.size() - 10) != "0123456789")
    ASSERT_EQ(client.raw().read_some(got), io::ok) << got;
}

TEST_F(FaultGate, AStalledConnectionEndsWhenItsPeerGoes) {
  gate_.set(side::to_daemon, broken::stall());
  {
    raw_client client(gate_.port());
    client.request("GET", "/");
    ASSERT_TRUE(upstream.wait_for_requests(1));
  }
  EXPECT_TRUE(eventually([&] { return gate_.open_connections() == 0; }));
}

TEST_F(FaultGate, CutsBehindSoManyBytesOfEitherDirection) {
  gate_.set(side::to_daemon, broken::cut(behind(15)));
  auto [all, ended] = all_of();
  EXPECT_EQ(ended, io::end);
  EXPECT_EQ(all, "HTTP/1.1 200 Sc");
  gate_.heal();
  gate_.set(side::to_upstream, broken::cut(behind(5)));
  auto const before = upstream.requests().size();
  EXPECT_EQ(all_of().first, "");
  EXPECT_EQ(upstream.requests().size(), before) << "five bytes are no request";
}

TEST_F(FaultGate, CutsBehindATextEvenWhenItComesInPieces) {
  upstream.on("/pieces", [](served_connection& c, const recorded_request&) {
    c.send_in_pieces("one two three four", 2);
    c.close();
  });
  gate_.set(side::to_daemon, broken::cut(behind("two th")));
  EXPECT_EQ(all_of("GET /pieces HTTP/1.1\r\n\r\n").first, "one two th");
}

TEST_F(FaultGate, ResetsBehindSoManyBytes) {
  gate_.set(side::to_daemon, broken::reset(behind(15)));
  EXPECT_EQ(all_of().second, io::reset);
}

TEST_F(FaultGate, WaitsForTheTestsWordBeforeItActs) {
  gate const word;
  gate_.set(side::to_daemon, broken::after(word, broken::cut(behind("01234"))));
  raw_client client(gate_.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  std::string got;
  while (got.find("01234") == std::string::npos) ASSERT_EQ(client.raw().read_some(got), io::ok);
  EXPECT_TRUE(says_nothing(client));
  gate(word).open();
  std::string rest;
  EXPECT_EQ(client.read_to_end(rest), io::end);
  EXPECT_EQ(rest, "");
}

TEST_F(FaultGate, BeginsWithTheTestsWordWhereNoPlaceIsNamed) {
  gate const word;
  gate_.set(side::to_daemon, broken::after(word, broken::flip({}, 0x20)));
  raw_client client(gate_.port());
  EXPECT_EQ(client.get("/").body, "0123456789");
  gate(word).open();
  client.request("GET", "/");
  std::string got;
  while (got.size() < 4) ASSERT_EQ(client.raw().read_some(got), io::ok);
  EXPECT_EQ(got.substr(0, 4), "hTTP");
}

TEST_F(FaultGate, HalfClosesOneDirectionAndKeepsTheOther) {
  gate_.set(side::to_upstream, broken::half_close(behind("\r\n\r\n")));
  auto const [all, ended] = all_of("GET / HTTP/1.1\r\n\r\n");  // no `Connection: close`: the upstream sees the end
  EXPECT_EQ(ended, io::end);
  EXPECT_EQ(all.substr(all.size() - 10), "0123456789");
}

TEST_F(FaultGate, FlipsABitOfOneByte) {
  gate_.set(side::to_daemon, broken::flip(behind("\r\n\r\n012"), 4));
  EXPECT_EQ(get(gate_.port(), "/").body, "0127456789");  // '3' is 0x33, '7' is 0x37
}

TEST_F(FaultGate, InsertsAndAppendsBytes) {
  gate_.set(side::to_daemon, broken::insert(behind("\r\n\r\n0123"), "<!>"));
  EXPECT_EQ(get(gate_.port(), "/").body, "0123<!>456") << "the length is the sender's";
  gate_.set(side::to_daemon, broken::append("more"));
  auto const all = all_of().first;
  EXPECT_EQ(all.substr(all.size() - 14), "0123456789more");
}

TEST_F(FaultGate, InsertsAtTheVeryBeginningWithoutBeingAsked) {
  gate_.set(side::to_daemon, broken::insert({}, "220 hello\r\n"));
  raw_client client(gate_.port());
  std::string got;
  while (got.size() < 11) ASSERT_EQ(client.raw().read_some(got), io::ok);
  EXPECT_EQ(got, "220 hello\r\n");
}

TEST_F(FaultGate, SplitsIntoSingleBytes) {
  gate_.set(side::to_daemon, broken::split());
  gate_.set(side::to_upstream, broken::split(3));
  EXPECT_EQ(post(gate_.port(), "/", "a body in pieces").body, "0123456789");
  EXPECT_EQ(upstream.requests().at(0).body, "a body in pieces");
  EXPECT_EQ(gate_.writes(side::to_daemon), gate_.passed(side::to_daemon));
  EXPECT_GE(gate_.writes(side::to_upstream), gate_.passed(side::to_upstream) / 3);
}

TEST_F(FaultGate, SlowsDownButLosesNothing) {
  upstream.on("/slow", reply(200, std::string(400, 's')));
  gate_.set(side::to_daemon, broken::slow(2000));
  auto const began = steady::now();
  EXPECT_EQ(get(gate_.port(), "/slow").body, std::string(400, 's'));
  EXPECT_GE(steady::now() - began, 150ms) << "400 bytes and a head at 2000 a second";
}

TEST_F(FaultGate, EndsAConnectionWithAResetWhenNobodyIsBehindIt) {
  upstream.stop();
  auto const how = all_of().second;
  EXPECT_TRUE(how == io::reset || how == io::end) << "the reset may overtake the reading of it";
}

}  // namespace
}  // namespace tideover::test
