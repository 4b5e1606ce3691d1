// The documents that are made from the tables of commands and keys: manual pages and two pages of docs/reference.
// Pure. Not for prose that somebody wrote: only what the tables know, so that it is always true.
#pragma once

#include <iosfwd>
#include <string>

#include "tideover/app/command_line.hpp"

namespace tideover::app {

std::string command_manual();    // tideover(1), in man(7) format
std::string command_markdown();  // docs/reference/cli.md
std::string key_manual();        // tideover.yaml(5)
std::string key_markdown();      // docs/reference/configuration.md

int run_man(const man_command& command, std::ostream& out);

}  // namespace tideover::app
