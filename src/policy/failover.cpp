#include "tideover/policy/failover.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "tideover/policy/rulings.hpp"

namespace tideover::policy {
namespace {

struct limit {
  duration span;
  timer which;
};

/// How long an upstream may be silent before it has failed (contract §4). Reasoning models think in silence, so their
/// own limit replaces the others; on the local tier it only ever lengthens them, since there is nobody to fail over to.
limit patience(const config::upstream& upstream, const exchange_plan& plan) {
  const auto& t = upstream.timeouts;
  limit const usual =
      plan.streaming ? limit{t.first_content, timer::first_content} : limit{t.response, timer::response};
  bool const longer = upstream.tier == tier::cloud || t.reasoning > usual.span;
  return plan.wants_reasoning && longer ? limit{t.reasoning, timer::reasoning} : usual;
}

struct timed {
  time_point at;
  timer which;
};
timed earlier(timed a, timed b) { return b.at < a.at ? b : a; }

constexpr auto first_retry_pause = std::chrono::milliseconds(100);  // doubles

}  // namespace

failover::failover(const exchange_plan& plan, const config::snapshot& configuration)
    : plan_(plan), configuration_(&configuration) {}

failover::step failover::next(time_point now, const health_view* health) {
  if (end_ == ending::open && !attempt_open_) {
    if (now >= plan_.deadline) {
      end_ = ending::deadline;
    } else if (retrying_ && now < pause_until_) {
      return step::pause;
    } else {
      bool found = false;
      if (std::exchange(retrying_, false)) {
        // Others may have found out more in the meantime: asked is only who would be asked afresh.
        if (auto const why = barred(current_, health)) {
          note_left(current_, *why, false);
        } else {
          begin(current_, limits_for(current_, now), now);
          found = true;
        }
      }
      if (!found) {
        if (auto const candidate = next_candidate(health)) begin(*candidate, limits_for(*candidate, now), now);
      }
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

/// Step by step through the candidates until one may be asked; what is skipped is never looked at again. Sets the
/// ending when nobody is left.
std::optional<std::uint16_t> failover::next_candidate(const health_view* health) {
  for (;;) {
    if (position_ == plan_.candidates.size) {
      end_ = plan_.candidates.size == 0 ? ending::no_candidate : ending::all_failed;
      return std::nullopt;
    }
    if (position_ > 0 && !plan_.replayable) {
      end_ = ending::not_replayable;
      return std::nullopt;
    }
    auto const candidate = plan_.candidates.index[position_++];
    if (auto const why = barred(candidate, health)) {
      note_left(candidate, *why, false);
      continue;
    }
    return candidate;
  }
}

void failover::failed(const failure& what, time_point now) {
  assert(attempt_open_);
  attempt_open_ = false;
  last_failure_ = what;
  if (end_ == ending::client_left) return;  // the caller's leaving came first: whatever broke after it is its echo
  // After the commit there is no way back, and a ruling that gives up speaks of content the caller has seen.
  if (committed_ || rule(what).then == then::give_up) {
    end_ = ending::cut;
    return;
  }
  note_left(current_, what.why, true);
  if (hedge_) {
    auto const hedge = *std::exchange(hedge_, std::nullopt);
    begin(hedge.upstream, hedge.limits, now);
    --attempts_;  // it was counted when it started
  }
}

std::optional<time_point> failover::retry_at(const failure& what, time_point now, double jitter) const {
  const auto& asked = configuration_->upstreams[current_];
  if (!attempt_open_ || committed_ || hedge_ || end_ != ending::open) return std::nullopt;
  if (!is_cloud(current_) || plan_.repeats || !plan_.replayable || what.ours || retries_ >= asked.retry.attempts)
    return std::nullopt;
  bool worth_it = false;
  switch (what.why) {
    case reason::dns:
    case reason::connect: worth_it = what.at <= phase::tls_handshake; break;  // later the request may have been taken
    case reason::server_error: worth_it = now - begun_ <= asked.retry.max_wait; break;
    case reason::rate_limited: worth_it = what.retry_after.has_value(); break;
    default: break;  // silence is never asked twice, and what is broken or out of money does not heal in a moment
  }
  if (!worth_it || what.retry_after.value_or(duration{}) > asked.retry.max_wait) return std::nullopt;
  auto pause = std::min<duration>(asked.retry.max_wait, first_retry_pause * (1 << std::min(retries_, 10u)));
  pause = duration(static_cast<duration::rep>(jitter * static_cast<double>(pause.count())));
  auto const at = after(now, std::max(pause, what.retry_after.value_or(duration{})));
  return at < plan_.deadline ? std::optional(at) : std::nullopt;
}

void failover::retry(const failure& what, time_point at) {
  assert(attempt_open_);
  attempt_open_ = false;
  last_failure_ = what;
  if (end_ == ending::client_left) return;
  note_left(current_, what.why, true);
  ++retries_;
  retrying_ = true;
  pause_until_ = at;
}

std::optional<time_point> failover::hedge_at() const {
  if (!plan_.hedge_after || !attempt_open_ || committed_ || hedge_ || !plan_.replayable || !is_cloud(current_) ||
      position_ == plan_.candidates.size || is_cloud(plan_.candidates.index[position_]))
    return std::nullopt;
  return after(begun_, *plan_.hedge_after);
}

std::optional<failover::second_attempt> failover::begin_hedge(time_point now, const health_view* health) {
  if (!hedge_at() || now >= plan_.deadline) return std::nullopt;
  auto const candidate = plan_.candidates.index[position_++];
  if (barred(candidate, health)) return std::nullopt;
  ++attempts_;
  return hedge_ = second_attempt{candidate, limits_for(candidate, now)};
}

void failover::hedge_won() {
  assert(hedge_ && attempt_open_);
  note_left(current_, reason::hedged, true);
  current_ = hedge_->upstream;
  limits_ = hedge_->limits;
  hedge_.reset();
  leave_first();
}

void failover::hedge_failed(const failure& what) {
  assert(hedge_);
  last_failure_ = what;
  hedge_.reset();
}

std::optional<failover::second_attempt> failover::take_over(const failure& what, time_point now,
                                                            const health_view* health) {
  if (!plan_.may_continue || !committed_ || end_ != ending::answered || !is_cloud(current_)) return std::nullopt;
  if (now >= plan_.deadline || position_ == plan_.candidates.size || is_cloud(plan_.candidates.index[position_]))
    return std::nullopt;
  auto const candidate = plan_.candidates.index[position_++];
  if (barred(candidate, health)) return std::nullopt;
  last_failure_ = what;
  cloud_served_ = false;
  note_left(current_, what.why, true);
  begin(candidate, limits_for(candidate, now), now);
  return second_attempt{current_, limits_};
}

void failover::committed() {
  assert(attempt_open_ && !committed_);
  committed_ = true;
  cloud_served_ = is_cloud(current_);
  if (cloud_served_) cloud_failure_.reset();  // a retry worked
  if (end_ == ending::open) end_ = ending::answered;
}

void failover::client_gone() {
  // An exchange that had already failed stays failed: the caller left while being told so.
  if (end_ == ending::open || end_ == ending::answered) end_ = ending::client_left;
}

std::optional<reason> failover::cloud_failure() const {
  if (cloud_served_) return std::nullopt;
  if (cloud_failure_) return cloud_failure_;
  if (plan_.local_by_policy && !(attempt_open_ && is_cloud(current_))) return reason::policy;
  return std::nullopt;
}

failover::answerers failover::who_can_answer() const {
  answerers found;
  bool several = false;
  bool open = false;
  auto const add = [&](std::uint16_t upstream) {
    if (plan_.in_contingency && is_cloud(upstream)) return;
    auto const tier = configuration_->upstreams[upstream].tier;
    open = open || (found.tier && *found.tier != tier);
    several = several || (found.upstream && *found.upstream != upstream);
    found = {tier, upstream};
  };
  if (attempt_open_ || retrying_) add(current_);
  if (hedge_) add(hedge_->upstream);
  bool const more = !committed_ && end_ == ending::open && (position_ == 0 || plan_.replayable);
  for (auto at = position_; more && at < plan_.candidates.size; ++at) add(plan_.candidates.index[at]);
  if (several) found.upstream.reset();
  if (open) found.tier.reset();
  return found;
}

bool failover::is_cloud(std::uint16_t upstream) const {
  return configuration_->upstreams[upstream].tier == tier::cloud;
}

std::optional<reason> failover::barred(std::uint16_t upstream, const health_view* health) const {
  if (plan_.in_contingency && is_cloud(upstream)) return reason::contingency;
  return health != nullptr ? health->refuses(upstream) : std::nullopt;
}

void failover::note_left(std::uint16_t upstream, reason why, bool attempted) {
  if (!cloud_failure_ && is_cloud(upstream)) cloud_failure_ = why;
  // Who is skipped on the way from one that failed to the next is not who was left.
  if (attempted || !behind_) behind_ = {upstream, why};
}

void failover::leave_first() {
  // The position alone does not tell: a hedge that nobody may serve uses up its place, and the first may be retried.
  if (position_ > 1 && current_ != plan_.candidates.index[0] && !left_) left_ = plan_.candidates.index[0];
  if (behind_ && behind_->upstream != current_) hop_ = {behind_->upstream, current_, behind_->why};
  behind_.reset();
}

attempt_limits failover::limits_for(std::uint16_t upstream, time_point now) const {
  const auto& asked = configuration_->upstreams[upstream];
  auto const wait = patience(asked, plan_);
  auto const total = earlier({after(now, asked.timeouts.total), timer::total}, {plan_.deadline, timer::deadline});
  auto const connect = earlier({after(now, asked.timeouts.connect), timer::connect}, total);
  auto const content = earlier({after(now, wait.span), wait.which}, total);
  return {.connect = connect.at,
          .first_content = content.at,
          .idle = asked.timeouts.idle,
          .total = total.at,
          .connect_timer = connect.which,
          .first_content_timer = content.which,
          .total_timer = total.which};
}

void failover::begin(std::uint16_t upstream, const attempt_limits& limits, time_point now) {
  current_ = upstream;
  attempt_open_ = true;
  begun_ = now;
  limits_ = limits;
  ++attempts_;
  leave_first();
}

}  // namespace tideover::policy
