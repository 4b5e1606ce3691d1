#include "tideover/policy/admission.hpp"

#include <gtest/gtest.h>

#include <map>

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using config::priority;

/// An admission whose verdicts are kept by ticket, and a clock that the test moves.
struct door {
  explicit door(admission_settings s) : rules(s) {}
  admission rules;
  time_point now{std::chrono::hours(1)};
  std::map<admission::ticket, std::variant<admission::place, admission::refusal>> told;
  std::vector<admission::ticket> served;  // in order

  void hear() {
    for (auto& v : rules.take_verdicts()) {
      EXPECT_FALSE(told.contains(v.who)) << "a second verdict";
      if (std::holds_alternative<admission::place>(v.what)) served.push_back(v.who);
      told.emplace(v.who, v.what);
    }
  }
  admission::ticket enter(std::uint64_t caller = 1, priority urgency = priority::normal, time_point start_by = never,
                          std::vector<url_fit> urls = {}, bool wait = true) {
    auto const who = rules.enter(
        {.caller = caller, .urgency = urgency, .start_by = start_by, .urls = std::move(urls), .wait = wait}, now);
    hear();
    return who;
  }
  void leave(admission::ticket who, place_use how = place_use::served) {
    rules.leave(who, now, how);
    hear();
  }
  void pass(duration span) {
    now += span;
    rules.advance(now);
    hear();
  }
  std::optional<std::uint16_t> url(admission::ticket who) const {
    auto const it = told.find(who);
    if (it == told.end() || !std::holds_alternative<admission::place>(it->second)) return std::nullopt;
    return std::get<admission::place>(it->second).url;
  }
  std::optional<admission::refusal> refused(admission::ticket who) const {
    auto const it = told.find(who);
    if (it == told.end() || !std::holds_alternative<admission::refusal>(it->second)) return std::nullopt;
    return std::get<admission::refusal>(it->second);
  }
};

constexpr auto loaded = url_fit::loaded, installed = url_fit::installed, absent = url_fit::absent;

TEST(Admission, AsManyAsThereArePlacesGoInAndTheNextWaits) {
  door d({.concurrency = 2});
  auto const a = d.enter(), b = d.enter(), c = d.enter();
  EXPECT_TRUE(d.url(a) && d.url(b));
  EXPECT_FALSE(d.told.contains(c));
  EXPECT_EQ(d.rules.waiting(), 1u);
  d.pass(3s);
  d.leave(a);
  ASSERT_TRUE(d.url(c));
  EXPECT_EQ(std::get<admission::place>(d.told.at(c)).waited, 3s);
  EXPECT_EQ(d.rules.busy(), 2u);
}

TEST(Admission, HigherPrioritiesGoFirst) {
  door d({.concurrency = 1});
  auto const holder = d.enter();
  auto const low = d.enter(1, priority::low), normal = d.enter(2, priority::normal), high = d.enter(3, priority::high);
  d.leave(holder);
  d.leave(high);
  d.leave(normal);
  EXPECT_EQ(d.served, (std::vector{holder, high, normal, low}));
}

TEST(Admission, OneCallerWithManyDoesNotKeepOutOneWithOne) {
  door d({.concurrency = 1});
  auto const holder = d.enter(1);
  std::vector<admission::ticket> many;
  for (int i = 0; i < 60; ++i) many.push_back(d.enter(1));
  auto const one = d.enter(2);
  d.leave(holder);
  EXPECT_EQ(d.served.back(), one) << "who was never served comes before who was served a moment ago";
  d.leave(one);
  EXPECT_EQ(d.served.back(), many.front());
}

TEST(Admission, CallersTakeTurnsWithinAPriority) {
  door d({.concurrency = 1});
  auto last = d.enter(9);
  std::map<admission::ticket, int> whose;
  for (int i = 0; i < 3; ++i) whose[d.enter(1)] = 1;
  for (int i = 0; i < 3; ++i) whose[d.enter(2)] = 2;
  std::vector<int> order;
  for (int i = 0; i < 6; ++i) {
    d.leave(last);
    last = d.served.back();
    order.push_back(whose[last]);
  }
  EXPECT_EQ(order, (std::vector{1, 2, 1, 2, 1, 2}));
}

