#include "explain_view.hpp"

namespace tideover::app {

ops::explain_view explain_view_of(const proxy::services& shared, const policy::contingency& in_force) {
  using facts = policy::explain_facts;
  ops::explain_view view;
  view.configuration = shared.configuration;
  view.in_force = &in_force;
  view.hosts = shared.hosts;
  for (const auto* known : shared.local) view.catalogs.push_back(known ? known->current() : nullptr);
  view.health = [&shared](std::uint16_t upstream, const request_head& head,
                          std::string_view model) -> std::optional<facts::refusal> {
    auto const& health = *shared.health;
    auto const refused = health.would_refuse(upstream, health.fingerprint(upstream, head), model);
    return refused ? std::optional(facts::refusal{refused->why, refused->wait}) : std::nullopt;
  };
  view.continues_prefill = [&shared](std::uint16_t upstream, std::string_view model) {
    const auto* const known = shared.local[upstream];
    return known ? known->continues_prefill(model) : std::nullopt;
  };
  view.door = [&shared](std::uint16_t upstream, const policy::place_wish& wish) -> std::optional<facts::queue> {
    const auto& gate = shared.gates[upstream];
    if (!gate) return std::nullopt;
    return facts::queue{gate->waiting(), gate->busy(), gate->expected_wait(wish)};
  };
  view.obstacles = shared.health->obstacles();
  return view;
}

}  // namespace tideover::app
