// What a streamed answer has said so far: nothing yet, something usable, an error, its end.
// Not for relaying: it looks at whole events and never changes a byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tideover/adapt/error_body.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt {

class stream_inspector {
 public:
  /// `what` decides the event language (chat chunks, completions chunks, Responses events, Anthropic events).
  /// `from` tells local oddities (a swallowed error: chunk with `"model":""`) from cloud ones.
  stream_inspector(endpoint what, dialect from) : what_(what), from_(from) {}

  enum class state : std::uint8_t {
    silent,    // role chunks, message_start, response.created, pings, comments: nothing usable
    usable,    // text, reasoning or tool delta, refusal or a telling finish reason was seen
    failed,    // an error event came; `error_*` say which. Type "malformed": data that is not the protocol;
               // "swallowed_error": Ollama lost the text of an error on the way (its chunk with an empty model)
    finished,  // the terminator came: [DONE], message_stop, response.completed|incomplete
  };

  /// Looks at whole events. Once finished or failed the state stays. Unknown event names are nothing.
  state inspect(std::string_view whole_events);
  state current() const { return state_; }

  /// The stream has come to its end (finish reason or terminator) without saying anything: the streamed form of an
  /// empty answer. An end that explains the silence (length, content_filter, refusal, tool calls) does not count, nor
  /// does a model that reports tokens it spent, in thought. A bare `stop` or `end_turn` therefore leaves the state
  /// silent: committing to it would make an empty answer final just before it is known to be one.
  bool said_nothing() const { return (finish_seen_ || state_ == state::finished) && !content_seen_ && !tokens_spent_; }

  bool content_seen() const { return content_seen_; }       // stays true after `finished` or `failed`
  bool finish_reason_seen() const { return finish_seen_; }  // a [DONE] that is missing after it is only untidy
  std::string_view model() const { return model_; }         // as the stream names it, once seen

  /// Of the error event: vendor's type, code and message (shortened to 300 bytes), empty if not given.
  std::string_view error_type() const { return error_type_; }
  std::string_view error_code() const { return error_code_; }
  std::string_view error_message() const { return error_message_; }
  error_facts error() const;  // the same together; `recognised` only after an error event

 private:
  void event(std::string_view name, std::string_view data);
  void chat_chunk(std::string_view name, std::string_view data);
  void responses_event(std::string_view name, std::string_view data);
  void anthropic_event(std::string_view name, std::string_view data);
  void content();
  void finish_reason(std::string_view raw);
  void fail(const error_facts& error);
  void fail(std::string_view type, std::string_view message);
  void note_model(std::string_view raw);

  endpoint what_;
  dialect from_;
  state state_ = state::silent;
  bool content_seen_ = false;
  bool finish_seen_ = false;
  bool tokens_spent_ = false;  // usage names output tokens
  std::string model_;
  // How the last chat chunk began, up to and with `"choices":`, and which of these bytes name the model. The next one
  // nearly always begins with the same bytes, which need not be read twice.
  static constexpr std::size_t longest_head = 512;
  std::string head_;
  std::size_t head_model_at_ = 0;
  std::size_t head_model_size_ = 0;
  bool head_names_model_ = false;
  std::string error_type_, error_code_, error_message_;
};

/// How many leading bytes of these whole events come before the first that fails a stream: all, where none does.
std::size_t good_before_error(endpoint what, dialect from, std::string_view whole_events);

}  // namespace tideover::adapt
