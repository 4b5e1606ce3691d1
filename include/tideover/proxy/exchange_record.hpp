// All that is known about one exchange when it is over: the source of its log line and its metrics.
// Not a builder of lines: ops/access_log writes it, ops/metrics counts it. Never holds prompts, answers or keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"
#include "tideover/core/words.hpp"

namespace tideover::config {
struct upstream;
}

namespace tideover::proxy {

/// How an exchange ended; exactly one per request (contract §12).
enum class outcome : std::uint8_t {
  answered,     // the first choice served
  failed_over,  // another candidate than the first choice served
  refused,      // Tideover said no: bad request, policy, limits
  failed,       // nobody could serve
  cut,          // a committed answer ended before its end
  client_gone,  // the caller left first
};
std::string_view token(outcome o);
inline constexpr int outcome_count = static_cast<int>(outcome::client_gone) + 1;

struct exchange_record {
  std::string request_id;
  std::string trace_id;  // of traceparent, empty if the caller sent none
  std::string method;
  std::string path;  // without the query; escaped when written
  std::string workflow;
  std::string client;    // name of the house's own key that was used, if one was
  std::string upstream;  // who served, empty: Tideover itself
  std::string title;     // the same for people ("OpenAI"), empty: its name
  std::string from;      // the upstream that was left, for failovers
  enum tier tier = tier::none;
  endpoint what = endpoint::unknown;
  std::string model_requested;
  std::string model_served;
  int status = 0;
  std::optional<reason> why;          // why not the cloud, or why it was cut
  std::optional<reason> kept_inside;  // `policy`, `contingency`: no cloud could be asked, whoever else was
  std::string error_code;             // of Tideover's own error, if it made one
  std::string detail;                 // one sentence about the (first) failure
  std::string not_continued;          // why a cut stream was not continued, where it was to be
  std::string adapted;                // what was changed or dropped for the local server, in a few words
  unsigned attempts = 0;
  duration first_byte{};  // until the first byte went to the caller; negative: none did
  duration total{};
  duration upstream_time{};     // spent waiting for upstreams
  duration caller_time{};       // spent waiting for the caller; what is left of total is our overhead
  std::uint64_t bytes_in = 0;   // body bytes that came from the caller
  std::uint64_t bytes_out = 0;  // body bytes that the caller's connection took
  outcome how = outcome::failed;
  bool stream = false;

  /// Into `adapted`: said once, however often it happened and however often the request was written.
  void note_adaptation(std::string_view note);
  unsigned sdk_retry = 0;  // x-stainless-retry-count
};

/// From one upstream to the next that is asked.
struct failover_step {
  const config::upstream& from;
  const config::upstream& to;
  reason why{};          // `from` did not serve
  std::string detail{};  // one sentence about that, where it was asked
};

}  // namespace tideover::proxy
