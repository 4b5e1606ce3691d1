// What a running daemon is made of, for the files that share the work: start and end (daemon.cpp), what it tells of
// itself (daemon_facts.cpp), another configuration (daemon_reload.cpp).
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "exchange_reporter.hpp"
#include "generation.hpp"
#include "listeners.hpp"
#include "tideover/app/admin_side.hpp"
#include "tideover/app/daemon.hpp"
#include "tideover/net/hosted_loop.hpp"
#include "tideover/ops/admin_reload.hpp"
#include "tideover/ops/contingency_control.hpp"
#include "tideover/ops/journal.hpp"
#include "tideover/ops/refusal_journal.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::app {

std::int64_t unix_seconds();
std::size_t worker_count(const config::snapshot& configuration);

struct daemon::parts {
  explicit parts(const daemon_options& options);
  ~parts();  // ends what still runs

  void bind();
  void start_workers(listeners::plan& doors);
  void open_admin();
  void start_threads();
  void worker_ended();
  void end_if_parted(time_point now);
  void tick(time_point now);
  void log_breakers();

  ops::status_facts facts();
  bool all_loops_turn(time_point now) const;
  void log_readiness(const ops::readiness_report& report);
  bool trouble() const;
  std::string metrics_text() const;

  ops::reload_report reload(const std::string& who);
  ops::reload_report try_reload();
  void take_up(std::shared_ptr<generation> next, listeners::plan plan);
  void renew_certificates(time_point now);
  void hand_out(listeners::plan& plan, const std::shared_ptr<generation>& next);
  void watch_readiness();
  void forget_old_generations();

  const config::snapshot& configuration() const { return current->configuration(); }
  const proxy::services& shared() const { return current->shared(); }
  ops::local_tier& local() const { return current->local()->tier; }

  daemon_options const options;
  net::hosted_loop host;
  net::event_loop& control = host.loop();
  net::resolver names;
  proxy::memory_budget memory;
  proxy::caller_count callers;
  ops::line_writer& log;
  ops::line_format const format;
  ops::notice_pace refused_keys{std::chrono::minutes(1)};
  ops::journal events;
  ops::refusal_journal refusals{[this](const ops::journal_entry& entry) { events.write(entry); }};
  proxy::client_gate clients;
  process_parts const process;
  std::shared_ptr<generation> current;
  // Until nobody uses them and nothing of theirs is under way.
  std::vector<std::shared_ptr<generation>> old_generations;
  std::vector<std::shared_ptr<local_side>> old_locals;
  ops::contingency_control decisions;
  listeners doors;
  std::vector<std::unique_ptr<exchange_reporter>> reporters;
  std::vector<std::unique_ptr<proxy::worker>> workers;
  std::vector<std::thread> threads;
  std::size_t running = 0;          // control loop only
  time_point parting_ends = never;  // likewise
  ops::metrics_registry registry;
  std::optional<admin_side> admin;
  boost::asio::steady_timer drain_timer;
  std::atomic<bool> draining{false};
  time_point next_look_at_certificates{};  // control loop only
  ops::status_facts::reload last_reload;   // control loop only
  std::int64_t const started = unix_seconds();
  bound_addresses addresses;
};

}  // namespace tideover::app
