// GET /api/status as a value: what an operator, the status page and `tideover status` want to know, from plain facts.
// Not a collector: the composition root gathers, this arranges. Never holds keys.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/ops/readiness_report.hpp"
#include "tideover/policy/contingency.hpp"
#include "tideover/policy/endpoint_health.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::ops {

/// Calendar time of a point of the monotonic clock. One offset is kept as long as it holds, so that the same point does
/// not move from one answer to the next.
class wall_clock {
 public:
  /// Seconds since 1970.
  std::int64_t at(time_point when);

 private:
  std::optional<std::int64_t> offset_;  // microseconds
};

/// RFC 3339 to the second.
std::string moment(std::int64_t unix_seconds);

struct status_facts {
  std::string version;
  std::int64_t started = 0;  // seconds since 1970
  std::int64_t now = 0;
  int pid = 0;
  bool draining = false;
  std::vector<std::string> proxy_addresses;
  std::string admin_address;
  std::string admin_socket;  // empty: none
  config::snapshot_ptr configuration;
  const policy::contingency* contingency = nullptr;
  std::string contingency_not_kept;
  std::vector<policy::endpoint_health::obstacle> obstacles;
  struct local_upstream {
    std::uint16_t upstream = 0;
    std::shared_ptr<const policy::local_catalog> catalog;
    std::string problem;  // why it does not answer; empty where it does
  };
  std::vector<local_upstream> local;
  tier_report readiness;
  struct reload {
    bool ok = true;
    std::int64_t at = 0;  // 0: none yet
    std::string problem;
  } last_reload;
  std::size_t connections = 0;
  std::uint64_t log_lines_dropped = 0;
  std::uint64_t journal_lines_lost = 0;
  bool journal_wanted = true;
  bool journal_writable = true;
  std::string journal_problem;
};

/// Members: health version state process config listeners clients upstreams workflows contingency local readiness
/// journal counters. `health` is `contingency` while any is in force, else `degraded` while an upstream cannot serve or
/// the journal cannot be written, else `ok`.
nlohmann::ordered_json status_document(const status_facts& facts, wall_clock& calendar);

}  // namespace tideover::ops
