#include "tideover/adapt/json_cursor.hpp"

#include <cstddef>
#include <cstring>

#include "json_tokens.hpp"

namespace tideover::adapt {

using namespace json_tokens;

namespace {

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

bool json_cursor::fail() {
  at_ = end_;
  due_[0] = ',';
  ok_ = false;
  return false;
}

/// Moves over white space; true if something follows.
inline bool json_cursor::white() {
  at_ = past_white(at_, end_);
  return at_ != end_;
}

/// Moves to `end`, which is null where nothing was found.
inline bool json_cursor::accept(const char* end) {
  if (end == nullptr) return fail();
  at_ = end;
  return true;
}

json_kind json_cursor::peek_past_white() {
  return white() ? kinds_[static_cast<unsigned char>(*at_)] : json_kind::invalid;
}

inline bool json_cursor::close(const char* bracket) {
  at_ = bracket + 1;
  --depth_;
  due_[0] = ',';
  return false;
}

bool json_cursor::next_member(std::string_view& raw_key) {
  constexpr std::ptrdiff_t around = 3;  // what comes before the key, its quote, and the colon
  const char* const p = at_;
  if (end_ - p >= around + short_string && std::memcmp(p, due_, 2) == 0) [[likely]] {
    const char* const start = p + 2;
    if (const char* const quote = short_string_end(start, end_); quote != nullptr && quote[1] == ':') [[likely]] {
      raw_key = {start, static_cast<std::size_t>(quote - start)};
      at_ = quote + 2;
      due_[0] = ',';
      escaped_ = false;
      return true;
    }
  }
  if (p != end_ && *p == '}' && due_[0] == ',') return close(p);
  return next_member_anyhow(raw_key);
}

bool json_cursor::next_member_anyhow(std::string_view& raw_key) {
  const char* p = at_;
  if (p == end_ || depth_ == 0) return fail();
  const bool first = due_[0] != ',';
  p = past_white(first ? p + 1 : p, end_);
  if (p == end_) return fail();
  if (*p == '}') return close(p);
  if (!first) {
    if (*p != ',') return fail();
    p = past_white(p + 1, end_);
  }
  due_[0] = ',';
  if (p == end_ || *p != '"') return fail();
  const char* const start = p + 1;
  const char* const quote = string_end(start, {begin_, end_}, escaped_);
  if (quote == nullptr) return fail();
  p = past_white(quote + 1, end_);
  if (p == end_ || *p != ':') return fail();
  raw_key = {start, static_cast<std::size_t>(quote - start)};
  at_ = p + 1;
  return true;
}

bool json_cursor::next_element() {
  const char* p = at_;
  if (p == end_ || depth_ == 0) return fail();
  const bool first = due_[0] != ',';
  p = past_white(first ? p + 1 : p, end_);
  if (p == end_) return fail();
  if (*p == ']') return close(p);
  if (!first) {
    if (*p != ',') return fail();
    p = past_white(p + 1, end_);
    if (p == end_ || *p == ']') return fail();  // a comma promises another value
  }
  due_[0] = ',';
  at_ = p;
  return true;
}

bool json_cursor::read_string(std::string_view& raw) {
  const char* const p = at_;
  if (end_ - p >= 1 + short_string && *p == '"') [[likely]] {
    if (const char* const quote = short_string_end(p + 1, end_)) {
      raw = {p + 1, static_cast<std::size_t>(quote - p - 1)};
      at_ = quote + 1;
      escaped_ = false;
      return true;
    }
  }
  return read_string_anyhow(raw);
}

bool json_cursor::read_string_anyhow(std::string_view& raw) {
  if (!white() || *at_ != '"') return fail();
  const char* const start = at_ + 1;
  const char* const quote = string_end(start, {begin_, end_}, escaped_);
  if (quote == nullptr) return fail();
  raw = {start, static_cast<std::size_t>(quote - start)};
  at_ = quote + 1;
  return true;
}

bool json_cursor::read_number(std::string_view& raw) {
  white();
  const char* const start = at_;
  if (!accept(number_end(start, end_))) return false;
  raw = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

bool json_cursor::read_bool(bool& value) {
  if (!white()) return fail();
  value = *at_ == 't';
  return accept(value ? literal_end(at_, end_, "true") : literal_end(at_, end_, "false"));
}

bool json_cursor::read_null() {
  white();
  return accept(literal_end(at_, end_, "null"));
}

bool json_cursor::skip() {
  const char* const p = at_;
  if (end_ - p >= 1 + short_string && *p == '"') {
    if (const char* const quote = short_string_end(p + 1, end_)) {
      at_ = quote + 1;
      return true;
    }
  }
  if (!white()) return fail();
  return *at_ == '{' || *at_ == '[' ? skip_container() : accept(scalar_end(at_, {begin_, end_}));
}

bool json_cursor::skip(std::string_view& raw) {
  white();
  const char* const start = at_;
  if (!skip()) return false;
  raw = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

namespace {

/// Behind the key and the colon at `p`, or null.
inline const char* key_and_colon_end(const char* p, bounds text) {
  if (p == text.end || *p != '"') return nullptr;
  bool ignored;
  const char* const quote = string_end(p + 1, text, ignored);
  if (quote == nullptr) return nullptr;
  p = past_white(quote + 1, text.end);
  return p != text.end && *p == ':' ? p + 1 : nullptr;
}

}  // namespace

/// One loop instead of recursion: a bit per open container says whether it is an object, so that hostile nesting costs
/// neither stack nor memory. The innermost sixty-four levels are in a register, the others on the stack.
bool json_cursor::skip_container() {
  std::uint64_t outer[json_depth_limit / 64];  // a word is written when the level after its last opens
  std::uint64_t objects = 0;                   // of the innermost level in bit 0
  unsigned level = 0;
  const unsigned levels = max_depth_ - depth_;
  const bounds text{begin_, end_};
  const char* p = at_;

  for (;;) {  // a value is due
    p = past_white(p, end_);
    if (p == end_) return fail();
    if (const bool object = *p == '{'; object || *p == '[') {
      if (level == levels) return fail();
      if (level % 64 == 0 && level != 0) outer[level / 64 - 1] = objects;
      ++level;
      objects = objects << 1 | (object ? 1 : 0);
      p = past_white(p + 1, end_);
      if (p == end_) return fail();
      if (*p != (object ? '}' : ']')) {
        if (object && (p = key_and_colon_end(p, text)) == nullptr) return fail();
        continue;
      }
      // empty: closed below like any other
    } else if ((p = scalar_end(p, text)) == nullptr) {
      return fail();
    }

    for (;;) {  // a value has ended, or an empty container is about to
      p = past_white(p, end_);
      if (p == end_) return fail();
      const bool object = (objects & 1) != 0;
      if (*p == ',') {
        p = past_white(p + 1, end_);
        if (object && (p = key_and_colon_end(p, text)) == nullptr) return fail();
        break;
      }
      if (*p != (object ? '}' : ']')) return fail();
      ++p;
      --level;
      objects >>= 1;
      if (level == 0) {
        at_ = p;
        return true;
      }
      if (level % 64 == 0) objects = outer[level / 64 - 1];
    }
  }
}

bool json_cursor::finish() {
  if (!ok_ || depth_ != 0) return fail();
  return !white() || fail();
}

bool json_escaped_text_is(std::string_view raw, std::string_view plain) {
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
