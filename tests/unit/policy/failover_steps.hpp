// A failover machine under test: plans, a health that refuses whom it is told to, and configurations to run on.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "tideover/policy/failover.hpp"
#include "unit/policy/examples.hpp"

namespace tideover::policy::failover_steps {

using namespace examples;
using namespace std::chrono_literals;
using step = failover::step;
using ending = failover::ending;

constexpr time_point start{1000s};

inline candidate_list list(std::initializer_list<std::uint16_t> upstreams) {
  candidate_list result;
  for (auto const u : upstreams) result.index[result.size++] = u;
  return result;
}

inline failure because(reason why, phase at = phase::await_head) {
  return {.why = why, .at = at, .status = 0, .retry_after = {}, .detail = {}};
}

struct health : health_view {
  std::map<std::uint16_t, reason> refused;
  std::optional<reason> refuses(std::uint16_t upstream) const override {
    auto const it = refused.find(upstream);
    return it == refused.end() ? std::nullopt : std::optional(it->second);
  }
};

struct Failover : testing::Test {
  config::snapshot configuration = house();
  exchange_plan plan{.candidates = list({openai, ollama}), .started = start, .deadline = start + 15min};
  failover machine() { return failover(plan, configuration); }
};

}  // namespace tideover::policy::failover_steps
