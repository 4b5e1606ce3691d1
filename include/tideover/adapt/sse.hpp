// Server-sent events as bytes: where they end, and what one says. (WHATWG HTML §9.2 with the usual tolerance.)
// Not an inspector: meaning is stream_inspector's. Nothing is normalised, so bytes can be relayed as they came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tideover::adapt {

/// Finds event boundaries in a growing buffer: an event ends after a blank line, with LF, CR or CRLF line ends.
class sse_boundary {
 public:
  /// How many leading bytes of `buffer` are whole events. `buffer` must be the earlier buffer plus new bytes at its
  /// end. Each byte is looked at once, however it arrives.
  std::size_t complete(std::string_view buffer);
  /// Tells that `bytes` were taken from the front of the buffer.
  void consumed(std::size_t bytes);

 private:
  std::size_t scanned_ = 0;   // bytes looked at
  std::size_t boundary_ = 0;  // end of the last whole event seen
  bool at_line_start_ = true;
  bool after_cr_ = false;
  bool blank_line_ = false;        // the line that ended last was empty
  bool line_end_is_crlf_ = false;  // how the line before ended: the stream's habit
};

struct sse_event {
  std::string_view name;  // of the `event:` field, empty if none
  std::string_view id;    // of the `id:` field, empty if none
  std::string_view data;  // of the `data:` fields, joined with LF; a view into the input or into `storage`
  bool has_data = false;
  bool only_comments = true;  // nothing but comment lines (a keep-alive)
};

/// Takes events one after another from bytes that are whole events.
class sse_reader {
 public:
  explicit sse_reader(std::string_view whole_events) : rest_(whole_events) {}
  bool next(sse_event& event) {  // false: none left
    event = {};
    return !rest_.empty() && read(event);
  }
  std::size_t left() const { return rest_.size(); }  // bytes behind the events that were taken

 private:
  bool read(sse_event& event);

  std::string_view rest_;
  std::string storage_;  // only for events with several data lines
};

}  // namespace tideover::adapt
