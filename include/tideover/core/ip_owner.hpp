// Whose an IP address is, for limits by address: one machine's, or the network's that one household or machine has.
// Not for names or text, and not who somebody is: an address may be shared by many and changed at will.
#pragma once

#include <array>
#include <compare>
#include <span>

namespace tideover {

/// An IPv4 address stands here in its IPv6 form (mapped), so that a caller is the same one through either kind of
/// socket; kind_of_ip() takes it as it is.
struct ip_owner {
  std::array<unsigned char, 16> address{};

  auto operator<=>(const ip_owner&) const = default;
};

/// `address` has 4 or 16 bytes in network order. Of IPv6 the first 64 bits count, because whoever has one address there
/// has all that differ only in the rest (RFC 6177). Where those bits are zero (::1, mapped IPv4) it is a single
/// machine's.
ip_owner owner_of_ip(std::span<const unsigned char> address);

}  // namespace tideover