TEST(Admission, AFullQueueTurnsAwayWithAnHonestTime) {
  door d({.concurrency = 2, .queue_limit = 2, .queue_wait = 10min});
  for (int i = 0; i < 3; ++i) {  // ten seconds each is what this server takes
    auto const x = d.enter();
    d.pass(10s);
    d.leave(x);
  }
  for (int i = 0; i < 4; ++i) d.enter();
  auto const fifth = d.enter();
  ASSERT_TRUE(d.refused(fifth));
  EXPECT_EQ(d.refused(fifth)->why, no_place::queue_full);
  EXPECT_EQ(d.refused(fifth)->retry_after, 20s) << "two go in after 10 s, which leaves the next place after 20 s";
}

TEST(Admission, AFullQueueMakesRoomForAHigherPriority) {
  door d({.concurrency = 1, .queue_limit = 2});
  d.enter(1);
  auto const older = d.enter(2, priority::low), newer = d.enter(3, priority::low);
  auto const high = d.enter(4, priority::high);
  EXPECT_FALSE(d.told.contains(high));
  EXPECT_FALSE(d.told.contains(older));
  ASSERT_TRUE(d.refused(newer));
  EXPECT_EQ(d.refused(newer)->why, no_place::queue_full);
  EXPECT_TRUE(d.refused(d.enter(5, priority::low)));
}

TEST(Admission, AFullQueueMakesRoomForACallerWithFewerWaiting) {
  door d({.concurrency = 1, .queue_limit = 3});
  d.enter(1);
  d.enter(1), d.enter(1);
  auto const last_of_many = d.enter(1);
  auto const other = d.enter(2);
  EXPECT_TRUE(d.refused(last_of_many));
  EXPECT_FALSE(d.told.contains(other));
  EXPECT_TRUE(d.refused(d.enter(1))) << "who has most waiting cannot push anybody out";
  EXPECT_FALSE(d.told.contains(other));
}

TEST(Admission, NobodyWaitsLongerThanTheLongestWait) {
  door d({.concurrency = 1, .queue_wait = 60s});
  d.enter();
  auto const waiting = d.enter();
  d.pass(60s - 1ms);
  EXPECT_FALSE(d.told.contains(waiting));
  d.pass(1ms);
  ASSERT_TRUE(d.refused(waiting));
  EXPECT_EQ(d.refused(waiting)->why, no_place::too_long);
  EXPECT_EQ(d.rules.waiting(), 0u);
}

TEST(Admission, WhoCannotStartInTimeIsToldAtOnce) {
  door d({.concurrency = 1});
  auto x = d.enter();
  d.pass(20s);
  d.leave(x);
  x = d.enter();
  EXPECT_FALSE(d.told.contains(d.enter(2, priority::normal, d.now + 21s)));
  auto const hurried = d.enter(3, priority::normal, d.now + 19s);
  ASSERT_TRUE(d.refused(hurried));
  EXPECT_EQ(d.refused(hurried)->why, no_place::too_long);
  EXPECT_GE(d.refused(hurried)->retry_after, 20s);
}

/// Found by the simulation, seed 3138944036601690037: a request whose time is over joined the queue all the same and
/// sat in it until time passed.
TEST(Admission, WhoseTimeIsOverDoesNotJoinTheQueue) {
  door d({.concurrency = 1});
  d.enter();
  auto const late = d.enter(2, priority::normal, d.now);
  ASSERT_TRUE(d.refused(late));
  EXPECT_EQ(d.refused(late)->why, no_place::too_long);
}

TEST(Admission, WithoutHistoryNobodyIsSentAwayOnAGuess) {
  door d({.concurrency = 1});
  d.enter();
  EXPECT_FALSE(d.told.contains(d.enter(2, priority::normal, d.now + 1s)));
}

