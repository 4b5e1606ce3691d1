#include "tideover/policy/failover.hpp"

#include <gtest/gtest.h>

#include <map>

#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;
using namespace std::chrono_literals;
using step = failover::step;
using ending = failover::ending;

constexpr time_point start{1000s};

candidate_list list(std::initializer_list<std::uint16_t> upstreams) {
  candidate_list result;
  for (auto const u : upstreams) result.index[result.size++] = u;
  return result;
}

failure because(reason why, phase at = phase::await_head) {
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

struct Retry : Failover {
  Retry() { configuration.upstreams[openai].retry = {.attempts = 2, .max_wait = 2s}; }
  failure status(reason why, std::optional<duration> wait = {}) {
    auto f = because(why, phase::read_body);
    f.retry_after = wait;
    return f;
  }
};

TEST_F(Retry, IsForFailuresThatCameFastOrSaidWhenToComeAgain) {
  struct row {
    failure what;
    duration later;
    bool again;
  };
  const row rows[] = {
      {because(reason::dns, phase::resolve), 0s, true},
      {because(reason::connect, phase::connect), 0s, true},
      {because(reason::connect, phase::tls_handshake), 0s, true},
      {because(reason::connect, phase::await_head), 0s, false},  // the request may have been taken
      {because(reason::connect_timeout, phase::connect), 3s, false},
      {because(reason::tls, phase::tls_handshake), 0s, false},
      {status(reason::server_error), 2s, true},
      {status(reason::server_error), 3s, false},  // not fast
      {status(reason::server_error, 2s), 1s, true},
      {status(reason::server_error, 3s), 1s, false},
      {status(reason::rate_limited, 2s), 0s, true},
      {status(reason::rate_limited, 3s), 0s, false},
      {status(reason::rate_limited), 0s, false},
      {status(reason::quota, 1s), 0s, false},
      {because(reason::timeout), 0s, false},
      {because(reason::malformed, phase::read_body), 0s, false},
      {because(reason::empty, phase::read_body), 0s, false},
      {because(reason::error_in_200, phase::read_body), 0s, false},
      {because(reason::cut, phase::await_content), 0s, false},
      {because(reason::redirect, phase::read_body), 0s, false},
      {because(reason::auth, phase::read_body), 0s, false},
  };
  for (const auto& r : rows) {
    auto m = machine();
    m.next(start);
    auto const at = m.retry_at(r.what, start + r.later, 1);
    EXPECT_EQ(at.has_value(), r.again) << token(r.what.why) << " " << token(r.what.at);
    EXPECT_TRUE(!at || *at >= start + r.later + r.what.retry_after.value_or(0s));
  }
}

TEST_F(Retry, PausesAsksAgainAndThenGoesOn) {
  auto m = machine();
  m.next(start);
  auto const what = status(reason::server_error, 1s);
  auto const at = m.retry_at(what, start, 0);
  ASSERT_EQ(at, start + 1s);
  m.retry(what, *at);
  EXPECT_EQ(m.next(start), step::pause);
  EXPECT_EQ(m.pause_until(), start + 1s);
  ASSERT_EQ(m.next(start + 1s), step::attempt);
  EXPECT_EQ(m.upstream(), openai);
  EXPECT_EQ(m.attempts(), 2u);
  EXPECT_EQ(m.limits().connect, start + 1s + configuration.upstreams[openai].timeouts.connect);
  m.failed(status(reason::server_error), start + 1s);
  ASSERT_EQ(m.next(start + 1s), step::attempt);
  EXPECT_EQ(m.upstream(), ollama);
  EXPECT_EQ(m.left_upstream(), openai);
}

TEST_F(Retry, ThatWorksLeavesNoReasonWhyNotTheCloud) {
  auto m = machine();
  m.next(start);
  m.retry(because(reason::connect, phase::connect), start);
  m.next(start);
  m.committed();
  EXPECT_FALSE(m.cloud_failure());
  EXPECT_FALSE(m.left_upstream());
}

TEST_F(Retry, GoesLocalWhenHealthRefusesMeanwhile) {
  auto m = machine();
  m.next(start);
  m.retry(because(reason::connect, phase::connect), start);
  health h;
  h.refused[openai] = reason::breaker_open;
  ASSERT_EQ(m.next(start, &h), step::attempt);
  EXPECT_EQ(m.upstream(), ollama);
  EXPECT_EQ(m.cloud_failure(), reason::connect) << "the first reason tells most";
}

TEST_F(Retry, IsNotForTheLocalTierNorForRepeatsNorForWhatCannotBeReplayedNorBeyondItsNumber) {
  auto const what = because(reason::connect, phase::connect);
  auto usual = machine();
  usual.next(start);
  EXPECT_TRUE(usual.retry_at(what, start, 0));
  auto shortage = what;
  shortage.ours = true;
  EXPECT_FALSE(usual.retry_at(shortage, start, 0));
  for (int i = 0; i < 2; ++i) {
    usual.retry(what, start);
    usual.next(start);
  }
  EXPECT_FALSE(usual.retry_at(what, start, 0)) << "two were allowed";
  usual.failed(what, start);
  usual.next(start);
  EXPECT_FALSE(usual.retry_at(what, start, 0)) << "the local tier";
  plan.repeats = true;
  auto repeat = machine();
  repeat.next(start);
  EXPECT_FALSE(repeat.retry_at(what, start, 0));
  plan.repeats = false;
  plan.replayable = false;
  auto bound = machine();
  bound.next(start);
  EXPECT_FALSE(bound.retry_at(what, start, 0));
  plan.replayable = true;
  plan.deadline = start + 1s;
  auto late = machine();
  late.next(start);
  EXPECT_FALSE(late.retry_at(status(reason::rate_limited, 1s), start, 0)) << "the deadline comes first";
}

struct Hedge : Failover {
  Hedge() { plan.hedge_after = 8s; }
};

TEST_F(Hedge, MayBeginBesideACloudWithALocalTierBehindIt) {
  auto m = machine();
  EXPECT_FALSE(m.hedge_at()) << "nobody is asked yet";
  m.next(start + 1s);
  EXPECT_EQ(m.hedge_at(), start + 9s);
  auto const second = m.begin_hedge(start + 9s);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->upstream, ollama);
  EXPECT_EQ(m.upstream(), openai) << "the cloud may still answer";
  EXPECT_FALSE(m.hedge_at()) << "once";
  EXPECT_FALSE(m.left_upstream());
  EXPECT_EQ(m.attempts(), 2u);

  m.committed();
  EXPECT_EQ(m.end(), ending::answered);
  EXPECT_FALSE(m.cloud_failure());
  EXPECT_FALSE(m.left_upstream());
}

