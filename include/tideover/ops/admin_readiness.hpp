// GET and POST /api/readiness: what is known of the local tier, and a check of it now.
// Not the checks (ops/readiness_monitor) nor the verdict (policy/readiness).
#pragma once

#include <functional>

#include "tideover/ops/admin_api.hpp"
#include "tideover/ops/readiness_report.hpp"

namespace tideover::ops {

struct readiness_source {
  std::function<tier_report()> report;
  /// Checks now; `done` is called on the control thread. Who asks while a check is under way shares it.
  std::function<void(std::function<void()> done)> check;
};

void serve_readiness(admin_api& api, readiness_source source);

/// How long POST waits for the end of the check, unless it says `{"wait":"30s"}` itself.
inline constexpr auto usual_readiness_wait = std::chrono::minutes(2);
inline constexpr auto longest_readiness_wait = std::chrono::minutes(10);

}  // namespace tideover::ops
