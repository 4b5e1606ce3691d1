// The composition root: builds services, workers, the control loop and the admin listener, runs them, drains them.
// Not a place for decisions about traffic.
#pragma once

#include <string>

#include "tideover/app/command_line.hpp"
#include "tideover/config/load.hpp"

namespace tideover::app {

/// Loads the configuration and serves until a signal says otherwise; gives the exit code.
int run_daemon(const run_command& command, const config::surroundings& world);

}  // namespace tideover::app
