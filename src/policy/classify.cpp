#include "tideover/policy/classify.hpp"

#include <algorithm>
#include <string>

#include "tideover/adapt/error_body.hpp"

namespace tideover::policy {
namespace {

bool says_money(const adapt::error_facts& error) {
  return error.type == "insufficient_quota" || error.code == "insufficient_quota" || error.type == "billing_error" ||
         error.code == "billing_hard_limit_reached" || error.code == "billing_not_active";
}

/// OpenAI's list of 429 codes about money is open-ended (CL §11): every limit that is used up, but not a rate. Only for
/// 429, because a 400 `context_length_exceeded` ends the same way.
bool is_used_up(std::string_view code) {
  return (code.ends_with("_exceeded") || code.ends_with("_exhausted")) &&
         code.find("rate_limit") == std::string_view::npos;
}

bool is_about_money(unsigned status, const adapt::error_facts& error, bool has_retry_after) {
  switch (status) {
    case 402: return true;
    case 429:
      // Anthropic's own words for it; with a Retry-After the limit heals by waiting after all (CL §4).
      return says_money(error) || is_used_up(error.code) ||
             (error.code == "enforced_spend_limit_reached" && !has_retry_after);
    case 400: return says_money(error) || error.message.starts_with("You have reached your specified API usage limits");
    default: return false;
  }
}

/// A vendor's token as it may stand in a log: the message beside it may quote the prompt or the key, so it may not.
void append_token(std::string& out, std::string_view text) {
  bool const plain = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
  if (plain) out.append(" ").append(text);
}

failure make(reason why, const response_head& head, const adapt::error_facts& error, std::optional<duration> wait) {
  failure f;
  f.why = why;
  f.at = phase::read_body;
  f.status = static_cast<int>(head.status);
  f.retry_after = wait;
  f.detail = "status " + std::to_string(head.status);
  append_token(f.detail, error.type);
  if (error.code != error.type) append_token(f.detail, error.code);
  return f;
}

}  // namespace

bool needs_body(unsigned status) { return status == 400 || status == 402 || status == 429; }

std::optional<failure> classify_status(const response_head& head, std::string_view body, dialect,
                                       credential_source credential, std::int64_t now_unix) {
  auto const status = head.status;
  if (status >= 200 && status < 300) return std::nullopt;

  auto const wait = retry_after(head.fields, now_unix);
  auto const error = adapt::read_error_body(body);
  auto const as = [&](reason why) { return make(why, head, error, wait); };

  if (status < 200 || status > 599) return as(reason::malformed);  // RFC 9110 §15: no such answer to a request
  if (status < 400) return as(reason::redirect);
  if (is_about_money(status, error, wait.has_value())) return as(reason::quota);
  if (status == 429) return as(reason::rate_limited);
  // "Slow down" came as a 503 from some endpoints: the service works, it only wants less (CL §2).
  if (status == 503 && error.code == "slow_down") return as(reason::rate_limited);
  if (status >= 500 || status == 408 || status == 409) return as(reason::server_error);
  if ((status == 401 || status == 403) && credential.configured) return as(reason::auth);
  return std::nullopt;  // about the request, or about a key that is the caller's to mend
}

}  // namespace tideover::policy
