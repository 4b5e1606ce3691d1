// How large a context window to ask a local model for, so that nothing of a prompt is dropped without a word.
// Not a tokenizer, and no choice of model: the estimate comes in, policy/model_choice asks here for each candidate.
#pragma once

#include <cstdint>
#include <optional>

namespace tideover::policy {

/// What a request will need, as far as known. Estimates are low for code and other scripts, so a margin is added.
struct window_need {
  std::uint64_t prompt_tokens = 0;  // estimated; 0: nothing is known, everything fits
  std::optional<std::uint64_t> max_output;
};

/// What is known of the model and the server.
struct window_facts {
  std::optional<std::uint64_t> limit;  // `context_tokens`; nothing: auto
  std::uint64_t trained = 0;           // the model's own maximum; 0: unknown
  std::uint64_t loaded = 0;            // window of the running model; 0: not loaded, or not known
  std::uint64_t usual = 0;             // window that a load without options gives; 0: not known
};

struct window_choice {
  bool fits = true;
  std::uint64_t num_ctx = 0;  // what to ask for; 0: nothing, the server's own default holds the request
  bool reloads = false;       // the model is loaded with a smaller window and has to be loaded again
  std::uint64_t largest = 0;  // the most that could be asked for
  std::uint64_t needed = 0;   // tokens for the prompt and an answer of useful length
};

/// A loaded window that holds the request is asked for exactly as it is: any other value, a smaller one too, would
/// unload and load the model (OL §11). Else the next power of two that holds prompt and answer, at most what is allowed
/// and what the model was trained for. A long `max_output` alone never makes a request unfit: the answer then ends at
/// the window's end, which the caller is told (`length`), while a prompt that does not fit would be cut in silence.
window_choice choose_window(const window_need& need, const window_facts& facts);

inline constexpr std::uint64_t automatic_limit = 32768;  // of `context_tokens: auto`
inline constexpr std::uint64_t smallest_default = 4096;  // of servers without a setting of their own (OL §10)
inline constexpr std::uint64_t useful_answer = 1024;     // room that an answer needs at least, and if nothing is said
inline constexpr std::uint64_t template_overhead = 64;   // what a chat template adds

}  // namespace tideover::policy
