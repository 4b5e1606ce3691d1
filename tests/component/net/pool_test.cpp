#include "tideover/net/connection_pool.hpp"
#include "tideover/policy/reach.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tideover::net {
namespace {

using namespace std::chrono_literals;

struct ends {
  explicit ends(reactor& loop) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    mine = std::make_unique<stream>(loop, fds[0]);
    loop.poll();
  }
  ~ends() { close_peer(); }
  void close_peer() {
    if (fds[1] >= 0) ::close(std::exchange(fds[1], -1));
  }
  int fds[2];
  std::unique_ptr<stream> mine;
};

TEST(ConnectionPool, GivesBackTheConnectionThatWasUsedLast) {
  reactor loop;
  connection_pool pool(1);
  ends a(loop), b(loop);
  auto* const later = b.mine.get();
  pool.give_back(0, std::move(a.mine), {});
  pool.give_back(0, std::move(b.mine), {});
  EXPECT_EQ(pool.take(0).get(), later);
  EXPECT_NE(pool.take(0), nullptr);
  EXPECT_EQ(pool.take(0), nullptr);
}

TEST(ConnectionPool, AConnectionThatThePeerClosedIsNotReused) {
  reactor loop;
  connection_pool pool(1);
  ends a(loop);
  pool.give_back(0, std::move(a.mine), {});
  a.close_peer();
  loop.poll();
  EXPECT_EQ(pool.take(0), nullptr);
}

TEST(ConnectionPool, BytesBehindAnAnswerNeverReachTheNextCaller) {
  reactor loop;
  connection_pool pool(1);
  ends before(loop), meanwhile(loop);
  ASSERT_EQ(::write(before.fds[1], "EVIL", 4), 4);
  loop.poll();
  pool.give_back(0, std::move(before.mine), {});
  EXPECT_EQ(pool.idle(0), 0u) << "surplus bytes before it came back";

  pool.give_back(0, std::move(meanwhile.mine), {});
  ASSERT_EQ(::write(meanwhile.fds[1], "EVIL", 4), 4);
  loop.poll();
  EXPECT_EQ(pool.take(0), nullptr) << "surplus bytes while it was idle";
}

TEST(ConnectionPool, IdleConnectionsAreClosedInTime) {
  reactor loop;
  connection_pool pool(2);
  ends a(loop);
  time_point const now{};
  pool.give_back(1, std::move(a.mine), now);
  pool.sweep(now + connection_pool::max_idle_time);
  EXPECT_EQ(pool.idle(1), 1u);
  pool.sweep(now + connection_pool::max_idle_time + 1ns);
  EXPECT_EQ(pool.idle(1), 0u);
}

TEST(ConnectionPool, UpstreamsDoNotShareConnections) {
  reactor loop;
  connection_pool pool(2);
  ends a(loop);
  pool.give_back(0, std::move(a.mine), {});
  EXPECT_EQ(pool.take(1), nullptr);
  EXPECT_NE(pool.take(0), nullptr);
}

TEST(ConnectionPool, GivesNoConnectionToTheOutsideWithoutAPass) {
  reactor loop;
  connection_pool pool(1);
  pool.set_outside(0);
  ends a(loop);
  pool.give_back(0, std::move(a.mine), {});
  EXPECT_EQ(pool.take(0), nullptr);
  EXPECT_EQ(pool.take(0, policy::reach::of_exchange(policy_kind::local_only, false)), nullptr);
  EXPECT_NE(pool.take(0, policy::reach::of_exchange(policy_kind::cloud_only, false)), nullptr);
}

}  // namespace
}  // namespace tideover::net
