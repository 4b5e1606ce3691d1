// Any bytes as an event stream, in any pieces: nothing lost, nothing invented, and the same events as read at once.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tideover/adapt/sse.hpp"
#include "tideover/adapt/stream_inspector.hpp"

namespace {

using namespace tideover;
using namespace tideover::adapt;

void require(bool truth) {
  if (!truth) std::abort();
}

using events = std::vector<std::pair<std::string, std::string>>;

void read_into(events& all, std::string_view bytes) {
  sse_reader reader(bytes);
  sse_event e;
  while (reader.next(e)) all.emplace_back(e.name, e.data);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first byte chooses protocol and dialect, the second how the rest is cut.
  constexpr endpoint protocols[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                                    endpoint::messages};
  const endpoint what = protocols[data[0] % 4];
  const dialect from = data[0] % 8 < 4 ? dialect::openai : dialect::ollama;
  std::uint32_t cut = data[1] + 1U;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);

  events at_once;
  read_into(at_once, stream);

  events in_pieces;
  sse_boundary boundary;
  stream_inspector inspector(what, from);
  std::string buffer;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < stream.size();) {
    cut = cut * 1664525U + 1013904223U;
    const std::size_t piece = std::min<std::size_t>(1 + (cut >> 24) % 32, stream.size() - at);
    buffer += stream.substr(at, piece);
    at += piece;
    const std::size_t whole = boundary.complete(buffer);
    require(whole <= buffer.size());
    const auto before = inspector.current();
    const auto after = inspector.inspect(std::string_view(buffer).substr(0, whole));
    require(before != stream_inspector::state::failed || after == before);
    require(before != stream_inspector::state::finished || after == before);
    read_into(in_pieces, std::string_view(buffer).substr(0, whole));
    buffer.erase(0, whole);
    boundary.consumed(whole);
    taken += whole;
  }
  require(taken + buffer.size() == stream.size());

  // One event may be held back by a last CR that waits for its LF; otherwise both readings are the same.
  require(in_pieces.size() <= at_once.size() && in_pieces.size() + 1 >= at_once.size());
  require(in_pieces.size() == at_once.size() || stream.back() == '\r');
  for (std::size_t i = 0; i < in_pieces.size(); ++i) require(in_pieces[i] == at_once[i]);

  if (in_pieces.size() == at_once.size()) {
    stream_inspector whole(what, from);
    whole.inspect(stream);
    require(whole.current() == inspector.current());
    require(whole.content_seen() == inspector.content_seen());
    require(whole.said_nothing() == inspector.said_nothing());
    require(whole.model() == inspector.model() && whole.error_message() == inspector.error_message());
  }
  return 0;
}
