#include "tideover/app/init_command.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ostream>
#include <stdexcept>

#include "command_output.hpp"
#include "routes.hpp"
#include "tideover/config/places.hpp"
#include "tideover/config/secret_reference.hpp"
#include "tideover/config/values.hpp"
#include "tideover/ops/durable_file.hpp"
#include "tideover/ops/local_catalog.hpp"

namespace tideover::app {
namespace {

/// Why the configuration would not have this as a local server, such as a public address.
std::string objection_to(const std::string& url) {
  init_facts facts;
  facts.local_url = url;
  config::surroundings nothing = config::surroundings::real();
  nothing.environment = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  for (const auto& p : config::load_text(configuration_text(facts, {}), "", {}, nothing).problems)
    if (p.level == config::severity::error) return p.message;
  return {};
}

/// Asks a server once, on a loop of its own.
std::string look_at_ollama(const std::string& url, init_facts& facts) {
  if (auto objection = objection_to(url); !objection.empty()) return objection;
  facts.local_url = url;
  facts.answers = false;
  facts.catalog = {};
  config::snapshot configuration;
  config::upstream local;
  local.name = "ollama";
  local.tier = tier::local;
  local.dialect = dialect::ollama;
  local.urls = {(*config::parse_url(url)).where};  // the configuration took it
  configuration.upstreams.push_back(std::move(local));
  auto const routes = make_routes(configuration, {});
  net::event_loop loop;
  net::resolver names;
  ops::local_catalog_watch watch(loop, names, {&routes.front()});
  watch.refresh([&] { loop.stop(); });
  loop.run();
  facts.catalog = *watch.current();
  facts.answers = facts.catalog.known;
  loop.reactions().cancel_everything();
  return {};
}

config::parsed<std::string> ollama_url(const config::surroundings& world) {
  auto const said = world.environment("OLLAMA_HOST").value_or("");
  if (said.find_first_not_of(" \t\"'") == std::string::npos)
    return config::parsed<std::string>::good("http://127.0.0.1:11434");
  auto const at = config::parse_ollama_host(said);
  return at ? config::parsed<std::string>::good((*at).where.to_string()) : config::parsed<std::string>::bad(at.error);
}

/// Where the file goes; empty: nobody knows.
std::string place_for(const init_command& command, const config::surroundings& world) {
  if (command.output) return *command.output;
  if (auto const named = world.environment("TIDEOVER_CONFIG"); named && !named->empty()) return *named;
  auto const usual = config::usual_configuration_files(world);
  if (world.is_root) return usual.front();
  return usual.size() > 1 ? usual.back() : std::string();
}

/// Is this the file that commands find without --config?
bool is_found(const std::string& file, const config::surroundings& world) {
  if (auto const named = world.environment("TIDEOVER_CONFIG"); named && !named->empty()) return *named == file;
  auto const usual = config::usual_configuration_files(world);
  auto const first = std::find_if(usual.begin(), usual.end(), world.exists);
  return first != usual.end() && *first == file;
}

/// As a word of a shell.
std::string quoted(const std::string& text) {
  if (text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+") ==
      std::string::npos)
    return text;
  std::string made = "'";
  for (char c : text) made += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return made + "'";
}

/// Empty: written; else why not.
std::string write_file(const std::string& file, const std::string& text, bool for_service) {
  auto const slash = file.rfind('/');
  if (slash != std::string::npos && slash != 0) {
    auto const folder = file.substr(0, slash);
    bool const fresh = ::access(folder.c_str(), F_OK) != 0;
    if (auto problem = ops::make_directory(folder, for_service ? 0755 : 0700); !problem.empty()) return problem;
    if (fresh && for_service) ::chmod(folder.c_str(), 0755);  // whatever the umask took away
  }
  // The unit's user exists only while it runs, so that nobody could give it the file: everybody may read that one. No
  // secret stands in it.
  unsigned const mode = for_service ? 0644 : 0600;
  if (auto problem = ops::replace_file(file, text, mode); !problem.empty()) return problem;
  ::chmod(file.c_str(), mode);
  return {};
}

document told(const std::string& file, const init_facts& facts, const init_wishes& wishes,
              const std::vector<std::string>& steps) {
  auto rules = document::array();
  for (const auto& rule : rules_for(facts, wishes)) rules.push_back({{"cloud", rule.cloud}, {"local", rule.local}});
  return {{"file", file},
          {"ollama", {{"url", facts.local_url}, {"answers", facts.answers}, {"models", usable_models(facts.catalog)}}},
          {"models", std::move(rules)},
          {"credentials", wishes.keys},
          {"next", steps}};
}

void tell(std::ostream& out, const std::string& file, const init_facts& facts, const init_wishes& wishes,
          const std::vector<std::string>& steps) {
  out << "wrote " << config::printable(file) << '\n';
  out << "  ollama    " << facts.local_url;
  if (facts.answers)
    out << "  (" << usable_models(facts.catalog).size() << " usable models)\n";
  else
    out << "  (does not answer yet)\n";
  for (const auto& rule : rules_for(facts, wishes))
    out << "  model     " << rule.cloud << " -> " << config::printable(rule.local) << '\n';
  for (const auto& key : wishes.keys)
    out << "  key       in $" << key << ", sent for every caller: set it wherever Tideover starts\n";
  if (!wishes.private_workflow.empty()) out << "  workflow  " << wishes.private_workflow << " never leaves the house\n";
  out << "\nNext:\n";
  for (const auto& step : steps) out << "  " << step << '\n';
}

}  // namespace

int run_init(const init_command& command, const config::surroundings& world, std::istream& in, std::ostream& out,
             std::ostream& err) {
  auto const failed = [&](const command_failure& what) { return fail(what, command.json, out, err); };
  auto const file = place_for(command, world);
  if (file.empty()) {
    return failed(
        {exit_failure, "no_place", "no home directory is known: say where the file shall be with --output FILE"});
  }
  if (world.exists(file) && !command.force) {
    return failed({exit_failure, "file_exists",
                   config::printable(file) + " exists already, and nothing was written: replace it with --force, or "
                                             "choose another with --output"});
  }
  std::signal(SIGPIPE, SIG_IGN);
  init_facts facts;
  facts.for_service = file == config::service_configuration_file;
  for (const auto* key : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"})
    if (auto const value = world.environment(key); value && config::objection_to_secret(*value).empty())
      facts.keys.emplace_back(key);
  init_wishes wishes;
  try {
    auto const url = ollama_url(world);
    if (auto const objection = url ? look_at_ollama(*url, facts) : "the value " + url.error; !objection.empty()) {
      return failed({exit_configuration, "bad_configuration", "$OLLAMA_HOST: " + objection + "; nothing was written"});
    }
    bool const asks = !command.yes && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
    auto const answered = asks ? ask_wishes(in, err, facts, look_at_ollama) : usual_wishes(facts);
    if (!answered) {
      return failed({exit_failure, "interrupted", "left without an answer: nothing was written; --yes asks nothing"});
    }
    wishes = *answered;
  } catch (const std::exception& problem) {
    return failed({exit_failure, "internal_error",
                   std::string(problem.what()) +
                       ": nothing was written; try again, or write the file by hand (tideover schema)"});
  }
  auto const text = configuration_text(facts, wishes);
  // Whatever was found or answered: what is written is what `check` accepts.
  if (auto const checked = config::load_text(text, file, {}, world); !checked.ok()) {
    auto const code = failed(bad_configuration(checked.problems));
    err << "tideover: nothing was written\n";
    return code;
  }
  if (auto const problem = write_file(file, text, facts.for_service); !problem.empty()) {
    return failed({exit_failure, "cannot_write",
                   config::printable(problem) + ": choose another place with --output, or use sudo"});
  }
  auto const option = is_found(file, world) ? std::string() : " --config " + quoted(file);
  auto const steps = next_steps(facts, wishes, option);
  if (command.json)
    out << dump(told(file, facts, wishes, steps));
  else
    tell(out, file, facts, wishes, steps);
  return exit_ok;
}

}  // namespace tideover::app
