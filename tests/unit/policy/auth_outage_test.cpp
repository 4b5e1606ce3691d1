#include "tideover/policy/auth_outage.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;

struct AuthOutage : testing::Test {
  static constexpr std::uint16_t openai = 0, anthropic = 1;
  time_point now{100h};
  auth_outage machine{2};

  void worked(std::initializer_list<std::uint64_t> keys) {
    for (auto const key : keys) machine.worked(openai, key, now, now);
  }
  bool refused(std::uint64_t key) { return machine.refused(openai, key, now); }
  void break_out() {
    worked({1, 2, 3, 4});
    for (auto const key : {1, 2, 3}) (void)refused(static_cast<std::uint64_t>(key));
    ASSERT_TRUE(machine.is_out(openai, now));
  }
};

TEST_F(AuthOutage, TheThirdKeyThatWorkedAndIsRefusedWithinAMinuteBeginsIt) {
  worked({1, 2, 3});
  now += 23h;
  EXPECT_FALSE(refused(1));
  now += 30s;
  EXPECT_FALSE(refused(2));
  now += 29s;
  EXPECT_TRUE(refused(3));
  EXPECT_TRUE(refused(1)) << "and from then on every one of them";
}

TEST_F(AuthOutage, OneKeyIsItsOwnersAffairHoweverOftenItIsRefused) {
  worked({1, 2});
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(refused(1));
  EXPECT_FALSE(refused(2)) << "nor do two make an outage";
}

TEST_F(AuthOutage, KeysThatNeverWorkedProveNothing) {
  for (std::uint64_t key = 1; key < 100; ++key) EXPECT_FALSE(refused(key));
  EXPECT_EQ(machine.remembered(openai), 0u) << "nor do they take up memory";
}

TEST_F(AuthOutage, KeysThatLastWorkedADayAgoProveNothing) {
  worked({1, 2, 3});
  now += 24h;
  for (std::uint64_t key = 1; key <= 3; ++key) EXPECT_FALSE(refused(key));
  worked({1, 2, 3});
  now += 24h - 1s;
  EXPECT_FALSE(refused(1));
  EXPECT_FALSE(refused(2));
  EXPECT_TRUE(refused(3));
}

TEST_F(AuthOutage, RefusalsThatAreMoreThanAMinuteApartAreThreeStories) {
  worked({1, 2, 3, 4});
  EXPECT_FALSE(refused(1));
  now += 30s;
  EXPECT_FALSE(refused(2));
  now += 30s;
  EXPECT_FALSE(refused(3));
  now += 29s;
  EXPECT_TRUE(refused(4)) << "2, 3 and 4";
}

TEST_F(AuthOutage, AWrongKeyStaysItsOwnersAffairDuringAnOutage) {
  break_out();
  EXPECT_FALSE(refused(99));
  EXPECT_TRUE(refused(4)) << "one that worked does not";
}

TEST_F(AuthOutage, ASuccessOfOneThatWasRefusedEndsIt) {
  break_out();
  now += 5min;
  worked({2});
  EXPECT_FALSE(machine.is_out(openai, now));
  EXPECT_FALSE(refused(1));
  EXPECT_FALSE(refused(3)) << "what was refused before is forgotten";
}

TEST_F(AuthOutage, ASuccessOfAnotherKeyDoesNotEndIt) {
  break_out();
  worked({4, 5});
  EXPECT_TRUE(machine.is_out(openai, now));
  EXPECT_TRUE(refused(1));
}

TEST_F(AuthOutage, ASuccessThatWasAskedForBeforeTheRefusalEndsNothing) {
  auto const before = now - 10s;
  break_out();
  now += 1min;
  machine.worked(openai, 1, before, now);  // a long answer comes to its end
  EXPECT_TRUE(machine.is_out(openai, now));
}

TEST_F(AuthOutage, ItIsOverWhenNothingWasHeardOfItForAnHour) {
  break_out();
  now += 1h - 1s;
  EXPECT_TRUE(refused(1));
  now += 1h;
  EXPECT_FALSE(machine.is_out(openai, now));
  EXPECT_FALSE(refused(1));
}

TEST_F(AuthOutage, ItNeverOutlastsADayWithoutASuccess) {
  break_out();
  for (auto const end = now + 24h; now < end; now += 10min) EXPECT_TRUE(refused(1));
  EXPECT_FALSE(refused(1)) << "a key revoked for good is its owner's affair in the end";
}

TEST_F(AuthOutage, EachProviderIsItsOwnStory) {
  break_out();
  machine.worked(anthropic, 1, now, now);
  EXPECT_FALSE(machine.refused(anthropic, 1, now));
  EXPECT_FALSE(machine.is_out(anthropic, now));
}

TEST_F(AuthOutage, RemembersABoundedNumberOfKeysTheLatest) {
  for (std::uint64_t key = 1; key <= 3000; ++key) {
    now += 1s;
    machine.worked(openai, key, now, now);
  }
  EXPECT_EQ(machine.remembered(openai), 1024u);
  EXPECT_FALSE(refused(1));
  EXPECT_FALSE(refused(2999));
  EXPECT_FALSE(refused(3000));
  EXPECT_TRUE(refused(2998));
}

}  // namespace
}  // namespace tideover::policy
