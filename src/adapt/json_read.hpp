// Small words on top of json_cursor for readers that want a few fields and skip the rest.
// Internal to adapt: every helper consumes exactly one value, whatever its kind, so callers cannot lose their place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt {

template <class Integer>
Integer load(const char* from) {
  Integer value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Compares with a word that the compiler knows: a few integers that may overlap, where memcmp would be a call.
template <std::size_t SizeWithNul>
bool is(std::string_view text, const char (&word)[SizeWithNul]) {
  constexpr std::size_t size = SizeWithNul - 1;
  if (text.size() != size) return false;
  const auto same = [a = text.data(), b = &word[0]]<class Integer>(Integer, std::size_t at) {
    return load<Integer>(a + at) == load<Integer>(b + at);
  };
  constexpr auto u32 = std::uint32_t{};
  constexpr auto u64 = std::uint64_t{};
  if constexpr (size > 16) {
    return std::memcmp(text.data(), word, size) == 0;
  } else if constexpr (size >= 8) {
    return same(u64, 0) && same(u64, size - 8);
  } else if constexpr (size >= 4) {
    return same(u32, 0) && same(u32, size - 4);
  } else {
    return std::memcmp(text.data(), word, size) == 0;
  }
}

/// The text as it reads: a view of the raw bytes unless there is an escape to decode.
inline std::string_view plain_text(std::string_view raw, std::string& storage) {
  if (raw.find('\\') == std::string_view::npos) return raw;
  storage = json_decode(raw);
  return storage;
}

/// Calls `member(key)` for each member that is left of an object; `member` consumes the value.
template <class Member>
void each_further_member(json_cursor& c, Member&& member) {
  std::string_view key;
  std::optional<std::string> storage;
  while (c.next_member(key)) {
    if (c.escaped()) [[unlikely]]
      key = storage.emplace(json_decode(key));
    member(key);
  }
}

/// The same for a whole object. False if it was no object (skipped).
template <class Member>
bool each_member(json_cursor& c, Member&& member) {
  if (!c.enter_if_object()) {
    c.skip();
    return false;
  }
  each_further_member(c, member);
  return true;
}

/// The same for one member only; the others are skipped. `value` is called again for a duplicate: the last one wins.
template <class Value>
bool only_member(json_cursor& c, std::string_view wanted, Value&& value) {
  return each_member(c, [&](std::string_view key) {
    if (key == wanted) {
      value();
    } else {
      c.skip();
    }
  });
}

/// Calls `element()` for each element of an array; `element` consumes it. False if it was no array (skipped).
template <class Element>
bool each_element(json_cursor& c, Element&& element) {
  if (!c.enter_if_array()) {
    c.skip();
    return false;
  }
  while (c.next_element()) element();
  return true;
}

/// The raw text of a string; empty for every other kind.
inline std::string_view take_raw(json_cursor& c) {
  std::string_view raw;
  if (c.peek() == json_kind::string) {
    c.read_string(raw);
  } else {
    c.skip();
  }
  return raw;
}

/// The decoded text of a string; empty for every other kind.
inline std::string take_text(json_cursor& c) {
  const auto raw = take_raw(c);
  return c.escaped() ? json_decode(raw) : std::string(raw);
}

/// True for anything but null: null means "not given" in all these APIs.
inline bool take_present(json_cursor& c) {
  const bool present = c.peek() != json_kind::null;
  c.skip();
  return present;
}

/// True for the literal true only.
inline bool take_true(json_cursor& c) {
  bool value = false;
  if (c.peek() == json_kind::boolean) {
    c.read_bool(value);
  } else {
    c.skip();
  }
  return value;
}

/// True for a non-empty string, array or object, a number, or true: the value says something.
inline bool take_filled(json_cursor& c) {
  std::string_view raw;
  switch (c.peek()) {
    case json_kind::string: return c.read_string(raw) && !raw.empty();
    case json_kind::boolean: return take_true(c);
    case json_kind::array:
    case json_kind::object: return c.skip(raw) && raw.find_first_not_of(" \t\r\n", 1) != raw.size() - 1;
    case json_kind::number: return c.skip();
    case json_kind::null:
    case json_kind::invalid: break;
  }
  c.skip();
  return false;
}

/// A count such as `completion_tokens`: the integer part of a number, capped; 0 for negatives and every other kind.
inline std::uint64_t take_count(json_cursor& c) {
  std::string_view raw;
  if (c.peek() != json_kind::number) {
    c.skip();
    return 0;
  }
  c.read_number(raw);
  std::uint64_t count = 0;
  for (const char digit : raw) {
    if (digit < '0' || digit > '9') break;
    if (count > std::numeric_limits<std::uint32_t>::max()) break;
    count = count * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return count;
}

}  // namespace tideover::adapt
