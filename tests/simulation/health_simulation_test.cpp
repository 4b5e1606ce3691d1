// A crowd of requests against an upstream that comes and goes: what the breaker and the rests promise, at every step.
#include <gtest/gtest.h>

#include <sstream>

#include "simulation/seed.hpp"
#include "tideover/policy/endpoint_health.hpp"
#include "tideover/policy/rulings.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using simulation::dice;
using state = circuit_breaker::state;

failure because(reason why, phase at) { return {.why = why, .at = at, .status = 0, .retry_after = {}, .detail = {}}; }

/// Bad weather and good, requests that come back in any order, probes: the first broken promise, or nothing.
std::string live_through_one(std::uint64_t seed) {
  dice d(seed);
  breaker_settings const settings{};
  endpoint_health health({settings});
  std::vector<endpoint_health::permit> out;
  std::optional<std::uint32_t> trial;  // the era of the one request that half-open let through
  time_point now{std::chrono::hours(1)};
  time_point opened = time_point::min();
  std::ostringstream broken;
  unsigned step = 0;
  auto const promise = [&](bool kept, const char* what) {
    if (!kept && broken.str().empty()) broken << "step " << step << ": " << what;
  };
  std::string_view const models[] = {"a", "b"};

  for (; step < 2000 && broken.str().empty(); ++step) {
    bool const weather_is_bad = (now.time_since_epoch() / 47s) % 2 == 0;
    now += std::chrono::milliseconds(d.below(500));
    health_key const key{.upstream = 0, .credential = d.below(2), .model = d.pick(models)};

    auto const refused = health.refuses(key, now);
    auto const state_now = health.connection_state(0, now);
    if (state_now == state::open) promise(refused.has_value(), "an open breaker admits nobody");
    promise(state_now != state::open || now < opened + settings.open_for_max, "no pause is longer than the longest");
    if (state_now != state::half_open) trial.reset();
    promise(!trial || refused, "half-open lets exactly one request through");
    if (auto const p = health.admit(key, now)) {
      if (state_now == state::half_open) trial = p->connection->era;
      promise(!refused, "who is refused is not admitted");
      out.push_back(*p);
    } else {
      promise(refused.has_value(), "who is not refused is admitted");
    }

    // Some of those under way come back, in any order, long after their era perhaps.
    while (!out.empty() && (out.size() > 40 || d.once_in(2))) {
      auto const i = d.below(out.size());
      auto const one = out[i];
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
      if (trial == one.connection->era) trial.reset();
      auto const state_was = health.connection_state(0, now);
      if (d.once_in(10)) {
        health.abandoned(one);
        promise(health.connection_state(0, now) == state_was, "who tells nothing changes nothing");
      } else if (weather_is_bad && !d.once_in(5)) {
        constexpr reason reasons[] = {reason::connect, reason::timeout, reason::server_error, reason::rate_limited};
        auto const why = d.pick(reasons);
        auto const at = why == reason::connect && d.once_in(2) ? phase::connect : phase::await_head;
        health.failed(one, because(why, at), now, d.share());
        auto const state_is = health.connection_state(0, now);
        if (state_was != state::open && state_is == state::open) {
          promise(why == reason::connect || why == reason::timeout, "only connection trouble opens the way's breaker");
          opened = now;
        }
      } else {
        health.committed(one, now);
        health.succeeded(one, now);
        promise(!(state_was == state::open && health.connection_state(0, now) != state::open),
                "a late success does not close an open breaker");
      }
    }
    if (health.wants_probe(0, now) && !weather_is_bad && d.once_in(20)) {
      health.probe_succeeded(0, now);
      promise(health.connection_state(0, now) == state::closed, "a probe that got through closes the way's breaker");
    }
  }

  // However it ended: when everybody is settled and the longest pause is over, every key is asked again.
  for (const auto& one : out) health.abandoned(one);
  now += 11min;
  for (std::uint64_t credential = 0; credential < 2; ++credential)
    for (auto const model : models)
      promise(!health.refuses({.upstream = 0, .credential = credential, .model = model}, now),
              "nobody is shut out for ever");
  return broken.str();
}

TEST(HealthSimulation, WhateverComesBackWhenBreakersAndRestsKeepTheirPromises) {
  for (auto const seed : simulation::seeds(300)) {
    auto const broken = live_through_one(seed);
    ASSERT_TRUE(broken.empty()) << broken << "\nreplay with TIDEOVER_SIM_SEED=" << seed;
  }
}

/// Faults E14: 60 s of nothing but 503 at 50 requests a second; the cloud is hardly asked, nobody waits for it.
TEST(HealthSimulation, AStormOf503AsksTheCloudHardlyEver) {
  for (auto const seed : simulation::seeds(20)) {
    dice d(seed);
    endpoint_health health({breaker_settings{}});
    time_point now{std::chrono::hours(1)};
    health_key const key{.upstream = 0, .credential = 1, .model = "gpt-4o"};
    unsigned asked = 0;
    for (int i = 0; i < 3000; ++i, now += 20ms)
      if (auto const p = health.admit(key, now)) {
        ++asked;
        health.failed(*p, because(reason::server_error, phase::read_body), now, d.share());
      }
    EXPECT_LE(asked, 3u + 4u) << "TIDEOVER_SIM_SEED=" << seed;  // pauses of 5, 10, 20 and 40 s
    now += 60s;
    auto const trial = health.admit(key, now);
    ASSERT_TRUE(trial);
    health.succeeded(*trial, now);
    EXPECT_FALSE(health.refuses(key, now));
  }
}

}  // namespace
}  // namespace tideover::policy
