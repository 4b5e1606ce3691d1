#include "command_output.hpp"

#include <algorithm>
#include <ostream>

#include "tideover/config/problems.hpp"

namespace tideover::app {

command_failure bad_configuration(std::vector<config::problem> problems) {
  auto message = config::first_error(problems);
  return {exit_configuration, "bad_configuration", std::move(message), std::move(problems)};
}

document to_json(const command_failure& failure) {
  document made{{"ok", false}, {"error", {{"code", failure.code}, {"message", failure.message}}}};
  if (!failure.problems.empty()) made["problems"] = config::to_json(failure.problems);
  return made;
}

int fail(const command_failure& failure, bool json, std::ostream& out, std::ostream& err) {
  print_problems(failure.problems, err);
  // What is wrong with a file says itself how to mend it; the message would only repeat the first of it.
  bool const said = std::any_of(failure.problems.begin(), failure.problems.end(),
                                [](const auto& p) { return p.level == config::severity::error; });
  if (!said || failure.exit_code != exit_configuration) err << "tideover: " << failure.message << '\n';
  if (json) out << dump(to_json(failure));
  return failure.exit_code;
}

std::string dump(const document& what) { return what.dump(2, ' ', false, document::error_handler_t::replace) + "\n"; }

std::string dump_line(const document& what) {
  return what.dump(-1, ' ', false, document::error_handler_t::replace) + "\n";
}

void print_problems(const std::vector<config::problem>& problems, std::ostream& err) {
  for (const auto& p : problems) err << p.to_string() << '\n';
}

}  // namespace tideover::app
