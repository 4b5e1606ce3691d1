// The mark by which what a local model left in a conversation is known again when it is on its way to the cloud (CL
// §9). Not a secret and no proof: who forges it has parts of their own request removed, and nothing else.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace tideover::adapt::chat {

/// In every id and signature that Tideover makes for a local answer. Only letters, because the Messages API takes
/// nothing but letters, digits, _ and - in the ids of tool calls; its last one is rare in text, code and JSON, so that
/// a search for it hardly ever stops. Chance puts it into the cloud's base64 once in 64^9 letters.
inline constexpr std::string_view local_mark = "tideoverQ";

/// "rs_" → "rs_tideoverQ8f3a…". For resp_, msg_, rs_, fc_, toolu_, call_, chatcmpl- and the like. `unique` consists of
/// letters and digits; with 40 of them an id stays within the 64 letters that OpenAI takes.
std::string make_id(std::string_view prefix, std::string_view unique);
bool is_local_id(std::string_view id);

/// For a thinking block's `signature` and a reasoning item's `encrypted_content`: opaque to everybody else, and without
/// any of the thinking in it.
std::string make_signature(std::string_view unique);
bool is_local_signature(std::string_view signature);

/// May anything in this text be ours? The hot path asks it of every body: one memchr over it, as a rule.
inline bool may_hold_local_mark(std::string_view text) {
  constexpr std::size_t before = local_mark.size() - 1;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  for (const char* at = begin; at != end; ++at) {
    at = static_cast<const char*>(std::memchr(at, local_mark.back(), static_cast<std::size_t>(end - at)));
    if (at == nullptr) return false;
    if (static_cast<std::size_t>(at - begin) >= before && std::memcmp(at - before, local_mark.data(), before) == 0)
      return true;
  }
  return false;
}

}  // namespace tideover::adapt::chat
