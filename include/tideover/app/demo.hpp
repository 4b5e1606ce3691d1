// `tideover run --demo`: the real proxy between a small client and two stand-ins, telling the story of one outage.
// Not a test double of the proxy: requests take the same path as in production. Needs no key, no model, no network.
#pragma once

#include "tideover/app/command_line.hpp"

namespace tideover::app {

/// Tells the story, then serves until SIGINT or SIGTERM. Exit code 1 when a step of the story did not happen.
int run_demo(const run_command& command);

}  // namespace tideover::app
