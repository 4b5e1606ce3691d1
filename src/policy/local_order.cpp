#include "tideover/policy/local_order.hpp"

namespace tideover::policy {

standing standing_of(const local_catalog& catalog, std::string_view model) {
  if (catalog.silent) return standing::silent;
  if (!catalog.known) return standing::unclear;
  auto const local = [](const local_model& m) { return !m.remote && !names_remote(m.name); };
  if (const auto* m = catalog.find(model); m != nullptr && local(*m)) return standing::has_it;
  bool const any = std::any_of(catalog.models.begin(), catalog.models.end(),
                               [&](const local_model& m) { return m.completion && local(m); });
  return any ? standing::unclear : standing::barren;
}

std::string_view meant_model(const route& r, std::string_view requested, const config::snapshot& configuration) {
  if (r.what == endpoint::ollama_native) return requested;
  auto const found = find_rule({.workflow = r.workflow->name,
                                .of_workflow = &r.workflow->models,
                                .global = &configuration.models,
                                .context_limit = std::nullopt},
                               requested);
  return found.rule != nullptr ? std::string_view(found.rule->local) : requested;
}

void put_holders_first(candidate_list& candidates, const config::snapshot& configuration,
                       std::span<const standing> standings) {
  auto const is_local = [&](std::uint16_t upstream) { return configuration.upstreams[upstream].tier == tier::local; };
  std::vector<std::uint16_t> order;
  for (std::uint8_t i = 0; i < candidates.size; ++i)
    if (is_local(candidates.index[i])) order.push_back(candidates.index[i]);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint16_t a, std::uint16_t b) { return standings[a] < standings[b]; });
  auto next = order.begin();
  for (std::uint8_t i = 0; i < candidates.size; ++i)
    if (is_local(candidates.index[i])) candidates.index[i] = *next++;
}

}  // namespace tideover::policy
