#include "tideover/policy/window.hpp"

#include <algorithm>
#include <bit>

namespace tideover::policy {

namespace {

/// No request has a prompt beyond this many tokens; arithmetic stays far from any overflow.
constexpr std::uint64_t beyond_all = std::uint64_t{1} << 40;

std::uint64_t with_margin(std::uint64_t prompt) { return prompt + prompt / 8 + template_overhead; }

}  // namespace

window_choice choose_window(const window_need& need, const window_facts& facts) {
  window_choice choice;
  auto allowed = facts.limit.value_or(automatic_limit);
  if (facts.trained != 0) allowed = std::min(allowed, facts.trained);
  choice.largest = std::max(allowed, facts.loaded);
  if (need.prompt_tokens == 0) {
    choice.num_ctx = facts.loaded;
    return choice;
  }
  auto const prompt = with_margin(std::min(need.prompt_tokens, beyond_all));
  auto const output = std::min(need.max_output.value_or(useful_answer), beyond_all);
  choice.needed = prompt + std::min(output, useful_answer);
  auto const wanted = prompt + output;
  if (choice.needed > choice.largest) {
    choice.fits = false;
    return choice;
  }
  if (facts.loaded != 0) {
    // Growing costs a load: it is worth it for the prompt and for the answer that was asked for, as far as allowed.
    if (wanted <= facts.loaded || facts.loaded >= allowed) {
      choice.num_ctx = facts.loaded;
      return choice;
    }
    choice.num_ctx = std::max(std::min(std::bit_ceil(wanted), allowed), facts.loaded);
    choice.reloads = choice.num_ctx != facts.loaded;
    return choice;
  }
  if (wanted <= (facts.usual != 0 ? facts.usual : smallest_default)) return choice;
  choice.num_ctx = std::min(std::bit_ceil(wanted), allowed);
  // Less than the server gives by itself is never asked for.
  if (facts.usual >= choice.num_ctx) choice.num_ctx = 0;
  return choice;
}

}  // namespace tideover::policy
