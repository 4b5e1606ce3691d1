#include "daemon_answer.hpp"

#include "tideover/config/problems.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {

std::string text_of(const document& from, const char* name) {
  const auto& it = member(from, name);
  if (it.is_string()) return config::printable(it.get<std::string>());
  return it.is_null() ? std::string() : config::printable(it.dump(-1, ' ', false, document::error_handler_t::replace));
}

const document& member(const document& from, const char* name) {
  static const document nothing;
  if (!from.is_object()) return nothing;
  auto const it = from.find(name);
  return it == from.end() ? nothing : *it;
}

std::string names_of(const document& list) {
  std::string names;
  for (const auto& name : list)
    if (name.is_string()) names += (names.empty() ? "" : ", ") + config::printable(name.get<std::string>());
  return names;
}

command_failure not_the_daemon(const std::string& socket) {
  return {exit_failure, "not_tideover",
          "what listens on " + config::printable(socket) +
              " did not answer as Tideover's daemon does: name the daemon's socket with --socket"};
}

command_failure another_version() {
  return {exit_failure, "daemon_of_another_version",
          "the running daemon does not know what this command asks for: it is of another version than this program "
          "(" TIDEOVER_VERSION "); restart it (systemctl restart tideover)"};
}

std::variant<document, command_failure> told_by(const admin_answer& answer, const char* expected) {
  if (answer.status == 0) return command_failure{exit_failure, answer.problem.code, answer.problem.text};
  auto told = document::parse(answer.body, nullptr, false);
  if (answer.status / 100 == 2) {
    if (!member(told, expected).is_null()) return told;
    return not_the_daemon(answer.socket);
  }
  const auto& error = member(told, "error");
  command_failure failure{exit_failure, text_of(error, "code"), text_of(error, "message")};
  if (failure.code.empty() || failure.message.empty()) return not_the_daemon(answer.socket);
  if (failure.code == "not_found" || failure.code == "method_not_allowed") return another_version();
  for (const auto& one : member(told, "problems")) failure.problems.push_back(config::read_problem(one));
  return failure;
}

}  // namespace tideover::app
