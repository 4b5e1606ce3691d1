// The words of JSON as byte ranges: where white space, a string, a number ends. Pure functions on pointers.
// Internal to adapt, and no grammar: which word may follow which is json_cursor's.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tideover::adapt::json_tokens {

/// The text around a word: where it begins, so that a last block may reach back, and where it ends.
struct bounds {
  const char* begin;
  const char* end;
};

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

inline bool is_white(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Machines write no white space, hence one comparison before the loop; people and some servers indent.
inline const char* past_white(const char* p, const char* end) {
  if (p == end || static_cast<unsigned char>(*p) > ' ') return p;
  while (p != end && is_white(*p)) ++p;
  return p;
}

constexpr auto hex_values = [] {
  std::array<signed char, 256> table{};
  for (auto& value : table) value = -1;
  for (int i = 0; i < 10; ++i) table[static_cast<std::size_t>('0' + i)] = static_cast<signed char>(i);
  for (int i = 0; i < 6; ++i)
    table[static_cast<std::size_t>('a' + i)] = table[static_cast<std::size_t>('A' + i)] =
        static_cast<signed char>(10 + i);
  return table;
}();

/// The four hex digits after `\u`, or -1.
inline int hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  const auto digit = [p](int i) { return static_cast<int>(hex_values[static_cast<unsigned char>(p[i])]); };
  const int value = digit(0) * 4096 | digit(1) * 256 | digit(2) * 16 | digit(3);  // negative if any of them is
  return value < 0 ? -1 : value;
}

/// The byte a two-character escape stands for, or 0. `\u` is not one of them.
constexpr auto simple_escapes = [] {
  std::array<char, 256> table{};
  table['"'] = '"';
  table['\\'] = '\\';
  table['/'] = '/';
  table['b'] = '\b';
  table['f'] = '\f';
  table['n'] = '\n';
  table['r'] = '\r';
  table['t'] = '\t';
  return table;
}();
inline char simple_escape(char c) { return simple_escapes[static_cast<unsigned char>(c)]; }

/// How many bytes the escape at `p` (which points at the backslash) takes, or 0 if it is none.
inline std::ptrdiff_t escape_size(const char* p, const char* end) {
  if (end - p < 2) return 0;
  if (simple_escape(p[1]) != 0) return 2;
  return p[1] == 'u' && hex4(p + 2, end) >= 0 ? 6 : 0;
}

#if defined(__SSE2__)
/// Zero for each byte that ends a run of plain text: quote, backslash, control character. With bit 1 flipped the quote
/// joins the control characters as one range, which saturates to zero; so does the backslash.
inline __m128i plainness(const char* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i above_quote = _mm_subs_epu8(_mm_xor_si128(bytes, _mm_set1_epi8(0x02)), _mm_set1_epi8(0x20));
  return _mm_min_epu8(above_quote, _mm_xor_si128(bytes, _mm_set1_epi8('\\')));
}

/// One bit for each zero byte.
inline unsigned zero_bytes(__m128i bytes) {
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128())));
}
#endif

/// The closing quote of the string whose first byte after the opening quote is `start`, or null if it is broken. Bytes
/// before `p` are known to be plain. Sets `escaped` if there is an escape in it.
const char* string_end_from(const char* p, const char* start, bounds text, bool& escaped);

/// How many bytes past its opening quote a text must go on for `short_string_end`.
inline constexpr std::ptrdiff_t short_string = 16;

/// The closing quote of a string of less than 16 bytes (32 if the text goes on for more) without escapes, as keys and
/// most values are; else null. Where the text goes on for more than `short_string` bytes, so it does behind the quote.
inline const char* short_string_end([[maybe_unused]] const char* start, [[maybe_unused]] const char* end) {
#if defined(__SSE2__)
  unsigned hits = zero_bytes(plainness(start));
  if (hits == 0) {
    if (end - start <= 32) return nullptr;
    start += 16;
    hits = zero_bytes(plainness(start));
    if (hits == 0) return nullptr;
  }
  const char* const first = start + static_cast<unsigned>(std::countr_zero(hits));
  if (*first == '"') return first;
#endif
  return nullptr;
}

/// The closing quote of any string, or null if it is broken; sets `escaped` either way.
inline const char* string_end(const char* start, bounds text, bool& escaped) {
  escaped = false;
  if (text.end - start >= short_string) [[likely]]
    if (const char* const quote = short_string_end(start, text.end)) return quote;
  return string_end_from(start, start, text, escaped);
}

/// The first byte at or after `p` that is no digit.
inline const char* digits_end(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i is_digit_mask = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    const int digits = std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(is_digit_mask)));
    p += digits;
    if (digits != 16) return p;
  }
#endif
  while (p != end && is_digit(*p)) ++p;
  return p;
}

/// Where the number at `p` ends, or null if there is none.
inline const char* number_end(const char* p, const char* end) {
  if (p != end && *p == '-') ++p;
  if (p != end && *p == '0') {
    ++p;  // nothing may follow a leading zero but a fraction or an exponent (RFC 8259 §6)
  } else {
    const char* const from = p;
    p = digits_end(from, end);
    if (p == from) return nullptr;
  }
  if (p != end && *p == '.') {
    const char* const from = p + 1;
    p = digits_end(from, end);
    if (p == from) return nullptr;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    const char* from = p + 1;
    if (from != end && (*from == '+' || *from == '-')) ++from;
    p = digits_end(from, end);
    if (p == from) return nullptr;
  }
  return p;
}

/// Where the literal `word` at `p` ends, or null if it is not there.
template <std::size_t SizeWithNul>
const char* literal_end(const char* p, const char* end, const char (&word)[SizeWithNul]) {
  constexpr std::size_t size = SizeWithNul - 1;
  return static_cast<std::size_t>(end - p) >= size && std::memcmp(p, word, size) == 0 ? p + size : nullptr;
}

/// Where the string, number or literal at `p` ends, or null. `p` is not the end.
inline const char* scalar_end(const char* p, bounds text) {
  switch (*p) {
    case '"': {
      bool ignored;
      const char* const quote = string_end(p + 1, text, ignored);
      return quote == nullptr ? nullptr : quote + 1;
    }
    case 't': return literal_end(p, text.end, "true");
    case 'f': return literal_end(p, text.end, "false");
    case 'n': return literal_end(p, text.end, "null");
    default: return number_end(p, text.end);
  }
}

}  // namespace tideover::adapt::json_tokens
