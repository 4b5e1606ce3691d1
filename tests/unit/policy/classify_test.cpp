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
      {429, openai_error("x", "context_length_exceeded"), reason::rate_limited},
      {429, openai_error("x", "monthly_budget_exceeded"), reason::quota},
      {429, openai_error("x", "tokens_rate_limit_exceeded"), reason::rate_limited},
      {400, openai_error("invalid_request_error", "string_above_max_length_exceeded"), std::nullopt},
      {400, openai_error("invalid_request_error", "image_count_exceeded"), std::nullopt},
      {402, "", reason::quota},
      {402, openai_error("invalid_request_error", "context_length_exceeded"), reason::quota},
      {402, anthropic_error("billing_error", "pay"), reason::quota},
      {429, anthropic_error("rate_limit_error", "slow"), reason::rate_limited},
      {429, anthropic_error("rate_limit_error", "spent", "enforced_spend_limit_reached"), reason::quota},
      {400,
       anthropic_error("invalid_request_error",
                       "You have reached your specified API usage limits. You will regain access on 2026-09-01."),
       reason::quota},
      {429, anthropic_error("rate_limit_error", "spent", "contract_spend_limit_reached"), reason::quota},
      {429, anthropic_error("rate_limit_error", "spent", "linked_organization_spend_limit_reached"), reason::quota},
      {429, anthropic_error("rate_limit_error", "spent", "some_future_spend_limit"), reason::quota},
      {400, anthropic_error("invalid_request_error", "spent", "contract_spend_limit_reached"), reason::quota},
      {400,
       anthropic_error("invalid_request_error",
                       "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing"),
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
  for (const char* code :
       {"enforced_spend_limit_reached", "contract_spend_limit_reached", "linked_organization_spend_limit_reached"}) {
    auto const body = anthropic_error("rate_limit_error", "spent", code);
    EXPECT_EQ(why(429, body, {{"retry-after", "30"}}), reason::rate_limited) << code;
    EXPECT_EQ(why(429, body, {{"retry-after", "soon"}}), reason::quota) << code;
  }
  // OpenAI's never heal, whatever stands beside them (CL §2).
  EXPECT_EQ(why(429, openai_error("insufficient_quota", "project_spend_limit_exceeded"), {{"retry-after", "30"}}),
            reason::quota);
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

TEST(Classify, AnOutageOfTheProvidersAuthenticationIsNotTheCallersToMend) {
  constexpr credential_source outage{.configured = false, .outage = true};
  for (unsigned const status : {401u, 403u}) {
    auto const f = classify_status(response(status), openai_error("invalid_request_error", "invalid_api_key"),
                                   dialect::openai, outage, 0);
    ASSERT_TRUE(f);
    EXPECT_EQ(f->why, reason::auth);
    EXPECT_EQ(f->detail,
              "status " + std::to_string(status) +
                  " invalid_request_error invalid_api_key; several keys that worked are refused at once: the "
                  "provider's authentication is out");
  }
  for (unsigned const status : {400u, 404u, 413u, 422u}) EXPECT_EQ(why(status, {}, {}, outage), std::nullopt);
}

TEST(Classify, NoBodyWhateverItSaysTurnsTheRequestsOwnFaultIntoAFailure) {
  for (unsigned const status : {403u, 404u, 405u, 413u, 415u, 422u, 451u, 499u})
    for (auto const& body :
         {openai_error("insufficient_quota", "insufficient_quota"), openai_error("server_error", "server_error"),
          openai_error("rate_limit_error", "rate_limit_exceeded"), anthropic_error("overloaded_error", "Overloaded"),
          anthropic_error("billing_error", "You have reached your specified API usage limits")})
      EXPECT_EQ(why(status, body), std::nullopt) << status << body;
}

TEST(Classify, EveryRedirectIsOneButTheAnswerToAConditionalRead) {
  auto const conditional = request("GET", "/v1/files", {{"If-None-Match", "x"}});
  for (unsigned const status : {300u, 301u, 302u, 303u, 305u, 307u, 308u, 399u})
    EXPECT_TRUE(is_redirect(status, conditional)) << status;
  for (unsigned const status : {200u, 299u, 400u, 404u, 500u}) EXPECT_FALSE(is_redirect(status, conditional)) << status;
  EXPECT_FALSE(is_redirect(304, conditional));
  EXPECT_FALSE(is_redirect(304, request("HEAD", "/", {{"if-modified-since", "x"}})));
  EXPECT_TRUE(is_redirect(304, request("POST", "/", {{"If-None-Match", "x"}})));
  EXPECT_TRUE(is_redirect(304, request("GET", "/")));
}

}  // namespace
}  // namespace tideover::policy
