// Any bytes as a local server's answer, in any pieces: the same events however they are cut, one end at most, and every
// route's stream of them is whole events of good JSON. Any bytes as a cloud's stream that broke off: going on with it
// keeps it a stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/answer_reader.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"
#include "tideover/adapt/chat/splice.hpp"
#include "tideover/adapt/sse.hpp"
#include "tideover/adapt/stream_inspector.hpp"

namespace {

using namespace tideover;
using namespace tideover::adapt;
using namespace tideover::adapt::chat::answer;

void require(bool truth) {
  if (!truth) std::abort();
}

constexpr endpoint routes[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                               endpoint::messages};

class pieces {
 public:
  pieces(std::string_view rest, std::uint32_t seed) : rest_(rest), seed_(seed) {}
  bool next(std::string_view& piece) {
    if (rest_.empty()) return false;
    seed_ = seed_ * 1664525U + 1013904223U;
    piece = rest_.substr(0, 1 + (seed_ >> 24) % 40);
    rest_.remove_prefix(piece.size());
    return true;
  }

 private:
  std::string_view rest_;
  std::uint32_t seed_;
};

void require_good_events(std::string_view stream) {
  require(stream.empty() || stream.ends_with("\n\n"));
  sse_reader reader(stream);
  sse_event e;
  while (reader.next(e)) require(e.has_data && (e.data == "[DONE]" || nlohmann::json::accept(e.data)));
}

void check_reader(dialect from, std::string_view input, std::uint32_t seed) {
  const auto at_once = make_stream_reader(from);
  std::vector<event> events;
  at_once->feed(input, events);
  at_once->end_of_input(events);

  const auto bit_by_bit = make_stream_reader(from);
  std::vector<event> same_events;
  pieces all(input, seed);
  for (std::string_view piece; all.next(piece);) bit_by_bit->feed(piece, same_events);
  bit_by_bit->end_of_input(same_events);
  require(events == same_events);
  require(at_once->finished() == bit_by_bit->finished() && at_once->truncated() == bit_by_bit->truncated());
  require(at_once->finished() + at_once->failed() + at_once->truncated() == 1);

  std::size_t ends = 0;
  for (const auto& e : events) ends += std::holds_alternative<finish>(e) || std::holds_alternative<error>(e);
  require(ends == (at_once->truncated() ? 0U : 1U));

  for (const auto what : routes) {
    const writer_options options{.unique = "u", .model = "m", .include_usage = true, .show_reasoning = seed % 2 == 0};
    const auto writer = make_stream_writer(what, options);
    std::string stream;
    for (const auto& e : events) writer->write(e, stream);
    require_good_events(stream);
    stream_inspector inspector(what, dialect::openai);
    const auto state = inspector.inspect(stream);
    require(inspector.error_type() != "malformed");
    require(writer->finished() == (state == stream_inspector::state::finished));
    require(writer->failed() == (state == stream_inspector::state::failed));
    require(nlohmann::json::accept(write_whole(what, gather(events), options)));
  }
}

void check_splice(endpoint what, std::string_view input, std::uint32_t seed) {
  splice joint(what, {.include_usage = true});
  sse_boundary boundary;
  const std::string stream(input);
  const std::string_view whole = std::string_view(stream).substr(0, boundary.complete(stream));
  joint.relayed(whole);
  require(joint.text().starts_with(joint.prefill()) && joint.text().size() <= splice::most_text_bytes);
  std::string out;
  const std::string more = seed % 3 == 0 ? std::string(joint.prefill()) + " again" : " and so on";
  joint.write(text_delta{more}, out);
  joint.write(finish{}, out);
  require_good_events(out);
  require(joint.obstacle().empty() == (joint.finished() || joint.failed()));
  require(joint.obstacle().empty() || out.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::uint32_t seed = data[1];
  switch (data[0] % 6) {
    case 0: check_reader(dialect::ollama, input, seed); break;
    case 1: check_reader(dialect::openai, input, seed); break;
    default: check_splice(routes[data[0] % 6 - 2], input, seed); break;
  }
  for (const auto from : {dialect::ollama, dialect::openai}) {
    const auto events = read_whole(from, input);
    require(!events.empty() &&
            (std::holds_alternative<finish>(events.back()) || std::holds_alternative<error>(events.back())));
  }
  require(nlohmann::json::accept("{" + response_echo(input) + "}"));
  return 0;
}
