// What a streamed answer has said so far: nothing yet, something usable, an error, its end.
// Not for relaying: it looks at whole events and never changes a byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
    usable,    // text, reasoning or tool delta, refusal or finish reason was seen
    failed,    // an error event came; `error_*` say which
    finished,  // the terminator came: [DONE], message_stop, response.completed|incomplete
  };

  /// Looks at whole events. Once finished or failed the state stays.
  state inspect(std::string_view whole_events);
  state current() const { return state_; }

  bool content_seen() const { return content_seen_; }     // stays true after `finished` or `failed`
  bool finish_reason_seen() const { return finish_seen_; }  // a [DONE] that is missing after it is only untidy
  std::string_view model() const { return model_; }         // as the stream names it, once seen

  /// Of the error event: vendor's type, code and message (shortened to 300 bytes), empty if not given.
  std::string_view error_type() const { return error_type_; }
  std::string_view error_code() const { return error_code_; }
  std::string_view error_message() const { return error_message_; }

 private:
  void event(std::string_view name, std::string_view data);
  void chat_chunk(std::string_view data);
  void responses_event(std::string_view name, std::string_view data);
  void anthropic_event(std::string_view name, std::string_view data);
  void error_object(std::string_view raw_object);

  endpoint what_;
  dialect from_;
  state state_ = state::silent;
  bool content_seen_ = false;
  bool finish_seen_ = false;
  std::string model_;
  std::string error_type_, error_code_, error_message_;
};

}  // namespace tideover::adapt
