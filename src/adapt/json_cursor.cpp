#include "tideover/adapt/json_cursor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tideover::adapt {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_white(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

#if defined(__SSE2__)
/// One bit for each of sixteen bytes that ends a run of plain text: quote, backslash, control character. With bit 1
/// flipped the quote joins the control characters as one range, which saturates to zero; so does the backslash.
inline unsigned special_bytes(const char* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i above_quote = _mm_subs_epu8(_mm_xor_si128(bytes, _mm_set1_epi8(0x02)), _mm_set1_epi8(0x20));
  const __m128i off_backslash = _mm_xor_si128(bytes, _mm_set1_epi8('\\'));
  const __m128i plain = _mm_min_epu8(above_quote, off_backslash);
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(plain, _mm_setzero_si128())));
}
#endif

/// The four hex digits after `\u`, or -1.
int hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
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

struct utf8 {
  char bytes[4];
  unsigned size;
  std::string_view view() const { return {bytes, size}; }
};

utf8 encode(unsigned code) {
  const auto byte = [](unsigned value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) return {{byte(code)}, 1};
  if (code < 0x800) return {{byte(0xc0 | (code >> 6)), byte(0x80 | (code & 0x3f))}, 2};
  if (code < 0x10000)
    return {{byte(0xe0 | (code >> 12)), byte(0x80 | ((code >> 6) & 0x3f)), byte(0x80 | (code & 0x3f))}, 3};
  return {{byte(0xf0 | (code >> 18)), byte(0x80 | ((code >> 12) & 0x3f)), byte(0x80 | ((code >> 6) & 0x3f)),
           byte(0x80 | (code & 0x3f))},
          4};
}

/// Decodes the escape at `p` (which points at the backslash) and moves behind it. What is no escape, which happens
/// only to text that no cursor has checked, stands for itself.
utf8 decode_escape(const char*& p, const char* end) {
  constexpr unsigned replacement = 0xfffd;
  if (end - p < 2) return {{*p++}, 1};
  if (const char simple = simple_escape(p[1]); simple != 0) {
    p += 2;
    return {{simple}, 1};
  }
  const int first = p[1] == 'u' ? hex4(p + 2, end) : -1;
  if (first < 0) return {{*p++}, 1};
  p += 6;
  const auto high = static_cast<unsigned>(first);
  if (high < 0xd800 || high > 0xdfff) return encode(high);
  if (high > 0xdbff) return encode(replacement);
  const int second = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
  if (second < 0xdc00 || second > 0xdfff) return encode(replacement);
  p += 6;
  return encode(0x10000 + ((high - 0xd800) << 10) + (static_cast<unsigned>(second) - 0xdc00));
}

}  // namespace

json_cursor::json_cursor(std::string_view text, unsigned max_depth)
    : at_(text.data()), end_(text.data() + text.size()), max_depth_(std::min(max_depth, json_depth_limit)) {}

bool json_cursor::fail() {
  ok_ = false;
  return false;
}

inline void json_cursor::white() {
  while (at_ != end_ && is_white(*at_)) ++at_;
}

json_kind json_cursor::peek() {
  if (!ok_) return json_kind::invalid;
  white();
  if (at_ == end_) return json_kind::invalid;
  switch (*at_) {
    case '{': return json_kind::object;
    case '[': return json_kind::array;
    case '"': return json_kind::string;
    case 't':
    case 'f': return json_kind::boolean;
    case 'n': return json_kind::null;
    default: return *at_ == '-' || is_digit(*at_) ? json_kind::number : json_kind::invalid;
  }
}

bool json_cursor::open(char bracket) {
  if (!ok_) return false;
  white();
  if (at_ == end_ || *at_ != bracket || depth_ >= max_depth_) return fail();
  ++at_;
  ++depth_;
  first_ = true;
  return true;
}

bool json_cursor::enter_object() { return open('{'); }
bool json_cursor::enter_array() { return open('['); }

bool json_cursor::key_and_colon(std::string_view& raw_key) {
  if (!scan_string(raw_key)) return false;
  white();
  if (at_ == end_ || *at_ != ':') return fail();
  ++at_;
  return true;
}

bool json_cursor::next_member(std::string_view& raw_key) {
  if (!ok_) return false;
  white();
  if (at_ == end_ || depth_ == 0) return fail();
  if (*at_ == '}') {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (*at_ != ',') return fail();
    ++at_;
    white();
  }
  first_ = false;
  return key_and_colon(raw_key);
}

bool json_cursor::next_element() {
  if (!ok_) return false;
  white();
  if (at_ == end_ || depth_ == 0) return fail();
  if (*at_ == ']') {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (*at_ != ',') return fail();
    ++at_;
    white();
    if (at_ == end_ || *at_ == ']') return fail();  // a comma promises another value
  }
  first_ = false;
  return true;
}

