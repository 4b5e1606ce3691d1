// All that is known of the local tier, and done for it ahead of requests: catalog, readiness, warmth as one.
// Not a decision and not a queue: places are the gates', choices are policy's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tideover/ops/local_catalog.hpp"
#include "tideover/ops/readiness_monitor.hpp"
#include "tideover/ops/warmth.hpp"

namespace tideover::ops {

class local_tier : public proxy::local_knowledge {
 public:
  /// Watches the first local upstream of `shared`; without one nothing is ever known. What `shared` refers to outlives
  /// it.
  local_tier(net::event_loop& control, const proxy::services& shared);

  std::shared_ptr<const policy::local_catalog> current() const override { return catalog_.current(); }
  void refresh(std::function<void()> done) override { catalog_.refresh(std::move(done)); }
  std::optional<bool> continues_prefill(std::string_view model) const override;
  policy::prefill_habit prefill_habit(std::string_view model) const override;
  void note_timing(std::string_view model, const policy::inference_timing& timing) override;
  void expect(std::string_view model) override;
  void load(std::string model, std::uint16_t url, std::function<void()> done) override;
  std::optional<duration> load_ends_in(std::string_view model) const override;

  /// From the control loop's tick. `trouble`: a cloud is left alone.
  void tick(time_point now, bool trouble);
  std::string problem() const { return catalog_.problem(); }

  /// On the control loop: is nothing under way?
  bool quiet() const;

  /// Null where there is no local upstream.
  readiness_monitor* readiness() { return monitor_.get(); }
  const readiness_monitor* readiness() const { return monitor_.get(); }
  warmth* warm() { return warmth_.get(); }

  static constexpr auto assumed_load = std::chrono::seconds(30);

 private:
  local_catalog_watch catalog_;
  std::unique_ptr<readiness_monitor> monitor_;
  std::unique_ptr<warmth> warmth_;
};

/// The first local upstream and its URLs; null and none where there is no local tier.
struct watched_upstream {
  std::uint16_t index = 0;
  std::vector<const proxy::upstream_route*> ways;
};
std::optional<watched_upstream> first_local(const proxy::services& shared);

}  // namespace tideover::ops
