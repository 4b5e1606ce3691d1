#include "tideover/policy/failover.hpp"

#include <gtest/gtest.h>

#include "unit/policy/failover_steps.hpp"

namespace tideover::policy {
namespace {

using namespace failover_steps;

TEST_F(Failover, TheFirstCandidateAnswersAndNothingElseHappens) {
  auto m = machine();
  ASSERT_EQ(m.next(start), step::attempt);
  EXPECT_EQ(m.upstream(), openai);
  m.committed();
  EXPECT_EQ(m.next(start + 1s), step::finished);
  EXPECT_EQ(m.end(), ending::answered);
  EXPECT_EQ(m.attempts(), 1u);
  EXPECT_FALSE(m.cloud_failure());
  EXPECT_FALSE(m.left_upstream());
  EXPECT_FALSE(m.last_failure());
}

TEST_F(Failover, KnowsWhoCanStillAnswer) {
  auto const expect = [](const failover& m, std::optional<tier> which, std::optional<std::uint16_t> upstream) {
    EXPECT_EQ(m.who_can_answer().tier, which);
    EXPECT_EQ(m.who_can_answer().upstream, upstream);
  };
  auto m = machine();
  expect(m, std::nullopt, std::nullopt);
  m.next(start);
  expect(m, std::nullopt, std::nullopt);
  m.failed(because(reason::server_error), start + 1s);
  expect(m, tier::local, ollama);
  m.next(start + 1s);
  expect(m, tier::local, ollama);
  m.failed(because(reason::server_error), start + 2s);
  m.next(start + 2s);
  expect(m, std::nullopt, std::nullopt);  // nobody

  plan.replayable = false;
  auto alone = machine();
  alone.next(start);
  expect(alone, tier::cloud, openai);
  plan.replayable = true;

  plan.in_contingency = true;
  auto kept = machine();
  expect(kept, tier::local, ollama);
  plan.in_contingency = false;

  // Two of one tier: which of them is open.
  plan.candidates = list({openai, anthropic});
  auto clouds = machine();
  clouds.next(start);
  expect(clouds, tier::cloud, std::nullopt);
  clouds.failed(because(reason::server_error), start + 1s);
  clouds.next(start + 1s);
  expect(clouds, tier::cloud, anthropic);
}

TEST_F(Failover, WithAHedgeEitherCanAnswerUntilOneIsOut) {
  plan.hedge_after = 5s;
  auto m = machine();
  m.next(start);
  ASSERT_TRUE(m.begin_hedge(start + 5s));
  EXPECT_FALSE(m.who_can_answer().tier);
  auto lost = m;
  lost.hedge_failed(because(reason::server_error));
  EXPECT_EQ(lost.who_can_answer().upstream, openai);
  m.failed(because(reason::server_error), start + 6s);
  EXPECT_EQ(m.who_can_answer().upstream, ollama);
}

TEST_F(Failover, AFailedCloudLeadsToTheLocalTierAndItsReasonStays) {
  auto m = machine();
  m.next(start);
  m.failed(because(reason::server_error), start + 1s);
  ASSERT_EQ(m.next(start + 1s), step::attempt);
  EXPECT_EQ(m.upstream(), ollama);
  EXPECT_EQ(m.left_upstream(), openai);
  m.committed();
  EXPECT_EQ(m.end(), ending::answered);
  EXPECT_EQ(m.attempts(), 2u);
  EXPECT_EQ(m.cloud_failure(), reason::server_error);
}

TEST_F(Failover, AskingAgainWithoutAnOutcomeGivesTheSameStepAndTheSameLimits) {
  auto m = machine();
  m.next(start);
  auto const limits = m.limits();
  EXPECT_EQ(m.next(start + 5s), step::attempt);
  EXPECT_EQ(m.upstream(), openai);
  EXPECT_EQ(m.attempts(), 1u);
  EXPECT_EQ(m.limits().connect, limits.connect);
  EXPECT_EQ(m.limits().total, limits.total);
}

TEST_F(Failover, WhenAllFailedTheLastFailureAndTheCloudsReasonAreKnown) {
  auto m = machine();
  m.next(start);
  m.failed(because(reason::tls), start);
  m.next(start);
  m.failed(because(reason::connect), start);
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.end(), ending::all_failed);
  EXPECT_EQ(m.cloud_failure(), reason::tls);
  EXPECT_EQ(m.last_failure()->why, reason::connect);
}

TEST_F(Failover, LimitsComeFromTheUpstreamAndTheKindOfRequest) {
  auto& t = configuration.upstreams[openai].timeouts;
  t = {.connect = 3s, .first_content = 30s, .response = 120s, .reasoning = 300s, .idle = 31s, .total = 10min};
  struct {
    bool streaming, reasoning;
    duration patience;
  } const rows[] = {{true, false, 30s}, {false, false, 120s}, {true, true, 300s}, {false, true, 300s}};
  for (const auto& row : rows) {
    plan.streaming = row.streaming;
    plan.wants_reasoning = row.reasoning;
    auto m = machine();
    m.next(start + 7s);
    EXPECT_EQ(m.limits().connect, start + 10s);
    EXPECT_EQ(m.limits().first_content, start + 7s + row.patience);
    EXPECT_EQ(m.limits().idle, 31s);
    EXPECT_EQ(m.limits().total, start + 7s + 10min);
  }
}

TEST_F(Failover, ReasoningNeverShortensTheLocalTiersPatience) {
  configuration.upstreams[ollama].timeouts = {
      .connect = 1s, .first_content = 120s, .response = 10min, .reasoning = 300s, .idle = 60s, .total = 15min};
  plan.candidates = list({ollama});
  plan.wants_reasoning = true;
  auto whole = machine();
  whole.next(start);
  EXPECT_EQ(whole.limits().first_content, start + 10min);
  plan.streaming = true;
  auto stream = machine();
  stream.next(start);
  EXPECT_EQ(stream.limits().first_content, start + 300s);
}

TEST_F(Failover, TotalBoundsOneLegAndTheDeadlineTheWholeExchange) {
  for (auto* t : {&configuration.upstreams[openai].timeouts, &configuration.upstreams[ollama].timeouts}) t->total = 60s;
  plan.deadline = start + 100s;
  auto m = machine();
  m.next(start);
  EXPECT_EQ(m.limits().total, start + 60s);
  m.failed(because(reason::timeout), start + 60s);
  m.next(start + 60s);
  EXPECT_EQ(m.limits().total, start + 100s);  // not 120 s
  EXPECT_EQ(m.limits().first_content, start + 100s);
}

TEST_F(Failover, LimitsNeverExceedALegsTotal) {
  configuration.upstreams[openai].timeouts.total = 1s;
  auto m = machine();
  m.next(start);
  EXPECT_EQ(m.limits().connect, start + 1s);
  EXPECT_EQ(m.limits().first_content, start + 1s);
}

TEST_F(Failover, AtTheDeadlineNobodyIsAskedAnyMore) {
  plan.deadline = start + 100s;
  auto before = machine();
  before.next(start);
  before.failed(because(reason::timeout), plan.deadline - 1ns);
  EXPECT_EQ(before.next(plan.deadline - 1ns), step::attempt);

  auto at = machine();
  at.next(start);
  at.failed(because(reason::timeout), plan.deadline);
  EXPECT_EQ(at.next(plan.deadline), step::give_up);
  EXPECT_EQ(at.end(), ending::deadline);
  EXPECT_EQ(at.cloud_failure(), reason::timeout);
}

TEST_F(Failover, WithoutADeadlineTheLegsTotalStillBounds) {
  plan.deadline = never;
  auto m = machine();
  m.next(start);
  EXPECT_EQ(m.limits().total, start + configuration.upstreams[openai].timeouts.total);
}

TEST_F(Failover, ContingencySkipsTheCloudWithoutAnAttempt) {
  plan.in_contingency = true;
  auto m = machine();
  ASSERT_EQ(m.next(start), step::attempt);
  EXPECT_EQ(m.upstream(), ollama);
  EXPECT_EQ(m.attempts(), 1u);
  EXPECT_EQ(m.cloud_failure(), reason::contingency);
  EXPECT_EQ(m.left_upstream(), openai);
}

TEST_F(Failover, CloudOnlyInContingencyHasNobodyToAsk) {
  plan.candidates = list({openai});
  plan.in_contingency = true;
  auto m = machine();
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.end(), ending::all_failed);
  EXPECT_EQ(m.cloud_failure(), reason::contingency);
  EXPECT_EQ(m.attempts(), 0u);
}

