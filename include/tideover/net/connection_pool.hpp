// Idle upstream connections of one worker, by upstream. Checked before reuse, most recently used first.
// Not a limiter: who may ask an upstream, and how often, is decided elsewhere.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "tideover/core/cloud_pass.hpp"
#include "tideover/core/time.hpp"
#include "tideover/net/stream.hpp"
#include "tideover/net/tls.hpp"

namespace tideover::net {

class connection_pool {
 public:
  explicit connection_pool(std::size_t upstreams) : upstreams_(upstreams) {}

  /// Connections to this upstream leave the house: they are given to nobody without a pass.
  void set_outside(std::size_t upstream) { upstreams_[upstream].outside = true; }

  /// A connection that was quiet when the reactor last looked, or null. It may still die under the first byte: the
  /// caller may then repeat the request once on a fresh one. Why nobody looks again: docs/decisions/0009.
  std::unique_ptr<stream> take(std::size_t upstream, std::optional<cloud_pass> pass = std::nullopt);
  /// Takes back a connection whose last answer is complete. Closes it when anything is odd or there are enough.
  void give_back(std::size_t upstream, std::unique_ptr<stream> connection, time_point now);
  /// Closes what the peer closed and what has been idle too long.
  void sweep(time_point now);
  void close_all();
  /// Closes the idle connections of one upstream: after trouble, old ones are not to be trusted.
  void close_idle(std::size_t upstream);

  std::size_t idle(std::size_t upstream) const { return upstreams_[upstream].idle.size(); }
  session_slot* sessions(std::size_t upstream) { return upstreams_[upstream].sessions.get(); }

  // Below the keep-alive times of usual servers and the idle limits of usual NATs.
  static constexpr auto max_idle_time = std::chrono::seconds(30);
  static constexpr std::size_t max_idle = 128;

 private:
  struct idle_connection {
    std::unique_ptr<stream> connection;
    time_point since;
  };
  struct per_upstream {
    std::vector<idle_connection> idle;  // oldest first
    bool outside = false;
    std::unique_ptr<session_slot> sessions = std::make_unique<session_slot>();
  };
  std::vector<per_upstream> upstreams_;
};

}  // namespace tideover::net
