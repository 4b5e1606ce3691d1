// Listening sockets: one per worker on the same address, shared by the kernel (SO_REUSEPORT).
// Not an accept loop: that is proxy/worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tideover::net {

struct bound_sockets {
  std::vector<int> descriptors;  // non-blocking, listening
  std::string address;           // as bound: 127.0.0.1:6837, [::1]:6837
};

/// `host` is an IP literal, or `localhost`, or empty for all interfaces. Port 0 lets the kernel choose one for all.
/// Throws std::runtime_error with a sentence: address in use, no permission, no such address.
bound_sockets listen_on(const std::string& host, std::uint16_t port, std::size_t sockets);

}  // namespace tideover::net
