// `tideover init`: looks at this machine, asks on a terminal, writes a first configuration file.
// Not for what stands in the file: init_file.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "tideover/app/command_line.hpp"
#include "tideover/app/init_file.hpp"

namespace tideover::app {

/// Asks on the terminal of `in` and `err`, or takes what was found where there is none. Exit code: 0 written, 1 not.
int run_init(const init_command& command, const config::surroundings& world, std::istream& in, std::ostream& out,
             std::ostream& err);

/// Looks for Ollama at a URL and tells what it has there; or why a local server must not be there, and then nothing is
/// sent to it.
using look_at = std::function<std::string(const std::string& url, init_facts& facts)>;

/// The questions, each with an answer for whoever only presses Enter. Nothing: the operator left (end of input).
std::optional<init_wishes> ask_wishes(std::istream& in, std::ostream& to, init_facts& facts, const look_at& look);

}  // namespace tideover::app
