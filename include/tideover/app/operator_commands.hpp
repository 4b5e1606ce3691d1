// The commands that talk to a running daemon, and `key new`: what they ask, how they show it, with which exit code.
// Not parsing (command_line) and not HTTP (admin_client).
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>

#include "tideover/app/command_line.hpp"

namespace tideover::app {

/// --socket, else the configuration's, else where it usually is.
std::string admin_socket_for(const daemon_door& door, const config::surroundings& world);

int run_contingency(const contingency_command& command, const config::surroundings& world, std::ostream& out,
                    std::ostream& err);
int run_status(const status_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err);
int run_reload(const reload_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err);
int run_key(const key_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err);

/// What a reload changed, for people; pure. What the daemon tells may hold any text, so control characters never reach
/// the terminal.
std::string reload_text(const nlohmann::ordered_json& told);

}  // namespace tideover::app