TEST(Admission, OneColdStartIsNoHabit) {
  door d({.concurrency = 1});
  for (int i = 0; i < 5; ++i) {
    auto const x = d.enter();
    d.pass(i == 2 ? 90s : 2s);
    d.leave(x);
  }
  EXPECT_EQ(d.rules.usual_service(), 2s);
}

TEST(Admission, ALowPriorityIsNotKeptOutForEver) {
  door d({.concurrency = 1, .queue_wait = 60s});
  auto holder = d.enter(1, priority::high);
  auto const low = d.enter(2, priority::low);
  // Callers of high priority keep coming, one waits at any time.
  std::uint64_t caller = 100;
  auto seconds = 0s;
  while (!d.told.contains(low) && seconds < 100s) {
    auto const next = d.enter(++caller, priority::high);
    d.pass(1s);
    seconds += 1s;
    d.leave(holder);
    if (d.url(low)) break;
    ASSERT_TRUE(d.url(next));
    holder = next;
  }
  EXPECT_TRUE(d.url(low));
  EXPECT_GE(seconds, 39s) << "two thirds of the longest wait";
  EXPECT_LE(seconds, 42s);
}

TEST(Admission, ALoadedModelComesBeforeALessBusyServer) {
  door d({.urls = 3, .concurrency = 2});
  EXPECT_EQ(d.url(d.enter(1, priority::normal, never, {absent, installed, loaded})), 2);
  EXPECT_EQ(d.url(d.enter(1, priority::normal, never, {absent, installed, loaded})), 2);
  EXPECT_EQ(d.url(d.enter(1, priority::normal, never, {absent, installed, loaded})), 1)
      << "an idle server that has to load helps more than a queue";
  EXPECT_EQ(d.url(d.enter(1, priority::normal, never, {loaded, installed, loaded})), 0);
}

TEST(Admission, AmongEqualsTheLeastBusyServes) {
  door d({.urls = 2, .concurrency = 2});
  std::vector<std::uint16_t> urls;
  for (int i = 0; i < 4; ++i) urls.push_back(*d.url(d.enter()));
  EXPECT_EQ(urls, (std::vector<std::uint16_t>{0, 1, 0, 1}));
}

TEST(Admission, WhoNeedsABusyServerIsInNobodysWay) {
  door d({.urls = 2, .concurrency = 1});
  d.enter(1, priority::normal, never, {loaded, absent});
  auto const stuck = d.enter(2, priority::high, never, {loaded, absent});
  auto const free = d.enter(3, priority::low, never, {absent, loaded});
  EXPECT_FALSE(d.told.contains(stuck));
  EXPECT_EQ(d.url(free), 1);
}

TEST(Admission, AModelThatIsNowhereIsSaidAtOnce) {
  door d({.urls = 2});
  auto const who = d.enter(1, priority::normal, never, {absent, absent});
  ASSERT_TRUE(d.refused(who));
  EXPECT_EQ(d.refused(who)->why, no_place::nowhere);
}

TEST(Admission, ADeadServerIsNotOfferedForAWhile) {
  door d({.urls = 2, .concurrency = 2});
  auto const a = d.enter();
  EXPECT_EQ(d.url(a), 0);
  d.leave(a, place_use::unreachable);
  EXPECT_TRUE(d.rules.rests(0, d.now));
  EXPECT_TRUE(d.rules.lives({}, 0, d.now));
  auto const b = d.enter(), c = d.enter(), waits = d.enter();
  EXPECT_EQ(d.url(b), 1);
  EXPECT_EQ(d.url(c), 1);
  EXPECT_FALSE(d.told.contains(waits)) << "the dead one has free places, but the other one lives";
  d.pass(2s);
  EXPECT_EQ(d.url(waits), 0);
}

