// What the running daemon knows of a request that is only described: configuration, health, models, queues, as they
// are. Not the explaining (policy/explain), and nothing is taken: no permit, no place in a queue.
#pragma once

#include "tideover/ops/admin_explain.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::app {

/// `shared` and `in_force` outlive what is returned.
ops::explain_view explain_view_of(const proxy::services& shared, const policy::contingency& in_force);

}  // namespace tideover::app
