// Writes the events of answer.hpp in the dialect of the caller, streamed or whole.
// Not for heads nor for errors before anything was written (error_body); no ids, time or chance of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/answer.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt::chat::answer {

class joint;  // where a text that was begun and its continuation meet

/// Only read while the writer is made.
struct writer_options {
  std::string_view unique{};    // every id is made from it: letters, digits, - and _; the last 24 of them count
  std::int64_t created = 0;     // seconds since 1970
  std::string_view model{};     // the name to show
  bool include_usage = false;   // chat and completions streams: the caller asked for it
  bool show_reasoning = false;  // the caller asked for it; else it is left out
  bool must_call = false;       // a tool must be called: see call_missing
  std::span<const std::string> allowed_calls{};  // and only these may be; empty: any
  std::span<const std::string> text_tools{};     // chat, Responses: calls of these are custom tools', which take text
  std::uint64_t prompt_tokens = 0;               // an estimate, for where the server gives no count
  std::string_view id{};                         // of the answer; empty: made from `unique`
  std::string_view reasoning_id{};               // Responses: of reasoning items; empty: made from `unique`
  std::string_view signature{};                  // Messages: of thinking blocks, by which they are known later (CL §9)
  std::string_view encrypted_content{};          // Responses: of reasoning items; left out if empty
  std::string_view echo{};                       // Responses: members that repeat the request, from response_echo
  std::string_view request_id{};                 // for error events
  std::string_view prefill{};  // the caller's own beginning: left out where the server says it once more
};

/// The most that an answer may hold; more is an error. What Responses repeat at their end must be kept until then.
inline constexpr std::size_t largest_answer_bytes = std::size_t{64} << 20;

/// Appends whole events only, nothing before the first usable one, and exactly one end: the terminator after `finish`,
/// or an error event and no terminator after `error`. What comes after an end is ignored.
class stream_writer {
 public:
  virtual ~stream_writer();
  void write(const event& e, std::string& out);

  bool finished() const { return state_ == state::finished; }
  bool failed() const { return state_ == state::failed; }
  /// The answer came to its end without the call that `must_call` wants, or with a call that `allowed_calls` does not
  /// name. Nothing was written for that end: the caller
  /// of this class ends the stream with an error, or goes on with another answer if nothing had been written at all.
  bool call_missing() const { return call_missing_; }

 protected:
  explicit stream_writer(endpoint what, const writer_options& options);

  virtual void on_text(std::string_view text) = 0;
  virtual void on_reasoning(std::string_view text) = 0;
  virtual void on_call(const tool_call& call) = 0;
  virtual void on_logprobs(const logprobs&) {}
  virtual void on_finish(end_reason why, const usage& used) = 0;
  virtual std::int64_t next_sequence_number() { return 0; }  // of an error event

  std::string& out() { return *out_; }
  void fail(const error& e);
  /// Tokens of what the stream held before this writer went on with it (splice).
  void count_before(std::size_t bytes) { tokens_before_ = tokens_of_bytes(bytes); }

 private:
  enum class state : std::uint8_t { open, finished, failed };

  void say(std::string_view text);
  void say_rest();
  bool grows(std::size_t bytes);
  void end(end_reason why);
  usage used() const;

  endpoint what_;
  std::string request_id_;
  std::string prefill_;
  std::unique_ptr<joint> joint_;  // null: everything is new
  bool show_reasoning_;
  bool must_call_;
  std::uint64_t prompt_tokens_;
  std::uint64_t tokens_before_ = 0;
  state state_ = state::open;
  bool call_missing_ = false;
  std::vector<std::string> allowed_calls_;
  bool called_ = false;
  bool called_another_ = false;
  std::size_t size_bytes_ = 0;
  std::optional<usage> used_;
  std::string* out_ = nullptr;  // only while a call runs
};

/// For chat_completions, completions, responses and messages.
std::unique_ptr<stream_writer> make_stream_writer(endpoint what, const writer_options& options);

/// The body of an answer that came to its good end (`of.ended`).
std::string write_whole(endpoint what, const whole& of, const writer_options& options);

/// The members by which a Responses answer repeats its request (instructions, tools, temperature, …), with the API's
/// defaults where the request says nothing. Text for writer_options::echo.
std::string response_echo(std::string_view request_body);

}  // namespace tideover::adapt::chat::answer
