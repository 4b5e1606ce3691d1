#include "tideover/app/explain_command.hpp"

#include <unistd.h>

#include <csignal>
#include <ostream>
#include <stdexcept>

#include "daemon_answer.hpp"
#include "routes.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/config/values.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/ops/admin_explain.hpp"
#include "tideover/ops/explain_order.hpp"
#include "tideover/ops/explain_report.hpp"
#include "tideover/ops/local_catalog.hpp"
#include "tideover/ops/local_tier.hpp"

namespace tideover::app {

namespace {

using nlohmann::json;
command_failure bad_order(std::string text) { return {exit_usage, "bad_request_description", std::move(text)}; }

/// The flags as the daemon's API wants them.
std::variant<json, command_failure> order_of(const explain_command& command, const config::surroundings& world,
                                             const std::function<std::string()>& read_input) {
  json order = json::object();
  const auto put = [&](const char* name, const std::optional<std::string>& value) {
    if (value) order[name] = *value;
  };
  put("path", command.path);
  put("method", command.method);
  put("workflow", command.workflow);
  put("model", command.model);
  put("client", command.client);
  for (const auto& line : command.headers) {
    auto const colon = line.find(':');
    if (colon == std::string::npos || colon == 0) return bad_order("--header: write it as 'Name: value'");
    auto const name = line.substr(0, colon);
    for (const auto& [known, value] : order["headers"].items())
      if (iequals(known, name))
        return bad_order("--header: `" + config::printable(name) + "` is there twice: give it once");
    order["headers"][name] = line.substr(std::min(line.find_first_not_of(' ', colon + 1), line.size()));
  }
  if (!command.request_file) return order;
  std::optional<std::string> text;
  if (*command.request_file == "-")
    text = read_input();
  else
    text = world.read_file(*command.request_file);
  if (!text)
    return command_failure{exit_failure, "cannot_read",
                           "cannot read the request file `" + config::printable(*command.request_file) +
                               "`: name a file that this user may read, or - for standard input"};
  auto body = json::parse(*text, nullptr, false);
  order["body"] = body.is_object() ? std::move(body) : json(*text);
  return order;
}

struct found_models {
  std::vector<std::shared_ptr<const policy::local_catalog>> catalogs;  // by upstream; null: nobody was asked
  std::string asked;                                                   // which URLs
  std::vector<std::string> problems;                                   // why nothing is known of one
};

/// What the local servers have, asked once. Clouds are never asked anything.
found_models ask_for_models(const config::snapshot_ptr& configuration) {
  found_models found;
  net::event_loop loop;
  net::resolver names;
  proxy::services shared;
  shared.configuration = configuration;
  shared.upstreams = make_routes(*configuration, {});
  found.catalogs.resize(configuration->upstreams.size());
  for (const auto& u : configuration->upstreams)
    if (u.tier == tier::local) found.asked += (found.asked.empty() ? "" : ", ") + u.urls.front().to_string();
  if (found.asked.empty()) {
    found.problems.emplace_back("no upstream of tier local is configured");
    return found;
  }
  shared.names = &names;
  for (const auto& u : configuration->upstreams)
    shared.gates.push_back(u.tier == tier::local ? std::make_shared<proxy::local_gate>(u) : nullptr);
  ops::local_tier tier(loop, shared);
  tier.refresh([&] { loop.stop(); });
  loop.run();
  for (const auto& watch : tier.watches()) {
    found.catalogs[watch->upstream()] = watch->current();
    if (!watch->current()->known)
      found.problems.push_back(configuration->upstreams[watch->upstream()].name + ": " + watch->problem());
  }
  loop.reactions().cancel_everything();
  return found;
}

std::string machine_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : std::string();
}

std::variant<document, command_failure> explain_here(const json& order, const config::snapshot_ptr& configuration) {
  auto const read = ops::read_explain_order(order, *configuration);
  if (!read.problem.empty()) return bad_order(read.problem);
  found_models models;
  try {
    models = ask_for_models(configuration);
  } catch (const std::exception& problem) {
    models.problems.emplace_back(problem.what());
  }
  policy::contingency const in_force(configuration->contingency);
  policy::explain_facts const facts{
      .configuration = *configuration,
      .in_force = in_force,
      .hosts = {machine_name(), configuration->hosts},
      .now = clock::now(),
      .catalog = [&](std::uint16_t i) { return i < models.catalogs.size() ? models.catalogs[i].get() : nullptr; }};
  ops::explain_source source{.daemon = false, .assumed = read.assumed, .models_asked_of = models.asked};
  for (const auto& problem : models.problems) source.unknown.push_back("which models the local server has: " + problem);
  source.unknown.emplace_back("breakers, rests, operators' decisions and the queue: only a running daemon knows them");
  return ops::explain_document(policy::explain(read.request, facts), *configuration, source);
}

/// The daemon's word; nothing when none answers, after saying so.
std::optional<std::variant<document, command_failure>> ask_the_daemon(const explain_command& command, const json& order,
                                                                      const config::surroundings& world,
                                                                      std::ostream& err) {
  if (command.offline) return std::nullopt;
  auto const body = order.dump(-1, ' ', false, json::error_handler_t::replace);
  if (body.size() > ops::most_explained_bytes) {
    err << "tideover: the request is larger than 1 MiB, which the daemon does not take to explain: explained from the "
           "configuration\n";
    return std::nullopt;
  }
  auto const answer = ask_daemon(admin_socket_for(command.door, world), "POST", "/api/explain", body);
  if (answer.status == 0 && !command.door.socket) {
    err << "tideover: no daemon was asked (" << answer.problem.text << "): explained from the configuration\n";
    return std::nullopt;
  }
  auto told = told_by(answer, "request");
  if (auto* failure = std::get_if<command_failure>(&told); failure != nullptr && answer.status == 400)
    failure->exit_code = exit_usage;
  return told;
}

}  // namespace

int run_explain(const explain_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err,
                const std::function<std::string()>& read_input) {
  auto const failed = [&](const command_failure& what) { return fail(what, command.json, out, err); };
  auto const order = order_of(command, world, read_input);
  if (const auto* wrong = std::get_if<command_failure>(&order)) return failed(*wrong);
  std::signal(SIGPIPE, SIG_IGN);
  auto told = ask_the_daemon(command, std::get<json>(order), world, err);
  if (!told) {
    config::overrides flags;
    flags.config_file = command.door.config_file;
    auto const loaded = config::load(flags, world);
    if (!loaded.ok()) return failed(bad_configuration(loaded.problems));
    print_problems(loaded.problems, err);
    told = explain_here(std::get<json>(order), loaded.snapshot);
  }
  if (const auto* wrong = std::get_if<command_failure>(&*told)) return failed(*wrong);
  const auto& explained = std::get<document>(*told);
  out << (command.json ? dump(explained) : ops::explain_text(explained));
  return exit_ok;
}

}  // namespace tideover::app
