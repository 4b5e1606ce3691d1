#include "tideover/policy/endpoint_health.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using state = circuit_breaker::state;

constexpr std::uint16_t cloud = 0, other_cloud = 1, local = 2;
constexpr health_key ours{.upstream = cloud, .credential = 1, .model = "gpt-4o"};

failure because(reason why, phase at = phase::await_head, std::optional<duration> retry_after = {}) {
  return {.why = why, .at = at, .status = 0, .retry_after = retry_after, .detail = {}};
}

struct EndpointHealth : testing::Test {
  time_point now{1h};
  endpoint_health health{{breaker_settings{}, breaker_settings{}, std::nullopt}};

  void fail(const health_key& key, const failure& what, int times = 1) {
    for (int i = 0; i < times; ++i) health.failed(*health.admit(key, now), what, now, 0);
  }
};

TEST_F(EndpointHealth, ConnectionTroubleClosesTheUpstreamToEverybody) {
  for (auto const why : {reason::dns, reason::connect, reason::connect_timeout, reason::tls, reason::timeout}) {
    endpoint_health h{{breaker_settings{}, breaker_settings{}}};
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(h.refuses(ours, now)) << token(why);
      h.failed(*h.admit(ours, now), because(why), now, 0);
    }
    EXPECT_EQ(h.refuses(ours, now), reason::breaker_open) << token(why);
    EXPECT_EQ(h.refuses({.upstream = cloud, .credential = 2, .model = "o3"}, now), reason::breaker_open);
    EXPECT_FALSE(h.refuses({.upstream = other_cloud, .credential = 1, .model = "gpt-4o"}, now));
    EXPECT_EQ(h.connection_state(cloud, now), state::open);
  }
}

TEST_F(EndpointHealth, ServiceTroubleClosesOneCredentialAndModel) {
  for (auto const why : {reason::server_error, reason::malformed, reason::empty, reason::error_in_200, reason::cut}) {
    endpoint_health h{{breaker_settings{}}};
    for (int i = 0; i < 3; ++i) h.failed(*h.admit(ours, now), because(why, phase::read_body), now, 0);
    EXPECT_EQ(h.refuses(ours, now), reason::breaker_open) << token(why);
    EXPECT_FALSE(h.refuses({.upstream = cloud, .credential = 2, .model = "gpt-4o"}, now));
    EXPECT_FALSE(h.refuses({.upstream = cloud, .credential = 1, .model = "o3"}, now));
    EXPECT_EQ(h.connection_state(cloud, now), state::closed);
  }
}

TEST_F(EndpointHealth, SilenceAfterAHeadIsTheServicesFault) {
  fail(ours, because(reason::timeout, phase::await_content), 3);
  EXPECT_EQ(health.connection_state(cloud, now), state::closed);
  EXPECT_EQ(health.refuses(ours, now), reason::breaker_open);
}

TEST_F(EndpointHealth, WhateverAnsweredProvesTheWay) {
  fail(ours, because(reason::connect), 2);
  fail(ours, because(reason::server_error, phase::read_body));
  fail(ours, because(reason::connect), 2);
  EXPECT_EQ(health.connection_state(cloud, now), state::closed);
}

TEST_F(EndpointHealth, BusyAndBrokeNeverTripABreaker) {
  for (int i = 0; i < 50; ++i) {
    auto const p = health.admit(ours, now);
    ASSERT_TRUE(p);
    health.failed(*p, because(i % 2 ? reason::quota : reason::rate_limited, phase::read_body), now, 0);
    now += 10min;
  }
  EXPECT_FALSE(health.refuses(ours, now));
}

TEST_F(EndpointHealth, ARateLimitRestsAsLongAsItAsksAndOnlyForItsKey) {
  fail(ours, because(reason::rate_limited, phase::read_body, 30s));
  EXPECT_EQ(health.refuses(ours, now + 30s - 1ns), reason::rate_limited);
  EXPECT_FALSE(health.refuses(ours, now + 30s));
  EXPECT_FALSE(health.refuses({.upstream = cloud, .credential = 2, .model = "gpt-4o"}, now));
  EXPECT_FALSE(health.admit(ours, now));
}

