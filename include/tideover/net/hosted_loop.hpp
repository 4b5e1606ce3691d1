// An event loop hosted by an Asio io_context: what the control thread runs, where admin, signals and timers are Asio's.
// Not for workers, which wait in their own loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tideover/net/event_loop.hpp"

namespace tideover::net {

class hosted_loop {
 public:
  hosted_loop();
  ~hosted_loop();
  hosted_loop(const hosted_loop&) = delete;
  hosted_loop& operator=(const hosted_loop&) = delete;

  event_loop& loop() { return loop_; }
  boost::asio::io_context& context() { return context_; }

  /// Runs until the loop is told to stop. Call from one thread.
  void run();

 private:
  void watch();
  void tick();

  boost::asio::io_context context_{1};
  event_loop loop_;
  boost::asio::posix::stream_descriptor nested_;
  boost::asio::steady_timer timer_;
};

}  // namespace tideover::net
