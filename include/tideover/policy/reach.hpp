// THE place where it is decided whether anything may be said to a cloud, or a name be looked up on its way (contract
// §6: `local_only` is a promise). The dialler and the pools do nothing for an upstream outside the house without a
// cloud_pass, and only the functions below make one. Routes choose candidates as well (route_table), but if they, a
// retry, a hedge, a spare connection or a probe got it wrong, nothing would leave all the same.
// Not for which upstream is asked, nor for its health.
#pragma once

#include <algorithm>
#include <optional>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/cloud_pass.hpp"
#include "tideover/core/failure.hpp"

namespace tideover::policy {

struct reach {
  /// One exchange: the strictest policy that was named for it, and whether any of its workflows is in contingency.
  /// Taken once, before anybody is asked.
  static std::optional<cloud_pass> of_exchange(policy_kind strictest, bool in_contingency) {
    if (in_contingency) return std::nullopt;
    switch (strictest) {  // no default: a new policy does not compile without an answer
      case policy_kind::local_only: return std::nullopt;
      case policy_kind::cloud_first:
      case policy_kind::local_first:
      case policy_kind::cloud_only: return cloud_pass();
    }
    return std::nullopt;
  }

  /// Why an exchange gets no pass, in the log's words; nothing where it gets one.
  static std::optional<reason> why_not(policy_kind strictest, bool in_contingency) {
    if (of_exchange(strictest, in_contingency)) return std::nullopt;
    // The lasting cause is named where both hold: lifting contingency would change nothing.
    return of_exchange(strictest, false) ? reason::contingency : reason::policy;
  }

  /// What is done ahead of requests, for free (probes, spare connections): only while there is a workflow whose
  /// requests may go there.
  template <class InContingency>
  static std::optional<cloud_pass> of_upkeep(const config::snapshot& configuration, InContingency in_contingency) {
    bool const any = std::any_of(
        configuration.workflows.begin(), configuration.workflows.end(),
        [&](const auto& entry) { return of_exchange(entry.second.policy, in_contingency(entry.first)).has_value(); });
    return any ? std::optional(cloud_pass()) : std::nullopt;
  }
};

}  // namespace tideover::policy
