// From several addresses of one host to one connected stream: attempts begin one after the other and overlap, the first
// that connects wins (RFC 8305, simplified: one answer for both families, no memory of earlier races).
// Not names, proxies or TLS: that is net/dialer.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"
#include "tideover/net/event_loop.hpp"
#include "tideover/net/socket_address.hpp"
#include "tideover/net/stream.hpp"
#include "tideover/net/task.hpp"

namespace tideover::net {

struct dial_result {
  std::unique_ptr<stream> connection;  // null: see `problem`
  failure problem;
};

/// The next address begins this much after the one before (RFC 8305 §5), or at once when one has failed.
inline constexpr auto connect_stagger = std::chrono::milliseconds(250);

/// `addresses` in the order of their turns, at least one. Ends early with a hangup of `also` or when the worker stops.
/// Where all fail, the most telling problem is told: see `telling` in the source.
task<dial_result> connect_any(event_loop& loop, std::vector<socket_address> addresses, time_point by,
                              event_source* also = nullptr);

}  // namespace tideover::net
