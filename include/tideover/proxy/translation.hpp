// A local server's answer on its way into the caller's dialect: bytes in, whole events of the caller's dialect out.
// Not for answers that pass as they came, and no judge: what it writes is looked at like anybody's stream.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/answer_reader.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"
#include "tideover/adapt/chat/splice.hpp"
#include "tideover/core/words.hpp"

namespace tideover::proxy {

class translation {
 public:
  translation(dialect from, endpoint what, const adapt::chat::answer::writer_options& options)
      : reader_(adapt::chat::answer::make_stream_reader(from)),
        writer_(adapt::chat::answer::make_stream_writer(what, options)) {}
  /// Goes on with a stream that another upstream began. `joint` outlives this.
  translation(dialect from, adapt::chat::answer::splice& joint)
      : reader_(adapt::chat::answer::make_stream_reader(from)), splice_(&joint) {}

  /// What these bytes become; valid until the next call.
  std::string_view feed(std::string_view bytes) {
    events_.clear();
    reader_->feed(bytes, events_);
    return write();
  }
  /// The input has ended in order. Nothing more comes of an answer that was not at its end.
  std::string_view end_of_input() {
    events_.clear();
    if (!ended_) reader_->end_of_input(events_);
    ended_ = true;
    return write();
  }
  bool ended() const { return ended_; }

  /// The answer ended without the tool call that it had to be.
  bool call_missing() const { return writer_ && writer_->call_missing(); }
  /// The server said that the model does not run on it.
  bool made_elsewhere() const { return reader_->made_elsewhere(); }
  /// How fast the server was, once it said so.
  const std::optional<adapt::chat::answer::timings>& took() const { return took_; }
  const std::optional<adapt::chat::answer::usage>& used() const { return used_; }

 private:
  std::string_view write() {
    text_.clear();
    for (const auto& e : events_) {
      if (const auto* t = std::get_if<adapt::chat::answer::timings>(&e)) took_ = *t;
      if (const auto* u = std::get_if<adapt::chat::answer::usage>(&e)) used_ = *u;
      if (splice_)
        splice_->write(e, text_);
      else
        writer_->write(e, text_);
    }
    return text_;
  }

  std::unique_ptr<adapt::chat::answer::stream_reader> reader_;
  std::unique_ptr<adapt::chat::answer::stream_writer> writer_;
  adapt::chat::answer::splice* splice_ = nullptr;
  std::vector<adapt::chat::answer::event> events_;
  std::string text_;
  std::optional<adapt::chat::answer::timings> took_;
  std::optional<adapt::chat::answer::usage> used_;
  bool ended_ = false;
};

}  // namespace tideover::proxy
