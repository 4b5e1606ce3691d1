// `check`, `schema` and `version`: what is known without a daemon.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "problems_json.hpp"
#include "tideover/app/command_line.hpp"

namespace tideover::app {
namespace {

std::string count(std::size_t n, const std::string& word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

}  // namespace

nlohmann::json to_json(const config::problem& p) {
  nlohmann::json made{
      {"severity", p.level == config::severity::error ? "error" : "warning"}, {"path", p.path}, {"message", p.message}};
  if (!p.file.empty()) made["file"] = p.file;
  if (p.line > 0) {
    made["line"] = p.line;
    made["column"] = p.column;
  }
  return made;
}

std::string dump(const nlohmann::json& document) {
  // Paths of files may be any bytes; they shall not break the document.
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void print_problems(const std::vector<config::problem>& problems, std::ostream& err) {
  for (const auto& p : problems) err << p.to_string() << '\n';
}

int run_check(const check_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  config::overrides flags;
  flags.config_file = command.config_file;
  auto result = config::load(flags, world);
  for (auto& p : result.problems)
    if (p.error_in_check) p.level = config::severity::error;
  const bool fine = result.ok() && std::none_of(result.problems.begin(), result.problems.end(),
                                                [](const auto& p) { return p.level == config::severity::error; });
  if (command.json) {
    nlohmann::json document{{"ok", fine}, {"problems", nlohmann::json::array()}};
    for (const auto& p : result.problems) document["problems"].push_back(to_json(p));
    if (result.ok()) {
      document["file"] = result.snapshot->source.empty() ? nlohmann::json() : nlohmann::json(result.snapshot->source);
      document["upstreams"] = result.snapshot->upstreams.size();
      document["workflows"] = result.snapshot->workflows.size();
    }
    out << dump(document);
    return fine ? exit_ok : exit_configuration;
  }
  print_problems(result.problems, err);
  if (!fine) return exit_configuration;
  const auto& made = *result.snapshot;
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
