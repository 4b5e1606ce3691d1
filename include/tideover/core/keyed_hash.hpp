// A 64-bit hash under a secret key: tells texts apart without keeping them, and nobody outside can aim for a collision.
// Not for signatures or stored passwords: 64 bits are for tables that live as long as the process.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tideover {

using hash_key = std::array<std::uint64_t, 2>;

/// SipHash-2-4 (Aumasson and Bernstein, 2012).
std::uint64_t keyed_hash(const hash_key& key, std::string_view text);

}  // namespace tideover
