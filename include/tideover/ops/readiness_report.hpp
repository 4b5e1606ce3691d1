// What the readiness monitor knows at one moment, and how it is shown: JSON, a table for people, a log line.
// Not the judging (policy/readiness) and not the gathering (ops/readiness_monitor).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tideover/ops/access_log.hpp"
#include "tideover/policy/readiness.hpp"

namespace tideover::ops {

struct readiness_report {
  std::string upstream;
  std::string tested_at;  // when the last check with tests ended, RFC 3339; empty: none has
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

/// One JSON object: state, upstream, tested_at, checks[{check,state,subject,text,fix}], models[…].
std::string readiness_json(const readiness_report& report);
/// The same, read back (from a daemon); nothing when it is no such text.
std::optional<readiness_report> read_readiness_json(std::string_view text);
/// For people: the state, one line per finding, the fix under whatever is not in order.
std::string readiness_table(const readiness_report& report);
/// 0 ready, 1 degraded, 2 down, 3 unknown: what monitoring plugins say.
int readiness_exit_code(policy::ready_state state);
/// What is not in order, in one line; empty when all is.
std::string readiness_reasons(const readiness_report& report);

/// The readiness event line: event=readiness: ts level msg event upstream state and, where not ready, reasons and fix.
/// Level: error for down, warn for degraded, else info.
std::string readiness_line(const readiness_report& report, std::string_view title, std::int64_t unix_microseconds,
                           line_format format);

}  // namespace tideover::ops
