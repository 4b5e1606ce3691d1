#include "tideover/net/reactor.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "tideover/net/task.hpp"

namespace tideover::net {
namespace {

using namespace std::chrono_literals;

struct pair_of_sockets {
  pair_of_sockets() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~pair_of_sockets() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void close_other() { ::close(std::exchange(ends[1], -1)); }
  int ends[2] = {-1, -1};
};

task<void> wait_and_tell(reactor& loop, time_point deadline, wait_for a, wait_for b, std::optional<woken>& how) {
  how = co_await loop.wait(deadline, a, b);
}

void start(task<void> work) {
  spawn(std::move(work), [](std::exception_ptr error) { EXPECT_FALSE(error); });
}

TEST(Reactor, AWaitEndsWhenBytesArrive) {
  reactor loop;
  pair_of_sockets sockets;
  event_source source;
  loop.add(sockets.ends[0], source);
  loop.poll();
  source.clear(readable);

  std::optional<woken> how;
  start(wait_and_tell(loop, never, on(source, readable), {}, how));
  loop.poll();
  EXPECT_FALSE(how);

  ASSERT_EQ(::write(sockets.ends[1], "x", 1), 1);
  loop.poll();
  EXPECT_EQ(how, woken::ready);
}

TEST(Reactor, WhatIsKnownAlreadyIsNotWaitedFor) {
  reactor loop;
  event_source signal;
  signal.raise(loop, signalled);
  std::optional<woken> how;
  start(wait_and_tell(loop, never, on(signal, signalled), {}, how));
  EXPECT_EQ(how, woken::ready);
}

TEST(Reactor, ADeadlineThatHasPassedEndsTheWaitAtTheNextSweepAndNotBefore) {
  reactor loop;
  event_source silent;
  time_point const now{};
  std::optional<woken> how;
  start(wait_and_tell(loop, now + 5s, on(silent, signalled), {}, how));
  loop.sweep(now + 5s - 1ns);
  EXPECT_FALSE(how);
  loop.sweep(now + 5s);
  EXPECT_EQ(how, woken::timed_out);
}

TEST(Reactor, OneOfSeveralSourcesIsEnoughAndTheOthersForgetTheWait) {
  reactor loop;
  event_source first, second;
  std::optional<woken> how;
  start(wait_and_tell(loop, never, on(first, signalled), on(second, signalled), how));
  second.raise(loop, signalled);
  loop.run_ready();
  EXPECT_EQ(how, woken::ready);
  first.raise(loop, signalled);  // nobody is there any more: nothing must happen
  loop.run_ready();
}

TEST(Reactor, SeveralWaitsOnOneSourceAllEnd) {
  reactor loop;
  event_source signal;
  std::optional<woken> a, b, c;
  start(wait_and_tell(loop, never, on(signal, signalled), {}, a));
  start(wait_and_tell(loop, never, on(signal, signalled), {}, b));
  start(wait_and_tell(loop, never, on(signal, readable), {}, c));
  signal.raise(loop, signalled);
  loop.run_ready();
  EXPECT_EQ(a, woken::ready);
  EXPECT_EQ(b, woken::ready);
  EXPECT_FALSE(c);
  loop.cancel_everything();
  EXPECT_EQ(c, woken::cancelled);
}

TEST(Reactor, AfterCancellationEveryWaitEndsAtOnce) {
  reactor loop;
  event_source silent;
  std::optional<woken> before, afterwards;
  start(wait_and_tell(loop, never, on(silent, signalled), {}, before));
  loop.cancel_everything();
  EXPECT_EQ(before, woken::cancelled);
  start(wait_and_tell(loop, never, on(silent, signalled), {}, afterwards));
  EXPECT_EQ(afterwards, woken::cancelled);
}

TEST(Reactor, APeerThatGoesRaisesHangup) {
  reactor loop;
  pair_of_sockets sockets;
  event_source source;
  loop.add(sockets.ends[0], source);
  std::optional<woken> how;
  loop.poll();
  start(wait_and_tell(loop, never, on(source, hangup), {}, how));
  EXPECT_FALSE(how);
  sockets.close_other();
  loop.poll();
  EXPECT_EQ(how, woken::ready);
  EXPECT_TRUE(source.is(hangup));
  EXPECT_TRUE(source.is(readable)) << "whoever reads must get to see the end";
}

task<void> destroy_when_ready(reactor& loop, event_source& trigger, std::optional<event_source>& victim) {
  (void)co_await loop.wait(never, on(trigger, signalled));
  victim.reset();
}

TEST(Reactor, AResumedCoroutineMayDestroyASourceOfTheSameBatch) {
  reactor loop;
  pair_of_sockets one, two;
  event_source trigger;
  std::optional<event_source> victim(std::in_place);
  loop.add(one.ends[0], trigger);
  loop.add(two.ends[0], *victim);
  loop.poll();
  trigger.clear(readable | writable);
  start(destroy_when_ready(loop, trigger, victim));
  trigger.raise(loop, signalled);
  ASSERT_EQ(::write(two.ends[1], "x", 1), 1);
  loop.poll();  // must not touch the victim after the coroutine ran
  EXPECT_FALSE(victim);
  ::close(std::exchange(two.ends[0], ::dup(1)));
}

}  // namespace
}  // namespace tideover::net
