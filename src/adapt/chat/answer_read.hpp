// The words that the readers of local answers share: tool calls, logprobs, and the readers' makers.
// Internal to adapt/chat; what is strict here is what would otherwise be lost without a sound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/answer_reader.hpp"
#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt::chat::answer {

std::unique_ptr<stream_reader> make_native_reader();
std::unique_ptr<stream_reader> make_openai_reader();
std::unique_ptr<stream_reader> make_native_whole_reader();
std::unique_ptr<stream_reader> make_openai_whole_reader();

/// Consumes a text or null and appends it. False for any other kind: content in a form nobody here can read.
bool take_text_or_null(json_cursor& c, std::string& into);

/// A call as it stands on the wire, before it is given its number.
struct wire_call {
  std::optional<std::size_t> index;  // as the server counts
  std::string id;
  std::string name;
  std::string arguments;
  bool whole_arguments = false;  // an object, not a piece of text
};
/// Consumes one element of `tool_calls`. False if it is no call.
bool take_call(json_cursor& c, wire_call& call);

/// Consumes an array of tokens with their probabilities, in the form that OpenAI's chat and Ollama's own API share.
void take_logprobs(json_cursor& c, std::vector<token_logprob>& tokens);

/// A span of time: the integer part of a number, as large as 64 bits hold; 0 for negatives and every other kind.
std::uint64_t take_nanoseconds(json_cursor& c);

}  // namespace tideover::adapt::chat::answer
