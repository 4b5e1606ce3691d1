#include "tideover/policy/failover.hpp"

#include <algorithm>
#include <cassert>

#include "tideover/policy/rulings.hpp"

namespace tideover::policy {
namespace {

/// How long an upstream may be silent before it has failed (contract §4). Reasoning models think in silence, so their
/// own limit replaces the others; on the local tier it only ever lengthens them, since there is nobody to fail over to.
duration patience(const config::upstream& upstream, const exchange_plan& plan) {
  const auto& t = upstream.timeouts;
  duration const usual = plan.streaming ? t.first_content : t.response;
  if (!plan.wants_reasoning) return usual;
  return upstream.tier == tier::cloud ? t.reasoning : std::max(t.reasoning, usual);
}

}  // namespace

failover::failover(const exchange_plan& plan, const config::snapshot& configuration)
    : plan_(plan), configuration_(&configuration) {}

failover::step failover::next(time_point now, const health_view* health) {
  if (end_ == ending::open && !attempt_open_) {
    // Step by step through the candidates until one may be asked; what is skipped is never looked at again.
    for (;;) {
      if (now >= plan_.deadline) {
        end_ = ending::deadline;
        break;
      }
      if (position_ == plan_.candidates.size) {
        end_ = plan_.candidates.size == 0 ? ending::no_candidate : ending::all_failed;
        break;
      }
      if (position_ > 0 && !plan_.replayable) {
        end_ = ending::not_replayable;
        break;
      }
      auto const candidate = plan_.candidates.index[position_++];
      if (auto const why = barred(candidate, health)) {
        note_cloud(candidate, *why);
        continue;
      }
      begin(candidate, now);
      break;
    }
  }
  switch (end_) {
    case ending::open: return step::attempt;
    case ending::all_failed:
    case ending::not_replayable:
    case ending::no_candidate:
    case ending::deadline: return step::give_up;
    case ending::answered:
    case ending::client_left:
    case ending::cut: return step::finished;
  }
  return step::give_up;
}

void failover::failed(const failure& what, time_point) {
  assert(attempt_open_);
  attempt_open_ = false;
  last_failure_ = what;
  if (end_ == ending::client_left) return;  // the caller's leaving came first: whatever broke after it is its echo
  // After the commit there is no way back, and a ruling that gives up speaks of content the caller has seen.
  if (committed_ || rule(what).then == then::give_up) {
    end_ = ending::cut;
    return;
  }
  note_cloud(current_, what.why);
}

void failover::committed() {
  assert(attempt_open_ && !committed_);
  committed_ = true;
  cloud_served_ = is_cloud(current_);
  if (end_ == ending::open) end_ = ending::answered;
}

void failover::client_gone() {
  // An exchange that had already failed stays failed: the caller left while being told so.
  if (end_ == ending::open || end_ == ending::answered) end_ = ending::client_left;
}

std::optional<reason> failover::cloud_failure() const {
  if (cloud_served_) return std::nullopt;
  if (cloud_failure_) return cloud_failure_;
  if (plan_.local_by_policy) return reason::policy;
  return std::nullopt;
}

bool failover::is_cloud(std::uint16_t upstream) const {
  return configuration_->upstreams[upstream].tier == tier::cloud;
}

std::optional<reason> failover::barred(std::uint16_t upstream, const health_view* health) const {
  if (plan_.in_contingency && is_cloud(upstream)) return reason::contingency;
  return health != nullptr ? health->refuses(upstream) : std::nullopt;
}

void failover::note_cloud(std::uint16_t upstream, reason why) {
  if (!cloud_failure_ && is_cloud(upstream)) cloud_failure_ = why;
}

void failover::begin(std::uint16_t upstream, time_point now) {
  const auto& asked = configuration_->upstreams[upstream];
  current_ = upstream;
  attempt_open_ = true;
  ++attempts_;
  if (position_ > 1 && !left_) left_ = plan_.candidates.index[0];
  limits_.total = std::min(after(now, asked.timeouts.total), plan_.deadline);
  auto const& t = asked.timeouts;
  time_limit const leg{after(now, t.total), "total", t.total};
  time_limit const exchange{plan_.deadline, "deadline", plan_.deadline - plan_.started};
  limits_.connect = sooner({after(now, t.connect), "connect", t.connect}, sooner(leg, exchange));
  limits_.first_content = std::min(after(now, patience(asked, plan_)), limits_.total);
  limits_.idle = asked.timeouts.idle;
}

}  // namespace tideover::policy
