// Who said that no cloud may be asked, for which workflows, why and until when: the sources and what follows from them.
// Pure: time comes in. Not for keeping decisions (ops/contingency_store) nor for workers (proxy/contingency_view).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/time.hpp"

namespace tideover::policy {

inline constexpr std::string_view all_workflows = "all";

/// What one operator decided about one workflow, or about `all`. Calendar time is for people and for the disk. While
/// the process runs, the monotonic clock ends a decision: a jump of the wall clock must not lift one (faults L10).
struct contingency_decision {
  std::string workflow;  // or `all`
  std::string reason;
  std::string who;
  std::int64_t since = 0;             // seconds since 1970
  std::optional<std::int64_t> until;  // the same; nothing: until somebody lifts it
  time_point ends = never;
};

enum class contingency_source : std::uint8_t {
  environment,  // TIDEOVER_CONTINGENCY at start
  file,         // contingency.workflows
  operators,    // decided while running
};
std::string_view token(contingency_source source);  // environment, file, operator

/// One reason for which contingency is on.
struct contingency_cause {
  contingency_source source{};
  std::string workflow;
  std::optional<contingency_decision> decision;  // of operators only
};

class contingency {
 public:
  explicit contingency(config::contingency imposed = {}, std::vector<contingency_decision> decided = {})
      : imposed_(std::move(imposed)), decided_(std::move(decided)) {}

  /// Any one source suffices.
  bool active(std::string_view workflow) const;
  bool active_for_all() const;
  bool any() const { return !causes().empty(); }
  /// Environment, file, operators, in this order.
  std::vector<contingency_cause> causes() const;
  std::vector<contingency_cause> causes_for(std::string_view workflow) const;
  /// Every workflow that is named by a source; `all` is not among them.
  std::vector<std::string> named() const;

  /// A decision about a workflow takes the place of an earlier one about the same.
  void decide(contingency_decision decision);
  /// Lifts what operators decided about exactly these names; no names: everything they decided.
  std::vector<contingency_decision> lift(const std::vector<std::string>& workflows);
  std::vector<contingency_decision> expire(time_point now);

  /// Another configuration, with what operators decided left as it is.
  void impose(config::contingency imposed) { imposed_ = std::move(imposed); }
  const std::vector<contingency_decision>& decided() const { return decided_; }

 private:
  config::contingency imposed_;
  std::vector<contingency_decision> decided_;
};

/// After a restart: what is left of a decision's time by the wall clock, never more than it was given. A clock that has
/// been set back makes nothing longer than decided; one that is ahead of the end leaves nothing.
time_point end_after_restart(const contingency_decision& decision, std::int64_t unix_now, time_point now);

}  // namespace tideover::policy
