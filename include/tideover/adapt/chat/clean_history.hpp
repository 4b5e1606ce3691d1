// What a local model left in a conversation, taken out of a body that is bound for the cloud (contract §7, CL §9).
// Not for the other way: parse_request leaves the cloud's thinking behind. Everything that is not cut stays byte for
// byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/local_mark.hpp"
#include "tideover/adapt/chat/request.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt::chat {

struct cleaned {
  enum class kind : std::uint8_t {
    unchanged,  // send the bytes as they came
    changed,    // send `body`
    refused,    // the cloud cannot answer this: tell the caller `why`, status 400
  };
  kind what = kind::unchanged;
  std::string body{};
  refusal why{};
  std::vector<std::string> notes{};
};

/// Messages (and count_tokens): thinking blocks with a local signature go, and with them a message of which nothing is
/// left. While `thinking` is `enabled`, the cloud demands that a last turn of the assistant with tool calls begins with
/// a thinking block of its own; where that turn was local, `thinking` becomes `disabled` for this request and
/// context_management loses its clear_thinking edits, which demand thinking.
/// Responses: reasoning items with a local id or signature go, and references to them. previous_response_id and other
/// item references that name a local answer are refused with the cloud's own code, previous_response_not_found.
cleaned clean_history_of_marked(endpoint what, std::string_view body);

/// The same for any body; costs one search where nothing local is in it.
inline cleaned clean_history(endpoint what, std::string_view body) {
  bool const has_history = what == endpoint::messages || what == endpoint::count_tokens || what == endpoint::responses;
  if (!has_history || !may_hold_local_mark(body)) return {};
  return clean_history_of_marked(what, body);
}

}  // namespace tideover::adapt::chat
