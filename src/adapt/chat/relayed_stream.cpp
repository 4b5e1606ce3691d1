#include "relayed_stream.hpp"

#include <algorithm>
#include <utility>

#include "../json_read.hpp"
#include "tideover/adapt/chat/splice.hpp"
#include "tideover/adapt/sse.hpp"

namespace tideover::adapt::chat::answer {

void relayed_stream::take(std::string_view whole_events) {
  sse_reader events(whole_events);
  sse_event e;
  while (!stopped() && events.next(e))
    if (e.has_data && !e.data.empty()) event(e.name, e.data);
}

std::string_view relayed_stream::obstacle() const {
  if (stopped()) return obstacle_;
  if (text_.empty()) return "nothing";
  return is_open() ? std::string_view() : "malformed";
}

void relayed_stream::stop(std::string_view why) {
  if (stopped()) return;
  obstacle_ = why;
  text_ = {};
}

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

std::size_t count_of(std::string_view word, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

}  // namespace

void relayed_stream::take_said(json_cursor& c) {
  if (c.peek() == json_kind::null) {
    c.read_null();
    return;
  }
  std::string_view raw;
  if (c.peek() != json_kind::string) {
    c.skip();
    return stop("malformed");
  }
  c.read_string(raw);
  std::string decoded;
  std::string_view said = raw;
  if (c.escaped()) {
    decoded = json_decode(raw);
    said = decoded;
    // Half of a surrogate pair: its other half may come in the next event, and SDKs differ in what they make of it.
    if (count_of(replacement, said) != count_of(replacement, raw)) return stop("encoding");
  }
  if (!is_utf8(said)) return stop("encoding");
  if (text_.size() + said.size() > splice::most_text_bytes) return stop("too_long");
  text_ += said;
}

void relayed_stream::take_none(json_cursor& c, std::string_view why) {
  const bool is_false = c.peek() == json_kind::boolean && !take_true(c);
  if (!is_false && take_filled(c)) stop(why);
}

bool member_list::keep(std::string_view raw_key, json_cursor& c, std::size_t most_bytes) {
  std::string_view value;
  if (!c.skip(value)) return false;
  if (members_.size() + raw_key.size() + value.size() > most_bytes) return false;
  if (value.find_first_of("\r\n") != std::string_view::npos || !is_utf8(value) || !is_utf8(raw_key)) return false;
  if (!members_.empty()) members_ += ',';
  json_append(members_).raw("\"").raw(raw_key).raw("\":").raw(value);
  return true;
}

namespace {

/// Chunks of chat completions, and of completions.
class relayed_chunks final : public relayed_stream {
 public:
  explicit relayed_chunks(endpoint what) : what_(what) {}

 private:
  std::unique_ptr<stream_writer> go_on(const writer_options& options) const override {
    const chunks_begun begun{envelope_};
    return what_ == endpoint::completions ? make_completions_writer(options, &begun, text().size())
                                          : make_chat_writer(options, &begun, text().size());
  }
  bool is_open() const override { return has_id_; }

  void event(std::string_view name, std::string_view data) override {
    if (data.starts_with("[DONE]")) return stop("finished");
    if (name == "error") return stop("error");
    json_cursor c(data);
    member_list members;
    bool any_choice = false;
    bool has_id = false;
    std::size_t head_size = 0;
    const auto member = [&](std::string_view key) {
      if (is(key, "choices")) {
        if (head_size == 0) head_size = c.offset();
        any_choice = each_choice(c) || any_choice;
      } else if (is(key, "error")) {
        take_none(c, "error");
      } else if (is(key, "usage") || is(key, "obfuscation") || is(key, "moderation")) {
        c.skip();
      } else {
        const bool is_id = is(key, "id") && c.peek() == json_kind::string;
        has_id = (members.keep(key, c, most_envelope_bytes) && is_id) || has_id;
      }
    };

    // Nearly all chunks begin with the same bytes, which need not be read twice.
    if (!head_.empty() && data.starts_with(head_)) {
      c.go_on_in_object(head_.size());
      each_choice(c);
      each_further_member(c, [&](std::string_view key) {
        if (is(key, "error")) {
          take_none(c, "error");
        } else {
          c.skip();
        }
      });
      if (!c.finish()) stop("malformed");
      return;
    }
    if (!each_member(c, member) || !c.finish()) return stop("malformed");
    if (!any_choice || !has_id) return;  // Azure begins with a chunk about the prompt; usage comes without choices
    has_id_ = true;
    envelope_ = members.take();
    head_ = head_size <= most_envelope_bytes ? data.substr(0, head_size) : std::string_view();
  }

  bool each_choice(json_cursor& c) {
    bool any = false;
    const bool is_list = each_element(c, [&] {
      any = true;
      if (!each_member(c, [&](std::string_view key) { choice_member(c, key); })) stop("malformed");
    });
    if (!is_list) stop("malformed");
    return any;
  }

