// The same cloud once more, and the next one beside it.
#include "tideover/policy/failover.hpp"

#include <gtest/gtest.h>

#include "unit/policy/failover_steps.hpp"

namespace tideover::policy {
namespace {

using namespace failover_steps;

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
