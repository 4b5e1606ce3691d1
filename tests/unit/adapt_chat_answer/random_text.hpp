// Random text of the kinds that break things: many bytes a character, escapes, white space at every edge.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace tideover::adapt::chat::answer {

inline std::size_t below(std::mt19937& random, std::size_t limit) { return random() % limit; }

inline std::string random_text(std::mt19937& random, std::size_t most_pieces) {
  static constexpr const char* pieces[] = {
      "a",   "the ", " cat", "\n", "\n\n", " ", "\t",     "ß", "漢字", "😀",   "👩‍👩‍👧", "\"", "\\",
      "\\n", "\\u",  "/",    "\r", "{",    "}", "data: ", "é", "\x7f", "\x01"};
  std::string text;
  for (std::size_t n = below(random, most_pieces + 1); n > 0; --n) text += pieces[below(random, std::size(pieces))];
  return text;
}

/// Cuts between characters, never inside one, so that every part is text.
inline std::vector<std::string> random_parts(std::mt19937& random, const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.size(), at + 1 + below(random, 12));
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    parts.push_back(text.substr(at, end - at));
    at = end;
  }
  return parts;
}

}  // namespace tideover::adapt::chat::answer