TEST_F(Hedge, ThatWinsIsTheAttemptAndTheCloudWasHedged) {
  auto m = machine();
  m.next(start);
  auto const second = m.begin_hedge(start + 8s);
  m.hedge_won();
  EXPECT_EQ(m.upstream(), ollama);
  EXPECT_EQ(m.limits().first_content, second->limits.first_content);
  m.committed();
  EXPECT_EQ(m.cloud_failure(), reason::hedged);
  EXPECT_EQ(m.left_upstream(), openai);
  EXPECT_EQ(m.end(), ending::answered);
}

TEST_F(Hedge, TakesThePlaceOfACloudThatFails) {
  auto m = machine();
  m.next(start);
  m.begin_hedge(start + 8s);
  m.failed(because(reason::server_error), start + 9s);
  ASSERT_EQ(m.next(start + 9s), step::attempt);
  EXPECT_EQ(m.upstream(), ollama);
  EXPECT_EQ(m.attempts(), 2u) << "it was counted when it started";
  EXPECT_EQ(m.cloud_failure(), reason::server_error);
  EXPECT_EQ(m.left_upstream(), openai);
  m.failed(because(reason::connect), start + 10s);
  EXPECT_EQ(m.next(start + 10s), step::give_up);
  EXPECT_EQ(m.end(), ending::all_failed);
}

