#include "json_tokens.hpp"

#include <algorithm>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tideover::adapt::json_tokens {

#if defined(__SSE2__)
namespace {

/// A run of bytes and, a bit for each, which of them are not plain.
struct block {
  std::uint64_t hits = 0;
  std::ptrdiff_t size = 0;  // 0: the text is over, or too short for blocks
};

/// Whether all of sixty-four bytes are plain. Both tests are of the smallest value, so that one does for all of them;
/// written as one chain, which takes five instructions for sixteen bytes.
inline bool all_plain(const char* p) {
  __m128i least = _mm_set1_epi8(-1);
  __m128i least_off_backslash = _mm_set1_epi8(-1);
  const auto add = [&](const char* from) {
    const __m128i flipped = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), _mm_set1_epi8(0x02));
    least = _mm_min_epu8(least, flipped);  // as in `plainness`
    least_off_backslash = _mm_min_epu8(least_off_backslash, _mm_sub_epi8(flipped, _mm_set1_epi8('\\' ^ 0x02)));
  };
  add(p);
  add(p + 16);
  add(p + 32);
  add(p + 48);
  return zero_bytes(_mm_min_epu8(_mm_subs_epu8(least, _mm_set1_epi8(0x20)), least_off_backslash)) == 0;
}

/// The first of the 128-byte steps from `p` on that is not all plain or that begins after `last`. As `all_plain`, in
/// half the instructions where the processor has them.
[[gnu::target("avx2")]] const char* plain_run_avx2(const char* p, const char* last) {
  const __m256i flip = _mm256_set1_epi8(0x02);
  const __m256i backslash = _mm256_set1_epi8('\\' ^ 0x02);
  for (; p <= last; p += 128) {
    const auto* const from = reinterpret_cast<const __m256i*>(p);
    const __m256i a = _mm256_xor_si256(_mm256_loadu_si256(from), flip);
    const __m256i b = _mm256_xor_si256(_mm256_loadu_si256(from + 1), flip);
    const __m256i c = _mm256_xor_si256(_mm256_loadu_si256(from + 2), flip);
    const __m256i d = _mm256_xor_si256(_mm256_loadu_si256(from + 3), flip);
    const __m256i least = _mm256_min_epu8(_mm256_min_epu8(a, b), _mm256_min_epu8(c, d));
    const __m256i least_off_backslash =
        _mm256_min_epu8(_mm256_min_epu8(_mm256_sub_epi8(a, backslash), _mm256_sub_epi8(b, backslash)),
                        _mm256_min_epu8(_mm256_sub_epi8(c, backslash), _mm256_sub_epi8(d, backslash)));
    const __m256i plain = _mm256_min_epu8(_mm256_subs_epu8(least, _mm256_set1_epi8(0x20)), least_off_backslash);
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(plain, _mm256_setzero_si256())) != 0) break;
  }
  return p;
}
const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;

inline std::uint64_t zero_bytes_of_64(const char* p) {
  return std::uint64_t{zero_bytes(plainness(p))} | std::uint64_t{zero_bytes(plainness(p + 16))} << 16 |
         std::uint64_t{zero_bytes(plainness(p + 32))} << 32 | std::uint64_t{zero_bytes(plainness(p + 48))} << 48;
}
/// Not inlined, lest the compiler keep what it shares with `all_plain` at hand in every step.
[[gnu::noinline]] block block_of_64(const char* p) { return {zero_bytes_of_64(p), 64}; }

/// The last bytes of the whole text, seen once more in a block that reaches back.
inline block last_block(const char* p, bounds text) {
  const std::ptrdiff_t left = text.end - p;
  if (left == 0 || text.end - text.begin < 16) return {};
  return {zero_bytes(plainness(text.end - 16)) >> (16 - left), left};
}

/// The next block with something in it, or the last one. Moves `p` over those without: sixteen bytes a step at first,
/// because most strings are short, then sixty-four or more with one test for all of them.
inline block next_block(const char*& p, const char* start, bounds text) {
  if (p - start < 48 && text.end - p >= 16) {
    const char* const last = std::min(text.end - 16, start + 32);
    for (; p <= last; p += 16)
      if (const unsigned hits = zero_bytes(plainness(p)); hits != 0) return {hits, 16};
  }
  if (text.end - p >= 64) {
    const char* const last = text.end - 64;
    do {
      if (!all_plain(p)) return block_of_64(p);
      p += 64;
      if (has_avx2 && text.end - p >= 128) p = plain_run_avx2(p, text.end - 128);
    } while (p <= last);
  }
  for (; text.end - p >= 16; p += 16)
    if (const unsigned hits = zero_bytes(plainness(p)); hits != 0) return {hits, 16};
  return last_block(p, text);
}

/// The same where an escape was just seen: others are near, so the bits are made at once.
inline block next_block_with_escapes(const char*& p, const char* start, bounds text) {
  for (int i = 0; i < 2 && text.end - p >= 64; ++i, p += 64)
    if (const std::uint64_t hits = zero_bytes_of_64(p); hits != 0) return {hits, 64};
  return next_block(p, start, text);
}

}  // namespace
#endif

namespace {

/// The escapes are stepped over within a block, because text with line breaks has one in every other.
const char* escaped_string_end(const char* p, const char* start, bounds text, bool& escaped) {
#if defined(__SSE2__)
  for (block now = next_block(p, start, text); now.size != 0;) {
    const char* const block_end = p + now.size;
    const char* next = block_end;
    std::uint64_t hits = now.hits;
    while (hits != 0) {
      const auto i = static_cast<unsigned>(std::countr_zero(hits));
      const char* const special = p + i;
      if (*special != '\\') return *special == '"' ? special : nullptr;  // control characters: RFC 8259 §7
      escaped = true;
      if (special + 1 == block_end || simple_escape(special[1]) == 0) [[unlikely]] {
        const std::ptrdiff_t size = escape_size(special, text.end);
        if (size == 0) return nullptr;
        if (special + size > block_end) next = special + size;
      }
      hits &= ~(std::uint64_t{3} << i);  // what is escaped may itself be a quote or a backslash, or else is plain
    }
    p = next;
    now = next_block_with_escapes(p, start, text);
  }
#else
  static_cast<void>(start);
#endif
  while (p != text.end) {
    if (*p == '"') return p;
    std::ptrdiff_t size = 1;
    if (*p == '\\') {
      escaped = true;
      size = escape_size(p, text.end);
    } else if (static_cast<unsigned char>(*p) < 0x20) {
      size = 0;
    }
    if (size == 0) return nullptr;
    p += size;
  }
  return nullptr;
}

}  // namespace

// Nearly all bytes of a prompt are looked at here and nowhere else, hence in blocks.
const char* string_end_from(const char* p, const char* start, bounds text, bool& escaped) {
#if defined(__SSE2__)
  if (const block now = next_block(p, start, text); now.hits != 0) {
    const char* const first = p + static_cast<unsigned>(std::countr_zero(now.hits));
    if (*first == '"') return first;
  }
#endif
  return escaped_string_end(p, start, text, escaped);
}

}  // namespace tideover::adapt::json_tokens
