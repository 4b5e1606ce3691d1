#include "tideover/net/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace tideover::net {

namespace {

std::span<const unsigned char> ip_of(const socket_address& at) {
  if (at.family() == AF_INET) {
    auto const& ip = reinterpret_cast<const sockaddr_in*>(&at.storage)->sin_addr;
    return {reinterpret_cast<const unsigned char*>(&ip), sizeof ip};
  }
  return reinterpret_cast<const sockaddr_in6*>(&at.storage)->sin6_addr.s6_addr;
}

}  // namespace

ip_kind socket_address::kind() const { return kind_of_ip(ip_of(*this)); }

std::optional<ip_owner> socket_address::owner() const {
  if (family() != AF_INET && family() != AF_INET6) return std::nullopt;
  return owner_of_ip(ip_of(*this));
}

bool socket_address::points_inward() const {
  switch (kind()) {
    case ip_kind::loopback:
    case ip_kind::unspecified:
    case ip_kind::link_local: return true;
    case ip_kind::private_net:  // a gateway of the house in front of the cloud is a usual thing
    case ip_kind::public_net: return false;
  }
  return false;
}

std::string socket_address::to_string() const {
  char host[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    auto const* const v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  auto const* const v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  ::inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
  return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6->sin6_port));
}

std::string peer_address(int descriptor) {
  socket_address at;
  at.size = sizeof at.storage;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&at.storage), &at.size) != 0) return {};
  if (at.family() != AF_INET && at.family() != AF_INET6) return {};
  auto text = at.to_string();
  text.resize(text.rfind(':'));
  return text.starts_with('[') ? text.substr(1, text.size() - 2) : text;
}

socket_address address_of_literal(const std::string& host, std::uint16_t port) {
  socket_address address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
  }
  return address;
}

std::vector<socket_address> in_turns(const std::vector<socket_address>& addresses) {
  std::vector<socket_address> first, other, mixed;
  for (const auto& a : addresses) (a.family() == addresses.front().family() ? first : other).push_back(a);
  for (std::size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < other.size()) mixed.push_back(other[i]);
  }
  return mixed;
}

}  // namespace tideover::net
