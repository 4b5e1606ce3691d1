// One log line as a JSON object, written member by member into memory that is big enough from the start.
// Not for documents: no nesting, and the names are our own literals, which need no escaping.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tideover/core/time.hpp"

namespace tideover::ops {

/// `YYYY-MM-DDThh:mm:ss.mmmZ` at `at`; returns the end.
char* write_timestamp(char* at, std::int64_t unix_microseconds);
inline constexpr std::size_t timestamp_bytes = 24;

/// Milliseconds with three decimals: a proxy's own share is far below one.
char* write_milliseconds(char* at, duration span);

/// Copies text that JSON shows as it is: no quote, backslash, control character or byte beyond ASCII. Returns the end,
/// or null when there is something to escape. Eight bytes at a time: most of a line is made here.
inline char* copy_plain(char* at, std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  std::uint64_t found = 0;
  auto const look = [&](std::uint64_t eight) {
    auto const quote = eight ^ (ones * '"'), backslash = eight ^ (ones * '\\');
    found |= eight | ((eight - ones * 0x20) & ~eight) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
  };
  std::uint64_t eight = 0;
  std::size_t const n = text.size();
  if (n >= 8) {
    for (std::size_t i = 0; i + 8 <= n; i += 8) {
      std::memcpy(&eight, text.data() + i, 8);
      std::memcpy(at + i, &eight, 8);
      look(eight);
    }
    std::memcpy(&eight, text.data() + n - 8, 8);  // the rest, and again some of what was there
    std::memcpy(at + n - 8, &eight, 8);
    look(eight);
  } else {
    eight = ones * ' ';
    for (std::size_t i = 0; i < n; ++i) {
      at[i] = text[i];
      eight = eight << 8 | static_cast<unsigned char>(text[i]);
    }
    look(eight);
  }
  return (found & highs) == 0 ? at + n : nullptr;
}

/// A document of nlohmann's per request would cost as much as the whole proxy (56,000 instructions against 2,000), so
/// it only gets the texts that need escaping or are no clean UTF-8, which it replaces.
class json_line {
 public:
  /// `texts` are all the texts that may be written, tokens excepted.
  json_line(std::int64_t unix_microseconds, std::initializer_list<std::string_view> texts) {
    std::size_t bytes = room_for_names_tokens_and_numbers;
    for (auto const t : texts) bytes += t.size();
    line_.resize(bytes);
    at_ = line_.data();
    literal("{\"ts\":\"");
    at_ = write_timestamp(at_, unix_microseconds);
    literal("\"");
  }

  /// One of our own words, which need no escaping.
  template <std::size_t N>
  json_line& token(const char (&name)[N], std::string_view value) {
    member(name);
    *at_++ = '"';
    bytes(value);
    *at_++ = '"';
    return *this;
  }
  template <std::size_t N>
  json_line& text(const char (&name)[N], std::string_view value) {
    member(name);
    *at_++ = '"';
    plain_or_escaped(value);
    *at_++ = '"';
    return *this;
  }
  /// One text made of several parts.
  template <std::size_t N>
  json_line& text(const char (&name)[N], std::initializer_list<std::string_view> parts) {
    member(name);
    *at_++ = '"';
    for (auto const part : parts) plain_or_escaped(part);
    *at_++ = '"';
    return *this;
  }
  template <std::size_t N>
  json_line& text_if_any(const char (&name)[N], std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  template <std::size_t N, class Number>
  json_line& number(const char (&name)[N], Number value) {
    member(name);
    at_ = std::to_chars(at_, at_ + 24, value).ptr;
    return *this;
  }
  template <std::size_t N>
  json_line& milliseconds(const char (&name)[N], duration span) {
    member(name);
    at_ = write_milliseconds(at_, span);
    return *this;
  }
  template <std::size_t N>
  json_line& null(const char (&name)[N]) {
    member(name);
    literal("null");
    return *this;
  }
  template <std::size_t N>
  json_line& yes(const char (&name)[N]) {
    member(name);
    literal("true");
    return *this;
  }
  std::string end() {
    literal("}\n");
    line_.resize(static_cast<std::size_t>(at_ - line_.data()));
    return std::move(line_);
  }

 private:
  static constexpr std::size_t room_for_names_tokens_and_numbers = 768;

  template <std::size_t N>
  void literal(const char (&text)[N]) {
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }
  template <std::size_t N>
  void member(const char (&name)[N]) {
    literal(",\"");
    literal(name);
    literal("\":");
  }
  void bytes(std::string_view text) {
    if (text.empty()) return;  // memcpy takes no null, not even for nothing
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void plain_or_escaped(std::string_view text) {
    if (char* const end = copy_plain(at_, text)) [[likely]]
      at_ = end;
    else
      escaped(text);
  }
  void escaped(std::string_view text) {
    using nlohmann::json;
    auto const quoted = json(text).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
    auto const so_far = at_ - line_.data();
    line_.resize(line_.size() + quoted.size());
    at_ = line_.data() + so_far;
    bytes(std::string_view(quoted).substr(1, quoted.size() - 2));
  }

  std::string line_;
  char* at_ = nullptr;
};

}  // namespace tideover::ops
