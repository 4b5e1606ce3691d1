// tideover(1) and docs/reference/cli.md, walked from the command table.
#include <algorithm>
#include <functional>

#include "command_table.hpp"
#include "manual_facts.hpp"
#include "tideover/app/manual.hpp"

namespace tideover::app {
namespace {

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// `-c, --config FILE`
std::string option_text(const CLI::Option& option) {
  std::string text;
  const auto add = [&](const std::string& name) { text += (text.empty() ? "" : ", ") + name; };
  for (const auto& name : option.get_snames()) add("-" + name);
  for (const auto& name : option.get_lnames()) add("--" + name);
  if (takes_value(option)) text += " " + option.get_type_name();
  return text;
}

std::string argument_text(const CLI::Option& option) {
  const auto name = option.get_name(true);
  return option.get_required() ? name : "[" + name + "]";
}

/// `tideover key new NAME [OPTIONS]`
std::string usage(const CLI::App& at) {
  std::string text = full_name(at);
  if (!visible_commands(at).empty()) text += " COMMAND";
  for (const auto* one : arguments(at)) text += " " + argument_text(*one);
  return text + " [OPTIONS]";
}

/// `at` and all below it that have words of their own, in the order of the table.
void visit(const CLI::App& at, const std::function<void(const CLI::App&)>& what) {
  for (const auto* one : visible_commands(at)) {
    what(*one);
    visit(*one, what);
  }
}

bool is_help(const CLI::Option& option) { return option.check_lname("help"); }

std::string exit_text(const command_entry& entry) {
  std::string text;
  for (const auto& e : exit_codes_of(entry))
    text += (text.empty() ? "" : ", ") + std::to_string(e.code) + " " + e.meaning;
  return text;
}

std::string aliases_text(const CLI::App& at) {
  std::string text;
  for (const auto& name : at.get_aliases()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void command_as_roff(const command_table& table, const CLI::App& at, std::string& text) {
  const auto* entry = table.find(at);
  text += ".SS " + roff(full_name(at)) + "\n" + roff(one_line(at.get_description())) + ".\n";
  if (const auto names = aliases_text(at); !names.empty()) text += ".br\nAlso: " + roff(names) + ".\n";
  text += ".PP\n.B " + roff(usage(at)) + "\n";
  for (const auto* one : arguments(at)) {
    text += ".TP\n.I " + roff(one->get_name(true)) + "\n" + roff(one_line(one->get_description())) + ".\n";
    if (const auto words = one->get_type_name(); !words.empty()) text += ".br\n" + roff(words) + "\n";
  }
  for (const auto* one : visible_options(at))
    if (!is_help(*one))
      text += ".TP\n.B " + roff(option_text(*one)) + "\n" + roff(one_line(one->get_description())) + ".\n";
  if (entry == nullptr) return;
  if (!entry->notes.empty()) text += ".PP\n" + roff(entry->notes) + "\n";
  for (const auto& e : entry->examples) {
    if (!e.purpose.empty()) text += ".PP\n" + roff(e.purpose) + "\n";
    text += ".PP\n.EX\n    " + roff(e.command) + "\n.EE\n";
  }
  if (visible_commands(at).empty()) text += ".PP\nExit codes: " + roff(exit_text(*entry)) + ".\n";
}

void command_as_markdown(const command_table& table, const CLI::App& at, std::string& text) {
  const auto* entry = table.find(at);
  text += "\n## " + full_name(at) + "\n\n" + one_line(at.get_description()) + ".";
  if (const auto names = aliases_text(at); !names.empty()) text += " Also: `" + names + "`.";
  text += "\n\n```sh\n" + usage(at) + "\n```\n";
  std::string rows;
  for (const auto* one : arguments(at)) {
    const auto words = one->get_type_name();
    rows += "| `" + one->get_name(true) + "` | " + cell(one_line(one->get_description())) +
            (words.empty() ? "" : ": " + cell("`" + words + "`")) + " |\n";
  }
  for (const auto* one : visible_options(at))
    if (!is_help(*one))
      rows += "| `" + cell(option_text(*one)) + "` | " + cell(one_line(one->get_description())) + " |\n";
  if (!rows.empty()) text += "\n| Option | Meaning |\n|---|---|\n" + rows;
  if (entry == nullptr) return;
  if (!entry->notes.empty()) text += "\n" + one_line(entry->notes) + "\n";
  if (!entry->examples.empty()) {
    text += "\n```sh\n";
    for (const auto& e : entry->examples) text += e.command + (e.purpose.empty() ? "" : "    # " + e.purpose) + "\n";
    text += "```\n";
  }
  if (visible_commands(at).empty()) text += "\nExit codes: " + exit_text(*entry) + ".\n";
}

}  // namespace

std::string roff(std::string_view text) {
  std::string made;
  bool at_start = true;
  for (char c : text) {
    if (at_start && (c == '.' || c == '\'')) made += "\\&";
    if (c == '\\')
      made += "\\e";
    else if (c == '-')
      made += "\\-";
    else if (c == '`')
      made += "\\(ga";
    else
      made += c;
    at_start = c == '\n';
  }
  return made;
}

std::string cell(std::string_view text) {
  std::string made;
  for (char c : text) {
    if (c == '|') made += '\\';
    made += c == '\n' ? ' ' : c;
  }
  return made;
}

std::string command_manual() {
  const command_table table;
  std::string text = ".TH TIDEOVER 1 \"\" \"tideover " TIDEOVER_VERSION "\" \"User Commands\"\n";
  text += ".SH NAME\ntideover \\- failover proxy that tides apps over a cloud AI outage\n";
  text += ".SH SYNOPSIS\n.B tideover\n.I COMMAND\n[\\fIOPTIONS\\fR]\n";
  text += ".SH DESCRIPTION\n" + roff(table.app().get_description()) + "\n.PP\n";
  text +=
      "Point apps at the proxy, by OPENAI_BASE_URL=http://127.0.0.1:6837/v1 or\n"
      "ANTHROPIC_BASE_URL=http://127.0.0.1:6837, and change nothing else.\n";
  text += "Results go to standard output, diagnostics to standard error.\n.SH COMMANDS\n";
  visit(table.app(), [&](const CLI::App& at) { command_as_roff(table, at, text); });
  text += ".SH FAILURES\n" + roff(failures_note) + "\n";
  for (const auto& [name, meaning] : failure_codes) text += ".TP\n.B " + roff(name) + "\n" + roff(meaning) + "\n";
  text += ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : variables) text += ".TP\n.B " + roff(name) + "\n" + roff(meaning) + "\n";
  text += ".SH FILES\n";
  for (const auto& [name, meaning] : files) text += ".TP\n.I " + roff(name) + "\n" + roff(meaning) + "\n";
  text += ".SH SEE ALSO\n.BR tideover.yaml (5)\n";
  return text;
}

std::string command_markdown() {
  const command_table table;
  std::string text =
      "# Command line\n\n"
      "<!-- Written by tests/unit/app from the command table: "
      "TIDEOVER_UPDATE_DOCS=1. -->\n\n"
      "`tideover COMMAND --help` and `man tideover` say the same. Results go to standard output, "
      "diagnostics to standard\nerror. `tideover completion bash|zsh|fish` prints the script that "
      "lets a shell complete all of this.\n\n| Command | |\n|---|---|\n";
  for (const auto* one : visible_commands(table.app())) {
    std::string anchor = full_name(*one);
    std::replace(anchor.begin(), anchor.end(), ' ', '-');
    text += "| [`" + one->get_name() + "`](#" + anchor + ") | " + one_line(one->get_description()) + " |\n";
  }
  visit(table.app(), [&](const CLI::App& at) { command_as_markdown(table, at, text); });
  text += "\n## Failures\n\n" + std::string(failures_note) + "\n\n| Code | Meaning |\n|---|---|\n";
  for (const auto& [name, meaning] : failure_codes) text += "| `" + std::string(name) + "` | " + cell(meaning) + " |\n";
  text += "\n## Environment\n\n| Variable | Meaning |\n|---|---|\n";
  for (const auto& [name, meaning] : variables) text += "| `" + std::string(name) + "` | " + cell(meaning) + " |\n";
  text += "\nA flag wins over the environment, that over the file.\n\n## Files\n\n| File | |\n|---|---|\n";
  for (const auto& [name, meaning] : files) text += "| `" + std::string(name) + "` | " + cell(meaning) + " |\n";
  return text;
}

}  // namespace tideover::app
