#include "tideover/policy/classify.hpp"

#include <string>

#include "tideover/adapt/error_topic.hpp"

namespace tideover::policy {
namespace {

failure make(reason why, const response_head& head, const adapt::error_facts& error, std::optional<duration> wait) {
  failure f;
  f.why = why;
  f.at = phase::read_body;
  f.status = static_cast<int>(head.status);
  f.retry_after = wait;
  f.detail = "status " + std::to_string(head.status) + adapt::words_for_log(error);
  return f;
}

}  // namespace

std::optional<failure> classify_status(const response_head& head, std::string_view body, dialect,
                                       credential_source credential, std::int64_t now_unix) {
  auto const status = head.status;
  if (status >= 200 && status < 300) return std::nullopt;

  auto const wait = retry_after(head.fields, now_unix);
  auto const error = adapt::read_error_body(body);
  auto const as = [&](reason why) { return make(why, head, error, wait); };

  if (status < 200 || status > 599) return as(reason::malformed);  // RFC 9110 §15: no such answer to a request
  if (status < 400) return as(reason::redirect);
  switch (adapt::topic_of(error, status, wait.has_value())) {
    case adapt::error_topic::money: return as(reason::quota);
    case adapt::error_topic::rate: return as(reason::rate_limited);
    case adapt::error_topic::service: return as(reason::server_error);
    case adapt::error_topic::request: break;
  }
  if (status != 401 && status != 403) return std::nullopt;
  if (credential.configured) return as(reason::auth);
  if (credential.outage) {
    auto f = as(reason::auth);
    f.detail += "; several keys that worked are refused at once: the provider's authentication is out";
    return f;
  }
  return std::nullopt;  // a key that is the caller's to mend
}

bool is_redirect(unsigned status, const request_head& asked) {
  if (status < 300 || status > 399) return false;
  bool const reads = asked.method == "GET" || asked.method == "HEAD";
  auto const conditional = [&] {
    for (const auto& f : asked.fields.list)
      if (iequals(f.name, "if-none-match") || iequals(f.name, "if-modified-since")) return true;
    return false;
  };
  return !(status == 304 && reads && conditional());
}

}  // namespace tideover::policy