TEST_F(EndpointHealth, WithoutAHintTheRestDoublesTo60SecondsUntilASuccess) {
  for (auto const span : {5s, 10s, 20s, 40s, 60s, 60s}) {
    fail(ours, because(reason::rate_limited, phase::read_body));
    EXPECT_EQ(health.refuses(ours, now + span - 1ns), reason::rate_limited);
    EXPECT_FALSE(health.refuses(ours, now + span));
    now += span;
  }
  health.succeeded(*health.admit(ours, now), now);
  fail(ours, because(reason::rate_limited, phase::read_body));
  EXPECT_FALSE(health.refuses(ours, now + 5s));
}

TEST_F(EndpointHealth, ManyAnswersOfOneMomentAreOneRest) {
  std::vector<endpoint_health::permit> out;
  for (int i = 0; i < 20; ++i) out.push_back(*health.admit(ours, now));
  for (const auto& p : out) health.failed(p, because(reason::rate_limited, phase::read_body), now, 0);
  EXPECT_FALSE(health.refuses(ours, now + 5s));
}

TEST_F(EndpointHealth, AQuotaRestsTenMinutesAndAShorterHintDoesNotWakeIt) {
  auto const straggler = *health.admit(ours, now);
  fail(ours, because(reason::quota, phase::read_body));
  health.failed(straggler, because(reason::rate_limited, phase::read_body, 1s), now, 0);
  EXPECT_EQ(health.refuses(ours, now + 10min - 1ns), reason::quota);
  EXPECT_FALSE(health.refuses(ours, now + 10min));
}

TEST_F(EndpointHealth, HalfOpenAdmitsOneAndItsFirstContentLetsTheOthersIn) {
  fail(ours, because(reason::server_error, phase::read_body), 3);
  now += 5s;
  auto const trial = health.admit(ours, now);
  ASSERT_TRUE(trial);
  EXPECT_FALSE(health.admit(ours, now));
  health.committed(*trial, now);
  EXPECT_TRUE(health.admit(ours, now));
  health.failed(*trial, because(reason::cut, phase::relay_body), now, 0);  // its era is over: counted no more
  EXPECT_FALSE(health.refuses(ours, now));
}

TEST_F(EndpointHealth, AClientThatLeavesTellsNothing) {
  fail(ours, because(reason::connect), 3);
  now += 5s;
  for (int i = 0; i < 3; ++i) health.abandoned(*health.admit(ours, now));
  EXPECT_EQ(health.connection_state(cloud, now), state::half_open);
  fail(ours, because(reason::drill));  // neither does a wish of our own
  EXPECT_EQ(health.connection_state(cloud, now), state::half_open);
  fail(ours, because(reason::auth, phase::read_body));  // but an answer does, whatever it says
  EXPECT_EQ(health.connection_state(cloud, now), state::closed);
}

TEST_F(EndpointHealth, ProbesDisproveOnlyConnectionTrouble) {
  EXPECT_FALSE(health.wants_probe(cloud, now));
  fail(ours, because(reason::connect, phase::connect), 3);
  EXPECT_TRUE(health.wants_probe(cloud, now));
  health.probe_succeeded(cloud, now);
  EXPECT_FALSE(health.refuses(ours, now));

  fail(ours, because(reason::server_error, phase::read_body), 3);
  EXPECT_FALSE(health.wants_probe(cloud, now));
  health.probe_succeeded(cloud, now);
  EXPECT_EQ(health.refuses(ours, now), reason::breaker_open);
}

TEST_F(EndpointHealth, AnUpstreamWithoutABreakerIsAlwaysAsked) {
  health_key const key{.upstream = local, .credential = 0, .model = "llama3.1:8b"};
  for (int i = 0; i < 20; ++i) fail(key, because(i % 2 ? reason::connect : reason::quota));
  EXPECT_FALSE(health.refuses(key, now));
  EXPECT_EQ(health.followed(), 0u);
  health.probe_succeeded(local, now);
  EXPECT_FALSE(health.wants_probe(local, now));
}