  void choice_member(json_cursor& c, std::string_view key) {
    if (is(key, "delta") && what_ != endpoint::completions) {
      each_member(c, [&](std::string_view member) { delta_member(c, member); });
    } else if (is(key, "text") && what_ == endpoint::completions) {
      take_said(c);
    } else if (is(key, "index")) {
      if (take_count(c) != 0) stop("choices");
    } else if (is(key, "finish_reason")) {
      take_none(c, "finished");
    } else if (is(key, "logprobs")) {
      take_none(c, "logprobs");
    } else if (is(key, "message") || is(key, "delta") || is(key, "text")) {
      take_none(c, "unknown");
    } else {
      c.skip();  // such as Azure's content_filter_results
    }
  }

  void delta_member(json_cursor& c, std::string_view key) {
    if (is(key, "content")) {
      take_said(c);
    } else if (is(key, "role")) {
      c.skip();
    } else if (is(key, "tool_calls") || is(key, "function_call")) {
      take_none(c, "tool_calls");
    } else if (is(key, "reasoning") || is(key, "reasoning_content") || is(key, "reasoning_details")) {
      take_none(c, "reasoning");
    } else if (is(key, "refusal")) {
      take_none(c, "refusal");
    } else if (is(key, "annotations")) {
      take_none(c, "annotations");
    } else if (is(key, "audio")) {
      take_none(c, "audio");
    } else {
      take_none(c, "unknown");
    }
  }

  static constexpr std::size_t most_envelope_bytes = 4096;

  endpoint what_;
  bool has_id_ = false;
  std::string envelope_;
  std::string head_;  // how the last chunk began, up to and with `"choices":`
};

/// Anthropic's events.
class relayed_message final : public relayed_stream {
  std::unique_ptr<stream_writer> go_on(const writer_options& options) const override {
    const message_begun begun{index_};
    return make_messages_writer(options, &begun, text().size());
  }
  bool is_open() const override { return started_ && in_block_; }

  void event(std::string_view name, std::string_view data) override {
    json_cursor c(data);
    std::string_view type;
    std::string_view part;  // the content block or delta
    std::string_view message;
    std::size_t index = 0;
    const bool is_object = each_member(c, [&](std::string_view key) {
      if (is(key, "type")) {
        type = take_raw(c);
      } else if (is(key, "content_block") || is(key, "delta")) {
        c.skip(part);
      } else if (is(key, "message")) {
        c.skip(message);
      } else if (is(key, "index")) {
        index = static_cast<std::size_t>(take_count(c));
      } else {
        c.skip();
      }
    });
    if (!is_object || !c.finish()) return stop("malformed");
    if (type.empty()) type = name;
    if (is(type, "content_block_delta")) {
      if (!in_block_ || index != index_) return stop("parts");
      return delta(part);
    }
    if (is(type, "ping")) return;
    if (is(type, "message_start")) {
      started_ = true;
      json_cursor m(message);
      only_member(m, "content", [&] { take_none(m, "unknown"); });
      return;
    }
    if (is(type, "content_block_start")) {
      if (in_block_ || block_seen_) return stop("parts");
      in_block_ = block_seen_ = true;
      index_ = index;
      return block(part);
    }
    if (is(type, "content_block_stop") || is(type, "message_delta") || is(type, "message_stop"))
      return stop("finished");
    if (is(type, "error")) return stop("error");
    // Names that are not known yet say nothing to SDKs, so they say nothing here.
  }

  void block(std::string_view text) {
    json_cursor c(text);
    std::string_view type;
    each_member(c, [&](std::string_view key) {
      if (is(key, "type")) {
        type = take_raw(c);
      } else if (is(key, "text")) {
        take_said(c);
      } else if (is(key, "citations")) {
        take_none(c, "annotations");
      } else {
        c.skip();
      }
    });
    if (is(type, "text")) return;
    stop(is(type, "thinking") || is(type, "redacted_thinking") ? "reasoning"
         : type.find("tool") != std::string_view::npos         ? "tool_calls"
                                                               : "unknown");
  }

  void delta(std::string_view text) {
    json_cursor c(text);
    std::string_view type;
    each_member(c, [&](std::string_view key) {
      if (is(key, "type")) {
        type = take_raw(c);
      } else if (is(key, "text")) {
        take_said(c);
      } else {
        c.skip();
      }
    });
    if (is(type, "text_delta")) return;
    stop(is(type, "citations_delta") ? "annotations" : "unknown");
  }

  bool started_ = false;
  bool in_block_ = false;
  bool block_seen_ = false;
  std::size_t index_ = 0;
};

}  // namespace

std::unique_ptr<relayed_stream> make_relayed_stream(endpoint what) {
  switch (what) {
    case endpoint::responses: return make_relayed_response();
    case endpoint::messages: return std::make_unique<relayed_message>();
    default: return std::make_unique<relayed_chunks>(what);
  }
}

}  // namespace tideover::adapt::chat::answer
