// How many retries a cloud may get in all: a tenth of the requests it was asked, so that an outage is not amplified.
// Not for whether one retry makes sense (failover::retry_at). Counted in requests, not in time; one per cloud.
#pragma once

#include <algorithm>

namespace tideover::policy {

class retry_budget {
 public:
  /// Retries that a quiet start allows, and the most that a quiet time can save up.
  static constexpr unsigned at_start = 3;
  static constexpr unsigned at_most = 100;
  /// So many requests earn one retry.
  static constexpr unsigned requests_per_retry = 10;

  /// A cloud is being asked, for the first time or again.
  void request() { tenths_ = std::min(tenths_ + 1, at_most * requests_per_retry); }
  /// Takes one retry; false when there is none.
  bool take() {
    if (tenths_ < requests_per_retry) return false;
    tenths_ -= requests_per_retry;
    return true;
  }

 private:
  unsigned tenths_ = at_start * requests_per_retry;
};

}  // namespace tideover::policy