TEST(Admission, ADeadServersRestDoublesAndEndsWithTheFirstAnswer) {
  door d({.urls = 2, .concurrency = 1});
  for (auto const rest : {2s, 4s, 8s, 16s, 30s, 30s}) {
    auto const x = d.enter(1, priority::normal, never, {loaded, installed});
    ASSERT_EQ(d.url(x), 0);
    d.leave(x, place_use::unreachable);
    d.pass(rest - 1ms);
    EXPECT_TRUE(d.rules.rests(0, d.now));
    d.pass(1ms);
    EXPECT_FALSE(d.rules.rests(0, d.now));
  }
  d.leave(d.enter(1, priority::normal, never, {loaded, installed}));
  auto const x = d.enter(1, priority::normal, never, {loaded, installed});
  d.leave(x, place_use::unreachable);
  d.pass(2s);
  EXPECT_FALSE(d.rules.rests(0, d.now));
}

TEST(Admission, WhereNothingLivesTheDeadAreTriedAllTheSame) {
  door d({.urls = 1, .concurrency = 1});
  d.leave(d.enter(), place_use::unreachable);
  EXPECT_FALSE(d.rules.lives({}, 1, d.now));
  EXPECT_EQ(d.url(d.enter()), 0) << "the last resort is asked, not presumed dead";
}

TEST(Admission, WhoGoesAwayLeavesNoHole) {
  door d({.concurrency = 1, .queue_limit = 1});
  auto const holder = d.enter();
  auto const gone = d.enter();
  d.leave(gone, place_use::other);
  auto const next = d.enter();
  EXPECT_FALSE(d.told.contains(next));
  d.leave(holder);
  EXPECT_TRUE(d.url(next));
  EXPECT_FALSE(d.told.contains(gone));
  d.leave(gone, place_use::other);
  d.leave(next), d.leave(next);
  EXPECT_EQ(d.rules.busy(), 0u) << "given back twice is given back once";
}

TEST(Admission, ATestOfOurOwnTakesAFreePlaceOrNone) {
  door d({.concurrency = 1});
  auto const first = d.enter(1, priority::low, never, {}, false);
  EXPECT_TRUE(d.url(first));
  auto const second = d.enter(1, priority::low, never, {}, false);
  ASSERT_TRUE(d.refused(second));
  EXPECT_EQ(d.refused(second)->why, no_place::busy);
}

TEST(Admission, NeitherNoQueueNorNoWaitIsAnError) {
  door none({.concurrency = 1, .queue_limit = 0});
  none.enter();
  EXPECT_EQ(none.refused(none.enter())->why, no_place::queue_full);
  door impatient({.concurrency = 1, .queue_wait = 0s});
  impatient.enter();
  auto const x = impatient.enter();
  impatient.pass(0s);
  EXPECT_EQ(impatient.refused(x)->why, no_place::too_long);
}

TEST(Admission, TakesOtherLimitsWhileInUse) {
  door d({.concurrency = 1, .queue_limit = 8});
  auto const a = d.enter(), b = d.enter(2), c = d.enter(3);
  EXPECT_TRUE(d.url(a) && !d.url(b) && !d.url(c));
  d.rules.adjust({.concurrency = 2, .queue_limit = 8}, d.now);
  d.hear();
  EXPECT_TRUE(d.url(b) && !d.url(c));
  d.rules.adjust({.concurrency = 1, .queue_limit = 8}, d.now);
  d.leave(a);
  EXPECT_FALSE(d.url(c)) << "one is still inside, and there is one place";
  d.leave(b);
  EXPECT_TRUE(d.url(c));
}

TEST(Admission, AShorterWaitHoldsForThoseWhoWait) {
  door d({.concurrency = 1, .queue_limit = 8, .queue_wait = 60s});
  (void)d.enter();
  auto const b = d.enter(2);
  d.rules.adjust({.concurrency = 1, .queue_limit = 8, .queue_wait = 5s}, d.now);
  d.pass(6s);
  ASSERT_TRUE(d.refused(b));
  EXPECT_EQ(d.refused(b)->why, no_place::too_long);
}

}  // namespace
}  // namespace tideover::policy
