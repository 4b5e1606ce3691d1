// Reads a local server's answer, in whatever pieces it comes, into the events of answer.hpp.
// Not for error statuses (read_error_body), nor for judging whether a good answer says enough.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/answer.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt::chat::answer {

/// The longest line or event that is read (OL §9: Ollama itself fails at 8 MB).
inline constexpr std::size_t longest_piece_bytes = std::size_t{8} << 20;

/// Gives events in the order of answer.hpp. After `finish` or `error` whatever comes is ignored. Memory is bounded by
/// the longest piece and what one feed holds.
class stream_reader {
 public:
  virtual ~stream_reader() = default;

  /// Appends the events that these bytes complete.
  void feed(std::string_view bytes, std::vector<event>& into);
  /// The input has ended in order: what was complete but for its line end is read now.
  void end_of_input(std::vector<event>& into);

  bool finished() const { return finished_; }  // `finish` was given
  bool failed() const { return failed_; }      // `error` was given
  /// … because the server says that the model does not run on it (OL §13): nothing of it is a local answer.
  bool made_elsewhere() const { return made_elsewhere_; }
  /// The input ended before the answer did: never to be taken for a clean end.
  bool truncated() const { return ended_ && !finished_ && !failed_; }

 protected:
  virtual void read(std::string_view bytes) = 0;
  virtual void read_rest() = 0;

  bool over() const { return finished_ || failed_; }
  void give(event e);
  void begin_once(std::string_view model);
  void finish_with(end_reason why);
  void fail_malformed(std::string_view what);
  void fail_with(std::string_view type, std::string_view message);
  void fail_elsewhere();

 private:
  std::vector<event>* into_ = nullptr;  // only while a call runs
  bool begun_ = false;
  bool finished_ = false;
  bool failed_ = false;
  bool made_elsewhere_ = false;
  bool ended_ = false;
};

/// `from` is the local server's dialect. Ollama: lines of /api/chat or /api/generate. Otherwise: server-sent events of
/// chat completions, or of completions.
std::unique_ptr<stream_reader> make_stream_reader(dialect from);

/// The same for an answer that came in one piece. Its last event is `finish` or `error`: an answer without its end is
/// malformed.
std::vector<event> read_whole(dialect from, std::string_view body);

}  // namespace tideover::adapt::chat::answer
