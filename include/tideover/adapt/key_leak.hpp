// Would an upstream's error show a caller the configured key that the upstream was asked with? Gateways on the way
// print what they were sent into their error pages, the key with it. Not for good answers: those are not searched.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tideover/core/http_message.hpp"
#include "tideover/core/secret.hpp"

namespace tideover::adapt {

enum class key_leak : std::uint8_t {
  none,        // it was searched, and the key is not in it
  repeated,    // the key stands in it, in one of the forms of secret::stands_in
  compressed,  // nobody can tell: its body is behind a content coding
  too_long,    // nobody can tell: it is longer than is searched
};

/// How much of an error's body is kept to be searched.
inline constexpr std::size_t most_searched_bytes = 64u << 10;

/// `body` without its framing; empty while it has not been read, or where there is none. Anything but `none` means: not
/// one byte of this answer is for a caller.
key_leak find_key(const secret& key, const response_head& head, std::string_view body);

/// The reason in a few words, as in "the error …", for logs and for the caller. Empty for `none`.
std::string_view words(key_leak why);

/// Its body is behind a content coding, so that it cannot be read as it is.
bool is_encoded(const header_fields& fields);

}  // namespace tideover::adapt
