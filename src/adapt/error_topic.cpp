#include "tideover/adapt/error_topic.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace tideover::adapt {
namespace {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool names_money(const error_facts& e) {
  // Codes in digits are the HTTP statuses that a gateway could not send any more.
  return is_one_of(e.type, {"insufficient_quota", "billing_error"}) ||
         is_one_of(e.code, {"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active",
                            "usage_not_included", "402"});
}

/// OpenAI's list is open-ended (CL §11): every allowance that is used up, but a rate and the model's window.
bool names_used_up(const error_facts& e) {
  return (e.code.ends_with("_exceeded") || e.code.ends_with("_exhausted")) && !holds(e.code, "rate_limit") &&
         !holds(e.code, "length") && !holds(e.code, "context");
}

/// Anthropic says it of an account's, a contract's or a linked organisation's limit as an ordinary rate_limit_error,
/// and then without a Retry-After; with one the limit heals by waiting after all (CL §4).
bool names_spend_limit(const error_facts& e, bool asks_to_wait) {
  return holds(e.code, "spend_limit") && !asks_to_wait;
}

/// Anthropic's invalid_request_error about money: only the words tell.
bool words_money(const error_facts& e) {
  return e.message.starts_with("You have reached your specified API usage limits") ||
         e.message.starts_with("Your credit balance is too low");
}

bool names_rate(const error_facts& e) {
  return is_one_of(e.type, {"rate_limit_error", "rate_limit_exceeded"}) ||
         is_one_of(e.code, {"rate_limit_exceeded", "rate_limit_error", "slow_down", "429"});
}

bool names_request(const error_facts& e) {
  return is_one_of(e.type, {"invalid_request_error", "not_found_error", "request_too_large"}) ||
         is_one_of(e.code, {"context_length_exceeded", "content_filter", "content_policy_violation", "invalid_prompt",
                            "model_not_found", "image_content_policy_violation", "400", "404", "413", "422"}) ||
         e.code.starts_with("invalid_image");
}

/// There is no status to go by but "success".
error_topic topic_inside_success(const error_facts& e, bool asks_to_wait) {
  bool const request = names_request(e);
  // "Too many images" ends like an allowance that is used up.
  if (names_money(e) || names_spend_limit(e, asks_to_wait) || words_money(e) || (names_used_up(e) && !request))
    return error_topic::money;
  if (names_rate(e)) return error_topic::rate;
  return request ? error_topic::request : error_topic::service;
}

}  // namespace

error_topic topic_of(const error_facts& e, unsigned status, bool asks_to_wait) {
  if (status >= 200 && status < 300) return topic_inside_success(e, asks_to_wait);
  switch (status) {
    case 400:
      return names_money(e) || names_spend_limit(e, asks_to_wait) || words_money(e) ? error_topic::money
                                                                                    : error_topic::request;
    case 402: return error_topic::money;
    case 408:
    case 409: return error_topic::service;  // a lock or a timeout of theirs: SDKs repeat it (CL §2)
    case 429:
      return names_money(e) || names_spend_limit(e, asks_to_wait) || words_money(e) || names_used_up(e)
                 ? error_topic::money
                 : error_topic::rate;
    case 503:
      // "Slow down" came as a 503 from some endpoints: the service works, it only wants less (CL §2).
      return e.code == "slow_down" ? error_topic::rate : error_topic::service;
    default: return status >= 400 && status < 500 ? error_topic::request : error_topic::service;
  }
}

}  // namespace tideover::adapt
