// Random plans, random outcomes: whatever happens to the attempts, the machine of an exchange keeps its promises.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "simulation/seed.hpp"
#include "tideover/policy/failover.hpp"
#include "tideover/policy/rulings.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using simulation::dice;
using step = failover::step;
using ending = failover::ending;

constexpr policy_kind policies[] = {policy_kind::cloud_first, policy_kind::local_first, policy_kind::cloud_only,
                                    policy_kind::local_only};
constexpr endpoint endpoints[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                                  endpoint::messages,         endpoint::embeddings,  endpoint::models,
                                  endpoint::count_tokens,     endpoint::other_v1,    endpoint::ollama_native};

duration some_span(dice& d) { return std::chrono::milliseconds(1 + d.below(200'000)); }

config::snapshot some_configuration(dice& d) {
  config::snapshot s;
  auto const upstreams = d.below(12);
  for (std::uint64_t i = 0; i < upstreams; ++i) {
    config::upstream u;
    u.name = "u" + std::to_string(i);
    u.tier = d.once_in(2) ? tier::cloud : tier::local;
    u.dialect = u.tier == tier::local ? dialect::ollama : d.once_in(2) ? dialect::openai : dialect::anthropic;
    u.timeouts = {.connect = some_span(d),
                  .first_content = some_span(d),
                  .response = some_span(d),
                  .reasoning = some_span(d),
                  .idle = some_span(d),
                  .total = some_span(d)};
    u.retry = {.attempts = static_cast<unsigned>(d.below(3)), .max_wait = some_span(d)};
    s.upstreams.push_back(std::move(u));
  }
  if (d.once_in(2)) s.models.push_back({"embedder", "embedder"});
  s.workflows["default"] = {.name = "default", .policy = d.pick(policies), .deadline = some_span(d)};
  return s;
}

struct some_health : health_view {
  std::set<std::uint16_t> refused;
  std::optional<reason> refuses(std::uint16_t upstream) const override {
    return refused.contains(upstream) ? std::optional(reason::breaker_open) : std::nullopt;
  }
};

constexpr phase phases[] = {phase::resolve,    phase::connect,   phase::tls_handshake, phase::send_request,
                            phase::await_head, phase::read_body, phase::await_content};

failure because(reason why, phase at) { return {.why = why, .at = at, .status = 0, .retry_after = {}, .detail = {}}; }

/// One exchange from plan to end; the first broken promise, or nothing.
std::string live_through_one(std::uint64_t seed) {
  dice d(seed);
  auto const configuration = some_configuration(d);
  const auto& workflow = configuration.workflows.at("default");
  route r;
  r.what = d.pick(endpoints);
  r.workflow = &workflow;
  r.policy = workflow.policy;
  r.cloud_dialect = d.once_in(2) ? dialect::openai : dialect::anthropic;

  time_point now{std::chrono::hours(1)};
  exchange_plan plan{.candidates = candidates_for(r, configuration, "embedder"), .started = now};
  plan.deadline = d.once_in(10) ? never : after(now, workflow.deadline);
  plan.replayable = !d.once_in(4);
  plan.in_contingency = d.once_in(4);
  plan.local_by_policy = workflow.policy == policy_kind::local_only || workflow.policy == policy_kind::local_first;
  plan.streaming = d.once_in(2);
  plan.wants_reasoning = d.once_in(4);
  plan.repeats = d.once_in(5);
  if (d.once_in(3)) plan.hedge_after = some_span(d);
  plan.may_continue = d.once_in(3);
  some_health health;
  for (std::uint16_t i = 0; i < configuration.upstreams.size(); ++i)
    if (d.once_in(5)) health.refused.insert(i);

  failover machine(plan, configuration);
  std::set<std::uint16_t> asked;
  bool committed = false, left = false, local_served = false;
  unsigned steps = 0, retries = 0;
  bool granted = false;
  std::optional<std::uint16_t> again;  // may be named once more
  std::ostringstream broken;
  auto const promise = [&](bool kept, const char* what) {
    if (!kept && broken.str().empty()) broken << "step " << steps << ": " << what;
  };

  for (;; ++steps) {
    promise(steps < 50, "it ends within bounded steps");
    if (!broken.str().empty()) return broken.str();
    auto const what = machine.next(now, &health);
    if (d.once_in(3)) promise(machine.next(now, &health) == what, "asking twice changes nothing");
    if (what == step::pause) {
      promise(machine.pause_until() > now && machine.pause_until() < plan.deadline,
              "a pause ends, before the deadline");
      now = machine.pause_until();
      if (d.once_in(8)) health.refused.insert(*again);
      if (d.once_in(8)) {
        machine.client_gone();
        left = true;
      }
      continue;
    }
    if (what != step::attempt) break;

    auto const upstream = machine.upstream();
    const auto& limits = machine.limits();
    bool const is_cloud = configuration.upstreams.at(upstream).tier == tier::cloud;
    bool const first_time = asked.insert(upstream).second;
    promise(first_time || again == upstream,
            "nobody is asked twice but for a granted retry, or named twice but for a hedge");
    again.reset();
    if (std::exchange(granted, false) && !first_time) ++retries;
    promise(!(is_cloud && plan.in_contingency), "no cloud in contingency");
    promise(!(is_cloud && workflow.policy == policy_kind::local_only), "no cloud for local_only");
    promise(is_cloud || workflow.policy != policy_kind::cloud_only, "no local tier for cloud_only");
    promise(!health.refused.contains(upstream), "nobody whom health refuses");
    promise(now < plan.deadline, "nobody after the deadline");
    promise(limits.total <= plan.deadline && limits.total > now, "a leg ends after now and by the deadline");
    promise(limits.connect <= limits.total && limits.first_content <= limits.total, "no limit beyond the leg's");
    promise(limits.connect > now && limits.first_content > now && limits.idle > 0s, "every limit leaves some time");
    promise(asked.size() + retries == machine.attempts(), "attempts are counted");
    promise(asked.size() <= plan.candidates.size, "not more attempts than candidates");
    promise(plan.replayable || upstream == plan.candidates.index[0], "what may not be replayed is asked of the first");

    now += std::chrono::milliseconds(d.below(60'000));
    if (auto const at = machine.hedge_at(); at && d.once_in(2)) {
      promise(is_cloud && plan.hedge_after && plan.replayable, "a hedge stands beside a cloud that may be replaced");
      now = std::max(now, *at);
      if (auto const second = machine.begin_hedge(now, &health)) {
        promise(configuration.upstreams[second->upstream].tier == tier::local, "a hedge is local");
        promise(asked.insert(second->upstream).second, "a hedge asks somebody new");
        promise(!health.refused.contains(second->upstream), "no hedge whom health refuses");
        promise(second->limits.total <= plan.deadline, "a hedge ends by the deadline");
        auto const fate = d.below(4);
        if (fate == 0) {
          machine.hedge_won();
          promise(machine.upstream() == second->upstream && machine.cloud_failure().has_value(), "the hedge won");
          machine.committed();
          committed = local_served = true;
          continue;
        }
        if (fate == 1) machine.hedge_failed(because(reason::connect, phase::connect));
        if (fate == 2) {
          machine.failed(because(reason::server_error, phase::read_body), now);
          promise(machine.next(now, &health) == step::attempt && machine.upstream() == second->upstream,
                  "the hedge takes the place of who failed");
          machine.failed(because(reason::connect, phase::connect), now);
          continue;
        }
        if (fate == 3) again = second->upstream;  // it will be named when the cloud fails
      }
    }
    if (d.once_in(12)) {
      machine.client_gone();
      left = true;
      if (d.once_in(2)) machine.failed(because(reason::connect, phase::connect), now);
      continue;
    }
    if (d.once_in(3)) {
      machine.committed();
      committed = true;
      local_served = !is_cloud;
      if (d.once_in(2)) {
        auto const next = machine.take_over(because(reason::cut, phase::relay_body), now, &health);
        promise(!next || (is_cloud && plan.may_continue && now < plan.deadline), "only a cloud's stream is taken over");
        if (next) {
          promise(configuration.upstreams[next->upstream].tier == tier::local, "by the local tier");
          promise(asked.insert(next->upstream).second, "by somebody new");
          local_served = true;
        }
      }
      if (d.once_in(3)) machine.failed(because(reason::cut, phase::relay_body), now);
      if (d.once_in(3)) machine.client_gone();
      continue;
    }
    auto problem = because(static_cast<reason>(d.below(reason_count)), d.pick(phases));
    if (d.once_in(3)) problem.retry_after = some_span(d);
    if (auto const at = machine.retry_at(problem, now, 0.5); at && d.once_in(2)) {
      promise(is_cloud && !plan.repeats && plan.replayable, "only a cloud is asked again");
      promise(problem.why != reason::timeout && problem.why != reason::connect_timeout, "silence is not asked twice");
      granted = true;
      again = upstream;
      machine.retry(problem, *at);
      continue;
    }
    machine.failed(problem, now);
    promise(!is_cloud || machine.cloud_failure().has_value(), "a failed cloud has its reason");
  }

  auto const end = machine.end();
  auto const last = machine.next(now + 1h, &health);
  promise(last != step::attempt && machine.end() == end, "an end is an end");
  promise(end != ending::open, "it ended");
  switch (end) {
    case ending::open: break;
    case ending::answered:
      promise(committed && !left, "answered means committed");
      promise(last == step::finished, "answered is finished");
      break;
    case ending::cut:
      promise(committed && machine.last_failure().has_value(), "cut means committed, then failed");
      break;
    case ending::client_left: promise(last == step::finished, "a caller that left ends it"); break;
    case ending::all_failed:
      promise(!committed && plan.candidates.size > 0, "all failed: there was somebody");
      promise(plan.replayable || plan.candidates.size == 1, "nobody is passed over in silence");
      break;
    case ending::not_replayable:
      promise(!committed && !plan.replayable && asked.size() <= 1 && plan.candidates.size > 1,
              "not replayable: one was asked, another was there");
      break;
    case ending::no_candidate: promise(plan.candidates.size == 0 && asked.empty(), "nobody was there"); break;
    case ending::deadline: promise(!committed && now >= plan.deadline, "the deadline had passed"); break;
  }
  bool const failed = end == ending::all_failed || end == ending::not_replayable;
  promise(!failed || plan.candidates.size == 0 || workflow.policy != policy_kind::cloud_only ||
              machine.cloud_failure().has_value(),
          "a cloud that did not serve has a reason");
  promise(!(local_served && workflow.policy == policy_kind::cloud_first && r.what != endpoint::ollama_native &&
            configuration.upstreams[plan.candidates.index[0]].tier == tier::cloud) ||
              machine.cloud_failure().has_value(),
          "an answer of the local tier says why not the cloud");
  promise(!(local_served && plan.local_by_policy) || machine.cloud_failure().has_value(), "policy is a reason");
  promise(machine.left_upstream().has_value() == (!asked.empty() && !asked.contains(plan.candidates.index[0])) ||
              (machine.left_upstream() == plan.candidates.index[0] && asked.size() > 1),
          "who was left is the first choice");
  promise(machine.last_hop().has_value() == machine.left_upstream().has_value(), "a hop leaves somebody");
  promise(!machine.last_hop() ||
              (machine.last_hop()->from != machine.last_hop()->to && asked.contains(machine.last_hop()->to)),
          "a hop leads to somebody else, who is asked");
  return broken.str();
}

TEST(ExchangeSimulation, WhateverHappensTheMachineKeepsItsPromises) {
  for (auto const seed : simulation::seeds(50'000)) {
    auto const broken = live_through_one(seed);
    ASSERT_TRUE(broken.empty()) << broken << "\nreplay with TIDEOVER_SIM_SEED=" << seed;
  }
}

}  // namespace
}  // namespace tideover::policy
