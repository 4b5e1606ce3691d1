#include <algorithm>
#include <map>
#include <utility>

#include "../json_read.hpp"
#include "answer_read.hpp"
#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/sse.hpp"

namespace tideover::adapt::chat::answer {

namespace {

/// What one chunk, or a whole answer, says (CL §3).
struct chunk {
  std::string model;
  std::string text;
  std::string reasoning;
  std::vector<wire_call> calls;
  std::vector<token_logprob> tokens;
  std::string finish_reason;
  std::optional<usage> used;
  std::optional<timings> took;
  error_facts failure;
  bool is_answer = false;   // has choices
  bool is_message = false;  // a whole one: its calls have no further pieces
  bool failed = false;
  bool readable = true;  // no content in a form that would be lost
};

void take_message(json_cursor& c, chunk& k) {
  each_member(c, [&](std::string_view key) {
    // Ollama and vLLM say `reasoning`, others `reasoning_content`; a refusal is what the model says instead.
    if (is(key, "content") || is(key, "refusal")) {
      k.readable = take_text_or_null(c, k.text) && k.readable;
    } else if (is(key, "reasoning") || is(key, "reasoning_content")) {
      std::string reasoning;
      k.readable = take_text_or_null(c, reasoning) && k.readable;
      if (!reasoning.empty()) k.reasoning = std::move(reasoning);  // some write the same under both names
    } else if (is(key, "tool_calls")) {
      if (c.peek() == json_kind::null) {
        c.read_null();
      } else {
        k.readable =
            each_element(c, [&] { k.readable = take_call(c, k.calls.emplace_back()) && k.readable; }) && k.readable;
      }
    } else {
      c.skip();
    }
  });
}

void take_choice(json_cursor& c, chunk& k) {
  each_member(c, [&](std::string_view key) {
    if (is(key, "delta")) {
      take_message(c, k);
    } else if (is(key, "message")) {
      k.is_message = true;
      take_message(c, k);
    } else if (is(key, "text")) {
      k.readable = take_text_or_null(c, k.text) && k.readable;
    } else if (is(key, "finish_reason")) {
      k.finish_reason = take_text(c);
    } else if (is(key, "logprobs")) {
      only_member(c, "content", [&] { take_logprobs(c, k.tokens); });
    } else {
      c.skip();
    }
  });
}

usage take_usage(json_cursor& c) {
  usage used;
  each_member(c, [&](std::string_view key) {
    if (is(key, "prompt_tokens")) {
      used.prompt = take_count(c);
    } else if (is(key, "completion_tokens")) {
      used.completion = take_count(c);
    } else if (is(key, "completion_tokens_details")) {
      only_member(c, "reasoning_tokens", [&] { used.reasoning = take_count(c); });
    } else {
      c.skip();
    }
  });
  return used;
}

/// llama.cpp's own; times are milliseconds with a fraction.
timings take_timings(json_cursor& c) {
  timings took;
  each_member(c, [&](std::string_view key) {
    if (is(key, "prompt_n")) {
      took.prompt_eval_count = take_count(c);
    } else if (is(key, "prompt_ms")) {
      took.prompt_eval_duration = take_count(c) * 1'000'000;
    } else if (is(key, "predicted_n")) {
      took.eval_count = take_count(c);
    } else if (is(key, "predicted_ms")) {
      took.eval_duration = take_count(c) * 1'000'000;
    } else {
      c.skip();
    }
  });
  return took;
}

class openai_reader final : public stream_reader {
 public:
  explicit openai_reader(bool is_whole) : is_whole_(is_whole) {}

 private:
  void read(std::string_view bytes) override;
  void read_rest() override;
  void take_events(std::string_view whole_events);
  void take_data(std::string_view name, std::string_view data);
  void tell(chunk& k);
  void tell_call(wire_call& call, bool is_message);
  void finish_if_told();

  /// A call that began, by the server's number for it.
  struct known_call {
    std::size_t number = 0;
    std::string id;
    std::string name;
  };

