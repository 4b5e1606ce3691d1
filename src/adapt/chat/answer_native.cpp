#include <utility>

#include "../json_read.hpp"
#include "answer_read.hpp"
#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/ollama/native_answer.hpp"

namespace tideover::adapt::chat::answer {

namespace {

/// What one line of /api/chat or /api/generate says (OL §8, §9, §12).
struct line {
  std::string model;
  std::string text;
  std::string thinking;
  std::vector<wire_call> calls;
  std::vector<token_logprob> tokens;
  std::string done_reason;
  usage used;
  timings took;
  error_facts failure;
  bool is_answer = false;  // has a member that only answers have
  bool done = false;
  bool failed = false;
  bool elsewhere = false;  // ollama.com made it
  bool readable = true;    // no content in a form that would be lost
};

bool take_calls(json_cursor& c, std::vector<wire_call>& calls) {
  if (c.peek() == json_kind::null) return c.read_null();
  bool readable = true;
  return each_element(c, [&] { readable = take_call(c, calls.emplace_back()) && readable; }) && readable;
}

class native_reader final : public stream_reader {
 public:
  explicit native_reader(bool is_whole) : is_whole_(is_whole) {}

 private:
  void read(std::string_view bytes) override;
  void read_rest() override;
  bool is_one_object() const;
  void take_line(std::string_view text);
  void tell(line& l);

  bool is_whole_;
  std::string rest_;  // of a line whose end has not come
  std::size_t calls_ = 0;
};

void native_reader::read(std::string_view bytes) {
  while (!over() && !is_whole_) {
    const std::size_t size = bytes.find('\n');
    if (size == std::string_view::npos) break;
    if (rest_.size() + size > longest_piece_bytes) break;
    if (rest_.empty()) {
      take_line(bytes.substr(0, size));
    } else {
      rest_ += bytes.substr(0, size);
      take_line(rest_);
      rest_.clear();
    }
    bytes.remove_prefix(size + 1);
  }
  if (over()) return;
  rest_ += bytes.substr(0, longest_piece_bytes + 1 - rest_.size());
  if (rest_.size() > longest_piece_bytes) fail_malformed("a line is longer than 8 MiB");
}

/// A line whose end never came is good if it is whole: cut JSON never reads as whole.
void native_reader::read_rest() {
  if (is_whole_ && !is_one_object()) {  // lines, though one object was asked for
    is_whole_ = false;
    const std::string lines = std::move(rest_);
    rest_.clear();
    read(lines);
    if (over()) return;
  }
  if (json_cursor c(rest_); !is_whole_ && !(c.skip() && c.finish())) return;
  take_line(rest_);
}

bool native_reader::is_one_object() const {
  json_cursor c(rest_);
  return c.skip() && c.finish();
}

void native_reader::take_line(std::string_view text) {
  json_cursor c(text);
  if (c.peek() == json_kind::invalid && text.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  line l;
  const bool is_object = each_member(c, [&](std::string_view key) {
    if (is(key, "message")) {
      l.is_answer = each_member(c,
                                [&](std::string_view member) {
                                  if (is(member, "content")) {
                                    l.text.clear();
                                    l.readable = take_text_or_null(c, l.text) && l.readable;
                                  } else if (is(member, "thinking")) {
                                    l.thinking.clear();
                                    l.readable = take_text_or_null(c, l.thinking) && l.readable;
                                  } else if (is(member, "tool_calls")) {
                                    l.calls.clear();
                                    l.readable = take_calls(c, l.calls) && l.readable;
                                  } else {
                                    c.skip();
                                  }
                                }) ||
                    l.is_answer;
    } else if (is(key, "response")) {  // /api/generate has no message
      l.is_answer = true;
      l.text.clear();
      l.readable = take_text_or_null(c, l.text) && l.readable;
    } else if (is(key, "thinking")) {
      l.thinking.clear();
      l.readable = take_text_or_null(c, l.thinking) && l.readable;
    } else if (is(key, "model")) {
      l.model = take_text(c);
    } else if (is(key, "logprobs")) {
      take_logprobs(c, l.tokens);
    } else if (is(key, "done")) {
      l.done = take_true(c);
      l.is_answer = true;
    } else if (is(key, "done_reason")) {
      l.done_reason = take_text(c);
    } else if (is(key, "error")) {
      l.failure = {};
      l.failed = read_error_value(c, l.failure);
    } else if (is(key, "prompt_eval_count")) {
      l.used.prompt = l.took.prompt_eval_count = take_count(c);
    } else if (is(key, "eval_count")) {
      l.used.completion = l.took.eval_count = take_count(c);
    } else if (is(key, "load_duration")) {
      l.took.load_duration = take_nanoseconds(c);
    } else if (is(key, "prompt_eval_duration")) {
      l.took.prompt_eval_duration = take_nanoseconds(c);
    } else if (is(key, "eval_duration")) {
      l.took.eval_duration = take_nanoseconds(c);
    } else if (ollama::is_remote_mark(key)) {
      l.elsewhere = !take_text(c).empty() || l.elsewhere;
    } else {
      c.skip();
    }
  });
  if (!is_object || !c.finish()) return fail_malformed("a line is not a JSON object");
  if (l.elsewhere) return fail_elsewhere();
  if (l.failed) return fail_with("server_error", l.failure.message);
  if (!l.is_answer) return fail_malformed("a line is no part of an answer");
  if (!l.readable) return fail_malformed("content in an unknown form");
  tell(l);
}

void native_reader::tell(line& l) {
  begin_once(l.model);
  // Probabilities of thought are not of the text.
  if (!l.tokens.empty() && (l.thinking.empty() || !l.text.empty())) give(logprobs{std::move(l.tokens)});
  if (!l.thinking.empty()) give(reasoning_delta{std::move(l.thinking)});
  if (!l.text.empty()) give(text_delta{std::move(l.text)});
  for (auto& call : l.calls) {
    if (call.name.empty()) return fail_malformed("a tool call without a name");
    if (call.arguments.empty()) call.arguments = "{}";
    // Numbered here: older servers count anew on every line, or not at all.
    give(tool_call{calls_++, std::move(call.id), std::move(call.name), std::move(call.arguments), true});
  }
  if (!l.done) return;
  if (l.used.prompt != 0 || l.used.completion != 0) give(l.used);
  if (l.took.eval_duration != 0 || l.took.load_duration != 0) give(l.took);
  if (l.done_reason == "length") return finish_with(end_reason::length);
  if (l.done_reason == "load" || l.done_reason == "unload") return finish_with(end_reason::nothing);
  finish_with(calls_ != 0 ? end_reason::tool_calls : end_reason::stop);  // older servers name no reason
}

}  // namespace

std::unique_ptr<stream_reader> make_native_reader() { return std::make_unique<native_reader>(false); }
std::unique_ptr<stream_reader> make_native_whole_reader() { return std::make_unique<native_reader>(true); }

}  // namespace tideover::adapt::chat::answer