TEST_F(Failover, WithoutCandidatesItSaysSo) {
  plan.candidates = {};
  auto m = machine();
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.end(), ending::no_candidate);
}

TEST_F(Failover, ARequestThatMayNotBeReplayedIsAskedOnce) {
  plan.replayable = false;
  auto m = machine();
  m.next(start);
  m.failed(because(reason::connect), start);
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.end(), ending::not_replayable);
  EXPECT_EQ(m.cloud_failure(), reason::connect);
}

TEST_F(Failover, ARequestThatMayNotBeReplayedDoesNotStartAtTheSecondCandidate) {
  plan.replayable = false;
  plan.in_contingency = true;
  auto m = machine();
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.end(), ending::not_replayable);
  EXPECT_EQ(m.cloud_failure(), reason::contingency);
  EXPECT_EQ(m.attempts(), 0u);
}

TEST_F(Failover, WhereNobodyElseCouldServeReplayIsNotTheProblem) {
  plan.replayable = false;
  plan.candidates = list({openai});
  auto m = machine();
  m.next(start);
  m.failed(because(reason::connect), start);
  m.next(start);
  EXPECT_EQ(m.end(), ending::all_failed);
}

TEST_F(Failover, AnUpstreamThatHealthRefusesIsSkippedWithThatReason) {
  for (auto const why : {reason::breaker_open, reason::rate_limited, reason::quota}) {
    health view;
    view.refused[openai] = why;
    auto m = machine();
    ASSERT_EQ(m.next(start, &view), step::attempt);
    EXPECT_EQ(m.upstream(), ollama);
    EXPECT_EQ(m.cloud_failure(), why);
    EXPECT_EQ(m.attempts(), 1u);
  }
}

