// Small words on top of json_cursor for readers that want a few fields and skip the rest.
// Internal to adapt: every helper consumes exactly one value, whatever its kind, so callers cannot lose their place.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt {

/// The key as text: a view of the raw bytes unless there is an escape to decode.
inline std::string_view plain_key(std::string_view raw, std::string& storage) {
  if (raw.find('\\') == std::string_view::npos) return raw;
  storage = json_decode(raw);
  return storage;
}

/// Calls `member(key)` for each member of an object; `member` consumes the value. False if it was no object (skipped).
template <class Member>
bool each_member(json_cursor& c, Member&& member) {
  if (c.peek() != json_kind::object) {
    c.skip();
    return false;
  }
  std::string_view raw;
  std::string storage;
  c.enter_object();
  while (c.next_member(raw)) member(plain_key(raw, storage));
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
  if (c.peek() != json_kind::array) {
    c.skip();
    return false;
  }
  c.enter_array();
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
inline std::string take_text(json_cursor& c) { return json_decode(take_raw(c)); }

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
  switch (c.peek()) {
    case json_kind::string: return !take_raw(c).empty();
    case json_kind::boolean: return take_true(c);
    case json_kind::array: {
      bool filled = false;
      each_element(c, [&] { filled = c.skip(); });
      return filled;
    }
    case json_kind::object: {
      bool filled = false;
      each_member(c, [&](std::string_view) { filled = c.skip(); });
      return filled;
    }
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