  bool is_whole_;
  bool any_chunk_ = false;
  std::string rest_;
  sse_boundary boundary_;
  std::map<std::size_t, known_call> calls_;
  std::vector<bool> has_arguments_;       // by our number
  std::optional<std::size_t> last_call_;  // the server's number
  std::optional<end_reason> ended_;       // told, but usage may still come
  bool done_ = false;                     // whatever the reason, the terminator came
  std::optional<usage> used_;
  std::optional<timings> took_;
};

void openai_reader::read(std::string_view bytes) {
  rest_ += bytes;
  if (!is_whole_) {
    const std::size_t whole = boundary_.complete(rest_);
    take_events(std::string_view(rest_).substr(0, whole));
    if (over()) return;
    rest_.erase(0, whole);
    boundary_.consumed(whole);
  }
  if (rest_.size() > longest_piece_bytes) fail_malformed("an event is longer than 8 MiB");
}

/// An event whose blank line never came is good if its data is whole: cut JSON never reads as whole. So is an answer
/// that is no stream though one was asked for (CL §10).
void openai_reader::read_rest() {
  if (!is_whole_ && any_chunk_) {
    rest_ += "\n\n";
    sse_reader events(rest_);
    sse_event e;
    while (events.next(e)) {
      json_cursor c(e.data);
      if (e.has_data && (e.data.starts_with("[DONE]") || (c.skip() && c.finish()))) take_data(e.name, e.data);
    }
  } else if (json_cursor c(rest_); is_whole_ || (c.skip() && c.finish())) {
    take_data({}, rest_);
  }
  if (!over()) finish_if_told();
}

void openai_reader::take_events(std::string_view whole_events) {
  sse_reader events(whole_events);
  sse_event e;
  while (!over() && events.next(e))
    if (e.has_data && !e.data.empty()) take_data(e.name, e.data);  // else a keep-alive
}

void openai_reader::take_data(std::string_view name, std::string_view data) {
  any_chunk_ = true;
  if (data.starts_with("[DONE]")) {
    done_ = true;
    return finish_if_told();
  }
  json_cursor c(data);
  chunk k;
  bool first_choice = true;
  const bool is_object = each_member(c, [&](std::string_view key) {
    if (is(key, "model")) {
      k.model = take_text(c);
    } else if (is(key, "choices")) {
      k.is_answer = each_element(c, [&] {
        if (std::exchange(first_choice, false)) {
          take_choice(c, k);
        } else {
          c.skip();  // nobody asked for several
        }
      });
    } else if (is(key, "usage") && c.peek() == json_kind::object) {
      k.used = take_usage(c);
    } else if (is(key, "timings") && c.peek() == json_kind::object) {
      k.took = take_timings(c);
    } else if (is(key, "error")) {
      k.failure = {};
      k.failed = read_error_value(c, k.failure);
    } else {
      c.skip();
    }
  });
  if (!is_object || !c.finish()) return fail_malformed("an event's data is not a JSON object");
  if (name == "error" && !k.failed) k.failure = read_error_body(data);
  if (k.failed || name == "error") return fail_with("server_error", k.failure.message);
  if (!k.is_answer) return fail_malformed("an event is no part of an answer");
  if (!k.readable) return fail_malformed("content in an unknown form");
  tell(k);
}

void openai_reader::tell(chunk& k) {
  begin_once(k.model);
  if (!k.tokens.empty() && (k.reasoning.empty() || !k.text.empty())) give(logprobs{std::move(k.tokens)});
  if (!k.reasoning.empty()) give(reasoning_delta{std::move(k.reasoning)});
  if (!k.text.empty()) give(text_delta{std::move(k.text)});
  for (auto& call : k.calls) {
    tell_call(call, k.is_message);
    if (over()) return;
  }
  if (k.used) used_ = k.used;
  if (k.took) took_ = k.took;
  if (k.finish_reason.empty()) return;
  if (k.finish_reason == "error" || k.finish_reason == "abort")
    return fail_with("server_error", "the server gave the answer up");
  if (k.finish_reason == "length") {
    ended_ = end_reason::length;
  } else if (k.finish_reason == "content_filter") {
    ended_ = end_reason::content_filter;
  } else {
    ended_ = end_reason::stop;
  }
}

void openai_reader::tell_call(wire_call& call, bool is_message) {
  // Some servers leave the number out: a name begins a call, and what has none goes on with the last.
  const std::size_t wire_number = call.index.value_or(
      call.name.empty() ? last_call_.value_or(0) : last_call_.value_or(static_cast<std::size_t>(-1)) + 1);
  auto known = calls_.find(wire_number);
  // Some give every call the number 0.
  const bool is_other = known != calls_.end() && !call.name.empty() &&
                        ((!call.id.empty() && call.id != known->second.id) || call.name != known->second.name ||
                         call.whole_arguments || is_message);
  const bool complete = call.whole_arguments || is_message;
  if (known == calls_.end() || is_other) {
    if (call.name.empty()) return fail_malformed("a tool call without a name");
    if (complete && call.arguments.empty()) call.arguments = "{}";
    const std::size_t number = has_arguments_.size();
    calls_[wire_number] = {number, call.id, call.name};
    last_call_ = wire_number;
    has_arguments_.push_back(!call.arguments.empty());
    return give(tool_call{number, std::move(call.id), std::move(call.name), std::move(call.arguments), complete});
  }
  last_call_ = wire_number;
  if (call.arguments.empty()) return;
  has_arguments_[known->second.number] = true;
  give(tool_call{known->second.number, {}, {}, std::move(call.arguments), false});
}

/// A finish reason without [DONE] is only untidy, and so is the opposite.
void openai_reader::finish_if_told() {
  if (!ended_ && !done_) return;
  for (std::size_t i = 0; i < has_arguments_.size(); ++i)
    if (!has_arguments_[i]) give(tool_call{i, {}, {}, "{}", false});  // callers parse what they get
  if (used_) give(*used_);
  if (took_) give(*took_);
  const auto why = ended_.value_or(end_reason::stop);
  finish_with(why == end_reason::stop && !has_arguments_.empty() ? end_reason::tool_calls : why);
}

}  // namespace

std::unique_ptr<stream_reader> make_openai_reader() { return std::make_unique<openai_reader>(false); }
std::unique_ptr<stream_reader> make_openai_whole_reader() { return std::make_unique<openai_reader>(true); }

}  // namespace tideover::adapt::chat::answer
