#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "daemon_parts.hpp"

namespace tideover::app {

namespace {
/// Compiled in when the build was configured.
std::string version() { return TIDEOVER_VERSION; }
}  // namespace

/// A worker whose loop stands still for longer than this hangs: its tick comes ten times a second.
bool daemon::parts::all_loops_turn(time_point now) const {
  return std::all_of(workers.begin(), workers.end(),
                     [&](const auto& w) { return w->ended() || now - w->last_turn() < std::chrono::seconds(5); });
}

ops::status_facts daemon::parts::facts() {
  ops::status_facts f;
  f.version = version();
  f.started = started;
  f.now = unix_seconds();
  f.pid = ::getpid();
  f.draining = draining;
  f.last_reload = last_reload;
  f.proxy_addresses = addresses.proxy;
  f.admin_address = addresses.admin;
  f.admin_socket = addresses.admin_socket;
  f.configuration = shared().configuration;
  f.contingency = &decisions.state();
  f.contingency_not_kept = decisions.not_kept();
  f.obstacles = current->health().obstacles();
  for (const auto& watch : local().watches())
    f.local.push_back({watch->upstream(), watch->current(), watch->problem()});
  f.readiness = local().report();
  f.connections = callers.inside();
  f.log_lines_dropped = log.dropped();
  auto const journal = events.state();
  f.journal_lines_lost = journal.lost;
  f.journal_wanted = journal.wanted;
  f.journal_writable = journal.writable;
  f.journal_problem = journal.problem;
  return f;
}

std::string daemon::parts::metrics_text() const {
  ops::process_view view;
  view.version = version();
  view.last_reload_ok = last_reload.ok;
  view.log_lines_dropped = log.dropped();
  auto const journal = events.state();
  view.journal_writable = journal.writable;
  view.journal_lines_lost = journal.lost;
  for (const auto& cause : decisions.state().causes())
    view.contingency.push_back({cause.workflow, std::string(token(cause.source))});
  for (std::uint16_t i = 0; i < configuration().upstreams.size(); ++i) {
    const auto& u = configuration().upstreams[i];
    if (u.tier == tier::local) {
      view.upstreams.push_back({u.name, local().at(i)->answers()});
      view.queues.push_back({u.name, shared().gates[i]->waiting()});
      continue;
    }
    // Down is what cannot be reached, and what refuses for now; one model that nobody asks for is neither.
    auto const state = current->health().shown_state(i);
    bool const reachable = current->health().way_is_clear(i);
    view.upstreams.push_back({u.name, reachable && state != policy::circuit_breaker::state::open});
    view.breakers.push_back({u.name, state});
  }
  for (const auto& watch : local().watches()) ops::add_readiness(view, watch->readiness().report());
  return registry.render(view);
}

void daemon::parts::log_breakers() {
  for (const auto& change : current->health().take_changes()) {
    const auto& u = configuration().upstreams[change.upstream];
    auto const now = std::chrono::system_clock::now().time_since_epoch();
    log.write(ops::breaker_line(change, u.name, u.title,
                                std::chrono::duration_cast<std::chrono::microseconds>(now).count(), format));
    ops::journal_entry entry{.event = "breaker", .who = "tideover", .why = std::string(token(change.why))};
    entry.more["upstream"] = u.name;
    entry.more["state"] = token(change.state);
    if (!change.model.empty()) entry.more["model"] = change.model;
    events.write(entry);
  }
}

void daemon::parts::log_readiness(const ops::readiness_report& report) {
  const auto* u = configuration().find_upstream(report.upstream);
  auto const now = std::chrono::system_clock::now().time_since_epoch();
  log.write(ops::readiness_line(report, u ? std::string_view(u->title) : std::string_view(report.upstream),
                                std::chrono::duration_cast<std::chrono::microseconds>(now).count(), format));
  events.write(ops::readiness_entry(report));
}

/// Is a cloud left alone for now? Then its stand-ins stay warm, even without traffic.
bool daemon::parts::trouble() const {
  for (std::uint16_t i = 0; i < configuration().upstreams.size(); ++i)
    if (configuration().upstreams[i].tier == tier::cloud &&
        (!current->health().way_is_clear(i) ||
         current->health().shown_state(i) != policy::circuit_breaker::state::closed))
      return true;
  return false;
}

}  // namespace tideover::app