TEST_F(Hedge, ThatFailsLeavesTheCloudAloneAndNobodyBehindIt) {
  auto m = machine();
  m.next(start);
  m.begin_hedge(start + 8s);
  m.hedge_failed(because(reason::connect));
  EXPECT_EQ(m.next(start + 8s), step::attempt);
  EXPECT_EQ(m.upstream(), openai);
  m.failed(because(reason::server_error), start + 9s);
  EXPECT_EQ(m.next(start + 9s), step::give_up);
  EXPECT_EQ(m.cloud_failure(), reason::server_error);
}

TEST_F(Hedge, ThatNobodyMayServeDoesNotMakeARetryAFailover) {
  configuration.upstreams[openai].retry = {.attempts = 1, .max_wait = 2s};
  auto m = machine();
  m.next(start);
  health h;
  h.refused[ollama] = reason::breaker_open;
  EXPECT_FALSE(m.begin_hedge(start + 8s, &h));
  m.retry(because(reason::connect, phase::connect), start + 8s);
  ASSERT_EQ(m.next(start + 8s, &h), step::attempt);
  EXPECT_EQ(m.upstream(), openai);
  EXPECT_FALSE(m.left_upstream());
}

TEST_F(Hedge, IsNotForLocalFirstNorWithoutReplayNorAfterTheDeadline) {
  plan.candidates = list({ollama, openai});
  auto local_first = machine();
  local_first.next(start);
  EXPECT_FALSE(local_first.hedge_at());
  plan.candidates = list({openai});
  auto alone = machine();
  alone.next(start);
  EXPECT_FALSE(alone.hedge_at());
  plan.candidates = list({openai, ollama});
  plan.replayable = false;
  auto bound = machine();
  bound.next(start);
  EXPECT_FALSE(bound.hedge_at());
  plan.replayable = true;
  auto late = machine();
  late.next(start);
  EXPECT_FALSE(late.begin_hedge(plan.deadline));
  late.committed();
  EXPECT_FALSE(late.hedge_at()) << "too late: the cloud has spoken";
}

struct Continue : Failover {
  Continue() { plan.may_continue = plan.streaming = true; }
};

TEST_F(Continue, ACutStreamOfTheCloudGoesOnAtTheLocalTier) {
  auto m = machine();
  m.next(start);
  m.committed();
  auto const next = m.take_over(because(reason::cut, phase::relay_body), start + 5s);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->upstream, ollama);
  EXPECT_EQ(m.cloud_failure(), reason::cut);
  EXPECT_EQ(m.left_upstream(), openai);
  EXPECT_EQ(m.attempts(), 2u);
  EXPECT_EQ(m.end(), ending::answered);
  m.failed(because(reason::cut, phase::relay_body), start + 6s);
  EXPECT_EQ(m.end(), ending::cut);
}

TEST_F(Continue, OnlyOnceAndOnlyAfterACommitOfTheCloud) {
  auto uncommitted = machine();
  uncommitted.next(start);
  EXPECT_FALSE(uncommitted.take_over(because(reason::cut, phase::relay_body), start));
  auto twice = machine();
  twice.next(start);
  twice.committed();
  EXPECT_TRUE(twice.take_over(because(reason::cut, phase::relay_body), start));
  EXPECT_FALSE(twice.take_over(because(reason::cut, phase::relay_body), start));
  plan.may_continue = false;
  auto plain = machine();
  plain.next(start);
  plain.committed();
  EXPECT_FALSE(plain.take_over(because(reason::cut, phase::relay_body), start));
}

}  // namespace
}  // namespace tideover::policy
