// What a caller has got of a Responses stream (CL §3).
#include <charconv>
#include <utility>

#include "../json_read.hpp"
#include "relayed_stream.hpp"

namespace tideover::adapt::chat::answer {

namespace {

/// What one event says, as JSON.
struct fields {
  std::string_view type;
  std::string_view response;
  std::string_view item;
  std::string_view part;
  std::string_view item_id;
  std::uint64_t output_index = 0;
  std::uint64_t content_index = 0;
};

class relayed_response final : public relayed_stream {
  std::unique_ptr<stream_writer> go_on(const writer_options& options) const override {
    response_begun begun = begun_;
    begun.text = text();
    return make_responses_writer(options, &begun);
  }
  bool is_open() const override { return in_part_ && !begun_.envelope.empty() && !begun_.item_id.empty(); }

  void event(std::string_view name, std::string_view data) override {
    json_cursor c(data);
    fields f;
    bool is_delta = is(name, "response.output_text.delta");
    const bool is_object = each_member(c, [&](std::string_view key) {
      if (is(key, "type")) {
        f.type = take_raw(c);
        is_delta = is(f.type, "response.output_text.delta");
      } else if (is(key, "delta") && is_delta) {
        take_said(c);  // no copy: nearly every event is one of these, and its type comes first
      } else if (is(key, "delta")) {
        late_delta_ = c.peek() != json_kind::null;
        c.skip();
      } else if (is(key, "sequence_number")) {
        begun_.next_sequence_number = static_cast<std::int64_t>(take_count(c)) + 1;
      } else if (is(key, "output_index")) {
        f.output_index = take_count(c);
      } else if (is(key, "content_index")) {
        f.content_index = take_count(c);
      } else if (is(key, "item_id")) {
        c.skip(f.item_id);
      } else if (is(key, "response")) {
        c.skip(f.response);
      } else if (is(key, "item")) {
        c.skip(f.item);
      } else if (is(key, "part")) {
        c.skip(f.part);
      } else if (is(key, "logprobs")) {
        take_none(c, "logprobs");
      } else {
        c.skip();
      }
    });
    if (!is_object || !c.finish()) return stop("malformed");
    if (f.type.empty()) f.type = name;
    if (is_delta) return text_delta_came(f);
    if (std::exchange(late_delta_, false)) {
      // Of a text whose type came last in its event, or of something that is no text.
      return stop(is(f.type, "response.output_text.delta") ? "malformed" : kind_of(f.type));
    }
    other(f);
  }

  void text_delta_came(const fields& f) {
    const bool same_place = in_part_ && f.output_index == begun_.output_index &&
                            f.content_index == begun_.content_index && f.item_id == begun_.item_id;
    if (!same_place) stop("parts");
  }

  void other(const fields& f) {
    if (is(f.type, "response.created") || is(f.type, "response.in_progress") || is(f.type, "response.queued"))
      return begin_response(f.response);
    if (is(f.type, "response.output_item.added")) return begin_item(f);
    if (is(f.type, "response.content_part.added")) return begin_part(f);
    if (is(f.type, "response.output_text.done") || is(f.type, "response.content_part.done") ||
        is(f.type, "response.output_item.done") || is(f.type, "response.completed") ||
        is(f.type, "response.incomplete"))
      return stop("finished");
    if (is(f.type, "error") || is(f.type, "response.failed")) return stop("error");
    if (is(f.type, "response.output_text.annotation.added")) return stop("annotations");
    if (is(f.type, "ping") || is(f.type, "keepalive")) return;
    stop(kind_of(f.type));
  }

  static std::string_view kind_of(std::string_view type) {
    const auto names = [type](std::string_view word) { return type.find(word) != std::string_view::npos; };
    if (names("reasoning")) return "reasoning";
    if (names("refusal")) return "refusal";
    if (names("call")) return "tool_calls";
    if (names("audio")) return "audio";
    return "unknown";
  }

  void begin_response(std::string_view response) {
    json_cursor c(response);
    member_list members;
    bool has_id = false;
    each_member(c, [&](std::string_view key) {
      if (is(key, "output")) {
        take_none(c, "unknown");
      } else if (is(key, "error")) {
        take_none(c, "error");
      } else if (is(key, "status") || is(key, "usage") || is(key, "incomplete_details") || is(key, "completed_at")) {
        c.skip();
      } else {
        const bool is_id = is(key, "id") && c.peek() == json_kind::string;
        has_id = (members.keep(key, c, most_envelope_bytes) && is_id) || has_id;
      }
    });
    begun_.envelope = has_id ? members.take() : std::string();
  }

  void begin_item(const fields& f) {
    if (!begun_.item.empty()) return stop("parts");
    json_cursor c(f.item);
    member_list members;
    std::string_view type;
    each_member(c, [&](std::string_view key) {
      if (is(key, "content")) {
        take_none(c, "unknown");
      } else if (is(key, "status")) {
        c.skip();
      } else {
        json_cursor ahead = c;
        const bool is_text = c.peek() == json_kind::string;
        const bool kept = members.keep(key, c, most_envelope_bytes);
        if (is(key, "type")) type = take_raw(ahead);
        if (std::string_view id; is(key, "id") && is_text && kept && ahead.skip(id)) begun_.item_id = id;
      }
    });
    if (!is(type, "message")) return stop(kind_of(type));
    begun_.item = members.take();
    begun_.output_index = f.output_index;
  }

  void begin_part(const fields& f) {
    if (in_part_ || f.item_id != begun_.item_id || f.output_index != begun_.output_index) return stop("parts");
    json_cursor c(f.part);
    std::string_view type;
    each_member(c, [&](std::string_view key) {
      if (is(key, "type")) {
        type = take_raw(c);
      } else if (is(key, "text")) {
        take_said(c);
      } else if (is(key, "annotations") || is(key, "logprobs")) {
        take_none(c, key == "logprobs" ? "logprobs" : "annotations");
      } else {
        c.skip();
      }
    });
    if (!is(type, "output_text")) return stop(kind_of(type));
    begun_.content_index = f.content_index;
    in_part_ = true;
  }

  /// Tools and instructions are repeated in every response object; those that are larger are left out of the last.
  static constexpr std::size_t most_envelope_bytes = std::size_t{128} << 10;

  response_begun begun_;
  bool in_part_ = false;
  bool late_delta_ = false;
};

}  // namespace

std::unique_ptr<relayed_stream> make_relayed_response() { return std::make_unique<relayed_response>(); }

}  // namespace tideover::adapt::chat::answer
