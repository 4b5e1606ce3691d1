// `status --watch`: follows the daemon's events and shows the status anew with each change, until interrupted. On a
// terminal it redraws in place; else it prints one block, or with --json one line, per change.
#pragma once

#include <iosfwd>
#include <string>

#include "tideover/app/operator_commands.hpp"
#include "tideover/app/status_text.hpp"

namespace tideover::app {

/// What standard output can show now. $NO_COLOR (any value but an empty one) and TERM=dumb want no colours.
look look_of_output(const config::surroundings& world);

/// Exit code: 0 once interrupted, or when nobody reads any more; 1 where there is no daemon to begin with.
int watch_status(const std::string& socket, bool json, const config::surroundings& world, std::ostream& out,
                 std::ostream& err);

}  // namespace tideover::app
