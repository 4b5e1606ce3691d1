// Which of several local upstreams is asked first for a request.
// Not which model stands in: that is model_choice's, at the upstream that is asked.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "tideover/policy/model_choice.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

/// How an upstream stands to a model, from what is known of it. Better first.
enum class standing : std::uint8_t {
  has_it,   // installed there, and local
  unclear,  // another one of its models may do, or nothing is known of it yet
  silent,   // it said nothing when it was last asked: its callers might wait for long
  barren,   // it is known, and has none that generates text
};
standing standing_of(const local_catalog& catalog, std::string_view model);

/// The model by which an upstream is judged: the one that a rule names, else the requested one.
std::string_view meant_model(const route& r, std::string_view requested, const config::snapshot& configuration);

/// Reorders the local candidates among their own places: the better standing first, among equals the file's order.
/// Clouds keep their place, so that nothing here changes what leaves the house. `standings`: by upstream.
void put_holders_first(candidate_list& candidates, const config::snapshot& configuration,
                       std::span<const standing> standings);

/// The same for a request. `catalog_of(upstream)` gives what is known of a local upstream, or null. With one local
/// upstream there is nothing to ask.
template <class CatalogOf>
void order_locals(candidate_list& candidates, const route& r, std::string_view requested,
                  const config::snapshot& configuration, CatalogOf&& catalog_of) {
  auto const is_local = [&](std::uint16_t i) { return configuration.upstreams[i].tier == tier::local; };
  if (std::count_if(candidates.index, candidates.index + candidates.size, is_local) < 2) return;
  auto const meant = meant_model(r, requested, configuration);
  std::vector<standing> standings(configuration.upstreams.size(), standing::unclear);
  for (std::uint16_t i = 0; i < standings.size(); ++i)
    if (is_local(i))
      if (auto const catalog = catalog_of(i)) standings[i] = standing_of(*catalog, meant);
  put_holders_first(candidates, configuration, standings);
}

}  // namespace tideover::policy
