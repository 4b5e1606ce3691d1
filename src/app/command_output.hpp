// How every command says what it found, or why it could not: with --json one document on standard output and nothing
// beside it, for people a sentence on standard error that names the fix. Not for the daemon's log.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/app/command_line.hpp"

namespace tideover::app {

using document = nlohmann::ordered_json;  // members stay in the order in which they were written

/// Why a command could not do what it was asked.
struct command_failure {
  int exit_code = exit_failure;
  std::string code;                         // one word for scripts, as in the errors of the admin API
  std::string message;                      // a sentence that names the fix
  std::vector<config::problem> problems{};  // where a configuration is at fault
};
command_failure bad_configuration(std::vector<config::problem> problems);

/// `{"ok":false,"error":{"code":…,"message":…},"problems":[…]}`, the last only where there are any. The admin API
/// answers a bad reload in the same shape.
document to_json(const command_failure& failure);

/// Tells it, and gives its exit code.
int fail(const command_failure& failure, bool json, std::ostream& out, std::ostream& err);

/// Indented, for people as well; bytes that are no UTF-8 (paths may hold any) are replaced.
std::string dump(const document& what);
/// The same on one line, with its end.
std::string dump_line(const document& what);

/// One line each, as `check` and `run` show them.
void print_problems(const std::vector<config::problem>& problems, std::ostream& err);

}  // namespace tideover::app
