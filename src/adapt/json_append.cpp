#include "json_append.hpp"

#include <cstddef>

namespace tideover::adapt {

namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;  // 0 continues nothing
}

/// How many bytes the character at `at` has, whose first byte is not ASCII; 0 if they are no UTF-8 (RFC 3629 §4).
std::size_t character_size(std::string_view text, std::size_t at) {
  const auto tail = [&](std::size_t i) { return (byte_at(text, at + i) & 0xc0U) == 0x80U; };
  const unsigned first = byte_at(text, at);
  const unsigned second = byte_at(text, at + 1);
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool longer_than_needed = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second > 0x9f;
    return tail(1) && tail(2) && !longer_than_needed && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool longer_than_needed = first == 0xf0 && second < 0x90;
    const bool beyond_unicode = first == 0xf4 && second > 0x8f;
    return tail(1) && tail(2) && tail(3) && !longer_than_needed && !beyond_unicode ? 4 : 0;
  }
  return 0;
}

void append_control(std::string& out, char c) {
  constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto value = static_cast<unsigned char>(c);
  out += "\\u00";
  out += hex[value >> 4];
  out += hex[value & 0xf];
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
  std::size_t from = 0;  // what is before it has been written
  const auto write_up_to = [&](std::size_t end) { out.append(text, from, end - from); };
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x80) {
      if (const std::size_t size = character_size(text, at); size != 0) {
        at += size;
        continue;
      }
    } else if (c >= 0x20 && c != '"' && c != '\\') {
      ++at;
      continue;
    }
    write_up_to(at);
    if (c >= 0x80) {
      out += "\xEF\xBF\xBD";
    } else if (c < 0x20) {
      append_control(out, text[at]);
    } else {
      out += '\\';
      out += text[at];
    }
    from = ++at;
  }
  write_up_to(text.size());
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = byte_at(text, at) < 0x80 ? 1 : character_size(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

}  // namespace tideover::adapt
