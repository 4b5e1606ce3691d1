// A network of the test's own: no interface but loopback, with addresses that look like a cloud's, and a resolver
// configuration that asks 127.0.0.1. For the whole test program and the daemons it starts from then on.
// Not a sandbox: only network and mounts are separate.
#pragma once

#include <string>

namespace tideover::test {

/// Enters it on the first call. False where that is not allowed: then the tests that need it are skipped.
bool has_own_network();

/// Of the addresses that loopback has there beside its own.
inline constexpr auto cloud_address = "10.66.0.1";
inline constexpr auto second_cloud_address = "10.66.0.2";
inline constexpr auto public_address = "93.184.216.34";  // somewhere on the internet, for all that a program can tell

/// Ports that outgoing connections may take, `FIRST LAST`, within the own network.
void set_outgoing_ports(const std::string& range);

}  // namespace tideover::test
