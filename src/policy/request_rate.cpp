#include "tideover/policy/request_rate.hpp"

#include <algorithm>

namespace tideover::policy {

std::optional<duration> request_rate::take(unsigned per_minute, time_point now) {
  auto const this_second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  auto const in_window = [&](const second& s) { return s.number > this_second - seconds && s.number <= this_second; };
  std::uint64_t all = 0;
  for (const auto& s : window_)
    if (in_window(s)) all += s.requests;
  if (all < per_minute) {
    auto& s = window_[static_cast<std::size_t>(this_second % seconds)];
    if (s.number != this_second) s = {this_second, 0};
    ++s.requests;
    return std::nullopt;
  }
  // The oldest second that has requests leaves the window first.
  std::int64_t oldest = this_second;
  for (const auto& s : window_)
    if (in_window(s) && s.requests != 0) oldest = std::min(oldest, s.number);
  return time_point(std::chrono::seconds(oldest + seconds)) - now;
}

}  // namespace tideover::policy
