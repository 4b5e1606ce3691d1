#include "tideover/net/connection_pool.hpp"

#include <algorithm>

namespace tideover::net {

std::unique_ptr<stream> connection_pool::take(std::size_t upstream, std::optional<cloud_pass> pass) {
  if (upstreams_[upstream].outside && !pass) return nullptr;
  auto& idle = upstreams_[upstream].idle;
  while (!idle.empty()) {
    auto connection = std::move(idle.back().connection);
    idle.pop_back();
    if (connection->quiet()) return connection;
  }
  return nullptr;
}

void connection_pool::give_back(std::size_t upstream, std::unique_ptr<stream> connection, time_point now) {
  auto& idle = upstreams_[upstream].idle;
  // Bytes behind a complete answer belong to nobody: they must not become the next caller's answer.
  if (!connection->quiet() || idle.size() >= max_idle) return;
  idle.push_back({std::move(connection), now});
}

void connection_pool::sweep(time_point now) {
  for (auto& u : upstreams_) {
    std::erase_if(
        u.idle, [&](const idle_connection& c) { return c.connection->peer_closed() || now - c.since > max_idle_time; });
  }
}

void connection_pool::close_all() {
  for (auto& u : upstreams_) u.idle.clear();
}

void connection_pool::close_idle(std::size_t upstream) { upstreams_[upstream].idle.clear(); }

}  // namespace tideover::net
