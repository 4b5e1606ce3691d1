#include "generation.hpp"

#include <algorithm>

#include "routes.hpp"
#include "tideover/config/changes.hpp"

namespace tideover::app {

namespace {

/// Without what belongs to the configuration that made it: the local tier needs none of it.
proxy::services for_local(proxy::services from) {
  from.health = nullptr;
  from.contingency = nullptr;
  from.local.clear();
  return from;
}

/// Has nothing been said differently about local upstreams, where they stand, and which models are wanted of them?
bool same_local_tier(const config::snapshot& before, const config::snapshot& after) {
  std::vector<std::string> places;
  for (const auto* c : {&before, &after})
    for (std::size_t i = 0; i < c->upstreams.size(); ++i) {
      const auto& u = c->upstreams[i];
      if (u.tier != tier::local) continue;
      for (const auto* other : {&before, &after})
        if (i >= other->upstreams.size() || other->upstreams[i].name != u.name) return false;
      places.push_back("upstreams." + u.name);
    }
  auto const changes = config::changes_between(before, after);
  return std::none_of(changes.begin(), changes.end(), [&](const config::change& c) {
    if (c.key.starts_with("models") || c.key.find(".models[") != std::string::npos) return true;
    return std::any_of(places.begin(), places.end(), [&](const std::string& place) {
      return c.key.starts_with(place) && (c.key.size() == place.size() || c.key[place.size()] == '.');
    });
  });
}

/// The same servers have the same places: two doors before one house would let in twice as many.
std::shared_ptr<proxy::local_gate> gate_for(const config::upstream& u, const generation* before) {
  if (u.tier != tier::local) return nullptr;
  const auto* const was = before ? before->configuration().find_upstream(u.name) : nullptr;
  if (was != nullptr && was->tier == tier::local &&
      std::equal(u.urls.begin(), u.urls.end(), was->urls.begin(), was->urls.end(),
                 [](const auto& a, const auto& b) { return a.to_string() == b.to_string(); }))
    return before->shared().gates[static_cast<std::size_t>(was - before->configuration().upstreams.data())];
  return std::make_shared<proxy::local_gate>(u);
}

}  // namespace

local_side::local_side(const process_parts& process, const proxy::services& from, const local_side* before)
    : shared(for_local(from)), tier(process.control, shared, process.stays) {
  if (before) tier.take_over(before->tier);
}

proxy::services generation::make_services(config::snapshot_ptr configuration, const process_parts& process,
                                          const generation* before) {
  proxy::services made;
  made.upstreams = make_routes(*configuration, process.environment);
  for (const auto& u : configuration->upstreams) made.gates.push_back(gate_for(u, before));
  made.hosts = {process.machine_name, configuration->hosts};
  made.names = &process.names;
  made.memory = &process.memory;
  made.health = &health_;
  made.contingency = &contingency_;
  made.clients = &process.clients;
  made.callers = &process.callers;
  made.configuration = std::move(configuration);
  return made;
}

generation::generation(config::snapshot_ptr configuration, const process_parts& process, const generation* before)
    : health_(before ? proxy::health_table(*configuration, before->health_, before->configuration())
                     : proxy::health_table(*configuration)),
      shared_(make_services(configuration, process, before)),
      local_(before && same_local_tier(before->configuration(), *configuration)
                 ? before->local_
                 : std::make_shared<local_side>(process, shared_, before ? before->local_.get() : nullptr)),
      probe_(process.control, shared_) {
  shared_.local = local_->tier.by_upstream(shared_.configuration->upstreams.size());
}

void generation::begin() {
  for (std::size_t i = 0; i < shared_.gates.size(); ++i)
    if (shared_.gates[i]) shared_.gates[i]->adjust(configuration().upstreams[i]);
}

proxy::services_ptr lend(const std::shared_ptr<generation>& of, net::event_loop& control) {
  return {&of->shared(),
          [of, inbox = control.inbox()](const proxy::services*) mutable { inbox->post([held = std::move(of)] {}); }};
}

}  // namespace tideover::app
