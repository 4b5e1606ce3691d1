#include "tideover/app/readiness_command.hpp"

#include <csignal>
#include <ostream>
#include <stdexcept>

#include "routes.hpp"
#include "tideover/ops/local_tier.hpp"

namespace tideover::app {

namespace {

/// The checks without a daemon: one loop, until they are done.
ops::readiness_report check_once(const config::snapshot_ptr& configuration) {
  net::event_loop loop;
  net::resolver names;
  proxy::services shared;
  shared.configuration = configuration;
  shared.upstreams = make_routes(*configuration, {});
  shared.names = &names;
  ops::local_tier tier(loop, shared);
  if (tier.readiness() == nullptr) {
    ops::readiness_report none;
    none.verdict.state = policy::ready_state::down;
    none.verdict.findings.push_back({policy::ready_check::api,
                                     policy::ready_state::down,
                                     {},
                                     "no upstream of tier local is configured",
                                     "add one under `upstreams` (tier: local)"});
    return none;
  }
  tier.readiness()->check_now([&] { loop.stop(); });
  loop.run();
  auto const report = tier.readiness()->report();
  loop.reactions().cancel_everything();
  return report;
}

}  // namespace

int run_readiness(const readiness_command& command, const config::surroundings& world, std::ostream& out,
                  std::ostream& err, const ask_daemon& ask) {
  config::overrides flags;
  flags.config_file = command.config_file;
  auto const loaded = config::load(flags, world);
  if (!loaded.ok()) {
    print_problems(loaded.problems, err);
    return exit_configuration;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::optional<ops::readiness_report> report;
  try {
    if (ask && !command.once)
      if (auto const said = ask(*loaded.snapshot)) report = ops::read_readiness_json(*said);
    if (!report) report = check_once(loaded.snapshot);
  } catch (const std::exception& problem) {
    err << "tideover: " << problem.what() << '\n';
    return ops::readiness_exit_code(policy::ready_state::unknown);
  }
  out << (command.json ? ops::readiness_json(*report) + "\n" : ops::readiness_table(*report));
  return ops::readiness_exit_code(report->verdict.state);
}

}  // namespace tideover::app
