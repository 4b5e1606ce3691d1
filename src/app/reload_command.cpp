// `reload`: asks the daemon to read its configuration again, and tells what that changed or what is wrong with it.
// Not the reload itself: that is the daemon's.
#include <ostream>

#include "daemon_answer.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/config/problems.hpp"

namespace tideover::app {
namespace {

/// A value as an operator would write it.
std::string value_text(const document& from, const char* name) {
  auto const text = text_of(from, name);
  return text.empty() && member(from, name).is_string() ? "\"\"" : text;
}

std::string change_text(const document& change) {
  auto const kind = text_of(change, "change");
  std::string line = "  " + text_of(change, "key");
  auto const from = value_text(change, "from"), to = value_text(change, "to");
  if (kind == "added") return line + " added" + (to.empty() ? "" : ": " + to);
  if (kind == "removed") return line + " removed" + (from.empty() ? "" : " (was " + from + ")");
  if (from.empty() && to.empty()) return line + " changed";
  return line + ": " + (from.empty() ? "?" : from) + " -> " + (to.empty() ? "?" : to);
}

}  // namespace

std::string reload_text(const document& told) {
  auto const source = text_of(told, "source");
  std::string text = "reloaded " + (source.empty() ? std::string("the built-in defaults") : source) + ": ";
  const auto& changed = member(told, "changed");
  if (changed.empty())
    text += "nothing changed\n";
  else
    text += std::to_string(changed.size()) + (changed.size() == 1 ? " change\n" : " changes\n");
  for (const auto& change : changed) text += change_text(change) + "\n";
  auto const waiting = names_of(member(told, "restart_needed"));
  if (!waiting.empty()) text += "In force only after a restart (systemctl restart tideover): " + waiting + "\n";
  return text;
}

int run_reload(const reload_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  auto const answer = ask_daemon(admin_socket_for(command.door, world), "POST", "/api/reload", "{}");
  auto word = told_by(answer, "ok");
  if (auto* failure = std::get_if<command_failure>(&word)) {
    if (answer.status == 422) failure->exit_code = exit_configuration;
    auto const code = fail(*failure, command.json, out, err);
    if (answer.status != 0) err << "tideover: nothing changed: the daemon goes on with the configuration it has\n";
    return code;
  }
  const auto& told = std::get<document>(word);
  std::vector<config::problem> warnings;
  for (const auto& one : member(told, "problems")) warnings.push_back(config::read_problem(one));
  print_problems(warnings, err);
  out << (command.json ? dump(told) : reload_text(told));
  return exit_ok;
}

}  // namespace tideover::app