// Nearly all bytes of a prompt are looked at here and nowhere else, hence sixteen at a time; the escapes among them are
// stepped over within the block, because text with line breaks has one in every other block.
bool json_cursor::scan_string(std::string_view& raw) {
  if (at_ == end_ || *at_ != '"') return fail();
  const char* const start = at_ + 1;
  const char* p = start;
#if defined(__SSE2__)
  while (end_ - p >= 16) {
    const char* next = p + 16;
    for (unsigned hits = special_bytes(p); hits != 0;) {
      const int i = std::countr_zero(hits);
      const char* const special = p + i;
      if (*special == '"') {
        raw = {start, static_cast<std::size_t>(special - start)};
        at_ = special + 1;
        return true;
      }
      if (*special != '\\') return fail();
      if (i < 15 && simple_escape(special[1]) != 0) {
        hits &= hits - 1;
        hits &= ~(2U << i);
        continue;
      }
      const std::ptrdiff_t size = escape_size(special, end_);
      if (size == 0) return fail();
      next = special + size;  // begin a new block behind it: rare, and it may reach into the next one
      break;
    }
    p = next;
  }
#endif
  while (p != end_) {  // the last bytes of the whole text
    if (*p == '"') {
      raw = {start, static_cast<std::size_t>(p - start)};
      at_ = p + 1;
      return true;
    }
    std::ptrdiff_t size = 1;
    if (*p == '\\') {
      size = escape_size(p, end_);
    } else if (static_cast<unsigned char>(*p) < 0x20) {
      size = 0;  // RFC 8259 §7 wants control characters escaped
    }
    if (size == 0) return fail();
    p += size;
  }
  return fail();
}

bool json_cursor::scan_number(std::string_view& raw) {
  const char* const start = at_;
  const auto digits = [this] {
    const char* const from = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != from;
  };
  if (at_ != end_ && *at_ == '-') ++at_;
  if (at_ != end_ && *at_ == '0') {
    ++at_;  // nothing may follow a leading zero but a fraction or an exponent (RFC 8259 §6)
  } else if (!digits()) {
    return fail();
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return fail();
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!digits()) return fail();
  }
  raw = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

bool json_cursor::literal(std::string_view word) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0)
    return fail();
  at_ += word.size();
  return true;
}

bool json_cursor::read_string(std::string_view& raw) {
  if (!ok_) return false;
  white();
  return scan_string(raw);
}

bool json_cursor::read_number(std::string_view& raw) {
  if (!ok_) return false;
  white();
  return scan_number(raw);
}

bool json_cursor::read_bool(bool& value) {
  if (!ok_) return false;
  white();
  if (at_ == end_) return fail();
  value = *at_ == 't';
  return literal(value ? "true" : "false");
}

bool json_cursor::read_null() {
  if (!ok_) return false;
  white();
  return literal("null");
}

bool json_cursor::skip() {
  if (!ok_) return false;
  white();
  if (at_ == end_) return fail();
  return *at_ == '{' || *at_ == '[' ? skip_container() : skip_scalar();
}

bool json_cursor::skip(std::string_view& raw) {
  if (!ok_) return false;
  white();
  const char* const start = at_;
  if (!skip()) return false;
  raw = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

bool json_cursor::skip_scalar() {
  std::string_view ignored;
  switch (*at_) {
    case '"': return scan_string(ignored);
    case 't': return literal("true");
    case 'f': return literal("false");
    case 'n': return literal("null");
    default: return scan_number(ignored);
  }
}

/// One loop instead of recursion: a bit per open container says whether it is an object, so that hostile nesting costs
/// neither stack nor memory.
bool json_cursor::skip_container() {
  std::uint64_t object_bits[json_depth_limit / 64];  // a word is cleared when its first level opens
  const unsigned base = depth_;
  const auto in_object = [&] {
    const unsigned level = depth_ - 1;
    return ((object_bits[level / 64] >> (level % 64)) & 1) != 0;
  };
  std::string_view ignored;

  for (;;) {  // a value is due
    white();
    if (at_ == end_) return fail();
    if (const char bracket = *at_; bracket == '{' || bracket == '[') {
      const unsigned level = depth_;
      if (!open(bracket)) return false;
      const std::uint64_t bit = std::uint64_t{1} << (level % 64);
      std::uint64_t& word = object_bits[level / 64];
      if (level == base || level % 64 == 0) word = 0;
      word = bracket == '{' ? word | bit : word & ~bit;
      white();
      if (at_ == end_) return fail();
      if (*at_ != (bracket == '{' ? '}' : ']')) {
        if (bracket == '{' && !key_and_colon(ignored)) return false;
        continue;
      }
      // empty: closed below like any other
    } else if (!skip_scalar()) {
      return false;
    }

    for (;;) {  // a value has ended, or an empty container is about to
      if (depth_ == base) {
        first_ = false;
        return true;
      }
      white();
      if (at_ == end_) return fail();
      if (*at_ == (in_object() ? '}' : ']')) {
        ++at_;
        --depth_;
        continue;
      }
      if (*at_ != ',') return fail();
      ++at_;
      white();
      if (in_object() && !key_and_colon(ignored)) return false;
      break;
    }
  }
}

bool json_cursor::finish() {
  if (!ok_ || depth_ != 0) return fail();
  white();
  return at_ == end_ || fail();
}

bool json_text_is(std::string_view raw, std::string_view plain) {
  if (raw.find('\\') == std::string_view::npos) return raw == plain;
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p != end) {
    if (plain.empty()) return false;
    if (*p != '\\') {
      if (*p++ != plain.front()) return false;
      plain.remove_prefix(1);
      continue;
    }
    const utf8 decoded = decode_escape(p, end);
    if (!plain.starts_with(decoded.view())) return false;
    plain.remove_prefix(decoded.size);
  }
  return plain.empty();
}

std::string json_decode(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p != end) {
    const auto* next = static_cast<const char*>(std::memchr(p, '\\', static_cast<std::size_t>(end - p)));
    if (next == nullptr) next = end;
    text.append(p, next);
    p = next;
    if (p != end) text.append(decode_escape(p, end).view());
  }
  return text;
}

}  // namespace tideover::adapt
