#include "tideover/net/resolver.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <queue>

#include "component/net/on_a_loop.hpp"

namespace tideover::net {
namespace {

using namespace std::chrono_literals;

lookup_result address(const char* ip) {
  lookup_result r;
  r.addresses.push_back(address_of_literal(ip, 443));
  return r;
}
lookup_result no_such_name() {
  lookup_result r;
  r.error = "no such name";
  return r;
}
std::string first(const lookup_result& result) {
  return result.addresses.empty() ? "nothing" : result.addresses.front().to_string();
}

/// Lookups on a loop of their own. What a lookup says is the script's business.
class looking_up {
 public:
  explicit looking_up(resolver::lookup_function lookup, name_cache_settings settings = {})
      : names_(std::move(lookup), settings) {}

  std::future<lookup_result> begin(std::string host, duration patience, event_source* also = nullptr) {
    return loop_.begin<lookup_result>([this, host = std::move(host), patience, also] {
      return names_.resolve(loop_.loop(), host, 443, after(clock::now(), patience), also);
    });
  }
  test::loop_thread& loop() { return loop_; }

 private:
  resolver names_;  // outlives the loop's coroutines
  test::loop_thread loop_;
};

/// A name service whose answers the test hands out one by one; without one a lookup hangs, until the end of the test.
class name_service {
 public:
  resolver::lookup_function lookup() const {
    return [s = state_](const std::string&, std::uint16_t) {
      std::unique_lock lock(s->mutex);
      ++s->asked;
      s->changed.notify_all();
      s->changed.wait(lock, [&] { return s->over || !s->answers.empty(); });
      if (s->answers.empty()) return no_such_name();
      auto answer = std::move(s->answers.front());
      s->answers.pop();
      return answer;
    };
  }
  ~name_service() {
    std::lock_guard const lock(state_->mutex);
    state_->over = true;
    state_->changed.notify_all();
  }
  void answer(lookup_result with) {
    std::lock_guard const lock(state_->mutex);
    state_->answers.push(std::move(with));
    state_->changed.notify_all();
  }
  void wait_until_asked(int times) {
    std::unique_lock lock(state_->mutex);
    EXPECT_TRUE(state_->changed.wait_for(lock, 60s, [&] { return state_->asked >= times; }));
  }
  int asked() const {
    std::lock_guard const lock(state_->mutex);
    return state_->asked;
  }

