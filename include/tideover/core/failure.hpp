// What can go wrong with one attempt, as a value: the reason token, where it happened, what the upstream asked for.
// Not for what follows from it: that is policy/rulings. Not for refusals of a caller's request: those are never
// failures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/core/time.hpp"

namespace tideover {

/// Why the cloud did not serve. The tokens are part of the contract: headers, logs and metrics show them.
enum class reason : std::uint8_t {
  dns,              // the name could not be resolved, or not in time
  connect,          // refused, unreachable, closed or reset before any byte of an answer
  connect_timeout,  // connecting or the TLS handshake took too long
  tls,              // certificate or handshake refused
  server_error,     // 500, 502, 503, 504, 52x, 529, 408, 409
  rate_limited,     // 429 that heals by waiting
  quota,            // 429, 402 or 400 that is about money
  timeout,          // no usable content, or no complete answer, in time
  malformed,        // not the protocol: HTML, empty, cut before commit, broken JSON or framing
  error_in_200,     // status 200 with an error object inside
  empty,            // status 200 and nothing said
  cut,              // a stream died after content had been sent
  breaker_open,     // the circuit breaker is open
  contingency,      // an operator, the file or the environment said: no cloud
  policy,           // the workflow's policy said: no cloud
  drill,            // a drill said so
  redirect,         // 3xx from an API that has none
  hedged,           // the local tier answered first
  auth,             // 401 or 403 that the caller cannot mend
};
inline constexpr int reason_count = static_cast<int>(reason::auth) + 1;

std::string_view token(reason why);
std::optional<reason> parse_reason(std::string_view text);

/// Where an attempt was when it stopped.
enum class phase : std::uint8_t {
  not_started,    // nothing was tried
  resolve,        // looking up the name
  connect,        // TCP
  tls_handshake,  // TLS, certificate verification included
  send_request,   // writing head and body
  await_head,     // the request is out, no complete head yet
  read_body,      // reading an answer that is judged as a whole
  await_content,  // a stream's head is there, no usable content yet
  relay_body,     // committed: bytes flow to the caller
};
std::string_view token(phase at);

/// Which limit ended a wait, by its name in the configuration.
enum class timer : std::uint8_t {
  none,           // no limit did
  connect,        // name, TCP and TLS
  first_content,  // a stream's first usable content
  response,       // a complete answer
  reasoning,      // either, for requests that ask for reasoning
  idle,           // silence within an answer that has begun
  total,          // one attempt
  deadline,       // the whole exchange, of its workflow
};
std::string_view token(timer which);

/// One attempt's failure. `detail` is for logs and error texts and never holds prompts, answers or credentials.
struct failure {
  reason why{};
  phase at = phase::not_started;
  int status = 0;                       // the upstream's own status, 0 if it sent none
  std::optional<duration> retry_after;  // only when the upstream asked for it, clamped
  std::string detail;
  bool ours = false;  // this machine's own shortage (descriptors, ports, memory): tells nothing about the upstream
  bool late = false;  // a limit of ours ended it, where `why` does not say so by itself (a name lookup)
};

}  // namespace tideover
