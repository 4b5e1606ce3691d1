// The local tier as one: a watch for each local upstream, and one word on all of them.
// Not what is known of one upstream: that is its watch's.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tideover/ops/local_watch.hpp"

namespace tideover::ops {

class local_tier {
 public:
  /// Watches every local upstream of `shared`. What `shared` refers to outlives it. `stays` is what all configurations
  /// know of models in servers' memory.
  local_tier(net::event_loop& control, const proxy::services& shared,
             const std::shared_ptr<model_stays>& stays = std::make_shared<model_stays>());

  /// What another knew of upstreams that stay where they are. On the control loop, before the first tick.
  void take_over(const local_tier& before);

  /// As services::local wants it for a configuration with so many upstreams, of which the local ones stand where they
  /// stood in that of `shared`: by upstream, null for clouds.
  std::vector<proxy::local_knowledge*> by_upstream(std::size_t upstreams) const;
  /// Null for a cloud.
  local_watch* at(std::uint16_t upstream) const;
  const std::vector<std::unique_ptr<local_watch>>& watches() const { return watches_; }

  /// From the control loop's tick. `trouble`: a cloud is left alone.
  void tick(time_point now, bool trouble);
  /// Called on the control loop when the state of one of them, or what is out of order there, has changed.
  void on_change(const std::function<void(const readiness_report&)>& hear);

  /// From any thread; `done` runs on the control loop when all servers have answered or have not, or all checks ended.
  void refresh(std::function<void()> done);
  void check_now(std::function<void()> done);

  /// Another one has taken its place: what servers keep for this one, and that one does not watch, is released. On the
  /// control loop; then finish() is called from its ticks, until quiet().
  void part_from(const local_tier& next);
  /// The process ends: nothing stays pinned.
  void part();
  void finish(time_point now);
  /// Is anything of that still to be said, or on its way? Not counting loads that are under way.
  bool owes() const;

  /// On the control loop: is nothing under way?
  bool quiet() const;

  // From any thread.
  tier_report report() const;
  policy::ready_state state() const { return report().state; }

 private:
  net::event_loop& control_;
  std::vector<std::unique_ptr<local_watch>> watches_;
};

}  // namespace tideover::ops
