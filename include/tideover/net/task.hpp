// The coroutine type of the data path: lazy, owned by its awaiter, resumed directly by the reactor.
// Not for the control side, which uses asio::awaitable: this one knows no executor, so an await costs a jump.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "tideover/net/frame_store.hpp"

namespace tideover::net {

template <class T>
class task;

namespace detail {

struct promise_base {
  static void* operator new(std::size_t bytes) { return frame_store::take(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { frame_store::give(memory, bytes); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr error;

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  final_awaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <class T>
struct promise : promise_base {
  std::optional<T> value;
  task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct promise<void> : promise_base {
  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
};

}  // namespace detail

/// `co_await` starts it and waits for its end; exceptions travel to the awaiter. The frame lives as long as the task,
/// so arguments passed by reference must outlive the await (they do when awaited in the full expression's scope).
/// g++ 12 destroys temporaries of a co_await inside a braced initialiser twice: name the task's result first.
template <class T = void>
class [[nodiscard]] task {
 public:
  using promise_type = detail::promise<T>;
  using handle = std::coroutine_handle<promise_type>;

  explicit task(handle h) noexcept : handle_(h) {}
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task(const task&) = delete;
  task& operator=(task) = delete;
  ~task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().continuation = awaiter;
    return handle_;
  }
  T await_resume() {
    auto& p = handle_.promise();
    if (p.error) std::rethrow_exception(p.error);
    if constexpr (!std::is_void_v<T>) return std::move(*p.value);
  }

 private:
  handle handle_;
};

namespace detail {

template <class T>
task<T> promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}
inline task<void> promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

struct detached {
  struct promise_type {
    detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // run_detached catches everything before
  };
};

template <class Done>
detached run_detached(task<void> work, Done done) {
  std::exception_ptr error;
  try {
    co_await work;
  } catch (...) {
    error = std::current_exception();
  }
  done(error);
}

}  // namespace detail

/// Starts a task that nobody awaits. `done(std::exception_ptr)` runs at its end and must not throw.
template <class Done>
void spawn(task<void> work, Done done) {
  detail::run_detached(std::move(work), std::move(done));
}

}  // namespace tideover::net
