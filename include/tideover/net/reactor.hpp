// Readiness for one worker: an edge-triggered epoll of our own, and waits on several sources with one deadline.
// Not a thread or a loop: net/event_loop calls poll().
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "tideover/core/time.hpp"

namespace tideover::net {

class reactor;
class wait_operation;

/// What can be waited for. Level of knowledge, not of the descriptor: a flag stays set until somebody saw EAGAIN.
enum interest : unsigned {
  readable = 1u,
  writable = 2u,
  hangup = 4u,     // the peer closed its side or the connection broke
  signalled = 8u,  // raised by code, for sources without a descriptor
};

/// Something that becomes ready: a registered descriptor or a signal raised by code. Does not move; used by the
/// reactor's thread only. Must not be destroyed while a wait on it is pending.
class event_source {
 public:
  event_source() = default;
  event_source(const event_source&) = delete;
  event_source& operator=(const event_source&) = delete;
  ~event_source();

  bool is(unsigned mask) const { return (state_ & mask) != 0; }
  void clear(unsigned mask) { state_ &= ~mask; }
  /// Sets flags for a source nobody waits on yet.
  void assume(unsigned mask) { state_ |= mask; }
  /// Sets flags and makes the waits ready that want them; they run when the reactor gets to them.
  void raise(reactor& loop, unsigned flags);

 private:
  friend class reactor;
  friend class wait_operation;
  unsigned state_ = 0;
  struct link {
    event_source* source = nullptr;
    wait_operation* operation = nullptr;
    unsigned mask = 0;
    link* previous = nullptr;
    link* next = nullptr;
  };
  link* waiters_ = nullptr;
};

/// Why a wait ended.
enum class woken : std::uint8_t {
  ready,      // at least one source has what was asked for
  timed_out,  // the deadline passed first (noticed by the sweep, within `reactor::sweep_interval`)
  cancelled,  // the worker is being shut down
};

struct wait_for {
  event_source* source = nullptr;
  unsigned mask = 0;
};

/// A source to wait on; null sources are ignored.
inline wait_for on(event_source& source, unsigned mask) { return {&source, mask}; }
inline wait_for on(event_source* source, unsigned mask) { return {source, mask}; }

/// `co_await loop.wait(deadline, on(a, readable), on(b, hangup))`. (Not a list: g++ 12 cannot keep one across a
/// co_await.)
class [[nodiscard]] wait_operation {
 public:
  static constexpr std::size_t max_sources = 4;

  wait_operation(reactor& loop, time_point deadline, wait_for a, wait_for b, wait_for c, wait_for d);
  wait_operation(const wait_operation&) = delete;
  wait_operation& operator=(const wait_operation&) = delete;
  ~wait_operation();

  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  woken await_resume() const { return result_; }

 private:
  friend class reactor;
  friend class event_source;
  void unlink();

  reactor& loop_;
  time_point deadline_;
  std::coroutine_handle<> waiting_;
  std::array<event_source::link, max_sources> links_{};
  std::uint8_t count_ = 0;
  woken result_ = woken::ready;
  enum class place : std::uint8_t { nowhere, pending, ready } place_ = place::nowhere;
  wait_operation* previous_ = nullptr;  // in the pending or the ready list
  wait_operation* next_ = nullptr;
};

class reactor {
 public:
  static constexpr auto sweep_interval = std::chrono::milliseconds(100);

  reactor();
  ~reactor();
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  int descriptor() const { return epoll_; }

  /// Registers a non-blocking descriptor for everything, once. Errors throw std::system_error.
  void add(int fd, event_source& source);

  wait_operation wait(time_point deadline, wait_for a, wait_for b = {}, wait_for c = {}, wait_for d = {}) {
    return {*this, deadline, a, b, c, d};
  }
  /// Takes what is ready, waiting at most `patience` for it, and resumes who waited. Returns how many events came.
  std::size_t poll(std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  /// Resumes whoever became ready outside poll() (signals raised by posted work).
  void run_ready();
  /// Ends waits whose deadline has passed.
  void sweep(time_point now);
  /// Every wait, pending and future, ends with `cancelled`.
  void cancel_everything();
  bool stopping() const { return stopping_; }
  bool has_pending() const { return pending_ != nullptr; }

 private:
  friend class wait_operation;
  friend class event_source;
  void make_ready(wait_operation& operation, woken why);
  void link_pending(wait_operation& operation);
  void remove(wait_operation& operation);

  int epoll_ = -1;
  bool stopping_ = false;
  bool running_ = false;
  wait_operation* pending_ = nullptr;
  wait_operation* ready_first_ = nullptr;
  wait_operation* ready_last_ = nullptr;
};

}  // namespace tideover::net
