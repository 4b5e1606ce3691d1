#include "tideover/core/sha256.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace tideover {

sha256_digest sha256(std::string_view text) {
  sha256_digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

std::string to_hex(const sha256_digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (auto const byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::optional<sha256_digest> parse_sha256(std::string_view hex) {
  sha256_digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    char const c = hex[i];
    int const value = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (value < 0) return std::nullopt;
    digest[i / 2] = static_cast<std::uint8_t>(digest[i / 2] << 4 | value);
  }
  return digest;
}

bool same_digest(const sha256_digest& a, const sha256_digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tideover
