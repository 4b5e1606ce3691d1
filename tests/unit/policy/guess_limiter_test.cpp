#include "tideover/policy/guess_limiter.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;

struct GuessLimiter : testing::Test {
  guess_limiter limiter;
  time_point now{1h};
  void wrong(int times, std::string_view address = "192.0.2.1") {
    for (int i = 0; i < times; ++i) limiter.wrong(address, now);
  }
};

TEST_F(GuessLimiter, LetsAFewTypingErrorsPass) {
  wrong(guess_limiter::free_guesses - 1);
  EXPECT_FALSE(limiter.must_wait("192.0.2.1", now));
  wrong(1);
  EXPECT_EQ(limiter.must_wait("192.0.2.1", now), guess_limiter::first_wait);
  EXPECT_FALSE(limiter.must_wait("192.0.2.1", now + guess_limiter::first_wait));
}

TEST_F(GuessLimiter, DoublesTheWaitUpToItsLimit) {
  wrong(guess_limiter::free_guesses + 1);
  EXPECT_EQ(limiter.must_wait("192.0.2.1", now), 2 * guess_limiter::first_wait);
  wrong(100);
  EXPECT_EQ(limiter.must_wait("192.0.2.1", now), guess_limiter::longest_wait);
}

TEST_F(GuessLimiter, MakesNobodyElseWait) {
  wrong(50);
  EXPECT_FALSE(limiter.must_wait("192.0.2.2", now));
}

TEST_F(GuessLimiter, BeginsAnewAfterTheRightOneAndAfterALongSilence) {
  wrong(50);
  limiter.right("192.0.2.1");
  EXPECT_FALSE(limiter.must_wait("192.0.2.1", now));
  wrong(50);
  now += guess_limiter::forget_after;
  wrong(1);
  EXPECT_FALSE(limiter.must_wait("192.0.2.1", now));
}

TEST_F(GuessLimiter, CountsAllAddressesOfOneIpv6NetworkTogether) {
  for (int i = 0; i < 10; ++i) wrong(1, "2001:db8:1:2::" + std::to_string(i + 1));
  EXPECT_TRUE(limiter.must_wait("2001:db8:1:2:aaaa::1", now));
  EXPECT_FALSE(limiter.must_wait("2001:db8:1:3::1", now));
  EXPECT_FALSE(limiter.must_wait("::1", now));
  wrong(10, "::1");
  EXPECT_TRUE(limiter.must_wait("::1", now));
  EXPECT_FALSE(limiter.must_wait("::ffff:192.0.2.9", now));
}

TEST_F(GuessLimiter, KeepsABoundedNumberOfAddresses) {
  for (int i = 0; i < 5000; ++i) {
    now += 1ms;
    limiter.wrong("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), now);
  }
  EXPECT_LE(limiter.followed(), guess_limiter::most_addresses);
}

}  // namespace
}  // namespace tideover::policy
