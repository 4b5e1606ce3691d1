#include "tideover/proxy/local_gate.hpp"

#include <utility>

namespace tideover::proxy {

using policy::admission;

/// What a visit learns, and how it is woken. The verdict is guarded by the gate's mutex, the source belongs to the
/// loop.
struct local_gate::visit::told {
  std::optional<admission::verdict> verdict;
  net::event_source ring;
  std::shared_ptr<net::mailbox> where;
  net::reactor* loop = nullptr;  // valid while the mailbox delivers
};

namespace {
policy::admission_settings limits_of(const config::upstream& settings) {
  return {.urls = settings.urls.size(),
          .concurrency = settings.concurrency,
          .queue_limit = settings.queue.limit,
          .queue_wait = settings.queue.wait};
}
}  // namespace

local_gate::local_gate(const config::upstream& settings) : urls_(settings.urls.size()), rules_(limits_of(settings)) {}

local_gate::~local_gate() = default;

void local_gate::adjust(const config::upstream& settings) {
  std::lock_guard const lock(mutex_);
  rules_.adjust(limits_of(settings), clock::now());
  tell(rules_.take_verdicts());
}

local_gate::visit local_gate::enter(net::event_loop& loop, policy::place_wish wish) {
  auto mine = std::make_shared<visit::told>();
  mine->where = loop.inbox();
  mine->loop = &loop.reactions();
  std::lock_guard const lock(mutex_);
  auto const who = rules_.enter(std::move(wish), clock::now());
  visits_.emplace(who, mine);
  tell(rules_.take_verdicts(), mine.get());
  return {*this, who, std::move(mine), loop};
}

void local_gate::leave(admission::ticket who, policy::place_use how) {
  std::lock_guard const lock(mutex_);
  visits_.erase(who);
  rules_.leave(who, clock::now(), how);
  tell(rules_.take_verdicts());
}

void local_gate::advance(time_point now) {
  std::lock_guard const lock(mutex_);
  rules_.advance(now);
  tell(rules_.take_verdicts());
}

/// A loop that is gone takes no post; its visits have left, or leave when they unwind.
void local_gate::tell(std::vector<admission::verdict> verdicts, const visit::told* here) {
  for (auto& v : verdicts) {
    auto const it = visits_.find(v.who);
    if (it == visits_.end()) continue;
    auto const who = it->second.lock();
    visits_.erase(it);
    if (!who) continue;
    who->verdict = std::move(v);
    if (who.get() != here) who->where->post([who] { who->ring.raise(*who->loop, net::signalled); });
  }
}

bool local_gate::lives_elsewhere(const policy::place_wish& wish, std::size_t but) const {
  std::lock_guard const lock(mutex_);
  return rules_.lives(wish, but, clock::now());
}

duration local_gate::expected_wait(const policy::place_wish& wish) const {
  std::lock_guard const lock(mutex_);
  return rules_.expected_wait(wish, clock::now());
}

std::size_t local_gate::waiting() const {
  std::lock_guard const lock(mutex_);
  return rules_.waiting();
}

std::size_t local_gate::busy() const {
  std::lock_guard const lock(mutex_);
  return rules_.busy();
}

local_gate::visit::visit(local_gate& gate, admission::ticket who, std::shared_ptr<told> mine, net::event_loop& loop)
    : gate_(&gate), who_(who), told_(std::move(mine)), loop_(&loop) {
  // enter() still holds the mutex: a verdict that was there at once is read without it.
  if (told_->verdict) look();
}

local_gate::visit::visit(visit&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      who_(other.who_),
      told_(std::move(other.told_)),
      loop_(other.loop_),
      state_(other.state_),
      place_(other.place_),
      refusal_(other.refusal_) {}

/// Takes the verdict that is there. With the mutex held.
local_gate::visit::state local_gate::visit::look() {
  if (state_ != state::waiting || !told_->verdict) return state_;
  if (const auto* place = std::get_if<admission::place>(&told_->verdict->what)) {
    place_ = *place;
    state_ = state::admitted;
  } else {
    refusal_ = std::get<admission::refusal>(told_->verdict->what);
    state_ = state::refused;
  }
  return state_;
}

local_gate::visit::state local_gate::visit::now() const { return state_; }

net::task<local_gate::visit::state> local_gate::visit::wait(time_point until, net::event_source* caller) {
  if (state_ != state::waiting) co_return state_;
  auto const how =
      co_await loop_->reactions().wait(until, net::on(told_->ring, net::signalled), net::on(caller, net::hangup));
  {
    // Whatever woke us: the time for which the queue lets one wait ends here too, and a place that was given counts.
    std::lock_guard const lock(gate_->mutex_);
    gate_->rules_.advance(clock::now());
    gate_->tell(gate_->rules_.take_verdicts());
    if (look() != state::waiting) co_return state_;
  }
  if (how == net::woken::cancelled) co_return state::stopped;
  if (how == net::woken::timed_out) co_return state::waiting;
  co_return state::gone;
}

void local_gate::visit::settle(policy::place_use how) {
  if (auto* const gate = std::exchange(gate_, nullptr)) gate->leave(who_, how);
}

}  // namespace tideover::proxy
