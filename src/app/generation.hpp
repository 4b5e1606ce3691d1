// One configuration at work: everything that is made from it, and goes when the last who uses it has gone.
// Not the process: listeners, workers, journal and operators' decisions outlive every configuration.
#pragma once

#include <memory>
#include <string>

#include "tideover/net/dialer.hpp"
#include "tideover/net/event_loop.hpp"
#include "tideover/net/resolver.hpp"
#include "tideover/ops/cloud_probe.hpp"
#include "tideover/ops/local_tier.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::app {

/// What every configuration works with.
struct process_parts {
  net::event_loop& control;
  net::resolver& names;
  proxy::memory_budget& memory;
  proxy::client_gate& clients;
  proxy::caller_count& callers;
  std::string machine_name;
  net::proxy_environment environment;
  std::shared_ptr<ops::model_stays> stays = std::make_shared<ops::model_stays>();
};

/// The local tier with what it refers to. It outlives a configuration where the next one says the same about it; where
/// it says something else, the next one begins with what has been learnt about servers that stay where they are.
struct local_side {
  local_side(const process_parts& process, const proxy::services& from, const local_side* before);

  const proxy::services shared;  // its own: who made it may go
  ops::local_tier tier;
};

/// Made, lent out and destroyed on the control loop.
class generation {
 public:
  /// `before` hands over what is known of upstreams that stay, and the doors of local ones that stay where they are.
  /// Throws std::runtime_error with a sentence (a trust store that cannot be read).
  generation(config::snapshot_ptr configuration, const process_parts& process, const generation* before);
  generation(const generation&) = delete;
  generation& operator=(const generation&) = delete;

  const config::snapshot& configuration() const { return *shared_.configuration; }
  const proxy::services& shared() const { return shared_; }
  proxy::health_table& health() { return health_; }
  const proxy::health_table& health() const { return health_; }
  proxy::contingency_view& contingency() { return contingency_; }
  const std::shared_ptr<local_side>& local() const { return local_; }
  ops::cloud_probe& probe() { return probe_; }

  /// Other limits reach the gates that were taken over. To be called when this generation takes its place.
  void begin();
  /// Is nothing of its own under way?
  bool quiet() const { return probe_.quiet(); }

 private:
  proxy::services make_services(config::snapshot_ptr configuration, const process_parts& process,
                                const generation* before);

  proxy::contingency_view contingency_;
  proxy::health_table health_;
  proxy::services shared_;
  std::shared_ptr<local_side> local_;
  ops::cloud_probe probe_;
};

/// For workers. Wherever the last copy goes, `of` is let go on the control loop.
proxy::services_ptr lend(const std::shared_ptr<generation>& of, net::event_loop& control);

}  // namespace tideover::app
