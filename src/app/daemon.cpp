#include "tideover/app/daemon.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>

#include "exchange_reporter.hpp"
#include "routes.hpp"
#include "tideover/app/admin_side.hpp"
#include "tideover/net/hosted_loop.hpp"
#include "tideover/net/listener.hpp"
#include "tideover/ops/cloud_probe.hpp"
#include "tideover/ops/contingency_control.hpp"
#include "tideover/ops/journal.hpp"
#include "tideover/ops/local_tier.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::app {

namespace {

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string machine_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

/// Names compiled in at configuration time of the build.
std::string version() { return TIDEOVER_VERSION; }

}  // namespace

struct daemon::parts {
  explicit parts(const daemon_options& options)
      : configuration(options.configuration),
        memory(configuration->limits.replay_memory),
        log(options.log_descriptor),
        routes(make_routes(*configuration, {options.https_proxy, options.no_proxy})),
        health(*configuration),
        events({.directory = options.state_directory}),
        decisions(configuration->contingency, options.state_directory, events, contingency, unix_seconds(),
                  clock::now()),
        drain_timer(host.context()),
        usual_sockets(options.usual_sockets),
        alive(options.alive) {}

  void bind();
  void listen_for_admin();
  void start_workers(std::vector<std::vector<proxy::listening_socket>> sockets);
  void worker_ended();
  void log_breakers();
  ops::status_facts facts();
  bool all_loops_turn(time_point now) const;
  void log_readiness(const ops::readiness_report& report);
  bool trouble() const;
  std::string metrics_text() const;

  config::snapshot_ptr configuration;
  net::hosted_loop host;
  net::event_loop& control = host.loop();
  net::resolver names;
  proxy::memory_budget memory;
  std::atomic<std::size_t> connections{0};
  ops::line_writer log;
  ops::line_format format = ops::line_format::json;
  ops::notice_pace refused_keys{std::chrono::minutes(1)};
  std::vector<proxy::upstream_route> routes;
  proxy::health_table health;
  ops::journal events;
  proxy::contingency_view contingency;
  proxy::client_gate clients;
  ops::contingency_control decisions;
  proxy::services shared;
  std::optional<ops::local_tier> local;
  std::optional<ops::cloud_probe> probe;
  std::vector<std::unique_ptr<exchange_reporter>> reporters;
  std::vector<std::unique_ptr<proxy::worker>> workers;
  std::vector<std::thread> threads;
  std::size_t running = 0;  // control loop only
  ops::metrics_registry registry;
  std::optional<admin_side> admin;
  boost::asio::steady_timer drain_timer;
  std::atomic<bool> draining{false};
  std::vector<std::string> const usual_sockets;
  std::function<void(time_point)> const alive;
  std::int64_t const started = unix_seconds();
  bound_addresses addresses;
};

void daemon::parts::bind() {
  std::size_t count = configuration->workers;
  if (count == 0) count = std::max(1u, std::thread::hardware_concurrency());

  std::vector<std::vector<proxy::listening_socket>> sockets(count);
  for (const auto& listener : configuration->listeners) {
    net::ssl_context tls;
    if (listener.tls) tls = net::make_server_context(listener.tls->certificate_file, listener.tls->key_file);
    auto bound = net::listen_on(listener.at.host, listener.at.port, count);
    for (std::size_t i = 0; i < count; ++i) sockets[i].push_back({bound.descriptors[i], tls});
    addresses.proxy.push_back(std::move(bound.address));
  }

  shared.configuration = configuration;
  shared.upstreams = routes;
  for (const auto& u : configuration->upstreams)
    shared.gates.push_back(u.tier == tier::local ? std::make_shared<proxy::local_gate>(u) : nullptr);
  shared.hosts = {machine_name(), configuration->hosts};
  shared.names = &names;
  shared.memory = &memory;
  shared.health = &health;
  shared.contingency = &contingency;
  shared.clients = &clients;
  shared.connections = &connections;
  local.emplace(control, shared);
  shared.local = local->by_upstream();
  local->on_change([this](const ops::readiness_report& report) { log_readiness(report); });

  std::random_device entropy;
  for (std::size_t i = 0; i < count; ++i) {
    reporters.push_back(std::make_unique<exchange_reporter>(log, format, refused_keys));
    registry.add(&reporters.back()->metrics());
    std::uint64_t const seed = (static_cast<std::uint64_t>(entropy()) << 32) ^ entropy() ^ i;
    workers.push_back(std::make_unique<proxy::worker>(shared, *reporters.back(), std::move(sockets[i]), seed));
  }
  probe.emplace(control, shared);
  listen_for_admin();
}

void daemon::parts::listen_for_admin() {
  admin_sources sources;
  sources.facts = [this] { return facts(); };
  sources.metrics = [this] { return metrics_text(); };
  sources.configuration = [this] { return configuration; };
  sources.readiness.report = [this] { return local->report(); };
  sources.readiness.check = [this](std::function<void()> done) { local->check_now(std::move(done)); };
  admin.emplace(host.context(), shared.hosts, decisions, std::move(sources));
  admin->open(configuration->admin, usual_sockets);
  addresses.admin = admin->address();
  addresses.admin_socket = admin->socket();
}

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
  f.proxy_addresses = addresses.proxy;
  f.admin_address = addresses.admin;
  f.admin_socket = addresses.admin_socket;
  f.configuration = configuration;
  f.contingency = &decisions.state();
  f.contingency_not_kept = decisions.not_kept();
  f.obstacles = health.obstacles();
  for (const auto& watch : local->watches()) f.local.push_back({watch->upstream(), watch->current(), watch->problem()});
  f.readiness = local->report();
  f.connections = connections.load(std::memory_order_relaxed);
  f.log_lines_dropped = log.dropped();
  auto const journal = events.state();
  f.journal_lines_lost = journal.lost;
  f.journal_writable = journal.writable;
  f.journal_problem = journal.problem;
  return f;
}

