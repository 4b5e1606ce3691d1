#include "tideover/policy/rulings.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

failure what(reason why, phase at) { return {.why = why, .at = at, .status = 0, .retry_after = {}, .detail = {}}; }

TEST(Rulings, BlameFollowsFromTheReason) {
  struct {
    reason why;
    blame who;
  } const rows[] = {
      {reason::dns, blame::connection},
      {reason::connect, blame::connection},
      {reason::connect_timeout, blame::connection},
      {reason::tls, blame::connection},
      {reason::server_error, blame::service},
      {reason::malformed, blame::service},
      {reason::error_in_200, blame::service},
      {reason::empty, blame::service},
      {reason::cut, blame::service},
      {reason::redirect, blame::service},
      {reason::rate_limited, blame::nobody},
      {reason::quota, blame::nobody},
      {reason::auth, blame::nobody},
      {reason::breaker_open, blame::nobody},
      {reason::contingency, blame::nobody},
      {reason::policy, blame::nobody},
      {reason::drill, blame::nobody},
      {reason::hedged, blame::nobody},
  };
  EXPECT_EQ(std::size(rows) + 1, std::size_t{reason_count});  // all but `timeout`, which has its own test
  for (const auto& row : rows) {
    auto const ruling = rule(what(row.why, phase::read_body));
    EXPECT_EQ(ruling.blame, row.who) << token(row.why);
    EXPECT_EQ(ruling.then, then::fail_over) << token(row.why);
  }
}

TEST(Rulings, SilenceBlamesTheConnectionUntilAHeadHasCome) {
  EXPECT_EQ(rule(what(reason::timeout, phase::not_started)).blame, blame::nobody);
  for (auto const at : {phase::resolve, phase::connect, phase::tls_handshake, phase::send_request, phase::await_head})
    EXPECT_EQ(rule(what(reason::timeout, at)).blame, blame::connection) << token(at);
  for (auto const at : {phase::read_body, phase::await_content, phase::relay_body})
    EXPECT_EQ(rule(what(reason::timeout, at)).blame, blame::service) << token(at);
}

TEST(Rulings, WhatBreaksAfterTheCommitIsNotReplayed) {
  for (auto const why : {reason::timeout, reason::malformed, reason::error_in_200, reason::cut}) {
    EXPECT_EQ(rule(what(why, phase::relay_body)).then, then::give_up) << token(why);
    EXPECT_EQ(rule(what(why, phase::await_content)).then, then::fail_over) << token(why);
  }
}

}  // namespace
}  // namespace tideover::policy
