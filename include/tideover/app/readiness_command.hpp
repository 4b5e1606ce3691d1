// `tideover readiness`: does the local tier work? For people, for cron, for monitoring plugins.
// Not the checks (ops/readiness_monitor), and not the way to a running daemon (app/admin_client).
#pragma once

#include <iosfwd>

#include "tideover/app/command_line.hpp"
#include "tideover/config/load.hpp"

namespace tideover::app {

/// Has the running daemon check, unless `--once` says otherwise; where none answers, makes the checks itself. Exit
/// code: 0 ready, 1 degraded, 2 down, 3 unknown; 78 for a bad configuration.
int run_readiness(const readiness_command& command, const config::surroundings& world, std::ostream& out,
                  std::ostream& err);

}  // namespace tideover::app
