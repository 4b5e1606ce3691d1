// What keeps a waiting caller of a stream awake, in the form that every SDK of its dialect survives (CL §6.3).
// Not for deciding when: that is the relay's.
#pragma once

#include <string_view>

#include "tideover/core/words.hpp"

namespace tideover::adapt {

/// One whole event, to be sent between events, also before the first. OpenAI's SDKs hand any event with data to the
/// application, so theirs is a comment; Anthropic's skip `ping`. Never `id:`, `retry:` or an event without data.
constexpr std::string_view keep_alive_event(endpoint what) {
  return what == endpoint::messages ? "event: ping\ndata: {\"type\": \"ping\"}\n\n" : ": keep-alive\n\n";
}

}  // namespace tideover::adapt
