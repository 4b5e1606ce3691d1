// All that is known of one local upstream, and done for it ahead of requests: catalog, readiness, warmth as one.
// Not a decision and not a queue: places are the gates', choices are policy's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tideover/ops/local_catalog.hpp"
#include "tideover/ops/readiness_monitor.hpp"
#include "tideover/ops/warmth.hpp"

namespace tideover::ops {

class local_watch : public proxy::local_knowledge {
 public:
  /// Watches all URLs of `upstream`, which is a local one. What `shared` refers to outlives it.
  /// `stays` is what all configurations know of models in servers' memory.
  local_watch(net::event_loop& control, const proxy::services& shared, std::uint16_t upstream,
              std::shared_ptr<model_stays> stays = std::make_shared<model_stays>());

  /// Is it the same server, at the same URLs?
  bool watches_what(const local_watch& other) const;
  /// Goes on with what another knew of it, which may end later. On the control loop, before the first tick.
  void take_over(const local_watch& before);

  std::shared_ptr<const policy::local_catalog> current() const override { return catalog_.current(); }
  void refresh(std::function<void()> done) override { catalog_.refresh(std::move(done)); }
  std::optional<bool> continues_prefill(std::string_view model) const override;
  policy::prefill_habit prefill_habit(std::string_view model) const override;
  void note_timing(std::string_view model, const policy::inference_timing& timing) override;
  void note_remote(std::string_view model) override { catalog_.note_remote(model); }
  void note_success() override { monitor_.note_success(); }
  void note_failure(std::string_view detail) override { monitor_.note_failure(detail); }
  void expect(std::string_view model) override;
  void load(std::string model, std::uint16_t url, std::function<void()> done) override;
  std::shared_ptr<void> grows(std::string_view model, std::uint16_t url, std::uint64_t window) override {
    return catalog_.grows(model, url, window);
  }
  std::optional<duration> load_ends_in(std::string_view model) const override;

  /// From the control loop's tick. `trouble`: a cloud is left alone.
  void tick(time_point now, bool trouble);

  /// On the control loop: is nothing under way?
  bool quiet() const { return catalog_.quiet() && monitor_.quiet() && (!warmth_ || warmth_->quiet()); }

  std::uint16_t upstream() const { return upstream_; }
  std::string problem() const { return catalog_.problem(); }
  warmth* warming() { return warmth_.get(); }  // null: nothing is loaded ahead of time here
  const warmth* warming() const { return warmth_.get(); }
  bool answers() const { return current()->known && problem().empty(); }
  readiness_monitor& readiness() { return monitor_; }
  const readiness_monitor& readiness() const { return monitor_; }

  static constexpr auto assumed_load = std::chrono::seconds(30);

 private:
  const config::upstream& settings() const { return configuration_->upstreams[upstream_]; }

  config::snapshot_ptr const configuration_;
  std::uint16_t const upstream_;
  local_catalog_watch catalog_;
  readiness_monitor monitor_;
  std::unique_ptr<warmth> warmth_;  // null where there is nothing to be loaded ahead of time
};

}  // namespace tideover::ops
