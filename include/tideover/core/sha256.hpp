// SHA-256 of a text: how keys are kept, so that whoever reads the configuration cannot call with them.
// Not for passwords that people choose: those need a slow hash. Keys here are 256 random bits.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tideover {

using sha256_digest = std::array<std::uint8_t, 32>;

sha256_digest sha256(std::string_view text);
std::string to_hex(const sha256_digest& digest);
/// 64 hex digits of either case, and nothing else.
std::optional<sha256_digest> parse_sha256(std::string_view hex);
/// Without telling by time where the difference is.
bool same_digest(const sha256_digest& a, const sha256_digest& b);

}  // namespace tideover
