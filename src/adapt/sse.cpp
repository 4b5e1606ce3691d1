#include "tideover/adapt/sse.hpp"

#include <algorithm>
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tideover::adapt {

namespace {

#if defined(__SSE2__)
/// Whether any of sixty-four bytes is a CR or anything below it: nearly always a line end.
inline bool may_have_line_end(const char* p) {
  const auto load = [p](int at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + at)); };
  const __m128i least = _mm_min_epu8(_mm_min_epu8(load(0), load(16)), _mm_min_epu8(load(32), load(48)));
  const __m128i above_cr = _mm_subs_epu8(least, _mm_set1_epi8('\r'));
  return _mm_movemask_epi8(_mm_cmpeq_epi8(above_cr, _mm_setzero_si128())) != 0;
}

/// A bit for each of sixteen bytes that is a CR or LF.
inline unsigned line_end_bytes(const char* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return static_cast<unsigned>(_mm_movemask_epi8(
      _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')))));
}
#endif

/// The position of the first CR or LF at or after `from`, or the size of `text`.
inline std::size_t find_line_end(std::string_view text, std::size_t from) {
  const char* p = text.data() + from;
  const char* const end = text.data() + text.size();
  if (p != end && (*p == '\n' || *p == '\r')) return from;  // every event ends so
#if defined(__SSE2__)
  while (end - p >= 64 && !may_have_line_end(p)) p += 64;
  const auto position = [&](unsigned hits) {
    return static_cast<std::size_t>(p - text.data()) + static_cast<std::size_t>(std::countr_zero(hits));
  };
  for (; end - p >= 16; p += 16)
    if (const unsigned hits = line_end_bytes(p); hits != 0) return position(hits);
  if (p != end && text.size() >= 16) {  // the last bytes, in a block that reaches back
    const unsigned hits = line_end_bytes(end - 16) >> (16 - (end - p));
    return hits == 0 ? text.size() : position(hits);
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

namespace {

/// One field of an event: its name, and its value without the one space that may come before it.
struct field {
  std::string_view name;
  std::string_view value;
};

field split(std::string_view line) {
  std::size_t colon = 4;  // of `data`, which nearly every line is
  if (!line.starts_with("data:")) colon = std::min(line.find(':'), line.size());
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  return {line.substr(0, colon), value};
}

}  // namespace

bool sse_reader::read(sse_event& event) {
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

    const auto [name, value] = split(line);
    if (name == "event") {
      event.name = value;
    } else if (name == "data") {
      if (event.has_data) {
        if (!several_data_lines) storage_ = event.data;
        several_data_lines = true;
        storage_ += '\n';
        storage_ += value;
      } else {
        event.data = value;
        event.has_data = true;
      }
    } else if (name == "id") {
      event.id = value;
    }
  }
  rest_ = {};  // an event without its blank line is dropped, as by every client
  event = {};
  return false;
}

}  // namespace tideover::adapt
