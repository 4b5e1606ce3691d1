// From a configuration to the ways to its upstreams, certificates and house proxies included.
// Not for connecting: net/dialer does.
#pragma once

#include <vector>

#include "tideover/proxy/services.hpp"

namespace tideover::app {

/// Throws std::runtime_error with a sentence when a file or a proxy's URL cannot be used.
std::vector<proxy::upstream_route> make_routes(const config::snapshot& configuration,
                                               const net::proxy_environment& environment);

}  // namespace tideover::app
