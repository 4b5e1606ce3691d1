// The door of a local upstream between threads: who waits is woken on its own loop, and a place goes back exactly once.
#include "tideover/proxy/local_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tideover/proxy/services.hpp"

namespace tideover::proxy {
namespace {

using namespace std::chrono_literals;
using state = local_gate::visit::state;

config::upstream ollama(unsigned concurrency, std::size_t urls = 1) {
  config::upstream u;
  u.name = "ollama";
  u.tier = tier::local;
  u.concurrency = concurrency;
  for (std::size_t i = 0; i < urls; ++i) u.urls.push_back({false, "127.0.0.1", static_cast<std::uint16_t>(1 + i), {}});
  return u;
}

policy::place_wish wish(std::uint64_t caller = 1) { return {.caller = caller, .urls = {}}; }

/// One who waits on a loop that the test turns.
struct guest {
  guest(local_gate& gate, net::event_loop& on, policy::place_wish w) : loop(on), visit(gate.enter(on, std::move(w))) {}

  void wait(time_point until = never) {
    ended.reset();
    net::spawn(ask(until), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  }
  net::task<void> ask(time_point until) {
    auto const how = co_await visit.wait(until, &caller);
    ended = how;
  }

  net::event_loop& loop;
  net::event_source caller;
  local_gate::visit visit;
  std::optional<state> ended;
};

struct Gate : testing::Test {
  ~Gate() override { loop.reactions().cancel_everything(); }
  void turn() {
    for (int i = 0; i < 5; ++i) loop.turn(0ms);
  }
  net::event_loop loop;
};

TEST_F(Gate, AFreePlaceIsThereAtOnce) {
  local_gate gate(ollama(2));
  guest a(gate, loop, wish());
  EXPECT_EQ(a.visit.now(), state::admitted);
  EXPECT_EQ(a.visit.url(), 0);
  a.wait();
  EXPECT_EQ(a.ended, state::admitted);
  EXPECT_EQ(gate.busy(), 1u);
}

TEST_F(Gate, WhoWaitsIsWokenWhenAPlaceIsGivenBack) {
  local_gate gate(ollama(1));
  guest a(gate, loop, wish()), b(gate, loop, wish(2));
  b.wait();
  turn();
  EXPECT_FALSE(b.ended);
  EXPECT_EQ(gate.waiting(), 1u);
  a.visit.served();
  turn();
  EXPECT_EQ(b.ended, state::admitted);
  EXPECT_EQ(gate.busy(), 1u);
}

TEST_F(Gate, APlaceGoesBackExactlyOnceHoweverItIsLeft) {
  local_gate gate(ollama(1));
  {
    guest a(gate, loop, wish());
    auto moved = std::move(a.visit);
    moved.served();
    moved.leave();
    moved.unreachable();
    EXPECT_EQ(gate.busy(), 0u);
    guest b(gate, loop, wish());
    EXPECT_EQ(gate.busy(), 1u);
  }
  EXPECT_EQ(gate.busy(), 0u) << "with the object";
}

TEST_F(Gate, ACallerWhoHangsUpLeavesTheQueue) {
  local_gate gate(ollama(1));
  guest a(gate, loop, wish());
  {
    guest b(gate, loop, wish(2));
    b.wait();
    b.caller.raise(loop.reactions(), net::hangup);
    turn();
    EXPECT_EQ(b.ended, state::gone);
  }
  EXPECT_EQ(gate.waiting(), 0u);
  guest c(gate, loop, wish(3));
  c.wait();
  a.visit.served();
  turn();
  EXPECT_EQ(c.ended, state::admitted);
}

TEST_F(Gate, AWaitCanBeInterruptedToSpeakToTheCallerAndGoesOn) {
  local_gate gate(ollama(1));
  guest a(gate, loop, wish()), b(gate, loop, wish(2));
  b.wait(clock::now());
  loop.reactions().sweep(clock::now());
  turn();
  EXPECT_EQ(b.ended, state::waiting);
  EXPECT_EQ(gate.waiting(), 1u) << "its turn is kept";
  b.wait();
  a.visit.served();
  turn();
  EXPECT_EQ(b.ended, state::admitted);
}

TEST_F(Gate, AStoppedWorkersWaitsEndAndTheirTurnsGoToOthers) {
  local_gate gate(ollama(1));
  net::event_loop other;
  guest a(gate, other, wish());
  {
    net::event_loop stopped;
    guest b(gate, stopped, wish(2));
    b.wait();
    stopped.reactions().cancel_everything();
    EXPECT_EQ(b.ended, state::stopped);
  }
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(Gate, APlaceThatWasGivenToALoopThatEndedComesBack) {
  local_gate gate(ollama(1));
  guest a(gate, loop, wish());
  auto ended = std::make_unique<net::event_loop>();
  auto b = std::make_unique<guest>(gate, *ended, wish(2));
  ended.reset();
  a.visit.served();
  EXPECT_EQ(gate.busy(), 1u) << "it was given to b, who cannot hear it";
  b.reset();
  EXPECT_EQ(gate.busy(), 0u);
}

TEST_F(Gate, WhoWaitsTooLongIsToldByTheTick) {
  auto settings = ollama(1);
  settings.queue.wait = 10s;
  local_gate gate(settings);
  guest a(gate, loop, wish()), b(gate, loop, wish(2));
  b.wait();
  gate.advance(clock::now() + 9s);
  turn();
  EXPECT_FALSE(b.ended);
  gate.advance(clock::now() + 11s);
  turn();
  ASSERT_EQ(b.ended, state::refused);
  EXPECT_EQ(b.visit.refusal().why, policy::no_place::too_long);
  EXPECT_GT(b.visit.refusal().retry_after, 0s);
}

TEST_F(Gate, ADeadUrlsPlaceSendsTheNextElsewhere) {
  local_gate gate(ollama(1, 2));
  guest a(gate, loop, wish());
  EXPECT_EQ(a.visit.url(), 0);
  EXPECT_TRUE(gate.lives_elsewhere(wish(), 0));
  a.visit.unreachable();
  guest b(gate, loop, wish());
  EXPECT_EQ(b.visit.url(), 1);
  EXPECT_FALSE(gate.lives_elsewhere(wish(), 1));
}

TEST(GateBetweenThreads, NoPlaceIsLostAndNeverAreThereTooMany) {
  constexpr int workers = 4, guests = 20, rounds = 20;
  auto settings = ollama(2, 2);
  settings.queue.limit = workers * guests;
  local_gate gate(settings);
  std::atomic<int> inside[2] = {0, 0};
  std::atomic<int> admitted{0}, too_many{0};
  std::vector<std::thread> threads;
  for (int w = 0; w < workers; ++w)
    threads.emplace_back([&, w] {
      net::event_loop loop;
      int running = guests;
      auto const visit_often = [&](std::uint64_t caller) -> net::task<void> {
        for (int r = 0; r < rounds; ++r) {
          auto mine = gate.enter(loop, wish(caller));
          auto how = co_await mine.wait(never);
          if (how != state::admitted) continue;
          ++admitted;
          if (++inside[mine.url()] > 2) ++too_many;
          net::event_source nothing;
          loop.inbox()->post([&] { nothing.raise(loop.reactions(), net::signalled); });
          (void)co_await loop.reactions().wait(never, net::on(nothing, net::signalled));
          --inside[mine.url()];
          if (r % 3 == 0) mine.served();
        }
        if (--running == 0) loop.stop();
      };
      for (int g = 0; g < guests; ++g)
        net::spawn(visit_often(static_cast<std::uint64_t>(w * 100 + g % 5)),
                   [](std::exception_ptr error) { EXPECT_FALSE(error); });
      loop.run();
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(admitted, workers * guests * rounds);
  EXPECT_EQ(too_many, 0);
  EXPECT_EQ(gate.busy(), 0u);
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST(Routes, FurtherUrlsOfLocalUpstreamsFollowTheFirstOnes) {
  auto made = std::make_shared<config::snapshot>();
  config::upstream cloud;
  cloud.urls.push_back({true, "cloud.test", 443, "/base"});
  made->upstreams = {ollama(1, 3), cloud, ollama(1, 2)};
  services shared;
  shared.configuration = made;
  shared.upstreams = list_routes(*made);
  ASSERT_EQ(shared.upstreams.size(), 6u);
  EXPECT_EQ(shared.upstreams[1].authority, "cloud.test");
  EXPECT_EQ(shared.upstreams[1].base_path, "/base");
  EXPECT_TRUE(shared.upstreams[1].target.outside);
  EXPECT_FALSE(shared.upstreams[3].target.outside);
  for (std::uint16_t upstream = 0; upstream < 3; ++upstream)
    for (std::uint16_t url = 0; url < made->upstreams[upstream].urls.size(); ++url) {
      const auto& way = shared.upstreams[shared.way(upstream, url)];
      EXPECT_EQ(way.settings, &made->upstreams[upstream]);
      EXPECT_EQ(way.target.port, made->upstreams[upstream].urls[url].port);
    }
}

}  // namespace
}  // namespace tideover::proxy
