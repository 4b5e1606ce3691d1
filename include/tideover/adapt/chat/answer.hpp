// A chat answer in the middle: what the dialects have in common, as events in order and as a whole.
// Not a protocol: reading one is answer_reader's, writing one answer_writer's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tideover::adapt::chat::answer {

/// Why an answer ended.
enum class end_reason : std::uint8_t {
  stop,            // the model was done, or one of the request's stop texts came
  length,          // the token limit or the context window was used up
  tool_calls,      // the caller is to run tools
  content_filter,  // withheld by a safety decision
  nothing,         // nothing was to be generated (Ollama: load, unload)
};

/// The server answers; comes first and once.
struct begin {
  std::string model;  // as the server names it
  bool operator==(const begin&) const = default;
};
struct text_delta {
  std::string text;  // never empty
  bool operator==(const text_delta&) const = default;
};
struct reasoning_delta {
  std::string text;  // never empty
  bool operator==(const reasoning_delta&) const = default;
};
/// A call of a tool, or a further piece of one that began before. Calls are numbered from 0 in the order they began.
struct tool_call {
  std::size_t index = 0;
  std::string id;         // as the server names it, if it does: never shown to callers, because few servers' are unique
  std::string name;       // in the first piece only, and never empty there
  std::string arguments;  // JSON text; of several pieces the next part of it
  bool complete = false;  // no further piece comes
  bool operator==(const tool_call&) const = default;
};
struct token_logprob {
  std::string token;
  std::string logprob;             // the number as it was written
  std::string bytes;               // the array as it was written, or "null"
  std::vector<token_logprob> top;  // alternatives, which have none themselves
  bool operator==(const token_logprob&) const = default;
};
/// Of the text that comes next, or came last where none follows.
struct logprobs {
  std::vector<token_logprob> tokens;
  bool operator==(const logprobs&) const = default;
};
struct usage {
  std::uint64_t prompt = 0;      // 0: the server does not say
  std::uint64_t completion = 0;  // reasoning included
  std::optional<std::uint64_t> reasoning;
  bool operator==(const usage&) const = default;
};
/// How fast the server was; nanoseconds. Tokens a second are eval_count / eval_duration × 1e9 (OL §12).
struct timings {
  std::uint64_t load_duration = 0;
  std::uint64_t prompt_eval_count = 0;
  std::uint64_t prompt_eval_duration = 0;
  std::uint64_t eval_count = 0;
  std::uint64_t eval_duration = 0;
  bool operator==(const timings&) const = default;
};
/// The good end; usage and timings came before it, nothing comes after it.
struct finish {
  end_reason why = end_reason::stop;
  bool operator==(const finish&) const = default;
};
/// The bad end. Types of the readers: `malformed` (not the protocol), `server_error` (the server said so); others are
/// codes of our own, such as tool_choice_unmet, and shown as such.
struct error {
  std::string type;
  std::string message;
  bool operator==(const error&) const = default;
};

/// The type of that error for an answer which the server says to have from elsewhere.
inline constexpr std::string_view made_elsewhere_type = "answered_remotely";

using event = std::variant<begin, text_delta, reasoning_delta, tool_call, logprobs, usage, timings, finish, error>;

/// True for what may commit an answer (contract §5): text, reasoning, a tool call, or an end that explains a silence.
bool is_usable(const event& e);

/// A whole answer, gathered event by event.
struct whole {
  std::string model;
  std::string text;
  std::string reasoning;
  std::vector<tool_call> calls;
  std::vector<token_logprob> tokens;
  std::optional<usage> used;
  std::optional<timings> took;
  std::optional<end_reason> ended;  // nothing while there is no good end
  std::optional<error> failed;

  void add(const event& e);
  std::size_t size_bytes() const;  // of text, reasoning and calls together
};
whole gather(std::span<const event> events);

/// Is this call of one of the tools that may be called? None named: of any.
bool is_allowed(const tool_call& call, std::span<const std::string> allowed);
/// Where a tool must be called: was one, and none but those that may be?
bool called_as_told(std::span<const tool_call> calls, std::span<const std::string> allowed);

/// About how many tokens `bytes` of text are, where the server counts none: four bytes each (as token_estimate).
constexpr std::uint64_t tokens_of_bytes(std::size_t bytes) { return (bytes + 3) / 4; }

}  // namespace tideover::adapt::chat::answer
