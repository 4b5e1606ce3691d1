// About how many tokens a request is, for when the one who knows is away.
// Not a tokenizer: four bytes of text a token, which is near for English and low for code and other scripts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tideover::adapt {

/// Of a Messages request (system, messages, tools): every text value counts, names of members do not, images count as
/// 1,600 each. Nothing when the body is no JSON object.
std::optional<std::uint64_t> estimate_tokens(std::string_view body);

}  // namespace tideover::adapt