TEST_F(Failover, HealthOfALocalUpstreamIsNoReasonWhyTheCloudDidNotServe) {
  plan.candidates = list({ollama, openai});
  plan.local_by_policy = true;
  health view;
  view.refused[ollama] = reason::breaker_open;
  auto m = machine();
  ASSERT_EQ(m.next(start, &view), step::attempt);
  EXPECT_EQ(m.upstream(), openai);
  m.committed();
  EXPECT_FALSE(m.cloud_failure());
  EXPECT_EQ(m.left_upstream(), ollama);
}

TEST_F(Failover, EachHopSaysWhoWasLeftAndWhy) {
  using hop = failover::hop;
  plan.candidates = list({openai, ollama, anthropic});
  auto m = machine();
  m.next(start);
  EXPECT_FALSE(m.last_hop());
  m.failed(because(reason::server_error), start);
  m.next(start);
  EXPECT_EQ(m.last_hop(), (hop{openai, ollama, reason::server_error}));
  m.failed(because(reason::connect), start);
  m.next(start);
  EXPECT_EQ(m.last_hop(), (hop{ollama, anthropic, reason::connect}));
  EXPECT_EQ(m.left_upstream(), openai);
}

TEST_F(Failover, WhoWasSkippedIsLeftOnlyWhereNobodyWasAsked) {
  using hop = failover::hop;
  health view;
  view.refused[openai] = reason::breaker_open;
  auto skipped = machine();
  skipped.next(start, &view);
  EXPECT_EQ(skipped.last_hop(), (hop{openai, ollama, reason::breaker_open}));

  plan.candidates = list({ollama, openai, anthropic});
  auto asked = machine();
  asked.next(start, &view);
  asked.failed(because(reason::timeout), start);
  asked.next(start, &view);
  EXPECT_EQ(asked.last_hop(), (hop{ollama, anthropic, reason::timeout}));
}

TEST_F(Failover, WhileTheCloudIsAskedPolicyIsNoReasonWhyNotTheCloud) {
  plan.local_by_policy = true;
  plan.candidates = list({ollama, openai});
  auto m = machine();
  m.next(start);
  EXPECT_EQ(m.cloud_failure(), reason::policy);
  m.failed(because(reason::connect), start);
  m.next(start);
  EXPECT_FALSE(m.cloud_failure()) << "the local tier could not, and nobody kept it from the cloud";
  m.failed(because(reason::server_error), start);
  m.next(start);
  EXPECT_EQ(m.cloud_failure(), reason::server_error);
}

