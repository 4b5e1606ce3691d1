// A strict, forward-only walk over one JSON text (RFC 8259) without building a document or allocating.
// Not a parser for people: on the hot path it answers "what is the model, does it stream, is this JSON whole".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tideover::adapt {

enum class json_kind : std::uint8_t { object, array, string, number, boolean, null, invalid };

/// Usage: look at `peek()`, then consume the value with exactly one of the calls below. After the first error every
/// call fails and `ok()` stays false. Keys and strings are raw (escapes not decoded) unless decoded on request.
/// A value of another kind than the call asks for is an error too: look first where the kind is not certain.
/// Nesting deeper than `max_depth` (at most `json_depth_limit`) is an error; there is no recursion at any depth.
///
///   if (!c.enter_object()) return …;
///   std::string_view key;
///   while (c.next_member(key)) { if (json_text_is(key, "model")) c.read_string(model); else c.skip(); }
///   return c.finish();
inline constexpr unsigned json_depth_limit = 1024;

class json_cursor {
 public:
  explicit json_cursor(std::string_view text, unsigned max_depth = 128)
      : at_(text.data()),
        begin_(text.data()),
        end_(text.data() + text.size()),
        max_depth_(std::min(max_depth, json_depth_limit)) {}

  json_kind peek() {
    if (at_ == end_ || static_cast<unsigned char>(*at_) <= ' ') return peek_past_white();
    return kinds_[static_cast<unsigned char>(*at_)];
  }
  bool enter_object() { return open('{') || fail(); }
  bool next_member(std::string_view& raw_key);  // false at '}' (consumed) or on error
  bool enter_array() { return open('[') || fail(); }
  bool next_element();                      // false at ']' (consumed) or on error; the value is then next
  bool read_string(std::string_view& raw);  // without the quotes, escapes checked but not decoded
  bool read_number(std::string_view& raw);
  bool read_bool(bool& value);
  bool read_null();
  bool skip();                                  // any value, validated all the same
  bool skip(std::string_view& raw);             // … and hands out its text
  bool enter_if_object() { return open('{'); }  // where another value is next nothing has happened
  bool enter_if_array() { return open('['); }
  bool ok() const { return ok_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }  // of what the next call reads
  /// Goes on in the outermost object behind a key and its colon: for a caller who has read the same bytes before.
  void go_on_in_object(std::size_t offset) {
    at_ = begin_ + offset;
    depth_ = 1;
    due_[0] = ',';
  }
  bool escaped() const { return escaped_; }  // the key or string handed out last has an escape in it
  bool finish();                             // nothing but white space is left and no error happened

 private:
  static constexpr auto kinds_ = [] {
    std::array<json_kind, 256> kinds{};
    for (auto& kind : kinds) kind = json_kind::invalid;
    kinds['{'] = json_kind::object;
    kinds['['] = json_kind::array;
    kinds['"'] = json_kind::string;
    kinds['-'] = json_kind::number;
    for (std::size_t digit = '0'; digit <= '9'; ++digit) kinds[digit] = json_kind::number;
    kinds['t'] = kinds['f'] = json_kind::boolean;
    kinds['n'] = json_kind::null;
    return kinds;
  }();

  bool open(char bracket) {
    if (at_ == end_ || static_cast<unsigned char>(*at_) <= ' ') peek_past_white();
    if (at_ == end_ || *at_ != bracket) return false;
    if (depth_ >= max_depth_) return fail();
    ++depth_;
    due_[0] = bracket;
    return true;
  }
  bool fail();
  bool white();
  bool accept(const char* end);
  bool close(const char* bracket);
  json_kind peek_past_white();
  // Whatever is written in the usual way is read without these: no white space, no escape, no end of text near.
  bool next_member_anyhow(std::string_view& raw_key);
  bool read_string_anyhow(std::string_view& raw);
  bool skip_container();

  // At the end after an error: nothing is there for any call to find. In a container that was just entered it stays at
  // the bracket, which then has the place that a comma has later.
  const char* at_;
  const char* begin_;
  const char* end_;
  unsigned depth_ = 0;
  unsigned max_depth_;
  char due_[2] = {',', '"'};  // how the next member begins: a comma or, for the first one, the bracket; a quote
  bool escaped_ = false;
  bool ok_ = true;
};

/// json_text_is for a raw text that may have escapes in it.
bool json_escaped_text_is(std::string_view raw, std::string_view plain);
/// Compares a raw key or string with plain text, decoding escapes only if there are any. No escape is shorter than what
/// it stands for, so nearly always the sizes decide.
inline bool json_text_is(std::string_view raw, std::string_view plain) {
  if (raw.size() > plain.size()) return json_escaped_text_is(raw, plain);
  if (raw != plain) return false;
  return plain.find('\\') == std::string_view::npos || json_escaped_text_is(raw, plain);
}
/// Decodes the escapes of a raw string; lone surrogates become U+FFFD.
std::string json_decode(std::string_view raw);

}  // namespace tideover::adapt
