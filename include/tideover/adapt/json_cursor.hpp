// A strict, forward-only walk over one JSON text (RFC 8259) without building a document or allocating.
// Not a parser for people: on the hot path it answers "what is the model, does it stream, is this JSON whole".
#pragma once

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
  explicit json_cursor(std::string_view text, unsigned max_depth = 128);

  json_kind peek();
  bool enter_object();
  bool next_member(std::string_view& raw_key);  // false at '}' (consumed) or on error
  bool enter_array();
  bool next_element();                      // false at ']' (consumed) or on error; the value is then next
  bool read_string(std::string_view& raw);  // without the quotes, escapes checked but not decoded
  bool read_number(std::string_view& raw);
  bool read_bool(bool& value);
  bool read_null();
  bool skip();                       // any value, validated all the same
  bool skip(std::string_view& raw);  // … and hands out its text
  bool ok() const { return ok_; }
  bool finish();  // nothing but white space is left and no error happened

 private:
  bool fail();
  void white();
  bool scan_string(std::string_view& raw);
  bool scan_number(std::string_view& raw);
  bool literal(std::string_view word);
  bool key_and_colon(std::string_view& raw_key);
  bool open(char bracket);
  bool skip_scalar();
  bool skip_container();

  const char* at_;
  const char* end_;
  unsigned depth_ = 0;
  unsigned max_depth_;
  bool first_ = false;  // no comma is due before the next member or element
  bool ok_ = true;
};

/// Compares a raw key or string with plain text, decoding escapes only if there are any.
bool json_text_is(std::string_view raw, std::string_view plain);
/// Decodes the escapes of a raw string; lone surrogates become U+FFFD.
std::string json_decode(std::string_view raw);

}  // namespace tideover::adapt
