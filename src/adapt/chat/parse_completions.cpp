// POST /v1/completions, the route of old (OL §5). The prompt becomes the user's message: that is what a local server
// makes of it as well.
#include "reader.hpp"

namespace tideover::adapt::chat {
namespace {

bool read_prompt(reader& to) {
  to.handled({"prompt", "suffix", "echo"});
  const json* prompt = &to.get("prompt");
  if (prompt->is_array() && prompt->size() == 1) prompt = &prompt->front();
  if (!prompt->is_string())
    return to.refuse("unsupported_parameter", "prompt",
                     "The local server completes one prompt given as text; send one request for each prompt.");
  if (adapt::text_of(*prompt).empty())
    return to.refuse("unsupported_parameter", "prompt",
                     "The local server completes nothing to an empty prompt; give some text.");
  to.out.messages.push_back({role::user, {{std::string(adapt::text_of(*prompt))}}});
  if (is_true(to.get("echo")))
    return to.refuse("unsupported_parameter", "echo", "The local server does not repeat the prompt; leave echo out.");
  auto const& suffix = to.get("suffix");
  if (!suffix.is_null() && !suffix.is_string()) return to.refuse("invalid_request", "suffix", "suffix must be text.");
  if (auto const text = adapt::text_of(suffix); !text.empty()) to.out.suffix = text;
  return true;
}

/// Here a number: how many alternatives to name.
bool read_logprobs(reader& to) {
  if (!to.integer("logprobs", to.out.top_logprobs)) return false;
  to.out.logprobs = to.out.top_logprobs.has_value();
  return true;
}

}  // namespace

std::variant<parsed, refusal> parse_completions(reader& to) {
  auto& params = to.out.params;
  (void)(read_prompt(to) && refuse_more_than_one(to, "n") && refuse_more_than_one(to, "best_of") &&
         refuse_logit_bias(to) && to.limit("max_tokens") && read_stream(to) &&
         to.number("temperature", params.temperature) && to.number("top_p", params.top_p) &&
         to.number("frequency_penalty", params.frequency_penalty) &&
         to.number("presence_penalty", params.presence_penalty) && to.integer("seed", params.seed) &&
         to.stop_texts("stop") && read_logprobs(to));
  return to.finish();
}

}  // namespace tideover::adapt::chat
