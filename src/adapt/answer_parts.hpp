// The pieces of an answer that streams and whole answers have in common, and whether they say anything.
// Internal to adapt: no verdicts here; stream_inspector and answer_judge draw them.
#pragma once

#include <string_view>

#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt {

/// Ends that say nothing about why nothing was said: in an otherwise silent answer they mean an empty one. `load` and
/// `unload` are Ollama's, for a request without a prompt.
bool is_plain_stop(std::string_view raw_reason);

/// Consumes a chat delta or message. True if it holds text, reasoning, a refusal or a tool call.
bool delta_says_something(json_cursor& c);

/// The `response` object inside Responses events, which is also the whole answer when not streamed.
struct response_facts {
  std::string_view model;   // raw
  std::string_view status;  // raw
  bool has_output = false;  // `output` is a list
  bool says_something = false;
  bool tokens = false;  // usage names output tokens
  bool has_error = false;
  error_facts error;
};
/// Consumes one member of a `response` object.
void response_member(json_cursor& c, std::string_view key, response_facts& facts);

/// Consumes an output item of a Responses answer. Calls of tools say something, a message only with text in it,
/// reasoning by itself not yet.
bool item_says_something(json_cursor& c);

/// Consumes one content block of an Anthropic answer. True if it is more than an empty text or thinking
/// block: a block of another kind is a tool's call or result, or redacted reasoning.
bool block_says_something(json_cursor& c);

}  // namespace tideover::adapt
