#include "routes.hpp"

#include <map>

namespace tideover::app {

std::vector<proxy::upstream_route> make_routes(const config::snapshot& configuration,
                                               const net::proxy_environment& environment) {
  auto routes = proxy::list_routes(configuration);
  std::map<std::string, net::ssl_context> contexts;  // one per trust setting
  for (auto& route : routes) {
    const auto& settings = *route.settings;
    const auto& url = settings.urls[route.url];
    if (!url.tls) continue;
    auto& context = contexts[settings.tls.ca_file];
    if (!context) context = net::make_client_context(settings.tls.ca_file);
    route.target.tls = context;
    route.target.server_name = settings.tls.server_name.empty() ? url.host : settings.tls.server_name;
    if (settings.tier == tier::cloud) route.target.through = net::tunnel_for(environment, url.host, url.port);
  }
  return routes;
}

}  // namespace tideover::app
