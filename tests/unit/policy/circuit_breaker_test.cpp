#include "tideover/policy/circuit_breaker.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using state = circuit_breaker::state;

struct CircuitBreaker : testing::Test {
  time_point now{1h};
  circuit_breaker breaker{
      breaker_settings{}};  // the defaults of the contract: 3 in a row, half of 10 in 30 s, 5 s to 60 s

  void fail(int times = 1) {
    for (int i = 0; i < times; ++i) breaker.failed(*breaker.admit(now), now, 0);
  }
  void succeed(int times = 1) {
    for (int i = 0; i < times; ++i) breaker.succeeded(*breaker.admit(now), now);
  }
};

TEST_F(CircuitBreaker, OpensAtTheThirdFailureInARow) {
  fail(2);
  EXPECT_EQ(breaker.current(now), state::closed);
  fail();
  EXPECT_EQ(breaker.current(now), state::open);
  EXPECT_FALSE(breaker.admit(now));
}

TEST_F(CircuitBreaker, ASuccessStartsTheRowAgain) {
  fail(2);
  succeed();
  fail(2);
  EXPECT_EQ(breaker.current(now), state::closed);
}

TEST_F(CircuitBreaker, OpensAtHalfOfTenWithinTheWindow) {
  for (int i = 0; i < 4; ++i) {
    fail();
    succeed();
  }
  succeed();
  EXPECT_EQ(breaker.current(now), state::closed);  // 4 of 9
  fail();
  EXPECT_EQ(breaker.current(now), state::open);  // 5 of 10
}

TEST_F(CircuitBreaker, ASmallerShareOrFewerRequestsDoNotOpen) {
  for (int i = 0; i < 20; ++i) {
    fail();
    succeed(2);
  }
  EXPECT_EQ(breaker.current(now), state::closed);
  circuit_breaker few{breaker_settings{}};
  for (int i = 0; i < 4; ++i) {
    few.failed(*few.admit(now), now, 0);
    few.succeeded(*few.admit(now), now);
  }
  few.failed(*few.admit(now), now, 0);  // 5 of 9
  EXPECT_EQ(few.current(now), state::closed);
}

TEST_F(CircuitBreaker, WhatIsOlderThanTheWindowIsForgotten) {
  for (int i = 0; i < 4; ++i) {
    fail();
    succeed();
  }
  now += 31s;
  succeed();
  fail();
  EXPECT_EQ(breaker.current(now), state::closed);
}

TEST_F(CircuitBreaker, AfterThePauseExactlyOneRequestTries) {
  fail(3);
  now += 5s - 1ns;
  EXPECT_FALSE(breaker.admit(now));
  now += 1ns;
  EXPECT_EQ(breaker.current(now), state::half_open);
  EXPECT_FALSE(breaker.refuses(now));
  auto const trial = breaker.admit(now);
  ASSERT_TRUE(trial);
  EXPECT_TRUE(breaker.is_trial(*trial));
  EXPECT_TRUE(breaker.refuses(now));
  EXPECT_FALSE(breaker.admit(now + 1h));
  breaker.succeeded(*trial, now);
  EXPECT_EQ(breaker.current(now), state::closed);
  EXPECT_TRUE(breaker.admit(now));
}

TEST_F(CircuitBreaker, AnAbandonedTrialLeavesTheDecisionToTheNext) {
  fail(3);
  now += 5s;
  auto const first = *breaker.admit(now);
  breaker.abandoned(first);
  EXPECT_EQ(breaker.current(now), state::half_open);
  auto const second = *breaker.admit(now);
  breaker.succeeded(first, now);  // the first one's word no longer counts
  EXPECT_EQ(breaker.current(now), state::half_open);
  breaker.failed(second, now, 0);
  EXPECT_EQ(breaker.current(now), state::open);
}

TEST_F(CircuitBreaker, ThePauseDoublesToItsMaximumAndASuccessStartsItAgain) {
  fail(3);
  for (auto const pause : {5s, 10s, 20s, 40s, 60s, 60s}) {
    EXPECT_EQ(breaker.open_until(), now + pause);
    now = breaker.open_until();
    fail();
  }
  now = breaker.open_until();
  succeed();
  fail(3);
  EXPECT_EQ(breaker.open_until(), now + 5s);
}

TEST_F(CircuitBreaker, JitterNeverLeavesTheBounds) {
  for (double const jitter : {0.0, 0.5, 1.0, -3.0, 7.0}) {
    circuit_breaker b{breaker_settings{}};
    time_point t{1h};
    for (int i = 0; i < 3; ++i) b.failed(*b.admit(t), t, jitter);
    for (int i = 0; i < 10; ++i) {
      EXPECT_GE(b.open_until() - t, 5s);
      EXPECT_LE(b.open_until() - t, 60s);
      t = b.open_until();
      b.failed(*b.admit(t), t, jitter);
    }
    EXPECT_GE(b.open_until() - t, 48s);
  }
}

TEST_F(CircuitBreaker, StragglersFromBeforeItOpenedChangeNothing) {
  auto const early = *breaker.admit(now), other = *breaker.admit(now), third = *breaker.admit(now);
  fail(3);
  auto const until = breaker.open_until();
  breaker.succeeded(early, now);
  breaker.failed(other, now + 1s, 0);
  breaker.abandoned(third);
  EXPECT_EQ(breaker.current(now), state::open);
  EXPECT_EQ(breaker.open_until(), until);
}

TEST_F(CircuitBreaker, StragglersDoNotDecideForTheTrialEither) {
  auto const early = *breaker.admit(now), other = *breaker.admit(now);
  fail(3);
  now += 5s;
  auto const trial = *breaker.admit(now);
  breaker.abandoned(early);
  EXPECT_FALSE(breaker.admit(now));
  breaker.failed(other, now, 0);
  EXPECT_EQ(breaker.current(now), state::half_open);
  breaker.succeeded(trial, now);
  EXPECT_EQ(breaker.current(now), state::closed);
}

TEST_F(CircuitBreaker, AnOpenBreakersHistoryDoesNotTripItAgain) {
  for (int i = 0; i < 20; ++i) {
    succeed(2);
    fail();
  }
  fail(2);  // three in a row; the window is full of failures
  now += 5s;
  succeed();
  fail(2);
  EXPECT_EQ(breaker.current(now), state::closed);
}

TEST_F(CircuitBreaker, AProbeClosesItAtOnceButThePauseKeepsItsLength) {
  fail(3);
  breaker.probe_succeeded();
  EXPECT_EQ(breaker.current(now), state::closed);
  fail(3);
  EXPECT_EQ(breaker.open_until(), now + 10s);
  breaker.probe_succeeded();
  succeed();
  fail(3);
  EXPECT_EQ(breaker.open_until(), now + 5s);
  circuit_breaker closed{breaker_settings{}};
  auto const p = *closed.admit(now);
  closed.probe_succeeded();
  closed.failed(p, now, 0);  // still of this era
  closed.failed(*closed.admit(now), now, 0);
  closed.failed(*closed.admit(now), now, 0);
  EXPECT_EQ(closed.current(now), state::open);
}

}  // namespace
}  // namespace tideover::policy
