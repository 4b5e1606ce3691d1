// What the words after `tideover` mean: one value per command, with everything that was said. Also the small commands
// that only read the configuration. Not for how commands look on the command line: src/app/command_table.hpp.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tideover/config/load.hpp"

namespace tideover::app {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_degraded = 10;
inline constexpr int exit_contingency = 11;
inline constexpr int exit_configuration = 78;  // EX_CONFIG of sysexits.h

struct run_command {
  config::overrides flags;
  std::string ready_file;  // empty: none
  bool demo = false;       // stand-ins for cloud and Ollama inside this process
};
struct check_command {
  std::optional<std::string> config_file;
  bool json = false;
};
struct schema_command {};
struct init_command {
  std::optional<std::string> output;  // else where Tideover looks for its file
  bool yes = false;                   // no questions
  bool force = false;                 // an existing file is replaced
  bool json = false;
};
/// Prints the script that makes a shell complete commands, options and values.
struct completion_command {
  std::string shell;  // bash, zsh or fish
};
/// What those scripts ask: the words after `tideover` so far; the last one, maybe empty, is being typed.
struct complete_command {
  std::vector<std::string> words;
};
/// A page of the manual in man(7) format.
struct man_command {
  std::string page;  // tideover or tideover.yaml
};
struct version_command {
  bool json = false;
};

/// Where the daemon's unix socket is, as far as the command line says.
struct daemon_door {
  std::optional<std::string> socket;
  std::optional<std::string> config_file;
};
struct explain_command {
  std::optional<std::string> path, method, workflow, model, client;
  std::vector<std::string> headers;         // `Name: value`
  std::optional<std::string> request_file;  // the body; `-`: standard input
  daemon_door door;
  bool offline = false;  // from the configuration, whether a daemon runs or not
  bool json = false;
};
struct env_command {
  daemon_door door;  // --socket: what the running daemon really listens on
  std::string shell = "sh";
  std::optional<std::string> workflow{};  // whose path prefix the URLs have
  bool json = false;
};
struct reload_command {
  daemon_door door;
  bool json = false;
};
struct contingency_command {
  enum class action : std::uint8_t { show, on, off };
  action what = action::show;
  std::vector<std::string> workflows;  // empty: all
  std::optional<std::string> reason;
  std::optional<std::string> lasts;
  daemon_door door;
  bool json = false;
};
struct status_command {
  daemon_door door;
  bool watch = false;
  bool json = false;
};
struct readiness_command {
  daemon_door door;
  bool json = false;
  bool once = false;  // make the checks here, whether a daemon runs or not
};
struct key_command {
  std::string name;
  std::optional<std::string> config_file;
  std::optional<std::string> workflow;
  bool json = false;
};

struct command_line_result {
  /// What to do; nothing when the command line itself was answered (help) or refused.
  std::variant<std::monostate, run_command, check_command, schema_command, env_command, readiness_command,
               version_command, contingency_command, status_command, key_command, init_command, reload_command,
               completion_command, complete_command, man_command, explain_command>
      command;
  std::optional<int> exit_code;  // set: print `out` and `err` and leave with it
  std::string out;
  std::string err;
  std::string refusal;  // why the words make no sense, as a sentence; in `err` too
};

/// Pure: reads no file and no environment.
command_line_result parse_command_line(int argc, const char* const* argv);
/// Does `--json` stand anywhere? Then whatever goes wrong is told as JSON too, even if the words make no sense.
bool wants_json(int argc, const char* const* argv);

/// Each prints its result to `out`, what is wrong to `err`, and gives the exit code.
int run_check(const check_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err);
int run_schema(std::ostream& out);
int run_env(const env_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err);
int run_version(const version_command& command, std::ostream& out);

}  // namespace tideover::app
