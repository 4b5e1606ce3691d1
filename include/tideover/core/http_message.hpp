// Parsed heads of HTTP/1.1 messages: views into a buffer that somebody else owns.
// Not a message class: no bodies, no serialisation. Parsing is net/http_head, judging is adapt/framing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// Behind <cstdint>: that of Boost 1.83 uses its types and does not include it, which g++ 13 no longer does by chance.
#include <boost/beast/http/field.hpp>

namespace tideover {

using field_id = boost::beast::http::field;

/// ASCII case-insensitive equality (RFC 9110 §5.1: field names are case-insensitive).
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

struct header_field {
  field_id id = field_id::unknown;  // Beast's enumeration; `unknown` for names it does not list
  std::string_view name;            // as received
  std::string_view value;           // without surrounding white space
};

/// The fields of a head, in order of arrival. Reused from message to message: clear() keeps the capacity.
struct header_fields {
  std::vector<header_field> list;

  const header_field* find(field_id id) const {
    for (const auto& f : list)
      if (f.id == id) return &f;
    return nullptr;
  }
  const header_field* find(std::string_view name) const {
    for (const auto& f : list)
      if (iequals(f.name, name)) return &f;
    return nullptr;
  }
  std::string_view value_of(field_id id) const {
    const auto* f = find(id);
    return f ? f->value : std::string_view{};
  }
  std::string_view value_of(std::string_view name) const {
    const auto* f = find(name);
    return f ? f->value : std::string_view{};
  }
  std::size_t count(field_id id) const {
    return static_cast<std::size_t>(
        std::count_if(list.begin(), list.end(), [&](const header_field& f) { return f.id == id; }));
  }
};

struct request_head {
  std::string_view method;
  std::string_view target;  // as sent: nothing decoded
  unsigned version = 11;    // 10 or 11
  header_fields fields;
  std::size_t size_bytes = 0;     // of the head on the wire, final empty line included
  bool has_line_folding = false;  // obs-fold seen (RFC 9112 §5.2)

  /// Moves every view from one copy of the same bytes to another.
  void rebase(const char* from, const char* to);
};

struct response_head {
  unsigned status = 0;
  std::string_view reason_phrase;
  unsigned version = 11;
  header_fields fields;
  std::size_t size_bytes = 0;
  bool has_line_folding = false;

  void rebase(const char* from, const char* to);
};

}  // namespace tideover
