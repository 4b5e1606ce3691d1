// The clock and the spans of time that decisions are made of.
// Not for calendar time: wall-clock values appear only at the edges (logs, Retry-After dates, the journal).
#pragma once

#include <chrono>

namespace tideover {

using clock = std::chrono::steady_clock;  // monotonic: a jump of the wall clock must not open or close anything
using duration = clock::duration;
using time_point = clock::time_point;

/// A point in time that never passes; `min(never, x)` is x.
inline constexpr time_point never = time_point::max();

/// `start + span` without overflow.
constexpr time_point after(time_point start, duration span) {
  if (start == never || span >= never - start) return never;
  return start + span;
}

}  // namespace tideover
