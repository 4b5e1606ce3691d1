// How the program's own messages look: spdlog on standard error, as JSON lines or as text for a terminal.
// Not request lines: those are ops/access_log's, on standard output.
#pragma once

#include "tideover/config/snapshot.hpp"

namespace tideover::app {

/// `auto` means JSON unless the descriptor is a terminal.
bool logs_are_json(const config::log& settings, int descriptor);
/// Replaces spdlog's default logger. Call once.
void set_up_program_log(const config::log& settings, bool json);
/// After a reload.
void set_program_log_level(config::log_level level);

}  // namespace tideover::app
