// What the readiness monitor knows at one moment, and how it is shown: JSON, a table for people, a log line.
// Not the judging (policy/readiness) and not the gathering (ops/readiness_monitor).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tideover/ops/access_log.hpp"
#include "tideover/ops/journal.hpp"
#include "tideover/ops/metrics.hpp"
#include "tideover/policy/readiness.hpp"

namespace tideover::ops {

struct readiness_report {
  std::string upstream;
  std::string tested_at;  // when the last check with tests ended, RFC 3339; empty: none has
  bool checking = false;  // a check is under way
  policy::readiness_verdict verdict;
  struct model_numbers {
    std::string model;
    bool loaded = false;
    double tokens_per_second = 0;  // 0: unknown
    double load_seconds = 0;       // of the last load that was seen; 0: none
    double gpu_fraction = 0;       // where loaded
    bool gpu_known = false;
    std::uint64_t context_tokens = 0;  // 0: not loaded, or not told
    std::optional<bool> continues_prefill;
  };
  std::vector<model_numbers> models;  // needed or tested ones
};

/// All local upstreams as one.
struct tier_report {
  policy::ready_state state = policy::ready_state::unknown;
  std::vector<readiness_report> upstreams;
};
/// Without an upstream: down, with a report that says so.
tier_report make_tier_report(std::vector<readiness_report> upstreams);

/// state, upstream, tested_at, checking, reasons, checks[{check,state,subject,text,fix}], models[…].
nlohmann::ordered_json readiness_document(const readiness_report& report);
/// state, checking, reasons of all, upstreams[readiness_document].
nlohmann::ordered_json readiness_document(const tier_report& report);
/// The same, read back (from a daemon); nothing when it is no such text.
std::optional<tier_report> read_readiness(std::string_view text);
/// For people: the state, one line per finding, the fix under whatever is not in order.
std::string readiness_table(const readiness_report& report);
std::string readiness_table(const tier_report& report);
/// 0 ready, 1 degraded, 2 down, 3 unknown: what monitoring plugins say.
int readiness_exit_code(policy::ready_state state);
/// What metrics show of it. They name models without their server: of several, the slower one counts.
void add_readiness(process_view& to, const readiness_report& report);
/// What is not in order, in one line; empty when all is.
std::string readiness_reasons(const readiness_report& report);

/// What the journal keeps of a change: upstream, state, and where not ready, reasons and the first fix.
journal_entry readiness_entry(const readiness_report& report);

/// The readiness event line: event=readiness: ts level msg event upstream state and, where not ready, reasons and fix.
/// Level: error for down, warn for degraded, else info.
std::string readiness_line(const readiness_report& report, std::string_view title, std::int64_t unix_microseconds,
                           line_format format);

}  // namespace tideover::ops
