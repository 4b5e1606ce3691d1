// An IP address and port as the system's calls take it.
// Not a name, and no lookup: that is net/resolver.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tideover/core/ip_kind.hpp"
#include "tideover/core/ip_owner.hpp"

namespace tideover::net {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  ip_kind kind() const;
  /// Nothing: it is no IP address.
  std::optional<ip_owner> owner() const;
  /// Loopback, unspecified or link-local: never where a cloud lives; a name that says so is a trick or a mistake.
  bool points_inward() const;
  /// `127.0.0.1:80`, `[::1]:80`
  std::string to_string() const;
  bool operator==(const socket_address& other) const { return to_string() == other.to_string(); }
};

/// Makes an address of an IP literal; `size` is 0 when it is none.
socket_address address_of_literal(const std::string& host, std::uint16_t port);

/// Who is at the other end of a TCP connection, without port; empty where that is not known.
std::string peer_address(int descriptor);

/// First one family, then the other, in turns, each in the order it came; the family of the first address begins
/// (RFC 8305 §4): a family that is broken from here costs one attempt and not all of them.
std::vector<socket_address> in_turns(const std::vector<socket_address>& addresses);

}  // namespace tideover::net
