// What may be sent in a stream while nobody has anything to say, so that nobody on the way gives up.
// Not for whole answers: there is no safe keep-alive for them (CL §6.3). When to send one is not decided here.
#pragma once

#include <string_view>

#include "tideover/core/words.hpp"

namespace tideover::adapt {

/// The form that every SDK's parser survives (CL §6.3): a comment on OpenAI's routes, a ping event on Anthropic's,
/// which may come even before message_start. Empty where there is none: lines of JSON, and routes that do not stream.
constexpr std::string_view keep_alive_event(endpoint what) {
  switch (what) {
    case endpoint::chat_completions:
    case endpoint::completions:
    case endpoint::responses: return ": keep-alive\n\n";
    case endpoint::messages: return "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    case endpoint::count_tokens:
    case endpoint::embeddings:
    case endpoint::models:
    case endpoint::other_v1:
    case endpoint::ollama_native:
    case endpoint::unknown: break;
  }
  return {};
}

}  // namespace tideover::adapt
