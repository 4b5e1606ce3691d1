// POST /api/explain: reads a description strictly, asks for the facts as they are now, answers with the explanation.
// It changes nothing, but it is asked like a change: through the socket, or with the token.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tideover/ops/admin_api.hpp"
#include "tideover/policy/endpoint_health.hpp"
#include "tideover/policy/explain.hpp"

namespace tideover::ops {

/// What an explanation is made of, kept alive while it is made. Called for every request.
struct explain_view {
  config::snapshot_ptr configuration;
  const policy::contingency* in_force = nullptr;
  std::vector<std::shared_ptr<const policy::local_catalog>> catalogs;  // by upstream; null for clouds
  adapt::host_rules hosts{};
  decltype(policy::explain_facts::health) health{};
  decltype(policy::explain_facts::continues_prefill) continues_prefill{};
  decltype(policy::explain_facts::door) door{};
  std::vector<policy::endpoint_health::obstacle> obstacles{};  // whose keys they are about is not known
};

void serve_explain(admin_api& api, std::function<explain_view()> view);

/// Requests with images are larger than orders.
inline constexpr std::size_t most_explained_bytes = 1u << 20;

}  // namespace tideover::ops
