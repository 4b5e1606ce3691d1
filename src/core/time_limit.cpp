#include "tideover/core/time_limit.hpp"

#include <cstdint>

namespace tideover {

std::string time_limit::missed(std::string_view what) const {
  if (name.empty()) return std::string(what) + " in time";
  return std::string(name) + " (" + span_text(span) + "): " + std::string(what);
}

std::string span_text(duration span) {
  using namespace std::chrono;
  struct unit {
    std::int64_t milliseconds;
    const char* name;
  };
  constexpr unit units[] = {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  auto const ms = duration_cast<milliseconds>(span).count();
  for (const auto& u : units)
    if (ms != 0 && ms % u.milliseconds == 0) return std::to_string(ms / u.milliseconds) + u.name;
  return std::to_string(ms) + "ms";
}

}  // namespace tideover
