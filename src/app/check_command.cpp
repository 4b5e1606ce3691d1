// `check`, `schema` and `version`: what is known without a daemon.
#include <algorithm>
#include <ostream>

#include "command_output.hpp"
#include "tideover/config/problems.hpp"

namespace tideover::app {
namespace {

std::string count(std::size_t n, const std::string& word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

}  // namespace

int run_check(const check_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  config::overrides flags;
  flags.config_file = command.config_file;
  auto result = config::load(flags, world);
  for (auto& p : result.problems)
    if (p.error_in_check) p.level = config::severity::error;
  const bool fine = result.ok() && std::none_of(result.problems.begin(), result.problems.end(),
                                                [](const auto& p) { return p.level == config::severity::error; });
  if (!fine) return fail(bad_configuration(std::move(result.problems)), command.json, out, err);
  print_problems(result.problems, err);
  const auto& made = *result.snapshot;
  if (command.json) {
    out << dump({{"ok", true},
                 {"file", made.source.empty() ? document() : document(made.source)},
                 {"upstreams", made.upstreams.size()},
                 {"workflows", made.workflows.size()},
                 {"problems", config::to_json(result.problems)}});
    return exit_ok;
  }
  out << "configuration OK: " << (made.source.empty() ? "built-in defaults" : made.source) << " ("
      << count(made.upstreams.size(), "upstream") << ", " << count(made.workflows.size(), "workflow") << ")\n";
  return exit_ok;
}

int run_schema(std::ostream& out) {
  out << config::json_schema();
  return exit_ok;
}

int run_version(const version_command& command, std::ostream& out) {
  if (command.json) {
    out << dump({{"name", "tideover"}, {"version", TIDEOVER_VERSION}});
  } else {
    out << "tideover " << TIDEOVER_VERSION << '\n';
  }
  return exit_ok;
}

}  // namespace tideover::app
