#include "tideover/adapt/sse.hpp"

#include <algorithm>
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tideover::adapt {

namespace {

/// The position of the first CR or LF at or after `from`, or the size of `text`.
inline std::size_t find_line_end(std::string_view text, std::size_t from) {
  const char* p = text.data() + from;
  const char* const end = text.data() + text.size();
#if defined(__SSE2__)
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i cr = _mm_set1_epi8('\r');
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto hits =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, lf), _mm_cmpeq_epi8(bytes, cr))));
    if (hits != 0) return static_cast<std::size_t>(p - text.data()) + static_cast<std::size_t>(std::countr_zero(hits));
    p += 16;
  }
#endif
  while (p != end && *p != '\n' && *p != '\r') ++p;
  return static_cast<std::size_t>(p - text.data());
}

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

// A CR at the end of what has arrived may be a line end by itself or the first half of CRLF. Waiting for the next byte
// would hold back the last event of a CR-only stream for ever; not waiting would tear a CRLF apart. So the stream's own
// habit decides: where the line before ended with CRLF the LF is awaited, else the event is complete at the CR. A LF
// that follows all the same belongs to that CR: it is handed out as it comes and is no line of its own.
std::size_t sse_boundary::complete(std::string_view buffer) {
  std::size_t at = std::min(scanned_, buffer.size());
  while (at < buffer.size()) {
    if (after_cr_) {
      after_cr_ = false;
      line_end_is_crlf_ = buffer[at] == '\n';
      if (line_end_is_crlf_) ++at;
      if (blank_line_) boundary_ = at;
      continue;
    }
    const std::size_t line_end = find_line_end(buffer, at);
    if (line_end != at) at_line_start_ = false;
    at = line_end;
    if (at == buffer.size()) break;
    blank_line_ = at_line_start_;
    after_cr_ = buffer[at] == '\r';
    if (!after_cr_) line_end_is_crlf_ = false;
    at_line_start_ = true;
    ++at;
    if (!blank_line_) continue;
    const bool await_lf = after_cr_ && line_end_is_crlf_ && at == buffer.size();
    if (!await_lf) boundary_ = at;
  }
  scanned_ = at;
  return boundary_;
}

void sse_boundary::consumed(std::size_t bytes) {
  scanned_ -= std::min(bytes, scanned_);
  boundary_ -= std::min(bytes, boundary_);
}

bool sse_reader::next(sse_event& event) {
  event = {};
  storage_.clear();
  bool any_line = false;
  bool several_data_lines = false;
  while (!rest_.empty()) {
    const std::size_t end = find_line_end(rest_, 0);
    if (end == rest_.size()) break;  // no line end: not a whole event
    std::string_view line = rest_.substr(0, end);
    const bool crlf = rest_[end] == '\r' && end + 1 < rest_.size() && rest_[end + 1] == '\n';
    rest_.remove_prefix(end + (crlf ? 2 : 1));

    if (line.empty()) {
      if (!any_line) continue;  // blank lines between events
      if (several_data_lines) event.data = storage_;
      return true;
    }
    // Only the first line of a stream may begin with a byte order mark; looking at the first of each event costs
    // nothing and keeps the answer independent of how the stream was cut into calls.
    if (!any_line && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
    any_line = true;
    if (line.empty()) continue;  // a mark and nothing else
    if (line.front() == ':') continue;
    event.only_comments = false;

    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "event") {
      event.name = value;
    } else if (field == "data") {
      if (event.has_data) {
        if (!several_data_lines) storage_ = event.data;
        several_data_lines = true;
        storage_ += '\n';
        storage_ += value;
      } else {
        event.data = value;
        event.has_data = true;
      }
    }
  }
  rest_ = {};  // an event without its blank line is dropped, as by every client
  event = {};
  return false;
}

}  // namespace tideover::adapt
