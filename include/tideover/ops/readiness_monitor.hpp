// Finds out whether the local tier works: what is installed, a small test now and then, what real answers tell.
// Not the judging: facts go to policy/readiness. Lives on the control loop; what it knows may be read from any thread.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tideover/ops/control_get.hpp"
#include "tideover/ops/local_catalog.hpp"
#include "tideover/ops/readiness_report.hpp"
#include "tideover/policy/readiness.hpp"
#include "tideover/proxy/local_gate.hpp"

namespace tideover::ops {

class readiness_monitor {
 public:
  struct surroundings {
    net::event_loop* control = nullptr;
    net::resolver* names = nullptr;
    config::snapshot_ptr configuration;
    std::uint16_t upstream = 0;                      // which one is watched
    std::vector<const proxy::upstream_route*> ways;  // its URLs
    local_catalog_watch* catalog = nullptr;
    proxy::local_gate* gate = nullptr;  // null: no traffic to share with (`tideover readiness --once`)
    /// What the other local upstreams have, by their names; unset: there are none.
    std::function<std::vector<std::pair<std::string, std::shared_ptr<const policy::local_catalog>>>()> elsewhere;
  };
  explicit readiness_monitor(surroundings around);

  /// From the control loop's tick. The first test comes `first_test_after` the first tick, then every `interval`.
  void tick(time_point now);
  /// From any thread: tests now; `done` runs on the control loop. Whoever asks while such a check is under way waits
  /// for its end; a periodic one, which tests less, is followed by one that was asked for.
  void check_now(std::function<void()> done);
  /// What another found out about the same server. Its next test is soon all the same: other models may be needed now.
  /// On the control loop, before the first tick.
  void take_over(const readiness_monitor& before);
  /// Before the first tick.
  void look_elsewhere(decltype(surroundings::elsewhere) ask) { around_.elsewhere = std::move(ask); }
  /// Called on the control loop when the state or what is out of order has changed.
  std::function<void(const readiness_report&)> on_change;

  /// On the control loop: is no check under way?
  bool quiet() const { return checking_ == under_way::nothing; }

  // From any thread.
  const std::string& upstream_name() const { return settings().name; }
  readiness_report report() const;
  void note_timing(std::string_view model, const policy::inference_timing& timing);
  /// Of real requests. Several failures in a row make it look soon, and show until a success, or until a test has
  /// succeeded and nothing failed for `look_again_after`.
  void note_success() {
    if (failed_in_a_row_.load(std::memory_order_relaxed) != 0) failed_in_a_row_ = 0;
  }
  void note_failure(std::string_view detail);
  std::optional<bool> continues_prefill(std::string_view model) const;  // the file's word comes first
  policy::prefill_habit prefill_habit(std::string_view model) const;    // what was found out, whatever the file says
  std::optional<duration> usual_load(std::string_view model) const;     // nothing: no load was seen
  void note_load(std::string_view model, duration took);

  /// A busy start is nobody's friend: what is installed is known at once, the first test comes a little later.
  static constexpr auto first_test_after = std::chrono::seconds(30);
  /// A model that is not loaded is loaded for a periodic test at most this often.
  static constexpr auto load_again_after = std::chrono::hours(1);
  static constexpr auto look_again_after = std::chrono::seconds(60);  // where something was out of order
  static constexpr auto between_early_looks = std::chrono::seconds(10);
  static constexpr auto patience_beyond_load = std::chrono::seconds(60);
  static constexpr std::size_t history = 8;  // tests whose speeds are remembered

 private:
  /// What is known of one model with these files.
  struct model_record {
    std::string model;
    policy::model_test test;
    time_point tested = time_point::min();
    std::deque<double> speeds;
    policy::prefill_habit prefill = policy::prefill_habit::unknown;
    time_point served = time_point::min();  // a real answer told its timing
    policy::inference_timing timing;
  };
  struct target {
    std::string model;
    std::uint16_t url = 0;
    bool loads = false;  // it is not loaded: the test loads it
  };

  void start(bool asked_for);
  net::task<void> check(bool asked_for);
  std::vector<target> choose_targets(const policy::local_catalog& catalog, bool asked_for) const;
  net::task<void> test_one(target what);
  net::task<policy::prefill_habit> try_prefill(const target& what, const policy::local_model& m, time_point deadline);
  std::string stand_in(const policy::local_catalog& catalog) const;
  void judge(time_point now);
  policy::readiness_facts facts(const policy::local_catalog& catalog, time_point now) const;  // with the mutex held
  model_record& record_of(const policy::local_model& m);                                      // with the mutex held
  const model_record* known_record(const policy::local_catalog& catalog, std::string_view model) const;  // likewise

  /// Of the upstream; Ollama has none.
  std::string key() const { return settings().dialect == dialect::ollama ? std::string() : bearer_of(settings()); }
  const config::upstream& settings() const { return around_.configuration->upstreams[around_.upstream]; }

  surroundings around_;  // never changed once it ticks
  std::vector<std::string> const needed_;
  enum class under_way : std::uint8_t { nothing, periodic, asked_for };
  std::atomic<under_way> checking_ = under_way::nothing;  // written on the control loop
  time_point next_ = never;                               // control loop only
  time_point next_judging_{};                             // control loop only
  std::string said_;                                      // what on_change was last called with; control loop only
  std::vector<std::function<void()>> waiting_;            // control loop only
  time_point last_look_ = time_point::min();              // control loop only
  std::atomic<unsigned> failed_in_a_row_{0};
  std::atomic<bool> look_soon_{false};
  mutable std::mutex mutex_;
  std::string last_failure_;
  time_point last_failure_at_{};
  std::map<std::string, model_record> by_files_;  // by name and digest
  std::string tested_at_;
};

}  // namespace tideover::ops
