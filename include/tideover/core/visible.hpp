// Whether a text is nothing but visible ASCII and spaces, eight bytes at a time: names, paths and values nearly always
// are, and whoever writes them may then copy them as they stand. Not for what is to be done with the others.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tideover {

constexpr bool is_visible_or_space(char c) { return c >= 0x20 && c < 0x7f; }

/// True if every byte is between space and tilde.
inline bool all_visible(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  std::size_t const n = text.size();
  if (n < 8) {
    for (char const c : text)
      if (!is_visible_or_space(c)) return false;
    return true;
  }
  std::uint64_t found = 0;
  auto const look = [&](std::size_t at) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    auto const off_del = eight ^ (ones * 0x7f);
    // Each term has a high bit where a byte is beyond ASCII, below the space, or DEL. Borrows only follow such a byte.
    found |= eight | (eight - ones * 0x20) | ((off_del - ones) & ~off_del);
  };
  for (std::size_t at = 0; at + 8 <= n; at += 8) look(at);
  look(n - 8);  // the rest, and again some of what was there
  return (found & highs) == 0;
}

}  // namespace tideover
