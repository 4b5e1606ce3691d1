// An event loop on a thread of its own, and coroutines run on it: their results come back as futures.
// Not for tests that drive a reactor step by step: those call it themselves.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "tideover/net/event_loop.hpp"
#include "tideover/net/task.hpp"

namespace tideover::net::test {

class loop_thread {
 public:
  loop_thread() : thread_([this] { loop_.run(); }) {}
  ~loop_thread() { stop(); }

  event_loop& loop() { return loop_; }

  /// Ends whatever waits, as a worker does that is stopped.
  void stop() {
    if (!thread_.joinable()) return;
    loop_.inbox()->post([this] {
      loop_.reactions().cancel_everything();
      loop_.stop();
    });
    thread_.join();
  }

  /// `make()` is called on the loop's thread and returns a task<T>.
  template <class T, class Make>
  std::future<T> begin(Make make) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    loop_.inbox()->post([make = std::move(make), promise] {
      spawn(settle<T>(make(), promise), [](std::exception_ptr error) { EXPECT_FALSE(error); });
    });
    return future;
  }
  void post(std::function<void()> work) { loop_.inbox()->post(std::move(work)); }

 private:
  template <class T>
  static task<void> settle(task<T> work, std::shared_ptr<std::promise<T>> promise) {
    auto result = co_await work;
    promise->set_value(std::move(result));
  }

  event_loop loop_;
  std::thread thread_;
};

}  // namespace tideover::net::test
