// A caller's body as a document, and small words to read one without ever throwing.
// Internal to adapt; not for the hot path, where json_cursor walks the bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tideover::adapt {

using ordered_document = nlohmann::ordered_json;

/// Discarded when the text is no JSON. Halves of surrogate pairs, which programs that cut texts at a fixed length leave
/// behind and cloud parsers take, become U+FFFD. Depth is the caller's to limit beforehand (scan_request does).
ordered_document parse_document(std::string_view text);

/// The same for text that nobody has looked at: nested too deep counts as no JSON.
ordered_document parse_bounded_document(std::string_view text);

/// One line; what is not UTF-8 becomes U+FFFD.
std::string write_document(const ordered_document& document);

/// "" for anything but a string.
std::string_view text_of(const ordered_document& value);
/// Null when absent or when `object` is none.
const ordered_document& member(const ordered_document& object, std::string_view key);
std::string_view member_text(const ordered_document& object, std::string_view key);
bool is_true(const ordered_document& value);

/// Appends with a line between: parts that were separate stay separate words.
void append_part(std::string& text, std::string_view part, std::string_view between = "\n");

/// A caller's key is free text; only what looks like a field's name is repeated in logs.
std::string printable_name(std::string_view key);

}  // namespace tideover::adapt