TEST_F(Failover, WhatTheLocalTierAnswersByPolicyIsSaidToBeSo) {
  plan.local_by_policy = true;
  plan.candidates = list({ollama});
  auto only = machine();
  only.next(start);
  only.committed();
  EXPECT_EQ(only.cloud_failure(), reason::policy);
  EXPECT_FALSE(only.left_upstream());

  plan.candidates = list({ollama, openai});
  auto first = machine();
  first.next(start);
  first.committed();
  EXPECT_EQ(first.cloud_failure(), reason::policy);
}

TEST_F(Failover, LocalFirstThatEndsAtABrokenCloudTellsTheCloudsOwnReason) {
  plan.local_by_policy = true;
  plan.candidates = list({ollama, openai});
  auto m = machine();
  m.next(start);
  m.failed(because(reason::connect), start);
  m.next(start);
  EXPECT_EQ(m.upstream(), openai);
  m.failed(because(reason::quota), start);
  EXPECT_EQ(m.next(start), step::give_up);
  EXPECT_EQ(m.cloud_failure(), reason::quota);
}

TEST_F(Failover, AFailureAfterTheCommitCutsAndAsksNobodyElse) {
  auto m = machine();
  m.next(start);
  m.committed();
  m.failed(because(reason::cut, phase::relay_body), start + 5s);
  EXPECT_EQ(m.next(start + 5s), step::finished);
  EXPECT_EQ(m.end(), ending::cut);
  EXPECT_EQ(m.attempts(), 1u);
  EXPECT_EQ(m.last_failure()->why, reason::cut);
  EXPECT_FALSE(m.cloud_failure());
}

TEST_F(Failover, TheCallersLeavingIsNobodysFailureWhenever) {
  auto waiting = machine();
  waiting.next(start);
  waiting.client_gone();
  EXPECT_EQ(waiting.next(start), step::finished);
  EXPECT_EQ(waiting.end(), ending::client_left);
  waiting.failed(because(reason::connect), start);  // the cancelled attempt reports late
  EXPECT_EQ(waiting.end(), ending::client_left);
  EXPECT_FALSE(waiting.cloud_failure());

  auto relaying = machine();
  relaying.next(start);
  relaying.committed();
  relaying.client_gone();
  EXPECT_EQ(relaying.end(), ending::client_left);

  auto failed = machine();
  failed.next(start);
  failed.failed(because(reason::connect), start);
  failed.next(start);
  failed.failed(because(reason::connect), start);
  failed.next(start);
  failed.client_gone();
  EXPECT_EQ(failed.end(), ending::all_failed);
}

TEST_F(Failover, ALimitKnowsTheSettingItComesFrom) {
  auto& t = configuration.upstreams[openai].timeouts;
  t = {.connect = 3s, .first_content = 30s, .response = 120s, .reasoning = 300s, .idle = 31s, .total = 10min};
  plan.streaming = true;
  auto stream = machine();
  stream.next(start);
  EXPECT_EQ(stream.limits().connect_timer, timer::connect);
  EXPECT_EQ(stream.limits().first_content_timer, timer::first_content);
  EXPECT_EQ(stream.limits().total_timer, timer::total);
  plan.wants_reasoning = true;
  auto thinking = machine();
  thinking.next(start);
  EXPECT_EQ(thinking.limits().first_content_timer, timer::reasoning);
  plan.streaming = plan.wants_reasoning = false;
  auto whole = machine();
  whole.next(start);
  EXPECT_EQ(whole.limits().first_content_timer, timer::response);
  plan.deadline = start + 2s;
  auto hurried = machine();
  hurried.next(start);
  EXPECT_EQ(hurried.limits().connect_timer, timer::deadline);
  EXPECT_EQ(hurried.limits().first_content_timer, timer::deadline);
  EXPECT_EQ(hurried.limits().total_timer, timer::deadline);
}

}  // namespace
}  // namespace tideover::policy