TEST_F(EndpointHealth, CallersCannotGrowItByNamingModels) {
  for (int i = 0; i < 20'000; ++i) {
    auto const model = "model-" + std::to_string(i);
    health.succeeded(*health.admit({.upstream = cloud, .credential = 1, .model = model}, now), now);
    ASSERT_LE(health.followed(), endpoint_health::most_followed);
  }
  std::vector<endpoint_health::permit> out;  // all under way: nothing may be forgotten, new ones are not followed
  for (int i = 0; i < 6000; ++i) {
    auto const model = "busy-" + std::to_string(i);
    auto const p = health.admit({.upstream = cloud, .credential = 1, .model = model}, now);
    ASSERT_TRUE(p);
    out.push_back(*p);
  }
  EXPECT_LE(health.followed(), endpoint_health::most_followed);
  for (const auto& p : out) health.failed(p, because(reason::server_error, phase::read_body), now, 0);
}

TEST_F(EndpointHealth, AProbeDoesNotDisproveAnUpstreamThatAcceptsAndSaysNothing) {
  for (auto const why : {reason::timeout, reason::connect}) {
    endpoint_health h{{breaker_settings{}}};
    for (int i = 0; i < 3; ++i) h.failed(*h.admit(ours, now), because(why, phase::await_head), now, 0);
    EXPECT_FALSE(h.wants_probe(cloud, now)) << token(why);
    h.probe_succeeded(cloud, now);  // of a probe that was under way
    EXPECT_EQ(h.refuses(ours, now), reason::breaker_open) << token(why);
    // Should it become unreachable altogether, a probe is what finds it again.
    now += 5s;
    h.failed(*h.admit(ours, now), because(reason::connect_timeout, phase::connect), now, 0);
    EXPECT_TRUE(h.wants_probe(cloud, now)) << token(why);
  }
}

TEST_F(EndpointHealth, OurOwnShortageIsNotTheUpstreams) {
  auto ours_alone = because(reason::connect, phase::connect);
  ours_alone.ours = true;
  fail(ours, ours_alone, 50);
  EXPECT_FALSE(health.refuses(ours, now));
}

TEST_F(EndpointHealth, AnAnswerAboutTheRequestProvesTheWayAndNothingElse) {
  fail(ours, because(reason::connect), 2);
  health.request_at_fault(*health.admit(ours, now), now);
  fail(ours, because(reason::connect), 2);
  EXPECT_EQ(health.connection_state(cloud, now), state::closed);

  health = endpoint_health{{breaker_settings{}, breaker_settings{}, std::nullopt}};
  fail(ours, because(reason::server_error, phase::read_body), 2);
  health.request_at_fault(*health.admit(ours, now), now);
  fail(ours, because(reason::server_error, phase::read_body));
  EXPECT_EQ(health.refuses(ours, now), reason::breaker_open);
  now += 5s;
  health.request_at_fault(*health.admit(ours, now), now);
  EXPECT_TRUE(health.admit(ours, now)) << "the place of half-open is free again";
}

TEST_F(EndpointHealth, TellsHowLongItRefuses) {
  EXPECT_EQ(health.refused_until(ours, now), now);
  fail(ours, because(reason::rate_limited, phase::read_body, 30s));
  EXPECT_EQ(health.refused_until(ours, now), now + 30s);
  health_key const another{.upstream = cloud, .credential = 2, .model = "o3"};
  fail(another, because(reason::connect), 3);
  EXPECT_EQ(health.refused_until(another, now), now + 5s);
  EXPECT_EQ(health.refused_until(ours, now), now + 30s) << "the longer of the two";
  EXPECT_EQ(health.refused_until({.upstream = local, .credential = 0, .model = "m"}, now), now);
}

