// At most so many requests within any minute. Not a queue: who comes too early is told when to come again.
// Pure: time comes in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "tideover/core/time.hpp"

namespace tideover::policy {

class request_rate {
 public:
  /// Nothing: counted, go on. Else how long until one more is within the limit; that try is not counted.
  std::optional<duration> take(unsigned per_minute, time_point now);

 private:
  static constexpr std::int64_t seconds = 60;
  struct second {
    std::int64_t number = -1;
    unsigned requests = 0;
  };
  std::array<second, seconds> window_{};
};

}  // namespace tideover::policy
