// About how many tokens a text or a request is, for whoever has no tokenizer of the model that will read it.
// Not a tokenizer: it counts words, digits, marks and letters of other scripts, each at what it costs on average.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tideover::adapt {

namespace chat {
struct request;
}

/// Made to be a little too high: a prompt must fit the window for which it was measured. In relation to the largest of
/// the counts that the tokenizers of GPT-4o, GPT-4, Llama 3, Mistral 7B and Qwen 3 give, over 407 texts of 41 kinds and
/// about 2,500 letters each:
///
///   English prose, Markdown     1.02 – 1.26     Chinese, Japanese, Korean        0.96 – 1.22
///   German, French, Swedish     1.06 – 1.22     Russian, Ukrainian, Greek        1.00 – 1.34
///   Spanish, Italian, Czech     0.97 – 1.16     Arabic, Hebrew, Hindi, Thai      0.98 – 1.24
///   Polish, Dutch, Turkish      0.86 – 1.04     numbers, base64                  0.93 – 1.02
///   code                        1.00 – 1.22     hexadecimal digits, UUIDs        1.25 – 1.33
///   JSON, XML, logs             1.01 – 1.16     emoji                            1.07 – 1.09
///
/// Short texts stray further, to 0.85 and 1.6. One model's own count may be far below the largest: for Llama 3 the
/// estimate is 1.1 to 1.9 times too high for most kinds, and up to 2.7 times for Greek, Thai and Arabic, which other
/// models read letter by letter. Whoever picks a window adds 10 % to be sure.
std::uint64_t estimate_text_tokens(std::string_view utf8);

/// What a local model is going to read of a request: messages, tool calls and results, tools, 768 for each image (that
/// is what Ollama counts, OL §10), and what templates put around them. Without what a workflow adds.
std::uint64_t estimate_prompt(const chat::request& what);

/// Of a Messages request's body (system, messages, tools): every text value counts, and of tools everything; images
/// count as 1,600 each, which is what a large one costs at Anthropic. Nothing when the body is no JSON object.
std::optional<std::uint64_t> estimate_tokens(std::string_view body);

}  // namespace tideover::adapt
