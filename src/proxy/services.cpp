#include "tideover/proxy/services.hpp"

#include "tideover/policy/reach.hpp"

namespace tideover::proxy {

std::optional<cloud_pass> services::upkeep_pass() const {
  return policy::reach::of_upkeep(*configuration, [&](const std::string& w) { return contingency->active(w); });
}

std::size_t services::way(std::uint16_t upstream, std::uint16_t url) const {
  if (url == 0) return upstream;
  for (std::size_t i = configuration->upstreams.size(); i < upstreams.size(); ++i)
    if (upstreams[i].settings == &configuration->upstreams[upstream] && upstreams[i].url == url) return i;
  return upstream;
}

std::vector<upstream_route> list_routes(const config::snapshot& configuration) {
  std::vector<upstream_route> routes;
  auto const add = [&](const config::upstream& settings, std::size_t url) {
    const auto& where = settings.urls[url];
    upstream_route route;
    route.settings = &settings;
    route.url = static_cast<std::uint16_t>(url);
    route.authority = where.authority();
    route.base_path = where.base_path;
    route.target.host = where.host;
    route.target.port = where.port;
    route.target.outside = settings.tier == tier::cloud;
    route.target.inside = settings.tier == tier::local && !settings.allow_public;
    routes.push_back(std::move(route));
  };
  for (const auto& settings : configuration.upstreams) add(settings, 0);
  for (const auto& settings : configuration.upstreams)
    for (std::size_t url = 1; url < settings.urls.size(); ++url) add(settings, url);
  return routes;
}

}  // namespace tideover::proxy