 private:
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    std::queue<lookup_result> answers;
    int asked = 0;
    bool over = false;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

TEST(Resolver, AStuckNameDoesNotDelayAnother) {
  // The field's usual proxies resolve on one thread: one dead name server then stops every host.
  std::promise<void> gate;
  auto const opened = gate.get_future().share();
  looking_up lookups([opened](const std::string& host, std::uint16_t) {
    if (host == "stuck.test") opened.wait();
    return address("192.0.2.1");
  });
  auto stuck = lookups.begin("stuck.test", 60s);
  auto quick = lookups.begin("quick.test", 60s);
  EXPECT_EQ(quick.get().addresses.size(), 1u);
  EXPECT_EQ(stuck.wait_for(0s), std::future_status::timeout);
  gate.set_value();
  EXPECT_EQ(stuck.get().addresses.size(), 1u);
}

TEST(Resolver, WhoeverWaitsHasADeadlineOfItsOwn) {
  name_service service;
  looking_up lookups(service.lookup());
  auto const result = lookups.begin("stuck.test", 1ms).get();
  EXPECT_TRUE(result.addresses.empty());
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.error.empty());
  // The lookup's thread ends after the resolver and its loop: it must find that out by itself.
}

TEST(Resolver, SeveralWaitForOneLookupAndTheAnswerIsKept) {
  name_service service;
  looking_up lookups(service.lookup());
  auto one = lookups.begin("same.test", 60s);
  auto two = lookups.begin("same.test", 60s);
  service.answer(address("192.0.2.7"));
  EXPECT_EQ(one.get().addresses.size(), 1u);
  EXPECT_EQ(two.get().addresses.size(), 1u);
  EXPECT_EQ(lookups.begin("same.test", 60s).get().addresses.size(), 1u);
  EXPECT_EQ(service.asked(), 1);
}

TEST(Resolver, AFailureIsNotKept) {
  name_service service;
  service.answer(no_such_name());
  service.answer(address("192.0.2.1"));
  looking_up lookups(service.lookup());
  auto const failed = lookups.begin("late.test", 60s).get();
  EXPECT_TRUE(failed.addresses.empty());
  EXPECT_EQ(failed.error, "no such name");
  EXPECT_FALSE(failed.timed_out);
  EXPECT_EQ(lookups.begin("late.test", 60s).get().addresses.size(), 1u);
}

TEST(Resolver, LiteralsAreNotLookedUp) {
  looking_up lookups([](const std::string& host, std::uint16_t) {
    ADD_FAILURE() << "looked up " << host;
    return lookup_result{};
  });
  EXPECT_EQ(first(lookups.begin("127.0.0.1", 60s).get()), "127.0.0.1:443");
  EXPECT_EQ(first(lookups.begin("::1", 60s).get()), "[::1]:443");
}

TEST(Resolver, AnOldAddressServesWhileItsRefreshHangsOrFails) {
  // A dead name service must not take a cloud with it that is well.
  name_service service;
  looking_up lookups(service.lookup(), {.fresh_for = 0s, .retry_pause = 0s});
  service.answer(address("192.0.2.1"));
  EXPECT_EQ(first(lookups.begin("cloud.test", 60s).get()), "192.0.2.1:443");
  auto const old = lookups.begin("cloud.test", 60s).get();  // nobody answers this lookup
  EXPECT_EQ(first(old), "192.0.2.1:443");
  EXPECT_EQ(old.error, "");
  EXPECT_FALSE(old.timed_out);
  EXPECT_EQ(service.asked(), 2);
  EXPECT_EQ(first(lookups.begin("cloud.test", 60s).get()), "192.0.2.1:443") << "and nobody asks twice meanwhile";
  EXPECT_EQ(service.asked(), 2);
  service.answer(no_such_name());
  service.answer(no_such_name());
  auto const failed = lookups.begin("cloud.test", 60s).get();
  EXPECT_EQ(first(failed), "192.0.2.1:443");
  EXPECT_EQ(failed.error, "");
}

TEST(Resolver, WhoWaitsForARefreshGetsTheNewAddress) {
  name_service service;
  looking_up lookups(service.lookup(), {.fresh_for = 0s, .patience = 60s});
  service.answer(address("192.0.2.1"));
  EXPECT_EQ(first(lookups.begin("cloud.test", 60s).get()), "192.0.2.1:443");
  auto refreshed = lookups.begin("cloud.test", 60s);
  service.wait_until_asked(2);
  service.answer(address("192.0.2.2"));
  EXPECT_EQ(first(refreshed.get()), "192.0.2.2:443");
}

TEST(Resolver, AnOldAddressIsNoReasonToOutstayOnesDeadline) {
  name_service service;
  looking_up lookups(service.lookup(), {.fresh_for = 0s, .patience = 1h});
  service.answer(address("192.0.2.1"));
  (void)lookups.begin("cloud.test", 60s).get();
  EXPECT_EQ(first(lookups.begin("cloud.test", 1ms).get()), "192.0.2.1:443");
}

TEST(Resolver, SixtyFourStuckNamesDoNotStarveOneThatWasFound) {
  name_service service;  // of the stuck names; nobody answers
  std::atomic<int> healthy_asked{0};
  looking_up lookups(
      [stuck = service.lookup(), &healthy_asked](const std::string& host, std::uint16_t port) {
        if (host != "cloud.test") return stuck(host, port);
        return address(++healthy_asked == 1 ? "192.0.2.1" : "192.0.2.2");
      },
      {.fresh_for = 0s, .patience = 60s});
  EXPECT_EQ(first(lookups.begin("cloud.test", 60s).get()), "192.0.2.1:443");
  for (int i = 0; i < 64; ++i) (void)lookups.begin("stuck" + std::to_string(i) + ".test", 60s);
  service.wait_until_asked(48);
  auto const refused = lookups.begin("one-more.test", 60s).get();
  EXPECT_TRUE(refused.addresses.empty());
  EXPECT_TRUE(refused.ours) << "no fault of that upstream";
  EXPECT_EQ(first(lookups.begin("cloud.test", 60s).get()), "192.0.2.2:443") << "it is even refreshed";
}

TEST(Resolver, ACallerWhoLeavesDoesNotWaitAnyLonger) {
  name_service service;
  event_source caller;
  looking_up lookups(service.lookup());
  auto waiting = lookups.begin("stuck.test", 1h, &caller);
  service.wait_until_asked(1);
  lookups.loop().post([&] { caller.raise(lookups.loop().loop().reactions(), hangup); });
  EXPECT_TRUE(waiting.get().addresses.empty());
}

TEST(Resolver, AStoppedLoopEndsEveryWait) {
  name_service service;
  looking_up lookups(service.lookup());
  auto waiting = lookups.begin("stuck.test", 1h);
  service.wait_until_asked(1);
  lookups.loop().stop();
  EXPECT_TRUE(waiting.get().addresses.empty());
}

TEST(Resolver, ALookupThatThrowsIsAFailureOfOurOwn) {
  looking_up lookups([](const std::string&, std::uint16_t) -> lookup_result { throw std::bad_alloc(); });
  auto const result = lookups.begin("cloud.test", 60s).get();
  EXPECT_TRUE(result.addresses.empty());
  EXPECT_TRUE(result.ours);
}

TEST(SocketAddress, KnowsWhereNoCloudLives) {
  for (const char* inward : {"127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "::1", "::", "fe80::1",
                             "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe"})
    EXPECT_TRUE(address_of_literal(inward, 443).points_inward()) << inward;
  for (const char* outward :
       {"10.0.0.1", "192.168.1.1", "104.18.7.192", "2606:4700::6812:7c0", "::ffff:10.0.0.1", "64:ff9b::104.18.7.192"})
    EXPECT_FALSE(address_of_literal(outward, 443).points_inward()) << outward;
}

}  // namespace
}  // namespace tideover::net