std::string daemon::parts::metrics_text() const {
  ops::process_view view;
  view.version = version();
  view.log_lines_dropped = log.dropped();
  auto const journal = events.state();
  view.journal_writable = journal.writable;
  view.journal_lines_lost = journal.lost;
  for (const auto& cause : decisions.state().causes())
    view.contingency.push_back({cause.workflow, std::string(token(cause.source))});
  for (std::uint16_t i = 0; i < configuration->upstreams.size(); ++i) {
    const auto& u = configuration->upstreams[i];
    if (u.tier == tier::local) {
      view.upstreams.push_back({u.name, local->at(i)->answers()});
      view.queues.push_back({u.name, shared.gates[i]->waiting()});
      continue;
    }
    // Down is what cannot be reached, and what refuses for now; one model that nobody asks for is neither.
    auto const state = health.shown_state(i);
    bool const reachable = health.way_is_clear(i);
    view.upstreams.push_back({u.name, reachable && state != policy::circuit_breaker::state::open});
    view.breakers.push_back({u.name, state});
  }
  for (const auto& watch : local->watches()) ops::add_readiness(view, watch->readiness().report());
  return registry.render(view);
}

void daemon::parts::log_breakers() {
  for (const auto& change : health.take_changes()) {
    const auto& u = configuration->upstreams[change.upstream];
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
  const auto* u = configuration->find_upstream(report.upstream);
  auto const now = std::chrono::system_clock::now().time_since_epoch();
  log.write(ops::readiness_line(report, u ? std::string_view(u->title) : std::string_view(report.upstream),
                                std::chrono::duration_cast<std::chrono::microseconds>(now).count(), format));
  events.write(ops::readiness_entry(report));
}

/// Is a cloud left alone for now? Then its stand-ins stay warm, even without traffic.
bool daemon::parts::trouble() const {
  for (std::uint16_t i = 0; i < configuration->upstreams.size(); ++i)
    if (configuration->upstreams[i].tier == tier::cloud &&
        (!health.way_is_clear(i) || health.shown_state(i) != policy::circuit_breaker::state::closed))
      return true;
  return false;
}

void daemon::parts::worker_ended() {
  if (--running == 0) {
    admin->stop();
    control.stop();
  }
}

daemon::daemon(const daemon_options& options) : parts_(std::make_unique<parts>(options)) {
  parts_->format = options.log_json ? ops::line_format::json : ops::line_format::text;
  parts_->bind();
}

daemon::~daemon() {
  for (auto& t : parts_->threads)
    if (t.joinable()) t.join();
}

const bound_addresses& daemon::addresses() const { return parts_->addresses; }

void daemon::run() {
  auto& p = *parts_;
  p.running = p.workers.size();
  for (auto& w : p.workers) {
    p.threads.emplace_back([&p, worker = w.get()] {
      try {
        worker->run();
      } catch (const std::exception& e) {
        spdlog::critical("a worker ended with an unexpected error: {}", e.what());
      }
      p.control.inbox()->post([&p] { p.worker_ended(); });
    });
  }
  p.control.on_tick = [&p](time_point now) {
    p.local->tick(now, p.trouble());
    if (!p.draining) p.probe->tick(now);
    p.decisions.tick(now);
    p.admin->tick(now);
    if (p.alive && p.all_loops_turn(now)) p.alive(now);
    for (const auto& gate : p.shared.gates)
      if (gate) gate->advance(now);
    p.log_breakers();
  };
  p.host.run();
  for (auto& t : p.threads) t.join();
  p.threads.clear();
  p.log_breakers();
  // The control loop's own coroutines (lookups of the catalog) unwind before what they use goes.
  p.control.reactions().cancel_everything();
}

void daemon::drain() {
  auto& p = *parts_;
  p.control.inbox()->post([&p] {
    if (p.draining.exchange(true)) return;
    p.admin->draining();
    for (auto& w : p.workers) w->drain();
    p.drain_timer.expires_after(p.configuration->limits.drain);
    p.drain_timer.async_wait([&p](boost::system::error_code ec) {
      if (ec) return;
      spdlog::warn("the drain time is over: what is still running ends now");
      for (auto& w : p.workers) w->stop_now();
    });
  });
}

void daemon::stop() {
  auto& p = *parts_;
  p.control.inbox()->post([&p] {
    p.draining = true;
    for (auto& w : p.workers) w->stop_now();
  });
}

void daemon::post(std::function<void()> work) { parts_->control.inbox()->post(std::move(work)); }

daemon::local_state daemon::local(std::string_view upstream) const {
  for (const auto& watch : parts_->local->watches())
    if (watch->readiness().upstream_name() == upstream)
      return {watch->current()->known, watch->current()->models.size(), watch->problem()};
  return {};
}

std::vector<policy::contingency_cause> daemon::contingency() const { return parts_->decisions.state().causes(); }

void daemon::ask_local(std::function<void()> done) { parts_->local->refresh(std::move(done)); }

}  // namespace tideover::app
