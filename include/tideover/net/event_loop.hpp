// One thread's event loop: the reactor, a mailbox for work from other threads, and a tick that sweeps deadlines.
// Not Asio: a worker waits in one epoll_wait and nothing else. The control thread hosts a loop in its io_context
// (net/hosted_loop). Nesting the workers' reactors in Asio took three system calls a wake-up instead of one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "tideover/net/reactor.hpp"

namespace tideover::net {

/// The way into a loop from other threads. Outlives the loop: late posts are dropped, not crashes.
class mailbox {
 public:
  /// Runs `work` on the loop's thread, then everything it made ready. False when the loop is gone.
  bool post(std::function<void()> work);

 private:
  friend class event_loop;
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
  int bell_ = -1;  // eventfd; -1: the loop is gone
};

class event_loop {
 public:
  event_loop();
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  reactor& reactions() { return reactor_; }
  const std::shared_ptr<mailbox>& inbox() const { return inbox_; }

  /// Called about every reactor::sweep_interval, after deadlines were swept.
  std::function<void(time_point now)> on_tick;

  /// Runs until stop(). Call from one thread.
  void run();
  /// From the loop's own thread or through the mailbox.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  // For a host that waits by itself: the descriptor is readable when turn() has something to do.
  int descriptor() const { return reactor_.descriptor(); }
  /// Takes what is ready, waiting at most `patience` for it, and what was posted.
  void turn(std::chrono::milliseconds patience);
  void tick(time_point now);

 private:
  void take_posted();

  reactor reactor_;
  std::shared_ptr<mailbox> inbox_;
  event_source bell_;
  bool stopped_ = false;
};

}  // namespace tideover::net
