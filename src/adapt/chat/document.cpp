#include "document.hpp"

#include <algorithm>

#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt {
namespace {

const ordered_document null_value;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// The code unit of a `\uXXXX` escape that begins at `at`; 0 when there is none.
unsigned escape_at(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0;
  unsigned unit = 0;
  for (char c : text.substr(at + 2, 4)) {
    if (!is_hex(c)) return 0;
    unit = unit << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return unit;
}

std::string without_lone_surrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    auto const unit = escape_at(text, at);
    bool const high = unit >= 0xd800 && unit < 0xdc00;
    bool const low = unit >= 0xdc00 && unit < 0xe000;
    auto const next = high ? escape_at(text, at + 6) : 0;
    if (high && next >= 0xdc00 && next < 0xe000) {
      out += text.substr(at, 12);
      at += 12;
    } else if (high || low) {
      out += "\\ufffd";
      at += 6;
    } else {
      out += text.substr(at, 2);  // also keeps `\\` together, so that what follows it is no escape
      at += 2;
    }
  }
  return out;
}

}  // namespace

ordered_document parse_document(std::string_view text) {
  auto document = ordered_document::parse(text, nullptr, false);
  if (document.is_discarded()) document = ordered_document::parse(without_lone_surrogates(text), nullptr, false);
  return document;
}

ordered_document parse_bounded_document(std::string_view text) {
  json_cursor at(text);
  at.skip();
  return at.finish() ? parse_document(text) : ordered_document(ordered_document::value_t::discarded);
}

std::string write_document(const ordered_document& document) {
  return document.dump(-1, ' ', false, ordered_document::error_handler_t::replace);
}

std::string_view text_of(const ordered_document& value) {
  auto const* const text = value.get_ptr<const ordered_document::string_t*>();
  return text ? std::string_view(*text) : std::string_view{};
}

const ordered_document& member(const ordered_document& object, std::string_view key) {
  if (!object.is_object()) return null_value;
  auto const found = object.find(key);
  return found == object.end() ? null_value : *found;
}

std::string_view member_text(const ordered_document& object, std::string_view key) {
  return text_of(member(object, key));
}

bool is_true(const ordered_document& value) { return value.is_boolean() && value.get<bool>(); }

void append_part(std::string& text, std::string_view part, std::string_view between) {
  if (!text.empty() && !part.empty()) text += between;
  text += part;
}

std::string printable_name(std::string_view key) {
  bool const plain = !key.empty() && key.size() <= 48 && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return plain ? std::string(key) : std::string("a field with an unusual name");
}

}  // namespace tideover::adapt
