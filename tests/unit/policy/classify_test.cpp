#include "tideover/policy/classify.hpp"

#include <gtest/gtest.h>

#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;
using namespace std::chrono_literals;

constexpr credential_source own{.configured = true};
constexpr credential_source callers{.configured = false};

std::optional<reason> why(unsigned status, std::string_view body = {}, const field_list& list = {},
                          credential_source credential = callers) {
  auto const f = classify_status(response(status, list), body, dialect::openai, credential, 0);
  return f ? std::optional(f->why) : std::nullopt;
}

std::string openai_error(std::string_view type, std::string_view code) {
  return R"({"error":{"message":"text","type":")" + std::string(type) + R"(","param":null,"code":")" +
         std::string(code) + R"("}})";
}

std::string anthropic_error(std::string_view type, std::string_view message, std::string_view error_code = {}) {
  std::string const details = error_code.empty() ? "null" : R"({"error_code":")" + std::string(error_code) + R"("})";
  return R"({"type":"error","error":{"type":")" + std::string(type) + R"(","message":")" + std::string(message) +
         R"(","details":)" + details + R"(},"request_id":"req_1"})";
}

TEST(Classify, EveryStatusHasItsVerdict) {
  for (unsigned status = 0; status <= 1200; ++status) {
    std::optional<reason> expected;
    switch (status) {
      case 402: expected = reason::quota; break;
      case 408:
      case 409: expected = reason::server_error; break;
      case 429: expected = reason::rate_limited; break;
      default:
        if (status < 200 || status > 599)
          expected = reason::malformed;
        else if (status >= 300 && status < 400)
          expected = reason::redirect;
        else if (status >= 500)
          expected = reason::server_error;
    }
    EXPECT_EQ(why(status), expected) << status;
  }
}

TEST(Classify, AnUnauthorisedKeyIsAFailureOnlyIfTheCallerCannotMendIt) {
  for (unsigned const status : {401u, 403u}) {
    EXPECT_EQ(why(status, {}, {}, own), reason::auth);
    EXPECT_EQ(why(status, {}, {}, callers), std::nullopt);
  }
  for (unsigned const status : {400u, 404u, 413u, 422u, 418u, 451u}) EXPECT_EQ(why(status, {}, {}, own), std::nullopt);
}

TEST(Classify, TellsMoneyFromRates) {
  struct {
    unsigned status;
    std::string body;
    std::optional<reason> expected;
  } const rows[] = {
      {429, openai_error("requests", "rate_limit_exceeded"), reason::rate_limited},
      {429, openai_error("tokens", "rate_limit_exceeded"), reason::rate_limited},
      {429, openai_error("rate_limit_error", "slow_down"), reason::rate_limited},
      {429, openai_error("insufficient_quota", "insufficient_quota"), reason::quota},
      {429, openai_error("insufficient_quota", "credit_balance_exhausted"), reason::quota},
      {429, openai_error("x", "organization_spend_limit_exceeded"), reason::quota},
      {429, openai_error("x", "project_spend_limit_exceeded"), reason::quota},
      {429, openai_error("x", "organization_usage_limit_exceeded"), reason::quota},
      {429, openai_error("x", "something_new_exhausted"), reason::quota},
      {429, openai_error("x", "exceeded_something"), reason::rate_limited},
      {429, "<html>too many</html>", reason::rate_limited},
      {429, "", reason::rate_limited},
      {400, openai_error("invalid_request_error", "context_length_exceeded"), std::nullopt},
      {400, openai_error("invalid_request_error", "billing_hard_limit_reached"), reason::quota},
      {400, openai_error("insufficient_quota", "insufficient_quota"), reason::quota},
      {402, "", reason::quota},
      {402, anthropic_error("billing_error", "pay"), reason::quota},
      {429, anthropic_error("rate_limit_error", "slow"), reason::rate_limited},
      {429, anthropic_error("rate_limit_error", "spent", "enforced_spend_limit_reached"), reason::quota},
      {400,
       anthropic_error("invalid_request_error",
                       "You have reached your specified API usage limits. You will regain access on 2026-09-01."),
       reason::quota},
      {400, anthropic_error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), std::nullopt},
      {400, anthropic_error("invalid_request_error", "So: You have reached your specified API usage limits"),
       std::nullopt},
      {529, anthropic_error("overloaded_error", "Overloaded"), reason::server_error},
      {503, openai_error("service_unavailable_error", "server_is_overloaded"), reason::server_error},
      {503, openai_error("rate_limit_error", "slow_down"), reason::rate_limited},
      {403, openai_error("insufficient_quota", "insufficient_quota"), std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(why(row.status, row.body), row.expected) << row.status << ' ' << row.body;
}

TEST(Classify, AnthropicsSpendLimitWithARetryAfterHealsByWaiting) {
  auto const body = anthropic_error("rate_limit_error", "spent", "enforced_spend_limit_reached");
  EXPECT_EQ(why(429, body, {{"retry-after", "30"}}), reason::rate_limited);
  EXPECT_EQ(why(429, body, {{"retry-after", "soon"}}), reason::quota);
}

TEST(Classify, KeepsStatusAdviceAndTokensButNoSentenceThatMightQuoteTheCaller) {
  auto const f =
      classify_status(response(429, {{"Retry-After", "30"}}),
                      R"({"error":{"message":"key sk-secret, prompt hello","type":"requests","code":"a b"}})",
                      dialect::openai, callers, 0);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->status, 429);
  EXPECT_EQ(f->retry_after, 30s);
  EXPECT_EQ(f->detail, "status 429 requests");
}

TEST(Classify, OnlyStatusesThatAreAmbiguousNeedTheirBody) {
  for (unsigned status = 100; status < 600; ++status)
    EXPECT_EQ(needs_body(status), status == 400 || status == 402 || status == 429) << status;
}

}  // namespace
}  // namespace tideover::policy
