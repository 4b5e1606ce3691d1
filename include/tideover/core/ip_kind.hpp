// What kind of network an IP address belongs to, looked at through the ways of writing IPv4 inside IPv6.
// Not for names or text: who has those reads them first.
#pragma once

#include <cstdint>
#include <span>

namespace tideover {

enum class ip_kind : std::uint8_t {
  loopback,     // 127.0.0.0/8, ::1
  unspecified,  // 0.0.0.0/8, ::
  link_local,   // 169.254.0.0/16, fe80::/10: the neighbour on the wire; machines keep their metadata services here
  private_net,  // RFC 1918, RFC 6598, unique local (RFC 4193): does not leave the house
  public_net,   // everything else
};

/// `address` has 4 or 16 bytes in network order. An IPv6 address that only wraps an IPv4 one (mapped, compatible,
/// NAT64, 6to4) is of that one's kind: packets end there.
ip_kind kind_of_ip(std::span<const unsigned char> address);

}  // namespace tideover
