#include "tideover/policy/rulings.hpp"

namespace tideover::policy {
namespace {

/// Silence without a response head says that the way is broken; silence after one, that the service is.
blame blame_for_silence(phase at) {
  switch (at) {
    case phase::not_started: return blame::nobody;  // there was no time left to ask
    case phase::resolve:
    case phase::connect:
    case phase::tls_handshake:
    case phase::send_request:
    case phase::await_head: return blame::connection;
    case phase::read_body:
    case phase::await_content:
    case phase::relay_body: return blame::service;
  }
  return blame::nobody;
}

/// Once the caller has seen content, another backend can only make it worse.
then unless_committed(phase at) { return at == phase::relay_body ? then::give_up : then::fail_over; }

}  // namespace

ruling rule(const failure& what) {
  switch (what.why) {
    case reason::dns:
    case reason::connect:
    case reason::connect_timeout:
    case reason::tls: return {then::fail_over, blame::connection};
    case reason::timeout: return {unless_committed(what.at), blame_for_silence(what.at)};
    case reason::server_error:
    case reason::empty:
    case reason::redirect: return {then::fail_over, blame::service};  // an API has no redirects: a portal answered
    case reason::malformed:
    case reason::error_in_200:
    case reason::cut: return {unless_committed(what.at), blame::service};
    case reason::rate_limited:  // busy is not broken
    case reason::quota:         // nor is an unpaid bill
    case reason::auth:          // nor a wrong key
    case reason::breaker_open:  // nobody was asked
    case reason::contingency:
    case reason::policy:
    case reason::drill:
    case reason::hedged: return {then::fail_over, blame::nobody};
  }
  return {then::give_up, blame::nobody};
}

}  // namespace tideover::policy
