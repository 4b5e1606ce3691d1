// Goes on with a cloud's stream that broke off, in the same stream, with what a local model says next (contract §5,
// `on_cut: continue`). Plain text only.
// Not for deciding whether a stream may be continued by policy, nor for asking the local model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/adapt/chat/answer.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt::chat::answer {

class relayed_stream;  // what is known of the stream so far
class joint;           // where the two texts meet
class stream_writer;

struct splice_options {
  bool include_usage = false;       // chat and completions: the caller asked for it
  std::uint64_t prompt_tokens = 0;  // an estimate, for where the local server gives no count
  std::string_view request_id{};    // for error events; only read while the splice is made
};

/// First `relayed` for all that the caller got; after the cut, if there is no obstacle, the local model is asked with
/// `prefill` as the beginning of its answer, and `write` is called for the events of what it says.
///
/// **How the texts are joined.** The caller has T and white space W, W being what T's end was left of (space, tab, line
/// ends). The model is given T without W, because its template would strip it anyway; so what C, its continuation,
/// begins with of W is the W that the caller has already, and is left out. Otherwise C is passed on to the byte. Words
/// that C repeats are passed on as well: a text may rightly repeat itself. One case is certain: if C begins with the
/// whole of T (32 bytes or more) the model did not continue but began anew, and exactly T is left out. Where it is
/// likely that the model began anew but not certain, the stream ends with an error: T is shorter than that or repeats
/// itself, C differs from T after 32 equal bytes or ends within T, or has other white space before it.
/// Of a model that is known to say first what it is to continue, exactly T is left out, whatever its length; all that
/// is said by one that is known not to is new. Where T goes on with a beginning of the caller's own, T is both together
/// in all of this.
class splice {
 public:
  static constexpr std::size_t most_text_bytes = std::size_t{256} << 10;

  splice(endpoint what, const splice_options& options);
  ~splice();

  /// Whole events, as they were relayed to the caller. Cheap: each is looked at once, and not at all after an obstacle.
  void relayed(std::string_view whole_events);
  /// Something else is in the way, such as an event that was relayed in part.
  void give_up(std::string_view why);

  /// Why the stream cannot be continued, in one word; empty if it can. `nothing` (no text yet), `finished`,
  /// `tool_calls`, `reasoning`, `refusal`, `choices`, `parts`, `logprobs`, `annotations`, `audio`, `error`, `too_long`,
  /// `encoding`, `malformed`, `unknown`.
  std::string_view obstacle() const;
  /// What the caller has read.
  std::string_view text() const;
  /// What the local model is to continue; empty if the text is white space only: then it is asked without.
  std::string_view prefill() const;

  /// What the model was asked to continue in truth, a caller's own beginning included, and whether it is known to say
  /// that once more first; nothing: not known. Before the first `write`; without it `prefill` was asked for.
  void asked(std::string_view whole_prefill, std::optional<bool> echoes);

  /// Appends whole events that go on with the stream, up to its terminator or an error event. Only without obstacle.
  void write(const event& e, std::string& out);
  bool finished() const;
  bool failed() const;

 private:
  void write_text(std::string_view text, std::string& out);
  void refuse(std::string_view why, std::string& out);
  usage adjusted(usage u) const;

  bool include_usage_;
  std::uint64_t prompt_tokens_;
  std::string request_id_;
  std::string given_up_;
  std::optional<std::string> asked_;  // with the white space that the caller has read after it
  std::optional<bool> echoes_;
  std::unique_ptr<relayed_stream> relayed_;
  std::unique_ptr<joint> joint_;           // once it is written
  std::unique_ptr<stream_writer> writer_;  // as well
};

}  // namespace tideover::adapt::chat::answer
