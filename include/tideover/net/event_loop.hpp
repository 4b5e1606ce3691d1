// One thread's event loop: an Asio io_context with the reactor nested in it as one descriptor, and a sweep timer.
// Not what runs on it: sessions, pools and counters belong to proxy/.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>

#include "tideover/net/reactor.hpp"

namespace tideover::net {

/// The way into a worker from other threads. Outlives the worker: late posts are dropped, not crashes.
class mailbox {
 public:
  /// Runs `work` on the worker's thread, then everything it made ready. False when the worker is gone.
  bool post(std::function<void()> work);

 private:
  friend class event_loop;
  std::mutex mutex_;
  class event_loop* loop_ = nullptr;
};

class event_loop {
 public:
  event_loop();
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  reactor& reactions() { return reactor_; }
  boost::asio::io_context& context() { return context_; }
  const std::shared_ptr<mailbox>& inbox() const { return inbox_; }

  /// Called about every reactor::sweep_interval, after deadlines were swept.
  std::function<void(time_point now)> on_tick;

  /// Runs until stop(). Call from one thread.
  void run();
  /// From the loop's own thread or through the mailbox.
  void stop();

 private:
  friend class mailbox;
  void watch_reactor();
  void tick();

  boost::asio::io_context context_{1};
  reactor reactor_;
  boost::asio::posix::stream_descriptor nested_;
  boost::asio::steady_timer sweep_timer_;
  std::shared_ptr<mailbox> inbox_;
};

}  // namespace tideover::net
