#include "tideover/core/ip_kind.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace tideover {
namespace {

using bytes = std::span<const unsigned char>;

bool starts_with(bytes address, std::initializer_list<unsigned char> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

ip_kind kind_of_v4(bytes a) {
  if (a[0] == 127) return ip_kind::loopback;
  if (a[0] == 0) return ip_kind::unspecified;  // RFC 1122 §3.2.1.3: "this network"
  if (a[0] == 169 && a[1] == 254) return ip_kind::link_local;
  bool const rfc1918 = a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168);
  bool const shared = a[0] == 100 && (a[1] & 0xc0) == 64;  // RFC 6598; overlay networks such as Tailscale live here
  return rfc1918 || shared ? ip_kind::private_net : ip_kind::public_net;
}

/// The IPv4 address that is all an IPv6 address means.
std::optional<bytes> wrapped_v4(bytes a) {
  bool const mapped = starts_with(a, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});      // RFC 4291 §2.5.5.2
  bool const nat64 = starts_with(a, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}) ||  // RFC 6052 §2.1
                     starts_with(a, {0, 0x64, 0xff, 0x9b, 0, 1});                      // RFC 8215, as a /96
  bool const compatible = starts_with(a, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) &&      // RFC 4291 §2.5.5.1
                          (a[12] != 0 || a[13] != 0 || a[14] != 0);
  if (mapped || nat64 || compatible) return a.subspan(12, 4);
  if (starts_with(a, {0x20, 0x02})) return a.subspan(2, 4);  // 6to4, RFC 3056 §2
  return std::nullopt;
}

ip_kind kind_of_v6(bytes a) {
  if (auto const inner = wrapped_v4(a)) return kind_of_v4(*inner);
  if (std::all_of(a.begin(), a.end() - 1, [](unsigned char b) { return b == 0; })) {
    if (a[15] == 0) return ip_kind::unspecified;
    if (a[15] == 1) return ip_kind::loopback;
  }
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return ip_kind::link_local;
  return (a[0] & 0xfe) == 0xfc ? ip_kind::private_net : ip_kind::public_net;
}

}  // namespace

ip_kind kind_of_ip(std::span<const unsigned char> address) {
  return address.size() == 4 ? kind_of_v4(address) : kind_of_v6(address);
}

}  // namespace tideover
