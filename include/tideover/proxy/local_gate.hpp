// The door of one local upstream: makes the verdicts of policy/admission reach the workers who wait for them.
// Not a decision: who goes in, when and where is policy/admission's. Nothing is waited for inside its mutex.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "tideover/net/event_loop.hpp"
#include "tideover/net/task.hpp"
#include "tideover/policy/admission.hpp"

namespace tideover::proxy {

class local_gate {
 public:
  explicit local_gate(const config::upstream& settings);
  local_gate(const local_gate&) = delete;
  local_gate& operator=(const local_gate&) = delete;
  ~local_gate();

  /// One request at the door: first in the queue, then perhaps inside. Whatever it has, a turn or a place, goes back
  /// exactly once: by served(), unreachable(), leave(), or with the object. Lives on one loop's thread; the gate
  /// outlives it.
  class visit {
   public:
    visit(visit&& other) noexcept;
    visit(const visit&) = delete;
    visit& operator=(visit) = delete;
    ~visit() { leave(); }

    enum class state : std::uint8_t {
      waiting,   // `until` came first: say something to the caller and wait on
      admitted,  // a place at url()
      refused,   // see refusal()
      gone,      // the caller left
      stopped,   // the worker is being shut down
    };
    /// Waits for the verdict, at most until `until`; ends early when `caller` hangs up.
    net::task<state> wait(time_point until, net::event_source* caller = nullptr);
    /// The verdict without waiting: waiting, admitted or refused.
    state now() const;

    std::uint16_t url() const { return place_.url; }
    duration waited() const { return place_.waited; }  // when admitted
    const policy::admission::refusal& refusal() const { return refusal_; }

    void served() { settle(policy::place_use::served); }
    void unreachable() { settle(policy::place_use::unreachable); }
    void leave() { settle(policy::place_use::other); }

    struct told;

   private:
    friend class local_gate;
    visit(local_gate& gate, policy::admission::ticket who, std::shared_ptr<told> mine, net::event_loop& loop);
    state look();
    void settle(policy::place_use how);

    local_gate* gate_;  // null: settled
    policy::admission::ticket who_;
    std::shared_ptr<told> told_;
    net::event_loop* loop_;
    state state_ = state::waiting;
    policy::admission::place place_;
    policy::admission::refusal refusal_;
  };

  /// Other limits, after a reload, for the same URLs.
  void adjust(const config::upstream& settings);

  /// Joins the queue, or has a place or a refusal at once.
  visit enter(net::event_loop& loop, policy::place_wish wish);

  /// From a tick, about ten times a second: a URL that rested may have places for those who wait.
  void advance(time_point now);

  /// Is there a URL for this wish that does not rest, other than `but`? Then a request that could not be sent there may
  /// enter again.
  bool lives_elsewhere(const policy::place_wish& wish, std::size_t but) const;
  /// When somebody who comes now would have a place.
  duration expected_wait(const policy::place_wish& wish) const;
  std::size_t waiting() const;
  std::size_t busy() const;
  std::size_t urls() const { return urls_; }

 private:
  void leave(policy::admission::ticket who, policy::place_use how);
  /// With the mutex held. `here` asks by itself and needs no ring.
  void tell(std::vector<policy::admission::verdict> verdicts, const visit::told* here = nullptr);

  std::size_t const urls_;
  mutable std::mutex mutex_;
  policy::admission rules_;
  std::map<policy::admission::ticket, std::weak_ptr<visit::told>> visits_;  // who has not been told yet
};

}  // namespace tideover::proxy
