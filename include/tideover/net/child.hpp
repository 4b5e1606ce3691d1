// A task that runs beside its parent, and ends with it wherever it happens to wait.
// Not for work that may outlive its starter: that is net::spawn.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "tideover/net/reactor.hpp"
#include "tideover/net/task.hpp"

namespace tideover::net {

/// The parent keeps the child, waits on done() and takes the result. Destroying a child that has not finished destroys
/// its frames, innermost first: what they hold is released, and nothing of them runs any more. That must not happen
/// from inside the child. Everything on one loop.
template <class T>
class child {
 public:
  child(reactor& loop, task<T> work) : frame_(run(*this, loop, std::move(work)).self) {}
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() { frame_.destroy(); }

  /// Runs it up to its first wait. Once.
  void start() { frame_.resume(); }

  /// `signalled` when it has finished.
  event_source& done() { return done_; }
  bool finished() const { return done_.is(signalled); }
  /// The result of a finished child; what it threw is thrown here.
  T take() {
    if (error_) std::rethrow_exception(error_);
    return std::move(*result_);
  }

 private:
  struct frame {
    struct promise_type {
      frame get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { std::terminate(); }  // run() catches everything
    };
    std::coroutine_handle<promise_type> self;
  };

  static frame run(child& mine, reactor& loop, task<T> work) {
    try {
      T result = co_await work;
      mine.result_.emplace(std::move(result));
    } catch (...) {
      mine.error_ = std::current_exception();
    }
    mine.done_.raise(loop, signalled);
  }

  event_source done_;
  std::optional<T> result_;
  std::exception_ptr error_;
  std::coroutine_handle<typename frame::promise_type> frame_;
};

}  // namespace tideover::net
