// What a caller has got of a cloud's stream: its text, its ids and places, and whether it is plain text only.
// Internal to adapt/chat. Not an inspector: whether the stream is good is stream_inspector's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "answer_write.hpp"
#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt::chat::answer {

class relayed_stream {
 public:
  virtual ~relayed_stream() = default;

  void take(std::string_view whole_events);
  std::string_view obstacle() const;
  std::string_view text() const { return text_; }
  /// Writes on where the stream was left.
  virtual std::unique_ptr<stream_writer> go_on(const writer_options& options) const = 0;

 protected:
  virtual void event(std::string_view name, std::string_view data) = 0;
  virtual bool is_open() const = 0;  // all that is needed to go on has been seen

  bool stopped() const { return !obstacle_.empty(); }
  void stop(std::string_view why);
  /// Consumes a text that the caller got. Null is none.
  void take_said(json_cursor& c);
  /// Consumes what must not hold anything: null, "", [], {} and false do not.
  void take_none(json_cursor& c, std::string_view why);

 private:
  std::string text_;
  std::string_view obstacle_;  // always a literal
};

std::unique_ptr<relayed_stream> make_relayed_stream(endpoint what);
std::unique_ptr<relayed_stream> make_relayed_response();

/// Members of an object as they came, for repeating them: `"key":value` with commas between.
class member_list {
 public:
  /// Consumes the value. False if it is not kept, being on several lines or too much.
  bool keep(std::string_view raw_key, json_cursor& c, std::size_t most_bytes);
  std::string take() { return std::move(members_); }

 private:
  std::string members_;
};

}  // namespace tideover::adapt::chat::answer
