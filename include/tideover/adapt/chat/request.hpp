// A generation request in the words that all dialects share, so that a caller's request can be asked of a local server
// in that server's own words (OL §4–§8, §14; CL §8.1).
// Not for traffic between a caller and the cloud of its dialect: that passes as bytes and never goes through here.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tideover/core/words.hpp"

namespace tideover::adapt::chat {

using json = nlohmann::ordered_json;  // keeps the callers' order: property order in tool schemas steers models

enum class role : std::uint8_t { system, user, assistant, tool };

/// A text, or an image when it has a media type.
struct part {
  std::string text{};
  std::string media_type{};  // image/png, image/jpeg or image/webp
  std::string data{};        // base64, as the caller wrote it

  bool is_image() const { return !media_type.empty(); }
  bool operator==(const part&) const = default;
};

struct tool_call {
  std::string id{};
  std::string name{};
  json arguments = json::object();  // always an object

  bool operator==(const tool_call&) const = default;
};

struct message {
  role who = role::user;
  std::vector<part> parts{};
  std::vector<tool_call> calls{};  // of the assistant
  std::string call_id{};           // role tool: which call this answers
  std::string tool_name{};         // role tool: that call's tool, where the history tells
  bool failed = false;             // role tool: the tool reported an error

  bool operator==(const message&) const = default;
};

struct tool {
  std::string name{};
  std::string description{};
  json schema = json::object();
  bool takes_text = false;  // a custom tool: what it is given is text, for a model the one argument `input`

  bool operator==(const tool&) const = default;
};

/// The only argument of a tool that takes text.
inline constexpr const char* text_argument = "input";

/// May, or must, the answer be a tool call, and of which tools?
struct tool_choice {
  enum class kind : std::uint8_t {
    free,  // the model decides
    none,  // no call
    must,  // a call, of any tool or of one in `only`
  };
  kind what = kind::free;
  std::vector<std::string> only{};  // empty: every tool
  bool one_call_at_a_time = false;  // a wish: no local server can be held to it

  bool operator==(const tool_choice&) const = default;
};

/// How much the caller wants the model to think before it answers.
enum class reasoning : std::uint8_t {
  unsaid,  // nothing asked: off, because it eats small budgets (OL §1 row 4)
  off,
  on,  // no grade given
  low,
  medium,
  high,
  max,
};
constexpr bool asks(reasoning wish) { return wish > reasoning::off; }

struct output_format {
  enum class kind : std::uint8_t { text, any_json, schema };
  kind what = kind::text;
  std::string name{};  // of the schema; some dialects want one
  json schema = json::object();

  bool operator==(const output_format&) const = default;
};

/// What steers the choice of words. A workflow's defaults have the same form.
struct parameters {
  std::optional<double> temperature{}, top_p{}, min_p{};
  std::optional<double> frequency_penalty{}, presence_penalty{}, repeat_penalty{};
  std::optional<std::int64_t> top_k{}, seed{}, max_tokens{};
  std::vector<std::string> stop{};

  bool operator==(const parameters&) const = default;
};

struct request {
  std::string model{};  // the name that the caller used
  std::vector<message> messages{};
  std::vector<tool> tools{};
  tool_choice choice{};
  reasoning think = reasoning::unsaid;
  output_format format{};
  parameters params{};
  bool logprobs = false;
  std::optional<std::int64_t> top_logprobs{};
  bool stream = false;
  bool include_usage = false;           // in an OpenAI stream
  std::optional<std::string> suffix{};  // completions: the text behind the gap

  bool has_images() const;
  bool operator==(const request&) const = default;
};

struct refusal {
  std::string code;   // not_replayable, tool_choice_unmet, unsupported_parameter, unsupported_content, invalid_request
  std::string field;  // the field at fault
  std::string message;  // one sentence naming the fix
};

struct parsed {
  request what;
  std::vector<std::string> notes;  // what was changed or dropped, for log and explain
};

/// Reads a body of chat_completions, completions, responses or messages. What is not named by the reader of a dialect
/// does not cross and is noted: fields that the local server would ignore may identify the caller (user, metadata,
/// safety_identifier, store, …) or promise what is not kept; keep_alive and options are never taken from the caller.
/// References to state at the cloud (contract §3) are refused as not_replayable; so are, with codes of their own, what
/// no local server gives (n > 1, logit_bias, images on the web, files). Thinking blocks and reasoning items of earlier
/// turns are never part of the result (CL §9).
std::variant<parsed, refusal> parse_request(endpoint what, std::string_view body);

/// For people: why a field that request_scan found makes a request not replayable; empty for an empty field.
std::string not_replayable_sentence(std::string_view field);

/// What is known of the local model.
struct capabilities {
  bool known = false;  // false: it may have tools and vision; Ollama is not asked to think then
  bool tools = false, vision = false, thinking = false;
};

struct system_prompt {
  enum class placing : std::uint8_t { prepend, append, replace };
  placing mode = placing::prepend;
  std::string text{};  // empty: none
};

struct render_options {
  std::string_view model{};  // the local model's name
  capabilities can{};
  std::optional<std::uint64_t> num_ctx{};   // absent: the window that the server chose
  std::optional<std::string> keep_alive{};  // a Go duration ("10m") or seconds ("-1": for ever)
  system_prompt workflow_prompt{};
  parameters defaults{};  // of the workflow: fill in what the caller left open
  /// An answer begun elsewhere, to be continued as if it were the model's own. Tools are left out then: a call cannot
  /// be spliced into a text.
  std::optional<std::string> continuation{};
  /// Asked once already, and the model did not call the tool it had to.
  bool insist_on_call = false;
  /// Ollama: false lets it refuse a prompt that does not fit, where it would drop old messages in silence (OL §10).
  bool truncate = false;
  /// Tokens that the window has left for the answer, which then ends there (`length`). Otherwise Ollama would go on and
  /// forget the beginning of the prompt (OL §10).
  std::optional<std::uint64_t> room_for_answer{};
  /// Ollama: false forbids that forgetting in so many words. Absent by default: a loaded model is loaded again when
  /// this differs (OL §11), so that other programs at the same server and Tideover would take turns in loading it.
  std::optional<bool> shift{};
};

struct rendered {
  std::string path;  // of the local server: /api/chat, /api/generate or /v1/chat/completions
  std::string body;
  std::vector<std::string> notes;
  /// The caller insisted on a tool call, which the local server cannot guarantee: the answer must be looked at, and
  /// asked for once more with `insist_on_call` when it calls none of `allowed_calls`.
  bool must_call = false;
  std::vector<std::string> allowed_calls;
  /// The text at the end that the model is asked to go on with, the caller's own or `continuation` or both; empty:
  /// none. Some servers say it once more before they go on.
  std::string prefill{};
};

/// For Ollama's own routes: /api/chat, or /api/generate for a completion with a suffix.
std::variant<rendered, refusal> render_ollama_chat(const request& what, const render_options& options);

/// For local servers of dialect openai (vLLM, llama.cpp server, LM Studio).
std::variant<rendered, refusal> render_openai_chat(const request& what, const render_options& options);

}  // namespace tideover::adapt::chat
