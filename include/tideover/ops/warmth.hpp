// Loads models before they are needed, by connections of our own, and keeps them while they may be needed.
// Not a choice of models: who stands in is said by the exchanges (expect, load) and by the file (keep_warm).
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tideover/ops/local_catalog.hpp"

namespace tideover::ops {

/// A load without options gives the window that the server itself prefers, and that window is remembered: requests then
/// ask for exactly the loaded window (policy/window), so that none makes the model load again. Whoever only prolongs a
/// model's stay asks for the loaded window too.
///
/// Models that are expected stay for `stay` after the last use, prolonged while the trouble lasts; then they get
/// Ollama's own default again. Those of keep_warm stay for ever.
class warmth {
 public:
  warmth(net::event_loop& control, net::resolver& names, const config::upstream& settings,
         std::vector<const proxy::upstream_route*> ways, local_catalog_watch& catalog);

  /// Models that another has loaded or expects, at the same URLs. What it was to keep for ever, and this one is not, is
  /// released as soon as nobody expects it. On the control loop, before the first tick.
  void take_over(const warmth& before);

  // From any thread.
  void expect(std::string_view model);
  void load(std::string model, std::uint16_t url, std::function<void()> done);
  std::optional<time_point> loading_since(std::string_view model) const;
  /// Is no server being asked for anything?
  bool quiet() const;

  /// From the control loop's tick. `trouble`: a cloud is still left alone.
  void tick(time_point now, bool trouble);
  /// Called on the control loop when a model was loaded, with the time that took, or could not be.
  std::function<void(const std::string& model, std::optional<duration> took, const std::string& problem)> on_loaded;

  static constexpr auto calm_after = std::chrono::minutes(10);  // without a failure, the trouble is over
  static constexpr auto stay = std::chrono::minutes(10);
  static constexpr auto prolong_every = std::chrono::minutes(5);
  static constexpr auto longest_load = std::chrono::minutes(15);
  static constexpr duration first_pause = std::chrono::seconds(15), longest_pause = std::chrono::minutes(5);

 private:
  struct at_url {
    bool busy = false;     // a load or a prolongation is under way
    bool loading = false;  // a load is
    bool ours = false;     // loaded by us, not to be left behind pinned
    bool pinned = false;   // keep_warm was said to the server since it was loaded
    time_point began{};
    time_point prolonged{};
    time_point not_before{};  // after a failure
    duration pause{};
    std::vector<std::function<void()>> waiting;
  };
  struct warm_model {
    std::string name;
    bool always = false;                      // keep_warm
    time_point expected = time_point::min();  // the last time somebody did
    std::vector<at_url> urls;
  };

  warm_model& model_of(std::string_view name);  // with the mutex held
  void begin(warm_model& m, std::uint16_t url, std::string keep_alive, std::uint64_t window);
  net::task<void> ask(std::string name, std::uint16_t url, std::string keep_alive, std::uint64_t window);
  void care_for(warm_model& m, const policy::local_catalog& catalog, time_point now, bool wanted);

  net::event_loop& control_;
  net::resolver& names_;
  std::vector<const proxy::upstream_route*> const ways_;
  local_catalog_watch& catalog_;
  mutable std::mutex mutex_;
  std::map<std::string, warm_model, std::less<>> models_;  // by name without :latest, in small letters
};

}  // namespace tideover::ops
