// `reload`: asks the daemon to read its configuration again, and tells what that changed or what is wrong with it.
// Not the reload itself: that is the daemon's.
#include <ostream>

#include "daemon_answer.hpp"
#include "problems_json.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

using nlohmann::json;

/// A value as an operator would write it.
std::string value_text(const json& from, const char* name) {
  auto const text = text_of(from, name);
  return text.empty() && member(from, name).is_string() ? "\"\"" : text;
}

std::string change_text(const json& change) {
  auto const kind = text_of(change, "change");
  std::string line = "  " + text_of(change, "key");
  auto const from = value_text(change, "from"), to = value_text(change, "to");
  if (kind == "added") return line + " added" + (to.empty() ? "" : ": " + to);
  if (kind == "removed") return line + " removed" + (from.empty() ? "" : " (was " + from + ")");
  if (from.empty() && to.empty()) return line + " changed";
  return line + ": " + (from.empty() ? "?" : from) + " -> " + (to.empty() ? "?" : to);
}

config::problem problem_of(const json& told) {
  config::problem p;
  p.level = text_of(told, "severity") == "warning" ? config::severity::warning : config::severity::error;
  p.file = text_of(told, "file");
  p.line = told.is_object() && member(told, "line").is_number_integer() ? member(told, "line").get<int>() : 0;
  p.column = told.is_object() && member(told, "column").is_number_integer() ? member(told, "column").get<int>() : 0;
  p.path = text_of(told, "key");
  if (p.path.empty()) p.path = text_of(told, "path");
  p.message = text_of(told, "message");
  return p;
}

}  // namespace

std::string reload_text(const json& told) {
  auto const source = text_of(told, "source");
  std::string text = "reloaded " + (source.empty() ? std::string("the built-in defaults") : source) + ": ";
  const auto& changed = member(told, "changed");
  if (changed.empty())
    text += "nothing changed\n";
  else
    text += std::to_string(changed.size()) + (changed.size() == 1 ? " change\n" : " changes\n");
  for (const auto& change : changed) text += change_text(change) + "\n";
  std::string waiting;
  for (const auto& key : member(told, "restart_needed"))
    if (key.is_string()) waiting += (waiting.empty() ? "" : ", ") + config::printable(key.get<std::string>());
  if (!waiting.empty()) text += "In force only after a restart (systemctl restart tideover): " + waiting + "\n";
  return text;
}

int run_reload(const reload_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  auto const answer = ask_daemon(admin_socket_for(command.door, world), "POST", "/api/reload", "{}");
  bool const done = answer.status / 100 == 2;
  int const code = done ? exit_ok : answer.status == 422 ? exit_configuration : exit_failure;
  auto told = json::parse(answer.body, nullptr, false);
  if (!told.is_object()) {
    told_by(answer, err);
    return done ? exit_failure : code;
  }
  if (command.json) {
    out << dump(told);
    return code;
  }
  std::vector<config::problem> problems;  // of a good file: warnings
  for (const auto& one : member(told, "problems")) problems.push_back(problem_of(one));
  print_problems(problems, err);
  if (done) {
    out << reload_text(told);
    return code;
  }
  // What `check` would have said is enough; anything else has a sentence of its own.
  if (problems.empty() || code != exit_configuration) told_by(answer, err);
  err << "tideover: nothing changed: the daemon goes on with the configuration it has\n";
  return code;
}

}  // namespace tideover::app
