// About how many tokens a request is, for when the one who knows is away.
// Not a tokenizer: four bytes of ASCII or two of other text a token, which is near for English and low for code.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tideover::adapt {

/// Of a Messages request (system, messages, tools): every text value counts, names of members do not, images count as
/// 1,600 each. Nothing when the body is no JSON object.
std::optional<std::uint64_t> estimate_tokens(std::string_view body);

/// What a request of any dialect needs of a context window.
struct token_need {
  std::uint64_t prompt = 0;
  std::optional<std::uint64_t> max_output{};  // max_tokens and its younger names; the largest of them
};
/// Of a request to chat completions, completions, Responses or Messages. Nothing when the body is no JSON object.
std::optional<token_need> estimate_need(std::string_view body);

}  // namespace tideover::adapt
