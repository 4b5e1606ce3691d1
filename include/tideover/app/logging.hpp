// The program's own messages: spdlog, in the shape of the other log lines and to the same place.
// Not request lines: those are ops/access_log's.
#pragma once

#include <memory>

#include "tideover/config/snapshot.hpp"
#include "tideover/ops/access_log.hpp"

namespace tideover::app {

/// `auto` means JSON unless the descriptor is a terminal.
bool logs_are_json(const config::log& settings, int descriptor);
/// After a reload.
void set_program_log_level(config::log_level level);

/// Until its end, messages of spdlog's default logger go to `to`; after it, nowhere.
class program_log {
 public:
  program_log(std::shared_ptr<ops::line_writer> to, ops::line_format format, config::log_level level);
  ~program_log();
  program_log(const program_log&) = delete;
  program_log& operator=(const program_log&) = delete;
};

}  // namespace tideover::app
