// Which of several local upstreams is asked first for a request.
// Not which model stands in: that is model_choice's, at the upstream that is asked.
#pragma once

#include <span>
#include <string_view>

#include "tideover/policy/model_choice.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

/// How an upstream stands to a model, from what is known of it. Better first.
enum class standing : std::uint8_t {
  has_it,   // installed there, and local
  unclear,  // another one of its models may do, or nothing is known of it yet
  barren,   // it is known, and has none that generates text
};
standing standing_of(const local_catalog& catalog, std::string_view model);

/// Reorders the local candidates among their own places: the better standing first, among equals the file's order.
/// Clouds keep their place, so that nothing here changes what leaves the house. `standings`: by upstream.
void put_holders_first(candidate_list& candidates, const config::snapshot& configuration,
                       std::span<const standing> standings);

}  // namespace tideover::policy
