// While a cloud cannot be connected to, finds out for free when it can be again: TCP and TLS, not one byte of HTTP.
// Not a health check of what the cloud answers: only a real request disproves that kind of trouble.
#pragma once

#include <vector>

#include "tideover/net/dialer.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::ops {

class cloud_probe {
 public:
  /// Everything in `shared` outlives it. Lives on the control loop: one place for the whole process.
  cloud_probe(net::event_loop& control, const proxy::services& shared);

  /// From the control loop's tick.
  void tick(time_point now);

  /// Is no probe under way?
  bool quiet() const;

  /// A cloud that is back is in use again within this time, however long its breaker's pause is.
  static constexpr auto longest_interval = std::chrono::seconds(5);

 private:
  struct probed {
    bool doubted = false;
    bool asking = false;
    time_point next{};
  };
  duration pause(const config::upstream& u);
  net::task<void> ask(std::uint16_t upstream);

  net::event_loop& control_;
  const proxy::services& shared_;
  std::vector<probed> upstreams_;
};

}  // namespace tideover::ops
