// One line per request and one per event, as JSON (escaped by nlohmann) or as text for a terminal.
// Not a logging framework: program messages use spdlog (app/logging); this writes the contract's lines (§12).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tideover/policy/endpoint_health.hpp"
#include "tideover/proxy/exchange_record.hpp"

namespace tideover::ops {

enum class line_format : std::uint8_t { json, text };

/// `ts` as RFC 3339 with milliseconds in UTC.
std::string timestamp(std::int64_t unix_microseconds);

/// The request line, newline included. The contract's keys are always there and in its order: ts level msg event
/// request_id trace_id workflow upstream tier model_requested model_served status reason attempts ttfb_ms duration_ms
/// bytes_in bytes_out outcome. A text that is not known is "", a time to first byte that never was is null, and so is
/// the status of a request that got none. Then endpoint and, where they say something: method path from to error_code
/// detail stream sdk_retry. Times are milliseconds with three decimals. Level: warn for failed and cut, else info.
std::string request_line(const proxy::exchange_record& record, std::int64_t unix_microseconds, line_format format);

/// The failover event line: event=failover, level warn, msg "Cloud unavailable, falling back to Ollama", or "Ollama
/// unavailable, …" where no cloud is left: ts level msg event request_id trace_id workflow model_requested reason from
/// to and, where known, detail.
std::string failover_line(const proxy::exchange_record& record, const proxy::failover_step& step,
                          std::int64_t unix_microseconds, line_format format);

/// The breaker event line: event=breaker: ts level msg event upstream state reason and, where one key's model is meant
/// and not the way to the upstream, model. `reason` is what opened it. Level: warn for open, else info.
std::string breaker_line(const policy::breaker_change& change, std::string_view upstream, std::string_view title,
                         std::int64_t unix_microseconds, line_format format);

/// The auth event line: event=auth, level error: ts level msg event upstream status detail. Somebody has to mend a key,
/// or the provider its authentication (`configured`: whose key it is).
std::string auth_line(const failure& what, std::string_view upstream, std::string_view title, bool configured,
                      std::int64_t unix_microseconds, line_format format);

/// The event line of a promise that did not hold: event=answered_remotely, level error: ts level msg event request_id
/// trace_id workflow upstream model.
std::string remote_line(const proxy::exchange_record& record, std::string_view upstream, std::string_view title,
                        std::string_view model, std::int64_t unix_microseconds, line_format format);

/// An event line for a terminal: time, level, message, then the pairs that have a value.
std::string event_text(std::int64_t unix_microseconds, std::string_view level,
                       std::initializer_list<std::string_view> message,
                       std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);

/// Takes lines from many threads and writes them to one descriptor from its own thread; a full or broken descriptor
/// never blocks a caller: above 8 MiB of backlog lines are dropped and counted.
class line_writer {
 public:
  explicit line_writer(int descriptor);
  ~line_writer();  // writes what is left (bounded: gives up after one second)
  line_writer(const line_writer&) = delete;
  line_writer& operator=(const line_writer&) = delete;

  void write(std::string line);
  std::uint64_t dropped() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tideover::ops
