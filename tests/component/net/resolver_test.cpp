#include "tideover/net/resolver.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace tideover::net {
namespace {

using namespace std::chrono_literals;

lookup_result address(const char* ip) {
  lookup_result r;
  r.addresses.push_back(address_of_literal(ip, 443));
  return r;
}

/// Runs an event loop on its own thread and lookups on it.
class looking_up {
 public:
  explicit looking_up(resolver::lookup_function lookup) : names_(std::move(lookup)) {
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~looking_up() {
    loop_.inbox()->post([this] {
      loop_.reactions().cancel_everything();
      loop_.stop();
    });
    thread_.join();
  }

  std::future<lookup_result> begin(std::string host, duration patience) {
    auto promise = std::make_shared<std::promise<lookup_result>>();
    auto future = promise->get_future();
    loop_.inbox()->post([this, host = std::move(host), patience, promise] {
      spawn(resolve(host, patience, promise), [](std::exception_ptr error) { EXPECT_FALSE(error); });
    });
    return future;
  }

 private:
  task<void> resolve(std::string host, duration patience, std::shared_ptr<std::promise<lookup_result>> promise) {
    auto result = co_await names_.resolve(loop_, host, 443, after(clock::now(), patience));
    promise->set_value(std::move(result));
  }

  event_loop loop_;
  resolver names_;
  std::thread thread_;
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
  std::promise<void> gate;
  auto const opened = gate.get_future().share();
  {
    looking_up lookups([opened](const std::string&, std::uint16_t) {
      opened.wait();
      return address("192.0.2.1");
    });
    auto const result = lookups.begin("stuck.test", 1ms).get();
    EXPECT_TRUE(result.addresses.empty());
    EXPECT_TRUE(result.timed_out);
  }
  gate.set_value();  // the lookup's thread ends after the resolver and its loop: it must find that out by itself
}

TEST(Resolver, SeveralWaitForOneLookupAndTheAnswerIsKept) {
  std::promise<void> gate;
  auto const opened = gate.get_future().share();
  std::atomic<int> asked{0};
  looking_up lookups([&asked, opened](const std::string&, std::uint16_t) {
    ++asked;
    opened.wait();
    return address("192.0.2.7");
  });
  auto one = lookups.begin("same.test", 60s);
  auto two = lookups.begin("same.test", 60s);
  gate.set_value();
  EXPECT_EQ(one.get().addresses.size(), 1u);
  EXPECT_EQ(two.get().addresses.size(), 1u);
  EXPECT_EQ(lookups.begin("same.test", 60s).get().addresses.size(), 1u);
  EXPECT_EQ(asked.load(), 1);
}

TEST(Resolver, AFailureIsNotKept) {
  std::atomic<int> asked{0};
  looking_up lookups([&asked](const std::string&, std::uint16_t) {
    if (asked++ == 0) {
      lookup_result none;
      none.error = "no such name";
      return none;
    }
    return address("192.0.2.7");
  });
  auto const first = lookups.begin("late.test", 60s).get();
  EXPECT_TRUE(first.addresses.empty());
  EXPECT_EQ(first.error, "no such name");
  EXPECT_EQ(lookups.begin("late.test", 60s).get().addresses.size(), 1u);
}

TEST(Resolver, LiteralsAreNotLookedUp) {
  looking_up lookups([](const std::string& host, std::uint16_t) {
    ADD_FAILURE() << "looked up " << host;
    return lookup_result{};
  });
  EXPECT_EQ(lookups.begin("127.0.0.1", 60s).get().addresses.at(0).to_string(), "127.0.0.1:443");
  EXPECT_EQ(lookups.begin("::1", 60s).get().addresses.at(0).to_string(), "[::1]:443");
}

TEST(SocketAddress, KnowsWhereNoCloudLives) {
  for (const char* inward :
       {"127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "::1", "::", "fe80::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(address_of_literal(inward, 443).points_inward()) << inward;
  for (const char* outward : {"10.0.0.1", "192.168.1.1", "104.18.7.192", "2606:4700::6812:7c0", "::ffff:10.0.0.1"})
    EXPECT_FALSE(address_of_literal(outward, 443).points_inward()) << outward;
}

}  // namespace
}  // namespace tideover::net