TEST_F(EndpointHealth, TellsEveryChangeOnceWithWhatOpenedIt) {
  fail(ours, because(reason::server_error, phase::read_body), 2);
  EXPECT_TRUE(health.take_changes().empty());
  fail(ours, because(reason::malformed, phase::read_body));
  auto changes = health.take_changes();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].model, "gpt-4o");
  EXPECT_EQ(changes[0].state, state::open);
  EXPECT_EQ(changes[0].why, reason::malformed);
  now += 5s;
  auto const trial = *health.admit(ours, now);
  health.committed(trial, now);
  health.succeeded(trial, now);
  changes = health.take_changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].state, state::half_open);
  EXPECT_EQ(changes[1].state, state::closed);
  EXPECT_EQ(changes[1].why, reason::malformed);
  EXPECT_FALSE(changes[1].by_probe);

  fail(ours, because(reason::dns, phase::resolve), 3);
  health.probe_succeeded(cloud, now);
  changes = health.take_changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].model, "");
  EXPECT_EQ(changes[0].why, reason::dns);
  EXPECT_TRUE(changes[1].by_probe);
}

TEST_F(EndpointHealth, ShowsOperatorsTheWorstOfWhatIsInUse) {
  EXPECT_EQ(health.shown_state(cloud, now), state::closed);
  fail(ours, because(reason::server_error, phase::read_body), 3);
  EXPECT_EQ(health.shown_state(cloud, now), state::open);
  EXPECT_EQ(health.connection_state(cloud, now), state::closed);
  EXPECT_EQ(health.shown_state(other_cloud, now), state::closed);
  now += 5s;
  EXPECT_EQ(health.shown_state(cloud, now), state::closed) << "a model that nobody asks for is no news";
  auto const trial = health.admit(ours, now);
  EXPECT_EQ(health.shown_state(cloud, now), state::half_open);
  health.abandoned(*trial);
  fail({.upstream = cloud, .credential = 9, .model = "x"}, because(reason::connect), 3);
  EXPECT_EQ(health.shown_state(cloud, now), state::open);
}

TEST_F(EndpointHealth, GoesOnUnderAnotherConfiguration) {
  fail({.upstream = other_cloud, .credential = 1, .model = "m"}, because(reason::connect), 3);
  fail(ours, because(reason::server_error, phase::read_body), 3);
  fail({.upstream = cloud, .credential = 9, .model = "m"}, because(reason::rate_limited, phase::read_body, 30s));
  // The other cloud is first now, ours second, and a third one is new.
  endpoint_health next{{breaker_settings{}, breaker_settings{}, breaker_settings{}}};
  next.take_over(health, {other_cloud, cloud, std::nullopt});
  EXPECT_EQ(next.connection_state(0, now), state::open);
  EXPECT_TRUE(next.wants_probe(0, now) == health.wants_probe(other_cloud, now));
  EXPECT_EQ(next.connection_state(1, now), state::closed);
  EXPECT_EQ(next.refuses({.upstream = 1, .credential = 1, .model = "gpt-4o"}, now), reason::breaker_open);
  EXPECT_EQ(next.refuses({.upstream = 1, .credential = 9, .model = "m"}, now), reason::rate_limited);
  EXPECT_FALSE(next.refuses({.upstream = 1, .credential = 9, .model = "m"}, now + 31s));
  EXPECT_FALSE(next.refuses({.upstream = 2, .credential = 1, .model = "gpt-4o"}, now));
}

TEST_F(EndpointHealth, TheOneRequestOfHalfOpenIsLeftBehindWithItsTable) {
  fail(ours, because(reason::connect), 3);
  now += 10s;
  auto const trial = health.admit(ours, now);
  ASSERT_TRUE(trial && trial->trial);
  EXPECT_FALSE(health.admit(ours, now));
  endpoint_health next{{breaker_settings{}, breaker_settings{}, std::nullopt}};
  next.take_over(health, {cloud, other_cloud, local});
  EXPECT_EQ(next.connection_state(cloud, now), state::half_open);
  auto const another = next.admit(ours, now);
  ASSERT_TRUE(another && another->trial);
  next.succeeded(*another, now);
  EXPECT_EQ(next.connection_state(cloud, now), state::closed);
}

}  // namespace
}  // namespace tideover::policy
