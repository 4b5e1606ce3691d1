#include "tideover/core/secret.hpp"

#include <openssl/crypto.h>

#include <cstddef>

namespace tideover {

namespace {

constexpr std::size_t shortest_in_base64 = 8;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int hex_number(std::string_view digits) {
  int number = 0;
  for (char const c : digits) {
    int const digit = hex_digit(c);
    if (digit < 0) return -1;
    number = number * 16 + digit;
  }
  return number;
}

/// What an escape at the beginning of a text stands for; `bytes` is 0 where there is none.
struct escape {
  char means = 0;
  std::size_t bytes = 0;
};

escape escape_at(std::string_view text) {
  if (text.size() >= 3 && text[0] == '%') {
    int const number = hex_number(text.substr(1, 2));
    if (number >= 0) return {static_cast<char>(number), 3};
  }
  if (text.size() >= 2 && text[0] == '\\') {
    if (text[1] == '"' || text[1] == '\\' || text[1] == '/') return {text[1], 2};
    int const number = text[1] == 'u' && text.size() >= 6 ? hex_number(text.substr(2, 4)) : -1;
    if (number >= 0 && number < 0x80) return {static_cast<char>(number), 6};
  }
  return {};
}

/// Does the text begin with what `reads(i, c)` accepts as its i-th of `size` characters, escaped or not?
template <class Reads>
bool begins_with(std::string_view text, std::size_t size, const Reads& reads, std::size_t at = 0) {
  while (at < size) {
    if (text.empty()) return false;
    auto const escaped = escape_at(text);
    bool const as_it_is = reads(at, text.front());
    bool const as_escape = escaped.bytes != 0 && reads(at, escaped.means);
    // A backslash or a percent sign may stand for itself: then both readings are tried.
    if (as_it_is && as_escape && begins_with(text.substr(escaped.bytes), size, reads, at + 1)) return true;
    if (!as_it_is && !as_escape) return false;
    text.remove_prefix(as_it_is ? 1 : escaped.bytes);
    ++at;
  }
  return true;
}

template <class Reads>
bool holds(std::string_view text, std::size_t size, const Reads& reads) {
  for (; !text.empty(); text.remove_prefix(1))
    if (begins_with(text, size, reads)) return true;
  return false;
}

/// Six bits, by either alphabet (RFC 4648 §4, §5); -1 for what is no digit.
int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

/// Six bits of the value, from its bit `at` on.
int six_bits(std::string_view value, std::size_t at) {
  auto const byte = [&](std::size_t i) { return i < value.size() ? static_cast<unsigned char>(value[i]) : 0u; };
  unsigned const two = byte(at / 8) << 8 | byte(at / 8 + 1);
  return static_cast<int>(two >> (10 - at % 8) & 63u);
}

/// Within base64 the value begins at one of three places in a group, and of its first and last digits others decide
/// some bits: only those are compared that it decides alone.
bool stands_in_base64(std::string_view value, std::string_view text) {
  for (std::size_t const before : {0u, 8u, 16u}) {  // bits in front of it
    std::size_t const first = (before + 5) / 6;
    std::size_t const end = (before + value.size() * 8) / 6;
    auto const reads = [&](std::size_t i, char c) {
      return base64_digit(c) == six_bits(value, (first + i) * 6 - before);
    };
    if (holds(text, end - first, reads)) return true;
  }
  return false;
}

}  // namespace

secret& secret::operator=(const secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::exchange(other.value_, {});
  }
  return *this;
}

bool secret::equals(std::string_view candidate) const {
  return candidate.size() == value_.size() && CRYPTO_memcmp(candidate.data(), value_.data(), value_.size()) == 0;
}

bool secret::stands_in(std::string_view text) const {
  if (value_.empty()) return false;
  auto const reads = [&](std::size_t i, char c) { return c == value_[i]; };
  return holds(text, value_.size(), reads) || (value_.size() >= shortest_in_base64 && stands_in_base64(value_, text));
}

void secret::wipe() noexcept {
  if (!value_.empty()) OPENSSL_cleanse(value_.data(), value_.size());
}

}  // namespace tideover
