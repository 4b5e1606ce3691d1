// Loads models before they are needed, by connections of our own, and keeps them while they may be needed.
// Not a choice of models: who stands in is said by the exchanges (expect, load) and by the file (keep_warm).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tideover/ops/local_catalog.hpp"
#include "tideover/ops/model_stays.hpp"

namespace tideover::ops {

/// A load without options gives the window that the server itself prefers, and that window is remembered: requests then
/// ask for exactly the loaded window (policy/window), so that none makes the model load again. Whoever only prolongs a
/// model's stay asks for the loaded window too.
///
/// Models that are expected stay for ten minutes after the last use, prolonged while the trouble lasts; then they get
/// Ollama's own default again. Those of keep_warm stay for ever.
///
/// Each configuration's upstream has its own. What servers were asked is known to all of them (model_stays), so that
/// none asks for what another has under way, and each hears of the end.
class warmth {
 public:
  warmth(net::event_loop& control, net::resolver& names, const config::upstream& settings,
         std::vector<const proxy::upstream_route*> ways, local_catalog_watch& catalog,
         std::shared_ptr<model_stays> stays);

  // From any thread.
  void expect(std::string_view model);
  void load(std::string model, std::uint16_t url, std::function<void()> done);
  std::optional<time_point> loading_since(std::string_view model) const;
  /// Is no server being asked for anything by this one, and nothing left to be released?
  bool quiet() const;

  /// From the control loop's tick. `trouble`: a cloud is still left alone.
  void tick(time_point now, bool trouble);
  /// Called on the control loop when a model was loaded, with the time that took, or could not be.
  std::function<void(const std::string& model, std::optional<duration> took, const std::string& problem)> on_loaded;

  /// Which servers are watched, as stays name them.
  const std::vector<std::string>& urls() const { return urls_; }

  enum class parting : std::uint8_t {
    handed_over,   // another configuration's warmth cares for it
    server_left,   // the file names it no more: its models get Ollama's own default again
    process_ends,  // it may be a restart: what was pinned stays long enough for that, and not for ever
  };
  /// Nothing is loaded ahead of time any more, and what is pinned where nobody else cares for it is released, as far as
  /// that can be done without loading anything. Ticks do it; owes() says whether it is done. On the control loop.
  void part(const std::function<parting(const std::string& url)>& how);
  /// Is anything of this still to be said, or on its way? Not counting loads that are under way.
  bool owes() const;

  static constexpr auto calm_after = std::chrono::minutes(10);  // without a failure, the trouble is over
  static constexpr auto prolong_every = std::chrono::minutes(5);
  static constexpr auto longest_load = std::chrono::minutes(15);
  static constexpr auto longest_release = std::chrono::seconds(5);
  static constexpr duration first_pause = std::chrono::seconds(15), longest_pause = std::chrono::minutes(5);

 private:
  struct at_url {
    std::shared_ptr<model_stay> stay;
    bool hears = false;                     // of the end of what is under way there, or is looking what came of it
    time_point looked = time_point::min();  // the last time it did
    std::vector<std::function<void()>> waiting;
  };
  struct warm_model {
    std::string name;
    bool always = false;  // keep_warm
    std::vector<at_url> urls;
  };

  warm_model& model_of(std::string_view name);  // with the mutex held
  void begin(warm_model& m, std::uint16_t url, std::string keep_alive, std::uint64_t window);
  void hear(warm_model& m, std::uint16_t url);
  net::task<void> ask(std::shared_ptr<model_stay> stay, std::uint16_t url, std::string keep_alive, std::uint64_t window,
                      time_point by);
  net::task<void> look(warm_model& m, std::uint16_t url, model_stay::ending how);
  void care_for(warm_model& m, const policy::local_catalog& catalog, time_point now, bool wanted);
  void part_from(warm_model& m, std::uint16_t url, const policy::local_catalog& catalog);

  net::event_loop& control_;
  net::resolver& names_;
  std::vector<const proxy::upstream_route*> const ways_;
  std::vector<std::string> urls_;
  local_catalog_watch& catalog_;
  std::shared_ptr<model_stays> const stays_;
  // With the mutex of the stays.
  std::map<std::string, warm_model, std::less<>> models_;  // by key; never removed, so that their places stay
  std::vector<std::optional<parting>> parted_;             // by URL
};

}  // namespace tideover::ops
