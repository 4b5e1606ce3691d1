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

/// Of the port: a listening socket of this process elsewhere on the same port cannot be told from a stranger's.
enum class port_use : std::uint8_t { must_be_free, may_be_ours };

/// `host` is an IP literal, or `localhost`, or empty for all interfaces. Port 0 lets the kernel choose one for all.
/// Throws std::runtime_error with a sentence: address in use, no permission, no such address.
bound_sockets listen_on(const std::string& host, std::uint16_t port, std::size_t sockets,
                        port_use use = port_use::must_be_free);

}  // namespace tideover::net
