#include "tideover/core/failure.hpp"

namespace tideover {

std::string_view token(reason why) {
  switch (why) {
    case reason::dns: return "dns";
    case reason::connect: return "connect";
    case reason::connect_timeout: return "connect_timeout";
    case reason::tls: return "tls";
    case reason::server_error: return "server_error";
    case reason::rate_limited: return "rate_limited";
    case reason::quota: return "quota";
    case reason::timeout: return "timeout";
    case reason::malformed: return "malformed";
    case reason::error_in_200: return "error_in_200";
    case reason::empty: return "empty";
    case reason::cut: return "cut";
    case reason::breaker_open: return "breaker_open";
    case reason::contingency: return "contingency";
    case reason::policy: return "policy";
    case reason::drill: return "drill";
    case reason::redirect: return "redirect";
    case reason::hedged: return "hedged";
    case reason::auth: return "auth";
  }
  return "malformed";
}

std::optional<reason> parse_reason(std::string_view text) {
  for (int i = 0; i < reason_count; ++i)
    if (auto const why = static_cast<reason>(i); token(why) == text) return why;
  return std::nullopt;
}

std::string_view token(phase at) {
  switch (at) {
    case phase::not_started: return "not_started";
    case phase::resolve: return "resolve";
    case phase::connect: return "connect";
    case phase::tls_handshake: return "tls_handshake";
    case phase::send_request: return "send_request";
    case phase::await_head: return "await_head";
    case phase::read_body: return "read_body";
    case phase::await_content: return "await_content";
    case phase::relay_body: return "relay_body";
  }
  return "not_started";
}

std::string_view token(timer which) {
  switch (which) {
    case timer::none: return "";
    case timer::connect: return "connect";
    case timer::first_content: return "first_content";
    case timer::response: return "response";
    case timer::reasoning: return "reasoning";
    case timer::idle: return "idle";
    case timer::total: return "total";
    case timer::deadline: return "deadline";
  }
  return "";
}

}  // namespace tideover
