// `tideover readiness`: does the local tier work? For people, for cron, for monitoring plugins.
// Not the checks (ops/readiness_monitor), and not the way to a running daemon, which is handed in.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "tideover/app/command_line.hpp"
#include "tideover/config/load.hpp"

namespace tideover::app {

/// The daemon's answer to POST /api/readiness as JSON (ops/readiness_report); nothing when no daemon answers.
using ask_daemon = std::function<std::optional<std::string>(const config::snapshot&)>;

/// Asks the daemon where `ask` is given and `--once` is not; else, or when none answers, makes the checks itself. Exit
/// code: 0 ready, 1 degraded, 2 down, 3 unknown; 78 for a bad configuration.
int run_readiness(const readiness_command& command, const config::surroundings& world, std::ostream& out,
                  std::ostream& err, const ask_daemon& ask = {});

}  // namespace tideover::app
