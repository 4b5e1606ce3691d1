// A deadline that knows which setting it came from, so that whoever reads a failure knows what to change.
// Not a timer: net/reactor waits, policy/failover decides which limit counts.
#pragma once

#include <string>
#include <string_view>

#include "tideover/core/time.hpp"

namespace tideover {

struct time_limit {
  time_point at = never;
  std::string_view name;  // as the configuration calls it (a literal); empty: nobody configured it
  duration span{};        // as configured

  constexpr time_limit() = default;
  constexpr time_limit(time_point when) : at(when) {}  // NOLINT: where only the point in time is known
  constexpr time_limit(time_point when, std::string_view called, duration as_long)
      : at(when), name(called), span(as_long) {}
  constexpr operator time_point() const { return at; }  // NOLINT: a wait wants no more

  /// Limits are equal that pass together, whatever they are called.
  friend constexpr bool operator==(const time_limit& a, const time_limit& b) { return a.at == b.at; }

  /// What was not done in time, for logs: `connect (3s): no connection to 192.0.2.1:443`.
  std::string missed(std::string_view what) const;
};

/// The one that passes first; of equals the first.
constexpr const time_limit& sooner(const time_limit& a, const time_limit& b) { return b.at < a.at ? b : a; }

/// A span as the configuration writes it, in the largest unit that fits: 90000ms is `90s`.
std::string span_text(duration span);

}  // namespace tideover
