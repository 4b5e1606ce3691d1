#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "daemon_parts.hpp"
#include "tideover/app/logging.hpp"
#include "tideover/config/problems.hpp"

namespace tideover::app {

namespace {

constexpr auto certificates_interval = std::chrono::seconds(5);
constexpr auto adoption_patience = std::chrono::seconds(2);  // a worker that takes longer hangs

/// Counts workers down. Shared with them: one that hangs may come after nobody waits any more.
struct countdown {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t left = 0;

  void one_less() {
    std::lock_guard const lock(mutex);
    --left;
    changed.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, adoption_patience, [this] { return left == 0; });
  }
};

}  // namespace

/// A configuration that is checked, with everything made that can fail, before anything of the old one goes.
ops::reload_report daemon::parts::try_reload() {
  ops::reload_report report;
  if (draining) {
    report.how = ops::reload_end::draining;
    report.problem = "Tideover is on its way out: it will read the file when it starts again.";
    return report;
  }
  if (!options.load_again) {
    report.how = ops::reload_end::cannot_apply;
    report.problem = "This process has nothing to read again.";
    return report;
  }
  auto loaded = options.load_again();
  report.problems = std::move(loaded.problems);
  if (!loaded.snapshot) {
    report.how = ops::reload_end::bad_configuration;
    report.problem = config::first_error(report.problems);
    return report;
  }
  if (auto forgets = config::would_forget_everything(configuration(), *loaded.snapshot); !forgets.empty()) {
    report.how = ops::reload_end::bad_configuration;
    report.problem = std::move(forgets);
    report.problems.clear();
    return report;
  }
  report.source = loaded.snapshot->source;
  report.changes = config::changes_between(configuration(), *loaded.snapshot);
  try {
    auto next = std::make_shared<generation>(loaded.snapshot, process, current.get());
    auto plan = doors.prepare(*loaded.snapshot);
    auto admin_plan = admin->prepare(loaded.snapshot->admin, options.usual_sockets);
    // From here on nothing can fail.
    admin->open(std::move(admin_plan), loaded.snapshot->admin, next->shared().hosts);
    take_up(std::move(next), std::move(plan));
  } catch (const std::exception& e) {
    report.how = ops::reload_end::cannot_apply;
    report.problem = e.what();
    report.changes.clear();
  }
  return report;
}

void daemon::parts::take_up(std::shared_ptr<generation> next, listeners::plan plan) {
  decisions.impose(next->configuration().contingency, next->contingency());
  memory.set_limit(next->configuration().limits.replay_memory);
  set_program_log_level(next->configuration().log.level);
  next->begin();
  doors.commit(plan);

  old_generations.push_back(std::exchange(current, std::move(next)));
  if (old_generations.back()->local() != current->local()) {
    old_locals.push_back(old_generations.back()->local());
    old_locals.back()->tier.part_from(local());
  }
  watch_readiness();

  hand_out(plan, current);
  addresses.proxy = doors.addresses();
  addresses.admin = admin->address();
  addresses.admin_socket = admin->socket();
}

/// Whoever asked may rely on it once told that it is done: waits until every worker has taken it up. A worker never
/// waits for this thread, so that is a matter of microseconds.
void daemon::parts::hand_out(listeners::plan& plan, const std::shared_ptr<generation>& next) {
  auto const left = std::make_shared<countdown>();
  left->left = workers.size();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    auto lent = next ? lend(next, control) : proxy::services_ptr();
    if (!workers[i]->adopt(std::move(lent), plan.take(i), [left] { left->one_less(); })) left->one_less();
  }
  if (!left->wait()) spdlog::error("a worker has not taken up the configuration yet: it will before its next request");
}

/// Renewed by whoever renews them (certbot and its kind), without a word to us.
void daemon::parts::renew_certificates(time_point now) {
  if (draining || now < next_look_at_certificates) return;
  next_look_at_certificates = after(now, certificates_interval);
  if (!doors.certificates_renewed(configuration())) return;
  try {
    auto plan = doors.prepare(configuration());
    doors.commit(plan);
    hand_out(plan, nullptr);
    spdlog::info("the listeners' certificates were renewed");
  } catch (const std::exception& e) {
    spdlog::error("the listeners keep the certificates they have, because the new ones cannot be used: {}", e.what());
  }
}

ops::reload_report daemon::parts::reload(const std::string& who) {
  bool const tell = options.reloading && !draining;
  if (tell) options.reloading(true);
  auto report = try_reload();
  if (tell) options.reloading(false);

  bool const done = report.how == ops::reload_end::done;
  if (report.how != ops::reload_end::draining) last_reload = {done, unix_seconds(), report.problem};
  events.write(entry_of(report, who));
  for (const auto& p : report.problems)
    if (p.level == config::severity::warning || !done) spdlog::warn("configuration: {}", p.to_string());
  if (!done) {
    spdlog::error("the configuration was not reloaded for {}, the one in force stays: {}", who, report.problem);
    return report;
  }
  std::string keys;
  for (const auto& c : report.changes) keys += (keys.empty() ? "" : ", ") + c.key;
  spdlog::info("configuration reloaded for {}: {}", who, keys.empty() ? "nothing changed" : keys);
  for (const auto& key : report.waiting()) spdlog::warn("{} changed, which takes effect with the next start", key);
  return report;
}

/// What a workers' exchange still uses is not in reach of this: only the control loop lets go of the last copies.
void daemon::parts::forget_old_generations() {
  std::erase_if(old_generations, [](const auto& g) { return g.use_count() == 1 && g->quiet(); });
  std::erase_if(old_locals, [](const auto& l) { return l.use_count() == 1 && l->tier.quiet(); });
}

void daemon::parts::watch_readiness() {
  for (const auto& l : old_locals) l->tier.on_change({});
  local().on_change([this](const ops::readiness_report& report) { log_readiness(report); });
}

}  // namespace tideover::app
