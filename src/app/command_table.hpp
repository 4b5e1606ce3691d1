// Every command with its options, descriptions, examples and exit codes: the one table from which the parser, the help
// texts, the completions, the manual pages and docs/reference/cli.md come. Not for what commands do.
//
// Two conventions tell the walkers what an option's value may be: a type name with bars (`error|info`) lists the
// choices; FILE and PATH are files, WORKFLOW is the name of a workflow. A command or option of the group "" is hidden.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/app/command_line.hpp"

namespace tideover::app {

struct example {
  std::string command;  // as typed, `tideover` included
  std::string purpose;
};
struct exit_meaning {
  int code;
  std::string meaning;
};

struct command_entry {
  CLI::App* at = nullptr;
  std::string notes{};  // what the options do not say; lines as they shall be shown
  std::vector<example> examples{};
  std::vector<exit_meaning> exit_codes{};  // empty: the usual ones
  /// What was said, once the words are parsed; or why it makes no sense.
  std::function<command_line_result()> taken{};
};

class command_table {
 public:
  command_table();
  command_table(const command_table&) = delete;
  command_table& operator=(const command_table&) = delete;

  CLI::App& app() { return app_; }
  const CLI::App& app() const { return app_; }
  const command_entry* find(const CLI::App& at) const;
  bool version_flag() const { return version_flag_; }

  /// For the parts that fill the table.
  command_entry& add(CLI::App& parent, const std::string& name, const std::string& description,
                     const std::string& group = "Commands");

 private:
  CLI::App app_;
  std::deque<command_entry> entries_;
  bool version_flag_ = false;
};

// The parts of the table, by whom a command talks to.
void add_run_command(command_table& table);
void add_setup_commands(command_table& table);   // the file, keys, shells
void add_daemon_commands(command_table& table);  // a running daemon

command_line_result refused(std::string message);
/// For commands of which every reading makes sense.
template <class Command>
std::function<command_line_result()> take(std::shared_ptr<Command> said) {
  return [said] {
    command_line_result result;
    result.command = *said;
    return result;
  };
}
/// Printable, for messages that repeat what was typed.
std::string in_ticks(std::string_view text);

// Options that several commands have.
void with_config(CLI::App& command, std::optional<std::string>& file);
void with_json(CLI::App& command, bool& json);
void with_door(CLI::App& command, daemon_door& door);
/// May be given several times, one value each.
void repeatable(CLI::Option& option);

// For walkers.
/// Subcommands that are not hidden, in the order of the table.
std::vector<const CLI::App*> visible_commands(const CLI::App& of);
/// Options that are not hidden, positional arguments not among them.
std::vector<const CLI::Option*> visible_options(const CLI::App& of);
std::vector<const CLI::Option*> arguments(const CLI::App& of);
bool takes_value(const CLI::Option& option);
/// `a|b|c` as words; empty where the type name lists no choices.
std::vector<std::string> choices(const CLI::Option& option);
/// `tideover contingency on`
std::string full_name(const CLI::App& command);
/// What everybody who runs a command should know of exit codes: those of the entry, else the usual ones.
std::vector<exit_meaning> exit_codes_of(const command_entry& entry);

}  // namespace tideover::app
