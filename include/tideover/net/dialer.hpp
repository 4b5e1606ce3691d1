// From an upstream's address to a connected stream: name, TCP, HTTP proxy tunnel, TLS, within one deadline.
// Not a pool and no policy: whether an upstream may be reached at all is decided by who calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tideover/core/cloud_pass.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"
#include "tideover/net/connect_race.hpp"
#include "tideover/net/event_loop.hpp"
#include "tideover/net/resolver.hpp"
#include "tideover/net/stream.hpp"
#include "tideover/net/task.hpp"
#include "tideover/net/tls.hpp"

namespace tideover::net {

/// An HTTP proxy of the house through which TLS tunnels to clouds are opened (HTTPS_PROXY).
struct tunnel {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  // value of Proxy-Authorization, empty: none
};

/// Where and how to connect. Immutable after start, shared by the workers.
struct dial_target {
  std::string host;  // IP literal or name
  std::uint16_t port = 0;
  ssl_context tls;          // null: plain
  std::string server_name;  // for SNI and verification
  std::optional<tunnel> through;
  bool outside = false;  // a cloud: a name that resolves to this machine or to link-local is refused
  bool inside = false;   // of the house: a name that resolves to a public address is refused (contract §6)
};

/// `pass`: without one nothing is done for a target outside, not even a lookup; the result is then null with reason
/// `policy`.
/// `also`: ends the dialling early (the caller of the exchange left); the result is then null with reason `connect`
/// and nobody is to blame. Reasons: dns, connect, connect_timeout, tls. All addresses of the name take part, see
/// net/connect_race; a name's lookup may cost two thirds of the time.
task<dial_result> dial(event_loop& loop, resolver& names, const dial_target& target, session_slot* sessions,
                       time_point by, event_source* also = nullptr, std::optional<cloud_pass> pass = std::nullopt);

/// HTTPS_PROXY / NO_PROXY as curl reads them: which tunnel, if any, leads to this host.
struct proxy_environment {
  std::string https_proxy;
  std::string no_proxy;
};
/// Nothing when no proxy applies. Throws std::invalid_argument with a sentence when the proxy's URL makes no sense.
std::optional<tunnel> tunnel_for(const proxy_environment& environment, const std::string& host, std::uint16_t port);

}  // namespace tideover::net
