// `tideover explain`: what would happen to a request, and which rule says so. Asks the running daemon; without one it
// explains from the configuration and what the local server says it has.
// Not the explaining (policy/explain) nor its text (ops/explain_report).
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "tideover/app/command_line.hpp"
#include "tideover/config/load.hpp"

namespace tideover::app {

/// `read_input` gives what stands on standard input, for `--request -`. Exit code: 0 explained, 1 a file that cannot be
/// read or a daemon that does not answer as it should, 2 a description that is none, 78 a bad configuration.
int run_explain(const explain_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err,
                const std::function<std::string()>& read_input);

}  // namespace tideover::app
