// What systemd wants to hear: ready, reloading, stopping, alive (sd_notify(3)). Without $NOTIFY_SOCKET nothing is said.
// Not signals (application) nor sockets handed down.
#pragma once

#include <optional>
#include <string>

#include "tideover/config/load.hpp"
#include "tideover/core/time.hpp"

namespace tideover::app {

class service_manager {
 public:
  explicit service_manager(const config::surroundings& world);

  void ready() const { say("READY=1\nSTATUS=serving"); }
  void reloading() const;
  void stopping() const { say("STOPPING=1\nSTATUS=draining"); }
  /// To be called often, by the loop that does the work: a thread of its own would say it while everything hangs
  /// (faults L9). Says it as often as asked for, or never where nobody asked.
  void alive(time_point now);

 private:
  void say(const std::string& message) const;

  std::string socket_;
  std::optional<duration> between_;  // half of $WATCHDOG_USEC, as sd_watchdog_enabled(3) advises
  time_point next_{};
};

}  // namespace tideover::app
