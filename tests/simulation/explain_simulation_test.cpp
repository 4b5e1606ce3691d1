// Random configurations and requests: whom an explanation names first is whom the machine of an exchange asks first.
#include <gtest/gtest.h>

#include <set>

#include "simulation/seed.hpp"
#include "tideover/adapt/request_scan.hpp"
#include "tideover/policy/door.hpp"
#include "tideover/policy/explain.hpp"
#include "tideover/policy/plan.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using simulation::dice;

constexpr policy_kind policies[] = {policy_kind::cloud_first, policy_kind::local_first, policy_kind::cloud_only,
                                    policy_kind::local_only};
constexpr const char* names[] = {"default", "a", "b", "c"};
constexpr const char* paths[] = {"/v1/chat/completions",     "/v1/completions", "/v1/responses", "/v1/messages",
                                 "/v1/embeddings",           "/v1/models",      "/v1/files",     "/api/chat",
                                 "/v1/messages/count_tokens"};
constexpr const char* bodies[] = {
    R"({"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"max_tokens":9})",
    R"({"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"x"}],"max_tokens":9})",
    R"({"model":"embedder","input":"x"})",
    R"({"model":"gpt-4o","input":"x","previous_response_id":"r"})",
    R"({"model":"gpt-4o","prompt":"x"})",
    "not json",
    ""};

config::snapshot some_configuration(dice& d) {
  config::snapshot s;
  auto const upstreams = d.below(7);
  for (std::uint64_t i = 0; i < upstreams; ++i) {
    config::upstream u;
    u.name = u.title = "u" + std::to_string(i);
    u.tier = d.once_in(2) ? tier::cloud : tier::local;
    u.dialect = u.tier == tier::local ? dialect::ollama : d.once_in(2) ? dialect::openai : dialect::anthropic;
    u.urls.push_back({.tls = false, .host = "127.0.0.1", .port = 1, .base_path = {}});
    s.upstreams.push_back(std::move(u));
  }
  if (d.once_in(2)) s.models.push_back({"embedder", "embedder"});
  if (d.once_in(2)) s.models.push_back({"*", "llama"});
  for (auto const* name : names) s.workflows[name] = {.name = name, .policy = d.pick(policies)};
  s.contingency.all_by_file = d.once_in(8);
  if (d.once_in(4)) s.contingency.by_environment = {d.pick(names)};
  return s;
}

void play(std::uint64_t seed) {
  dice d(seed);
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE("TIDEOVER_SIM_SEED=" + std::to_string(seed) + ", round " + std::to_string(round));
    auto const configuration = some_configuration(d);
    contingency const in_force(configuration.contingency);
    std::set<std::uint16_t> refused;
    for (std::uint16_t i = 0; i < configuration.upstreams.size(); ++i)
      if (d.once_in(4) && configuration.upstreams[i].tier == tier::cloud) refused.insert(i);
    local_catalog installed;
    installed.known = d.once_in(2);
    local_model llama;
    llama.name = "llama";
    llama.completion = true;
    if (d.once_in(2)) installed.models.push_back(llama);

    described_request asked;
    asked.target = d.pick(paths);
    if (asked.target == "/v1/models") asked.method = "GET";
    if (d.once_in(3)) asked.target = std::string("/w/") + d.pick(names) + asked.target;
    if (d.once_in(3)) asked.fields.emplace_back("X-Tideover-Workflow", d.pick(names));
    asked.body = d.pick(bodies);
    explain_facts facts{
        .configuration = configuration, .in_force = in_force, .now = time_point(1h), .catalog = [&](std::uint16_t) {
          return &installed;
        }};
    facts.health = [&](std::uint16_t upstream, const request_head&, std::string_view) {
      return refused.contains(upstream) ? std::optional(explain_facts::refusal{reason::breaker_open, 1s})
                                        : std::nullopt;
    };
    auto const e = explain(asked, facts);

    // The same exchange by hand.
    request_head head;
    head.method = asked.method;
    head.target = asked.target;
    for (const auto& [name, value] : asked.fields) head.fields.list.push_back({field_id::unknown, name, value});
    auto const r = find_route(head, configuration);
    // Ollama's own paths take objects only.
    auto const outside = read_native_body(r, asked.body).refused;
    ASSERT_EQ(e.refused.has_value(), outside.has_value()) << (e.refused ? e.refused->message : "not refused");
    if (outside) continue;
    EXPECT_EQ(e.upstreams.size(), configuration.upstreams.size());
    adapt::request_facts body;
    if (is_judged(r.what)) body = adapt::scan_request(r.what, asked.body);
    bool const in_contingency = kept_from_clouds(r, [&](std::string_view name) { return in_force.active(name); });
    struct some_health : health_view {
      const std::set<std::uint16_t>* refused = nullptr;
      std::optional<reason> refuses(std::uint16_t upstream) const override {
        return refused->contains(upstream) ? std::optional(reason::breaker_open) : std::nullopt;
      }
    } health;
    health.refused = &refused;
    failover machine(plan_for(r, body, configuration, {.started = facts.now, .in_contingency = in_contingency}),
                     configuration);
    std::vector<std::uint16_t> order;
    while (machine.next(facts.now, &health) == failover::step::attempt) {
      order.push_back(machine.upstream());
      failure down;
      down.why = reason::connect;
      machine.failed(down, facts.now);
    }
    std::vector<std::uint16_t> explained;
    for (const auto& u : e.upstreams) {
      bool const asked_first = u.when == turn::first;
      EXPECT_EQ(asked_first, explained.empty() && (asked_first || u.when == turn::next)) << u.index;
      if (!asked_first && u.when != turn::next) continue;
      explained.push_back(u.index);
      // The promise: where there is no pass, no cloud is named.
      EXPECT_TRUE(e.may_leave_the_house || configuration.upstreams[u.index].tier == tier::local);
    }
    for (const auto& u : e.upstreams) {
      bool const candidate = why_no_candidate(u.index, r, configuration, body.model) == no_candidate::is_one;
      EXPECT_EQ(candidate, u.why_none == no_candidate::is_one);
    }
    EXPECT_EQ(explained, order);
    auto const serves = e.serves ? e.upstreams[*e.serves].when : turn::first;
    EXPECT_TRUE(serves == turn::first || serves == turn::next);
  }
}

TEST(ExplainSimulation, TheExplainedOrderIsTheMachines) {
  for (auto const seed : simulation::seeds(40)) {
    play(seed);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace tideover::policy
