// What the writers of answers share: ids, reasons, counts, and how each goes on with a stream that another began.
// Internal to adapt/chat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../json_append.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"

namespace tideover::adapt::chat::answer {

/// `prefix`, the characters of `unique` that every API takes in an id, and `suffix` or "_number".
std::string id_from(std::string_view prefix, std::string_view unique, std::string_view suffix = {});
std::string id_from(std::string_view prefix, std::string_view unique, std::size_t number);

/// Is it a custom tool's, which is given text?
bool takes_text(std::span<const std::string> text_tools, const tool_call& call);
/// What a custom tool is given, from the arguments by which a local model gave it. Where they are not as they should
/// be, they are shown as they are, not mended: a tool that runs on a guess may do harm.
std::string text_given(std::string_view arguments);

std::string_view openai_finish_reason(end_reason why);
std::string_view anthropic_stop_reason(end_reason why);

/// What is shown where the server did not count: the estimate of the prompt, the answer by its size.
usage used_with_estimates(const std::optional<usage>& counted, std::uint64_t prompt, std::size_t answer_bytes);

/// What is new in a whole answer to a request that ended in a beginning of it.
std::string without_prefill(std::string_view text, std::string_view prefill);

void append_openai_usage(std::string& out, const usage& u);
void append_anthropic_usage(std::string& out, const usage& u);
/// The array that chat calls `content` and Responses `logprobs`.
void append_token_list(std::string& out, std::span<const token_logprob> tokens);
/// The object that completions call `logprobs`. `offset`: characters of text before these tokens; moved behind them.
void append_legacy_logprobs(std::string& out, std::span<const token_logprob> tokens, std::size_t& offset);

/// Where a stream that another server began was left, so that a writer can go on with it. Raw members are JSON text
/// without the enclosing braces, as `"id":"x","created":1`; they are repeated as they came.
struct chunks_begun {
  std::string envelope;  // members of a chunk but choices and usage
};
struct message_begun {
  std::size_t block_index = 0;  // of the text block that is open
};
struct response_begun {
  std::string envelope;  // members of the response object but those that change until its end
  std::string item;      // members of the message item but status and content
  std::string item_id;   // JSON text, quotes included
  std::uint64_t output_index = 0;
  std::uint64_t content_index = 0;
  std::int64_t next_sequence_number = 0;
  std::string text;  // said so far
};

/// `begun`: null for a new stream; else only until the call returns.
std::unique_ptr<stream_writer> make_chat_writer(const writer_options& options, const chunks_begun* begun = nullptr,
                                                std::size_t said_bytes = 0);
std::unique_ptr<stream_writer> make_completions_writer(const writer_options& options,
                                                       const chunks_begun* begun = nullptr, std::size_t said_bytes = 0);
std::unique_ptr<stream_writer> make_messages_writer(const writer_options& options, const message_begun* begun = nullptr,
                                                    std::size_t said_bytes = 0);
std::unique_ptr<stream_writer> make_responses_writer(const writer_options& options,
                                                     const response_begun* begun = nullptr);

}  // namespace tideover::adapt::chat::answer
