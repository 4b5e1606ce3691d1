// Keeps up what the local server has: asks /api/tags and /api/ps now and then, and whenever somebody needs to know.
// Not a readiness monitor: it tells what is installed and loaded, not whether it works well.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tideover/net/dialer.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::ops {

class local_catalog_watch : public proxy::local_knowledge {
 public:
  /// `upstream` null: there is no local tier, the catalog stays unknown. Everything it refers to outlives it.
  local_catalog_watch(net::event_loop& control, net::resolver& names, const proxy::upstream_route* upstream);

  std::shared_ptr<const policy::local_catalog> current() const override;
  void refresh(std::function<void()> done) override;

  /// From the control loop's tick.
  void tick(time_point now);
  /// Why the last try failed; empty when it did not.
  std::string problem() const;

  static constexpr auto interval = std::chrono::seconds(30);
  static constexpr auto interval_while_unknown = std::chrono::seconds(2);
  static constexpr auto patience = std::chrono::seconds(3);

 private:
  void start();
  net::task<void> ask();

  net::event_loop& control_;
  net::resolver& names_;
  const proxy::upstream_route* upstream_;
  mutable std::mutex mutex_;
  std::shared_ptr<const policy::local_catalog> catalog_;
  std::string problem_;
  std::vector<std::function<void()>> waiting_;
  bool asking_ = false;  // control loop only
  time_point next_{};
};

}  // namespace tideover::ops
