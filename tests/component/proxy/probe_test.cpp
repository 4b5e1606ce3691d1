// The free probe of a cloud that cannot be connected to: when it is made, when not, and that it says nothing.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tideover/net/event_loop.hpp"
#include "tideover/ops/cloud_probe.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;
using state = policy::circuit_breaker::state;

struct Probe : testing::Test {
  Probe() {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener, 8), 0);
    EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
    config::upstream cloud;
    cloud.name = "openai";
    cloud.urls.push_back({false, "127.0.0.1", ntohs(at.sin_port), {}});
    made->upstreams = {cloud};
    made->workflows["default"] = {.name = "default", .policy = policy_kind::cloud_first, .deadline = 1min};
  }
  ~Probe() override {
    loop.reactions().cancel_everything();
    ::close(listener);
  }

  void trip() {
    health.emplace(*made);
    shared.configuration = made;
    shared.health = &*health;
    shared.contingency = &contingency;
    shared.names = &names;
    proxy::upstream_route route;
    route.settings = &made->upstreams[0];
    route.target.host = "127.0.0.1";
    route.target.port = made->upstreams[0].urls[0].port;
    shared.upstreams = {route};
    probe.emplace(loop, shared);
    failure refused;
    refused.why = reason::connect;
    refused.at = phase::connect;
    for (int i = 0; i < 3; ++i) {
      proxy::health_table::admission asked;
      ASSERT_FALSE(health->admit(0, 1, "m", asked));
      asked.failed(refused);
    }
    ASSERT_EQ(health->connection_state(0), state::open);
  }
  void turn() {
    for (int i = 0; i < 20; ++i) loop.turn(1ms);
  }
  int accepted() {
    int n = 0;
    for (int fd; (fd = ::accept(listener, nullptr, nullptr)) >= 0; ++n) {
      char byte;
      EXPECT_LE(::recv(fd, &byte, 1, MSG_DONTWAIT), 0) << "a probe says nothing";
      ::close(fd);
    }
    return n;
  }

  int listener = -1;
  std::shared_ptr<config::snapshot> made = std::make_shared<config::snapshot>();
  net::event_loop loop;
  net::resolver names;
  std::optional<proxy::health_table> health;
  proxy::contingency_view contingency;
  proxy::services shared;
  std::optional<cloud_probe> probe;
};

TEST_F(Probe, ComesBeforeFiveSecondsHavePassedAndClosesTheBreaker) {
  trip();
  auto const now = clock::now();
  probe->tick(now);
  probe->tick(now + 3700ms);  // never before three quarters of open_for
  turn();
  EXPECT_EQ(accepted(), 0);
  probe->tick(now + 4800ms);
  turn();
  EXPECT_EQ(accepted(), 1);
  EXPECT_EQ(health->connection_state(0), state::closed);
  probe->tick(now + 20s);
  turn();
  EXPECT_EQ(accepted(), 0) << "nothing is in doubt any more";
}

TEST_F(Probe, ALongPauseDoesNotMakeItRare) {
  made->upstreams[0].breaker.open_for = 60s;
  trip();
  auto const now = clock::now();
  probe->tick(now);
  probe->tick(now + 5s);
  turn();
  EXPECT_EQ(accepted(), 1);
}

TEST_F(Probe, IsMadeOfNoCloudThatNoWorkflowMayUse) {
  made->workflows["default"].policy = policy_kind::local_only;
  trip();
  auto const now = clock::now();
  probe->tick(now);
  probe->tick(now + 10s);
  turn();
  EXPECT_EQ(accepted(), 0);
  EXPECT_EQ(health->connection_state(0), state::open);
}

TEST_F(Probe, IsNotMadeInContingencyForAll) {
  trip();
  contingency.show(policy::contingency({.all_by_file = true}));
  auto const now = clock::now();
  probe->tick(now);
  probe->tick(now + 10s);
  turn();
  EXPECT_EQ(accepted(), 0);
}

TEST_F(Probe, ThatFailsIsRepeatedAtTheSamePace) {
  trip();
  ::close(std::exchange(listener, ::socket(AF_INET, SOCK_STREAM, 0)));
  auto now = clock::now();
  probe->tick(now);
  for (int i = 0; i < 3; ++i) {
    now += 5s;
    probe->tick(now);
    turn();
    EXPECT_EQ(health->connection_state(0), state::open);
  }
}

}  // namespace
}  // namespace tideover::ops
