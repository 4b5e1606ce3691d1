#include "tideover/adapt/error_topic.hpp"

#include <gtest/gtest.h>

#include "tideover/adapt/answer_judge.hpp"

namespace tideover::adapt {
namespace {

error_facts error(std::string type, std::string code = "", std::string message = "m") {
  return {true, std::move(type), std::move(code), std::move(message)};
}

struct topic_case {
  error_facts error;
  error_topic inside_200, at_429, at_400;
};

// The same words, wherever they stand: a gateway says in a 200 what the API says with a status.
TEST(ErrorTopic, IsTheSameForTheSameWordsAsFarAsTheStatusAllows) {
  using enum error_topic;
  const topic_case cases[] = {
      {error("insufficient_quota", "insufficient_quota"), money, money, money},
      {error("insufficient_quota", "credit_balance_exhausted"), money, money, money},
      {error("x", "organization_spend_limit_exceeded"), money, money, money},
      {error("x", "organization_usage_limit_exceeded"), money, money, request},
      {error("billing_error"), money, money, money},
      {error("x", "billing_hard_limit_reached"), money, money, money},
      {error("x", "billing_not_active"), money, money, money},
      {error("rate_limit_error", "enforced_spend_limit_reached"), money, money, money},
      {error("rate_limit_error", "contract_spend_limit_reached"), money, money, money},
      {error("rate_limit_error", "linked_organization_spend_limit_reached"), money, money, money},
      {error("invalid_request_error", "", "You have reached your specified API usage limits. Later."), money, money,
       money},
      {error("invalid_request_error", "", "Your credit balance is too low to access the API"), money, money, money},
      {error("requests", "rate_limit_exceeded"), rate, rate, request},
      {error("tokens", "tokens_rate_limit_exceeded"), service, rate, request},
      {error("rate_limit_error"), rate, rate, request},
      {error("x", "slow_down"), rate, rate, request},
      {error("invalid_request_error", "context_length_exceeded"), request, rate, request},
      {error("x", "context_length_exceeded"), request, rate, request},
      {error("invalid_request_error", "image_count_exceeded"), request, money, request},
      {error("invalid_request_error"), request, rate, request},
      {error("not_found_error"), request, rate, request},
      {error("x", "content_filter"), request, rate, request},
      {error("overloaded_error"), service, rate, request},
      {error("server_error", "server_error"), service, rate, request},
      {error("new_error", "new_code"), service, rate, request},
      {error("", "", ""), service, rate, request},
  };
  for (const auto& c : cases) {
    const auto said = c.error.type + ' ' + c.error.code + ' ' + c.error.message;
    EXPECT_EQ(topic_of(c.error, 200, false), c.inside_200) << said;
    EXPECT_EQ(topic_of(c.error, 429, false), c.at_429) << said;
    EXPECT_EQ(topic_of(c.error, 400, false), c.at_400) << said;
    EXPECT_EQ(topic_of(c.error, 402, false), money) << said;
    for (const unsigned status : {401u, 403u, 404u, 413u, 422u})
      EXPECT_EQ(topic_of(c.error, status, false), request) << status << said;
    for (const unsigned status : {408u, 409u, 500u, 502u, 504u, 529u})
      EXPECT_EQ(topic_of(c.error, status, false), service) << status << said;
    EXPECT_EQ(topic_of(c.error, 503, false), c.error.code == "slow_down" ? rate : service) << said;
  }
}

TEST(ErrorTopic, ASpendLimitThatAsksToWaitHealsByWaiting) {
  for (const char* code : {"enforced_spend_limit_reached", "contract_spend_limit_reached"}) {
    EXPECT_EQ(topic_of(error("rate_limit_error", code), 429, true), error_topic::rate);
    EXPECT_EQ(topic_of(error("rate_limit_error", code), 200, true), error_topic::rate);
  }
  EXPECT_EQ(topic_of(error("insufficient_quota", "project_spend_limit_exceeded"), 429, true), error_topic::money);
}

TEST(ErrorTopic, WordsThatOnlyLookLikeMoneyAreNone) {
  for (const auto& e : {error("x", "exceeded_something"), error("x", "quota"), error("x", "", "insufficient_quota"),
                        error("x", "", "So: You have reached your specified API usage limits")}) {
    EXPECT_EQ(topic_of(e, 200, false), error_topic::service);
    EXPECT_EQ(topic_of(e, 429, false), error_topic::rate);
    EXPECT_EQ(topic_of(e, 400, false), error_topic::request);
  }
}

TEST(WordsForLog, AreTokensAndNothingElse) {
  EXPECT_EQ(words_for_log(error("rate_limit_error", "slow_down", "prompt")), " rate_limit_error slow_down");
  EXPECT_EQ(words_for_log(error("same", "same")), " same");
  EXPECT_EQ(words_for_log(error("", "429")), " 429");
  EXPECT_EQ(words_for_log(error("my key is sk-1", "\x1b[31m")), "");
  EXPECT_EQ(words_for_log(error(std::string(65, 'x'), std::string(64, 'y'))), " " + std::string(64, 'y'));
  // Who writes its prompt into `type` must not get it into our logs by way of a 200 either.
  const auto verdict = judge_answer(endpoint::chat_completions, dialect::openai, "application/json",
                                    R"({"error":{"type":"the prompt was: secret","code":"c1"}})");
  EXPECT_EQ(verdict.detail, "error c1");
}

}  // namespace
}  // namespace tideover::adapt
