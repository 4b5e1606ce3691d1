#include "command_table.hpp"

#include <algorithm>

#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

constexpr auto root_notes = R"(Point your apps at the proxy and change nothing else:
  export OPENAI_BASE_URL=http://127.0.0.1:6837/v1
  export ANTHROPIC_BASE_URL=http://127.0.0.1:6837

`tideover COMMAND --help` explains one command.)";

std::string footer_of(const command_entry& entry) {
  std::string text = entry.notes;
  const auto paragraph = [&] {
    if (!text.empty()) text += "\n\n";
  };
  if (!entry.examples.empty()) {
    paragraph();
    text += "Examples:";
    for (const auto& e : entry.examples) text += "\n  " + e.command + (e.purpose.empty() ? "" : "\n      " + e.purpose);
  }
  if (!entry.exit_codes.empty()) {
    paragraph();
    text += "Exit codes:";
    for (const auto& e : entry.exit_codes)
      text += (e.code == entry.exit_codes.front().code ? " " : ", ") + std::to_string(e.code) + " " + e.meaning;
  }
  return text;
}

}  // namespace

command_table::command_table()
    : app_(
          "Tideover: tides your apps over a cloud AI outage. It passes requests for OpenAI or Anthropic on to the\n"
          "cloud and, when that fails, lets the local Ollama answer instead.",
          "tideover") {
  app_.get_formatter()->column_width(30);
  app_.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app_.allow_extras();  // the parser looks at them, with better words; subcommands inherit it
  app_.set_help_flag("-h,--help", "Explain the command, and leave");
  app_.add_flag("-V,--version", version_flag_, "Print the version");
  entries_.push_back({.at = &app_, .notes = root_notes});
  add_run_command(*this);
  add_daemon_commands(*this);
  add_setup_commands(*this);
  for (auto& entry : entries_) entry.at->footer(footer_of(entry));  // set on all: CLI11 hands footers down
}

const command_entry* command_table::find(const CLI::App& at) const {
  const auto hit = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.at == &at; });
  return hit == entries_.end() ? nullptr : &*hit;
}

command_entry& command_table::add(CLI::App& parent, const std::string& name, const std::string& description,
                                  const std::string& group) {
  auto& entry = entries_.emplace_back();
  entry.at = parent.add_subcommand(name, description)->group(group);
  return entry;
}

command_line_result refused(std::string message) {
  command_line_result result;
  result.exit_code = exit_usage;
  result.err = "tideover: " + message + "\n";
  result.refusal = std::move(message);
  return result;
}

std::string in_ticks(std::string_view text) { return "`" + config::printable(text) + "`"; }

void with_config(CLI::App& command, std::optional<std::string>& file) {
  command
      .add_option("-c,--config", file,
                  "Configuration file (default: $TIDEOVER_CONFIG, /etc/tideover/tideover.yaml,\n"
                  "$XDG_CONFIG_HOME/tideover/tideover.yaml, else built-in defaults)")
      ->type_name("FILE");
}

void with_json(CLI::App& command, bool& json) { command.add_flag("--json", json, "Print the result as JSON"); }

void with_door(CLI::App& command, daemon_door& door) {
  command
      .add_option("--socket", door.socket,
                  "Unix socket of the daemon (the configuration's admin.socket,\n"
                  "else /run/tideover/admin.sock)")
      ->type_name("PATH");
  with_config(command, door.config_file);
}

void repeatable(CLI::Option& option) {
  option.type_size(1)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

std::vector<const CLI::App*> visible_commands(const CLI::App& of) {
  return of.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
}

std::vector<const CLI::Option*> visible_options(const CLI::App& of) {
  return of.get_options([](const CLI::Option* one) { return one->nonpositional() && !one->get_group().empty(); });
}

std::vector<const CLI::Option*> arguments(const CLI::App& of) {
  return of.get_options([](const CLI::Option* one) { return one->get_positional() && !one->get_group().empty(); });
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::vector<std::string> choices(const CLI::Option& option) {
  std::vector<std::string> words;
  const auto type = option.get_type_name();
  if (type.find('|') == std::string::npos) return words;
  for (std::size_t at = 0;;) {
    const auto bar = type.find('|', at);
    words.push_back(type.substr(at, bar - at));
    if (bar == std::string::npos) return words;
    at = bar + 1;
  }
}

std::string full_name(const CLI::App& command) {
  return command.get_parent() == nullptr ? command.get_name()
                                         : full_name(*command.get_parent()) + " " + command.get_name();
}

std::vector<exit_meaning> exit_codes_of(const command_entry& entry) {
  if (!entry.exit_codes.empty()) return entry.exit_codes;
  return {{exit_ok, "done"}, {exit_failure, "failed"}, {exit_usage, "wrong words on the command line"}};
}

}  // namespace tideover::app
