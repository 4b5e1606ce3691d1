// What the failover machine is told of one exchange, made from its route, its body and its workflow.
// Not the machine (failover): this is its input, the same for real requests and for those that are only explained.
#pragma once

#include "tideover/adapt/request_scan.hpp"
#include "tideover/config/snapshot.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/policy/failover.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

/// Contingency of any workflow that was named counts: a caller can only tighten. `active(name)` says whether it is on.
template <class Active>
bool kept_from_clouds(const route& r, Active active) {
  const auto counts = [&](const config::workflow* w) { return w != nullptr && active(w->name); };
  return counts(r.workflow) || counts(r.also) || counts(r.also_too);
}

/// How often an SDK says that it has repeated this request (x-stainless-retry-count); 0: never, or it does not say.
unsigned sdk_repeats(const header_fields& fields);

/// What a body that is held says of the request. Of one in Ollama's own API only the model matters.
adapt::request_facts facts_of(const route& r, std::string_view body);

struct plan_facts {
  time_point started{};
  bool in_contingency = false;
  bool repeats = false;  // an SDK's own repeat
};

/// Of a request that is held. `r` was not refused.
exchange_plan plan_for(const route& r, const adapt::request_facts& body, const config::snapshot& configuration,
                       const plan_facts& facts);
/// Of one whose body is streamed through: one attempt, which may take as long as bytes move.
exchange_plan plan_for_stream_through(const route& r, const config::snapshot& configuration, const plan_facts& facts);

}  // namespace tideover::policy
