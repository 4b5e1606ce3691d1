#include "tideover/net/name_cache.hpp"

#include <gtest/gtest.h>

namespace tideover::net {
namespace {

using namespace std::chrono_literals;

const name_key cloud{"cloud.test", 443};

std::vector<socket_address> addresses(std::initializer_list<const char*> list) {
  std::vector<socket_address> all;
  for (const char* ip : list) all.push_back(address_of_literal(ip, 443));
  return all;
}
const auto before = addresses({"192.0.2.1"});
const auto after_move = addresses({"192.0.2.2"});

/// A cache that knows `cloud` since `now`.
name_cache knowing(time_point now, name_cache_settings settings = {}) {
  name_cache cache(settings);
  EXPECT_TRUE(cache.finished(cloud, cache.ask(cloud, now).begin, before, now));
  return cache;
}

TEST(NameCache, AnUnknownNameIsLookedUpOnceAndEverybodyWaitsForIt) {
  name_cache cache;
  time_point const now{1h};
  auto const first = cache.ask(cloud, now);
  EXPECT_NE(first.begin, 0u);
  EXPECT_TRUE(first.in_flight);
  EXPECT_EQ(first.wait_until, never);
  auto const second = cache.ask(cloud, now + 10s);
  EXPECT_EQ(second.begin, 0u);
  EXPECT_TRUE(second.in_flight);
  EXPECT_EQ(second.wait_until, never);
  EXPECT_EQ(cache.threads(), 1u);
  EXPECT_EQ(cache.finished(cloud, first.begin, before, now + 11s), before);
  EXPECT_EQ(cache.threads(), 0u);
}

TEST(NameCache, AFreshAnswerIsUsedWithoutAskingAndAnOldOneAsksAnew) {
  time_point const now{1h};
  auto cache = knowing(now);
  auto const fresh = cache.ask(cloud, now + 30s - 1ms);
  EXPECT_EQ(fresh.addresses, before);
  EXPECT_FALSE(fresh.in_flight);
  auto const old = cache.ask(cloud, now + 30s);
  EXPECT_EQ(old.addresses, before);
  EXPECT_NE(old.begin, 0u);
  EXPECT_EQ(old.wait_until, now + 30s + 200ms);
}

TEST(NameCache, AnAddressThatMovedIsLeftWithTheFirstUseAfterHalfAMinute) {
  time_point const now{1h};
  auto cache = knowing(now);
  auto const asked = cache.ask(cloud, now + 31s);
  EXPECT_EQ(cache.finished(cloud, asked.begin, after_move, now + 31s), after_move);
  EXPECT_EQ(cache.ask(cloud, now + 32s).addresses, after_move);
}

TEST(NameCache, ARefreshThatHangsCostsItsPatienceOnceAndNotPerUse) {
  time_point const now{1h};
  auto cache = knowing(now);
  auto const began = now + 40s;
  (void)cache.ask(cloud, began);
  for (auto const later : {1ms, 199ms, 5000ms, 90'000ms}) {
    auto const use = cache.ask(cloud, began + later);
    EXPECT_EQ(use.addresses, before);
    EXPECT_EQ(use.begin, 0u);
    EXPECT_EQ(use.wait_until, began + 200ms);
  }
}

TEST(NameCache, OldAddressesServeForAnHourWhileRefreshesFailAndAreRetriedAtAPace) {
  time_point const now{1h};
  auto cache = knowing(now);
  unsigned lookups = 0;
  for (auto at = now + 30s; at < now + 1h; at += 1s) {
    auto const use = cache.ask(cloud, at);
    ASSERT_EQ(use.addresses, before);
    if (use.begin == 0) continue;
    ++lookups;
    ASSERT_EQ(cache.finished(cloud, use.begin, {}, at), before);
  }
  EXPECT_LE(lookups, 3600u / 5);
  EXPECT_GE(lookups, 3600u / 6 - 10);
  auto const over = cache.ask(cloud, now + 1h);
  EXPECT_TRUE(over.addresses.empty());
  EXPECT_EQ(over.wait_until, never);
}

TEST(NameCache, AFailureIsForgottenAtOnce) {
  name_cache cache;
  time_point const now{1h};
  EXPECT_EQ(cache.finished(cloud, cache.ask(cloud, now).begin, {}, now), addresses({}));
  EXPECT_EQ(cache.names(), 0u);
  EXPECT_NE(cache.ask(cloud, now).begin, 0u);
}

TEST(NameCache, ALookupThatNeverComesBackIsReplacedButOnlySoOften) {
  name_cache cache;
  time_point now{1h};
  std::vector<std::uint64_t> begun;
  for (int i = 0; i < 10; ++i) {
    auto const use = cache.ask(cloud, now);
    EXPECT_TRUE(use.in_flight);
    if (use.begin != 0) begun.push_back(use.begin);
    EXPECT_EQ(cache.ask(cloud, now + 2min - 1ms).begin, 0u);
    now += 2min;
  }
  ASSERT_EQ(begun.size(), 3u);
  EXPECT_EQ(cache.threads(), 3u);
  // One that was given up comes back after all: its thread is free again, its answer is too old to be believed.
  EXPECT_EQ(cache.finished(cloud, begun[0], before, now), std::nullopt);
  EXPECT_EQ(cache.threads(), 2u);
  auto const again = cache.ask(cloud, now);
  EXPECT_NE(again.begin, 0u);
  EXPECT_EQ(cache.finished(cloud, again.begin, after_move, now), after_move);
  EXPECT_EQ(cache.finished(cloud, begun[1], before, now), std::nullopt);
  EXPECT_EQ(cache.finished(cloud, begun[2], {}, now), std::nullopt);
  EXPECT_EQ(cache.ask(cloud, now).addresses, after_move);
  EXPECT_EQ(cache.threads(), 0u);
}

TEST(NameCache, NamesThatHangLeaveRoomForThoseThatWereFound) {
  time_point const now{1h};
  auto cache = knowing(now);
  unsigned begun = 0;
  for (int i = 0; i < 64; ++i) begun += cache.ask({"stuck" + std::to_string(i) + ".test", 443}, now).begin != 0 ? 1 : 0;
  EXPECT_EQ(begun, 48u);
  auto const no_room = cache.ask({"one-more.test", 443}, now);
  EXPECT_FALSE(no_room.in_flight);
  EXPECT_TRUE(no_room.addresses.empty());
  auto const healthy = cache.ask(cloud, now + 31s);
  EXPECT_EQ(healthy.addresses, before);
  EXPECT_NE(healthy.begin, 0u);
}

TEST(NameCache, WithoutAnyThreadLeftOldAddressesServeWithoutWaiting) {
  time_point const now{1h};
  auto cache = knowing(now, {.threads = 1, .reserve = 0});
  EXPECT_NE(cache.ask({"stuck.test", 443}, now).begin, 0u);
  auto const use = cache.ask(cloud, now + 31s);
  EXPECT_EQ(use.addresses, before);
  EXPECT_FALSE(use.in_flight);
}

TEST(NameCache, KeepsABoundedNumberOfNamesAndAddresses) {
  name_cache cache({.names = 3, .addresses = 4});
  time_point now{1h};
  auto const many = addresses({"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "2001:db8::1"});
  for (int i = 0; i < 10; ++i) {
    now += 1s;
    name_key const name{"n" + std::to_string(i) + ".test", 443};
    auto const kept = cache.finished(name, cache.ask(name, now).begin, many, now);
    // Both families stay in, or a machine without IPv4 would have nothing left.
    EXPECT_EQ(kept, addresses({"192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"}));
    (void)cache.ask({"n0.test", 443}, now);  // often used
  }
  EXPECT_EQ(cache.names(), 3u);
  EXPECT_FALSE(cache.ask({"n0.test", 443}, now).in_flight) << "the least recently used one goes";
  EXPECT_TRUE(cache.ask({"n1.test", 443}, now).in_flight);
}

TEST(InTurns, TheFamilyOfTheFirstAddressBegins) {
  EXPECT_EQ(in_turns(addresses({"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"})),
            addresses({"2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"}));
  EXPECT_EQ(in_turns(addresses({"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"})),
            addresses({"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"}));
  EXPECT_EQ(in_turns({}), addresses({}));
}

}  // namespace
}  // namespace tideover::net
