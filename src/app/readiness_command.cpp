#include "tideover/app/readiness_command.hpp"

#include <csignal>
#include <ostream>
#include <stdexcept>

#include "daemon_answer.hpp"
#include "routes.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/ops/admin_readiness.hpp"
#include "tideover/ops/local_tier.hpp"

namespace tideover::app {

namespace {

/// The checks without a daemon: one loop, until they are done.
ops::tier_report check_once(const config::snapshot_ptr& configuration) {
  net::event_loop loop;
  net::resolver names;
  proxy::services shared;
  shared.configuration = configuration;
  shared.upstreams = make_routes(*configuration, {});
  shared.names = &names;
  ops::local_tier tier(loop, shared);
  tier.check_now([&] { loop.stop(); });
  loop.run();
  auto const report = tier.report();
  loop.reactions().cancel_everything();
  return report;
}

/// The daemon tests beside its traffic and knows what real answers told. Nothing where none answers.
std::optional<ops::tier_report> check_by_daemon(const std::string& socket, std::ostream& err) {
  constexpr auto patience = ops::usual_readiness_wait + std::chrono::seconds(15);
  auto const answer = ask_daemon(socket, "POST", "/api/readiness", "{}", patience);
  if (answer.status == 200)
    if (auto report = ops::read_readiness(answer.body)) return report;
  auto const word = told_by(answer, "state");
  const auto* failure = std::get_if<command_failure>(&word);
  err << "tideover: " << (failure != nullptr ? failure->message : not_the_daemon(socket).message)
      << "\ntideover: the checks were made here, without it\n";
  return std::nullopt;
}

}  // namespace

int run_readiness(const readiness_command& command, const config::surroundings& world, std::ostream& out,
                  std::ostream& err) {
  std::signal(SIGPIPE, SIG_IGN);
  std::optional<ops::tier_report> report;
  if (!command.once) report = check_by_daemon(admin_socket_for(command.door, world), err);
  if (!report) {
    config::overrides flags;
    flags.config_file = command.door.config_file;
    auto const loaded = config::load(flags, world);
    if (!loaded.ok()) {
      return fail(bad_configuration(loaded.problems), command.json, out, err);
    }
    try {
      report = check_once(loaded.snapshot);
    } catch (const std::exception& problem) {
      return fail({ops::readiness_exit_code(policy::ready_state::unknown), "cannot_check",
                   "the local tier could not be checked (" + std::string(problem.what()) + "): try again"},
                  command.json, out, err);
    }
  }
  if (command.json)
    out << dump(ops::readiness_document(*report));
  else
    out << ops::readiness_table(*report);
  return ops::readiness_exit_code(report->state);
}

}  // namespace tideover::app
