#include "tideover/policy/circuit_breaker.hpp"

#include <algorithm>

namespace tideover::policy {

std::string_view token(circuit_breaker::state state) {
  switch (state) {
    case circuit_breaker::state::closed: return "closed";
    case circuit_breaker::state::open: return "open";
    case circuit_breaker::state::half_open: return "half_open";
  }
  return "closed";
}

circuit_breaker::state circuit_breaker::current(time_point now) const {
  if (!tripped_) return state::closed;
  return now < open_until_ ? state::open : state::half_open;
}

bool circuit_breaker::refuses(time_point now) const {
  switch (current(now)) {
    case state::closed: return false;
    case state::open: return true;
    case state::half_open: return trial_out_;
  }
  return true;
}

std::optional<circuit_breaker::permit> circuit_breaker::admit(time_point now) {
  if (refuses(now)) return std::nullopt;
  if (tripped_) {
    trial_out_ = true;
    ++era_;  // only this request speaks for the new era
  }
  return permit{era_};
}

void circuit_breaker::succeeded(permit p, time_point now) {
  if (p.era != era_) return;
  reopenings_ = 0;
  if (tripped_) return close();
  in_a_row_ = 0;
  count(now, false);
}

void circuit_breaker::failed(permit p, time_point now, double jitter) {
  if (p.era != era_) return;
  if (tripped_) return trip(now, jitter);
  ++in_a_row_;
  count(now, true);
  if (in_a_row_ >= settings_.failures_to_open || ratio_reached(now)) trip(now, jitter);
}

void circuit_breaker::abandoned(permit p) {
  if (p.era == era_) trial_out_ = false;  // the next request may try instead
}

void circuit_breaker::probe_succeeded() {
  if (tripped_) close();
}

std::int64_t circuit_breaker::slice_number(time_point now) const {
  auto const length = std::max<duration>(settings_.window / slices, duration(1));
  return now.time_since_epoch() / length;
}

void circuit_breaker::count(time_point now, bool failure) {
  auto const number = slice_number(now);
  auto& s = window_[static_cast<std::size_t>(number) % slices];
  if (s.number != number) s = {.number = number, .requests = 0, .failures = 0};
  ++s.requests;
  if (failure) ++s.failures;
}

bool circuit_breaker::ratio_reached(time_point now) const {
  auto const newest = slice_number(now);
  unsigned requests = 0, failures = 0;
  for (const auto& s : window_) {
    if (s.number <= newest - static_cast<std::int64_t>(slices) || s.number > newest) continue;
    requests += s.requests;
    failures += s.failures;
  }
  return requests >= settings_.min_requests && failures >= settings_.failure_ratio * requests;
}

void circuit_breaker::trip(time_point now, double jitter) {
  auto const longest = std::max(settings_.open_for, settings_.open_for_max);
  auto pause = settings_.open_for;
  for (unsigned i = 0; i < reopenings_ && pause < longest; ++i) pause = pause > longest / 2 ? longest : pause * 2;
  auto const share = 0.2 * std::clamp(jitter, 0.0, 1.0);
  auto const spread = duration(static_cast<duration::rep>(share * static_cast<double>(pause.count())));
  // At the longest pause the jitter goes the other way: there it matters most.
  pause = pause + spread <= longest ? pause + spread : std::max(longest - spread, settings_.open_for);
  ++reopenings_;
  ++era_;
  tripped_ = true;
  trial_out_ = false;
  open_until_ = after(now, pause);
}

void circuit_breaker::close() {
  ++era_;
  tripped_ = trial_out_ = false;
  in_a_row_ = 0;
  window_ = {};
}

}  // namespace tideover::policy
