#include "tideover/app/daemon.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "daemon_parts.hpp"
#include "explain_view.hpp"
#include "tideover/core/thread.hpp"

namespace tideover::app {

namespace {

constexpr auto parting_patience = std::chrono::seconds(2);  // with servers, when nobody else is left

std::string machine_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

}  // namespace

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::size_t worker_count(const config::snapshot& configuration) {
  return configuration.workers != 0 ? configuration.workers : std::max(1u, std::thread::hardware_concurrency());
}

daemon::parts::parts(const daemon_options& given)
    : options(given),
      memory(given.configuration->limits.replay_memory),
      log(*given.log),
      format(given.log_format),
      events({.directory = given.state_directory}),
      process{control, names, memory, clients, callers, machine_name(), {given.https_proxy, given.no_proxy}},
      current(std::make_shared<generation>(given.configuration, process, nullptr)),
      decisions(given.configuration->contingency, ops::contingency_store(given.state_directory, given.state_lock.get()),
                events, current->contingency(), unix_seconds(), clock::now()),
      doors(worker_count(*given.configuration), given.handed.proxy),
      drain_timer(host.context()) {}

void daemon::parts::bind() {
  auto plan = doors.prepare(configuration());
  current->begin();
  watch_readiness();
  decisions.on_change = [this](const policy::contingency& state) {
    for (const auto& g : old_generations) g->contingency().tighten(state);
  };
  start_workers(plan);
  doors.commit(plan);
  open_admin();
  addresses.proxy = doors.addresses();
}

void daemon::parts::start_workers(listeners::plan& plan) {
  std::random_device entropy;
  for (std::size_t i = 0; i < worker_count(configuration()); ++i) {
    reporters.push_back(std::make_unique<exchange_reporter>(log, format, refused_keys, refusals));
    registry.add(&reporters.back()->metrics());
    std::uint64_t const seed = (static_cast<std::uint64_t>(entropy()) << 32) ^ entropy() ^ i;
    workers.push_back(
        std::make_unique<proxy::worker>(lend(current, control), *reporters.back(), plan.take(i).opened, seed));
  }
}

void daemon::parts::open_admin() {
  admin_sources sources;
  sources.facts = [this] { return facts(); };
  sources.metrics = [this] { return metrics_text(); };
  sources.configuration = [this] { return shared().configuration; };
  sources.explain = [this] { return explain_view_of(shared(), decisions.state()); };
  sources.readiness.report = [this] { return local().report(); };
  // A tier that is replaced meanwhile stays until its check has ended.
  sources.readiness.check = [this](std::function<void()> done) {
    local().check_now([held = current->local(), done = std::move(done)] { done(); });
  };
  sources.reload = [this](const std::string& who) { return reload(who); };
  admin.emplace(host.context(), shared().hosts, decisions, std::move(sources), options.handed);
  admin->open(admin->prepare(configuration().admin, options.usual_sockets), configuration().admin, shared().hosts);
  addresses.admin = admin->address();
  addresses.admin_socket = admin->socket();
}

void daemon::parts::worker_ended() {
  if (--running != 0) return;
  admin->stop();
  drain_timer.cancel();
  parting_ends = std::min(parting_ends, after(clock::now(), parting_patience));
  end_if_parted(clock::now());
}

/// Servers hear what becomes of models that were pinned for this process, if they listen.
void daemon::parts::end_if_parted(time_point now) {
  if (running == 0 && (!local().owes() || now >= parting_ends)) control.stop();
}

void daemon::parts::tick(time_point now) {
  local().tick(now, trouble());
  for (const auto& l : old_locals) l->tier.finish(now);
  if (!draining) current->probe().tick(now);
  decisions.tick(now);
  refusals.tick(now);
  admin->tick(now);
  if (options.alive && all_loops_turn(now)) options.alive(now);
  auto const advance = [now](const generation& g) {
    for (const auto& gate : g.shared().gates)
      if (gate) gate->advance(now);
  };
  advance(*current);
  for (const auto& g : old_generations) advance(*g);
  forget_old_generations();
  renew_certificates(now);
  log_breakers();
  end_if_parted(now);
}

/// Here and not in run(): whoever has a daemon may tell others that it serves.
void daemon::parts::start_threads() {
  running = workers.size();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    threads.push_back(start_thread("worker-" + std::to_string(i), [this, worker = workers[i].get()] {
      try {
        worker->run();
      } catch (const std::exception& e) {
        spdlog::critical("a worker ended with an unexpected error: {}", e.what());
      }
      control.inbox()->post([this] { worker_ended(); });
    }));
  }
}

daemon::parts::~parts() {
  if (threads.empty()) return;
  // Nobody ran, or not to the end: not all threads could be made, for instance.
  for (auto& w : workers) w->stop_now();
  for (auto& t : threads) t.join();
}

daemon::daemon(const daemon_options& options) : parts_(std::make_unique<parts>(options)) {
  parts_->bind();
  parts_->start_threads();
}

daemon::~daemon() = default;

const bound_addresses& daemon::addresses() const { return parts_->addresses; }

void daemon::run() {
  auto& p = *parts_;
  p.control.on_tick = [&p](time_point now) { p.tick(now); };
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
    p.local().part();
    p.decisions.hand_over();
    for (auto& w : p.workers) w->drain();
    p.drain_timer.expires_after(p.configuration().limits.drain);
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
    p.parting_ends = clock::now();
    for (auto& w : p.workers) w->stop_now();
    p.end_if_parted(clock::now());
  });
}

void daemon::reload(std::string who) {
  auto& p = *parts_;
  p.control.inbox()->post([&p, who = std::move(who)] { (void)p.reload(who); });
}

void daemon::post(std::function<void()> work) { parts_->control.inbox()->post(std::move(work)); }

daemon::local_state daemon::local(std::string_view upstream) const {
  for (const auto& watch : parts_->local().watches())
    if (watch->readiness().upstream_name() == upstream)
      return {watch->current()->known, watch->current()->models.size(), watch->problem()};
  return {};
}

std::vector<policy::contingency_cause> daemon::contingency() const { return parts_->decisions.state().causes(); }

void daemon::ask_local(std::function<void()> done) { parts_->local().refresh(std::move(done)); }

}  // namespace tideover::app
