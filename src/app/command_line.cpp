#include "tideover/app/command_line.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "command_output.hpp"
#include "command_table.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

// Commands of the contract that a later version brings: a plain "unknown command" would send people looking.
constexpr std::array<std::string_view, 4> later{"doctor", "drill", "alert", "firewall"};

std::vector<std::string> names_below(const CLI::App& at) {
  std::vector<std::string> names;
  for (const auto* one : visible_commands(at)) {
    names.push_back(one->get_name());
    names.insert(names.end(), one->get_aliases().begin(), one->get_aliases().end());
  }
  return names;
}

/// What was meant by a word: the only name that begins like it, else the nearest. `contingency of` is no slip for `on`.
std::string_view meant(const std::string& word, const std::vector<std::string>& names) {
  std::string_view only;
  bool several = word.size() < 2;
  for (const auto& name : names) {
    if (!name.starts_with(word)) continue;
    several = several || !only.empty();
    only = name;
  }
  return several || only.empty() ? config::nearest(word, names) : only;
}

std::optional<command_line_result> unknown_command(const CLI::App& app, const std::string& word) {
  for (const auto* one : app.get_subcommands([](const CLI::App*) { return true; })) {  // hidden ones too
    const auto& aliases = one->get_aliases();
    if (one->get_name() == word || std::find(aliases.begin(), aliases.end(), word) != aliases.end())
      return std::nullopt;
  }
  if (std::find(later.begin(), later.end(), word) != later.end())
    return refused("the command " + in_ticks(word) + " is not supported by this version; see `tideover --help`");
  const auto names = names_below(app);
  const auto near = meant(word, names);
  return refused(
      "unknown command " + in_ticks(word) +
      (near.empty() ? std::string("; see `tideover --help`") : "; did you mean `" + std::string(near) + "`?"));
}

/// The command that was chosen, the subcommand of a command included.
const CLI::App& chosen_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : chosen_command(*chosen.front());
}

std::string help_of(const CLI::App& app) { return "`" + full_name(chosen_command(app)) + " --help`"; }

// CLI11 would only list what it did not expect; this names what was meant.
command_line_result unexpected(const CLI::App& app, const std::string& first) {
  const std::string word = first.substr(0, first.find('='));  // values may be anything, keys included
  const std::string help = "; see " + help_of(app);
  const auto& at = chosen_command(app);
  std::vector<std::string> names;
  if (!word.starts_with('-')) {
    names = names_below(at);
    const auto near = meant(word, names);
    if (!near.empty())
      return refused("unknown command " + in_ticks(word) + "; did you mean `" + full_name(at) + " " +
                     std::string(near) + "`?");
    if (word.ends_with(".yaml") || word.ends_with(".yml"))
      if (at.get_option_no_throw("--config") != nullptr)
        return refused("nothing is known to do with " + in_ticks(word) + "; did you mean `" + full_name(at) +
                       " --config " + config::printable(word) + "`?");
    return refused("nothing is known to do with " + in_ticks(word) + help);
  }
  for (const auto* option : visible_options(at))
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  const auto near = meant(word, names);
  if (near == word) return refused("put " + in_ticks(word) + " after the command" + help);
  return refused("unknown option " + in_ticks(word) +
                 (near.empty() ? help : "; did you mean `" + std::string(near) + "`?"));
}

command_line_result refused_by_parser(const CLI::App& app, const CLI::Error& error) {
  std::string message = error.what();
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return refused(message + "; see " + help_of(app));
}

command_line_result parse(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  command_line_result result;
  if (!words.empty() && words.front() == "__complete") {  // a shell asks, with words that need not make sense yet
    result.command = complete_command{{words.begin() + 1, words.end()}};
    return result;
  }
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }

  command_table table;
  auto& app = table.app();
  // Options before the command are only -h and -V, so the first plain word is the command.
  const auto first = std::find_if(words.begin(), words.end(), [](const std::string& w) { return !w.starts_with('-'); });
  if (first != words.end() && (first == words.begin() || words.front() == "--help"))
    if (auto wrong = unknown_command(app, *first)) return *wrong;

  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::CallForHelp& e) {
    std::ostringstream out;
    std::ostringstream err;
    result.exit_code = app.exit(e, out, err);
    result.out = out.str();
    return result;
  } catch (const CLI::Error& e) {
    return refused_by_parser(app, e);
  }

  const auto* entry = table.find(chosen_command(app));
  if (const auto rest = app.remaining(true); !rest.empty()) {
    // A group does nothing by itself: which command is missing says more than that its options are not known here.
    const bool group = entry != nullptr && entry->at != &app && !visible_commands(*entry->at).empty();
    if (group && entry->taken && rest.front().starts_with('-')) return entry->taken();
    return unexpected(app, rest.front());
  }
  if (table.version_flag()) {
    result.command = version_command{};
    return result;
  }
  if (entry != nullptr && entry->taken) return entry->taken();
  result = refused("no command given; `tideover run` starts the proxy");
  result.err += "\n" + app.help();
  return result;
}

}  // namespace

bool wants_json(int argc, const char* const* argv) {
  return std::any_of(argv + std::min(argc, 1), argv + argc, [](std::string_view word) { return word == "--json"; });
}

command_line_result parse_command_line(int argc, const char* const* argv) {
  auto result = parse(argc, argv);
  if (result.exit_code == exit_usage && wants_json(argc, argv))
    result.out = dump(to_json(command_failure{exit_usage, "usage", result.refusal}));
  return result;
}

}  // namespace tideover::app
