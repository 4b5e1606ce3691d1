// A cloud request's body made fit for Ollama's own /v1 routes (OL §4–§7, §14), from the untouched original.
// Not for choosing the model (policy/model_choice) nor for heads (adapt/header_rules).
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tideover/core/words.hpp"

namespace tideover::adapt::ollama {

struct replay_options {
  std::string_view model;       // the local model's name
  bool model_thinks = false;    // `thinking` among its capabilities
  bool model_has_tools = true;  // unknown counts as yes
};

struct replay_body {
  std::string body;                // JSON for the local server
  std::vector<std::string> notes;  // what was changed or dropped, for the log and explain
};

struct replay_refusal {
  std::string code;   // not_replayable, tool_choice_unmet, unsupported_parameter, unsupported_content, invalid_request
  std::string field;  // the field at fault
  std::string message;  // one sentence naming the fix
};

/// Done here: model name; max_completion_tokens → max_tokens; developer → system; text-part arrays flattened to
/// strings; tool messages' array content to string; tool-call arguments made an object; content null without tool_calls
/// → ""; reasoning fields dropped or set to "none" by `model_thinks`; reasoning items and thinking blocks of other
/// vendors removed; tool_choice none drops tools, required/named → refused; references in tool schemas inlined;
/// documents and search results given as text become text; n > 1, logit_bias, http image URLs, files → refused; server
/// tools (web_search …) and other state at the cloud → not_replayable. Every other member of the original is dropped
/// and noted: fields that identify the caller (user, metadata, safety_identifier, store, …), fields that the local
/// server would ignore, and keep_alive/options, which are never taken from the caller. The stream flag stays as it was.
std::variant<replay_body, replay_refusal> make_replay_body(endpoint what, std::string_view original,
                                                           const replay_options& options);

/// The field that makes a request depend on state at the cloud (contract §3, CL §1), empty if there is none.
/// The same answer as request_scan gives; this one for people: the sentence to tell.
std::string not_replayable_sentence(std::string_view field);

}  // namespace tideover::adapt::ollama
