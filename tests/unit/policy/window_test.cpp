#include "tideover/policy/window.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

window_choice of(std::uint64_t prompt, std::optional<std::uint64_t> output, window_facts facts) {
  return choose_window({prompt, output}, facts);
}

TEST(Window, ASmallRequestLeavesTheServersDefaultAlone) {
  auto const w = of(1000, 500, {});
  EXPECT_TRUE(w.fits);
  EXPECT_EQ(w.num_ctx, 0u);
}

TEST(Window, ALargerOneAsksForTheNextPowerOfTwo) {
  EXPECT_EQ(of(5000, 500, {}).num_ctx, 8192u);
  EXPECT_EQ(of(7000, 500, {}).num_ctx, 16384u) << "estimates are low: a margin decides";
  EXPECT_EQ(of(20000, {}, {}).num_ctx, 32768u);
}

TEST(Window, ALoadedWindowThatHoldsTheRequestIsAskedForAsItIs) {
  for (std::uint64_t const loaded : {2048u, 4096u, 40960u, 131072u}) {
    auto const w = of(500, 500, {.limit = {}, .trained = 131072, .loaded = loaded});
    EXPECT_EQ(w.num_ctx, loaded);
    EXPECT_FALSE(w.reloads);
  }
}

TEST(Window, ALoadedWindowThatIsTooSmallGrows) {
  auto const w = of(5000, 500, {.limit = {}, .trained = 131072, .loaded = 4096});
  EXPECT_TRUE(w.fits);
  EXPECT_EQ(w.num_ctx, 8192u);
  EXPECT_TRUE(w.reloads);
}

TEST(Window, AutomaticMeansTheTrainedLengthAndAtMost32768) {
  EXPECT_TRUE(of(25000, {}, {.limit = {}, .trained = 131072}).fits);
  EXPECT_FALSE(of(30000, {}, {.limit = {}, .trained = 131072}).fits);
  EXPECT_FALSE(of(8000, {}, {.limit = {}, .trained = 8192}).fits);
  EXPECT_EQ(of(6000, {}, {.limit = {}, .trained = 8192}).num_ctx, 8192u);
  EXPECT_EQ(of(30000, {}, {}).largest, 32768u);
}

TEST(Window, ANumberIsTheLimitButNeverBeyondWhatTheModelWasTrainedFor) {
  EXPECT_TRUE(of(60000, {}, {.limit = 131072, .trained = 131072}).fits);
  EXPECT_EQ(of(60000, {}, {.limit = 131072, .trained = 131072}).num_ctx, 131072u);
  EXPECT_EQ(of(18000, {}, {.limit = 24000, .trained = 131072}).num_ctx, 24000u) << "a limit need not be a power of two";
  EXPECT_FALSE(of(10000, {}, {.limit = 131072, .trained = 8192}).fits);
}

TEST(Window, WhatIsLoadedMayBeUsedEvenBeyondTheLimit) {
  auto const w = of(60000, {}, {.limit = 32768, .trained = 131072, .loaded = 131072});
  EXPECT_TRUE(w.fits);
  EXPECT_EQ(w.num_ctx, 131072u);
}

TEST(Window, AHabitOfAskingForLongAnswersMakesNothingUnfit) {
  auto const w = of(20000, 64000, {.limit = {}, .trained = 131072});
  EXPECT_TRUE(w.fits);
  EXPECT_EQ(w.num_ctx, 32768u);
  auto const loaded = of(20000, 64000, {.limit = {}, .trained = 131072, .loaded = 32768});
  EXPECT_FALSE(loaded.reloads);
}

TEST(Window, AFullReloadForNothingIsNeverAsked) {
  for (std::uint64_t const loaded : {4096u, 8192u, 10000u, 32768u, 65536u})
    for (std::uint64_t prompt = 100; prompt < 70000; prompt += 777)
      for (std::uint64_t const output : {16u, 1000u, 50000u}) {
        auto const w = of(prompt, output, {.limit = {}, .trained = 131072, .loaded = loaded});
        if (!w.fits) continue;
        EXPECT_GE(w.num_ctx, loaded);
        EXPECT_EQ(w.reloads, w.num_ctx != loaded);
      }
}

TEST(Window, WhereTheUsualWindowIsKnownItCountsBeforeTheModelIsLoaded) {
  EXPECT_EQ(of(10000, {}, {.limit = {}, .trained = 131072, .loaded = 0, .usual = 32768}).num_ctx, 0u);
  EXPECT_EQ(of(3000, {}, {.limit = {}, .trained = 131072, .loaded = 0, .usual = 2048}).num_ctx, 8192u);
}

TEST(Window, NothingKnownOfThePromptFitsAnywhere) {
  EXPECT_TRUE(of(0, {}, {.limit = 100}).fits);
  EXPECT_EQ(of(0, {}, {.limit = {}, .trained = 0, .loaded = 8192}).num_ctx, 8192u);
}

TEST(Window, AbsurdNumbersStayNumbers) {
  EXPECT_FALSE(of(~std::uint64_t{0}, ~std::uint64_t{0}, {}).fits);
  EXPECT_TRUE(of(10, ~std::uint64_t{0}, {}).fits);
}

}  // namespace
}  // namespace tideover::policy
