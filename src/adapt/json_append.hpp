// Writes JSON to the end of a text: literals of our own, and values that are escaped as they are written.
// Internal to adapt. No builder: that brackets and commas are in place is up to the literals.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace tideover::adapt {

/// Appends `text` as the inside of a JSON string. What is no UTF-8 becomes U+FFFD, a byte at a time, so that the result
/// is JSON whatever a server sent.
void append_json_text(std::string& out, std::string_view text);

/// True if all of it is UTF-8 (RFC 3629: shortest forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(std::string_view text);

class json_append {
 public:
  explicit json_append(std::string& out) : out_(out) {}

  json_append& raw(std::string_view json) {  // JSON already, or a part of it
    out_ += json;
    return *this;
  }
  json_append& text(std::string_view value) {
    out_ += '"';
    append_json_text(out_, value);
    out_ += '"';
    return *this;
  }
  json_append& text_or_null(std::string_view value) { return value.empty() ? raw("null") : text(value); }
  template <class Integer>
  json_append& number(Integer value) {
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    return *this;
  }
  std::string& out() { return out_; }

 private:
  std::string& out_;
};

}  // namespace tideover::adapt
