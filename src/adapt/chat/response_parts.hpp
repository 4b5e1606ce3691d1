// The objects inside a Responses answer, which streams and whole answers share.
// Internal to adapt/chat; events are write_responses'.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer_write.hpp"

namespace tideover::adapt::chat::answer {

struct response_end {
  std::string_view status;
  std::string_view incomplete_because;  // empty: it is not
};
response_end response_end_of(end_reason why);

/// The members of the response object but those that change until its end.
std::string response_envelope(const writer_options& options);
/// The response object; `output` are its items, joined. `used`: null while it is not known.
void append_response(std::string& out, std::string_view envelope, response_end end, std::string_view output,
                     const usage* used);

void append_text_part(std::string& out, std::string_view text, std::span<const token_logprob> tokens);
void append_summary_part(std::string& out, std::string_view text);
/// `members`: of the item but status and content; `part`: its only one, empty if there is none yet.
void append_message_item(std::string& out, std::string_view members, std::string_view status, std::string_view part);

/// Output items and their ids, which tell the item's place in the output.
class response_items {
 public:
  explicit response_items(const writer_options& options);

  std::string reasoning_id(std::size_t output_index) const;
  std::string message_id(std::size_t output_index) const;
  std::string call_item_id(std::size_t output_index, const tool_call& call) const;

  std::string message_members(std::size_t output_index) const;
  void append_reasoning(std::string& out, std::size_t output_index, std::string_view status,
                        std::string_view part) const;
  /// Of a custom tool the item has the text that it is given, else the arguments as they came.
  void append_call(std::string& out, std::size_t output_index, std::string_view status, const tool_call& call,
                   std::string_view given) const;
  bool takes_text(const tool_call& call) const;

 private:
  std::string call_id(std::size_t call) const;

  std::string unique_;
  std::string reasoning_id_;
  std::string encrypted_content_;
  std::vector<std::string> text_tools_;
};

}  // namespace tideover::adapt::chat::answer
