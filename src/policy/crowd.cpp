#include "tideover/policy/crowd.hpp"

#include "tideover/core/ip_kind.hpp"

namespace tideover::policy {

std::optional<std::size_t> most_from(const std::optional<ip_owner>& address, const config::limits& limits) {
  if (!address) return std::nullopt;
  if (limits.connections_per_address) return limits.connections_per_address;
  if (kind_of_ip(address->address) == ip_kind::loopback) return std::nullopt;
  return (limits.connections + 1) / 2;
}

welcome may_come_in(const crowd& now, const std::optional<ip_owner>& address, const config::limits& limits) {
  auto const most = most_from(address, limits);
  if (most && now.from_address >= 2 * *most) return welcome::turned_away;
  if (most && now.from_address >= *most) return welcome::too_many_from_address;
  return now.inside >= limits.connections ? welcome::too_many : welcome::come_in;
}

}  // namespace tideover::policy
