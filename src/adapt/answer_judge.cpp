#include "tideover/adapt/answer_judge.hpp"

#include "answer_parts.hpp"
#include "json_read.hpp"
#include "tideover/adapt/error_topic.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::adapt {

namespace {

/// What one pass over an answer finds, whichever protocol it is of.
struct answer_facts {
  std::string_view model;
  bool has_error = false;

  bool has_list = false;  // the member that holds the answer: choices, output, content, data
  bool is_null_list = false;
  bool any_element = false;
  bool says_something = false;
  bool unfinished = false;  // a finish reason that is null: the answer was given up, not ended
  bool plain_stop = true;   // no finish reason explains a silence
  bool tokens = false;
  bool has_count = false;          // input_tokens is a number
  bool looks_like_ollama = false;  // `done`: a line of Ollama's own API
  std::string_view status;         // of a Responses answer
};

class reader {
 public:
  reader(endpoint what, std::string_view body, error_facts& error) : what_(what), c_(body), error_(error) {}

  bool is_object() { return c_.peek() == json_kind::object; }
  bool read();  // false: not one whole JSON object
  answer_facts facts;

 private:
  void member(std::string_view key);
  void choices();
  void blocks();
  void vectors();
  void finish_reason();

  endpoint what_;
  json_cursor c_;
  error_facts& error_;
};

bool reader::read() {
  return each_member(c_, [this](std::string_view key) { member(key); }) && c_.finish();
}

void reader::member(std::string_view key) {
  if (what_ == endpoint::responses) {
    response_facts r;
    response_member(c_, key, r);
    // One member at a time: only what this key can say is taken over.
    if (is(key, "model")) facts.model = r.model;
    if (is(key, "status")) facts.status = r.status;
    if (is(key, "usage")) facts.tokens = r.tokens;
    if (is(key, "output")) {
      facts.has_list = r.has_output;
      facts.says_something = r.says_something;
    }
    if (is(key, "error")) {
      facts.has_error = r.has_error;
      error_ = std::move(r.error);
    }
    return;
  }
  const bool anthropic = what_ == endpoint::messages || what_ == endpoint::count_tokens;
  const bool chat = what_ == endpoint::chat_completions || what_ == endpoint::completions;
  if (is(key, "model")) {
    facts.model = take_raw(c_);
  } else if (is(key, "error")) {
    error_ = {};
    facts.has_error = read_error_value(c_, error_);
  } else if (is(key, "usage")) {
    only_member(c_, anthropic ? "output_tokens" : "completion_tokens", [this] { facts.tokens = take_count(c_) > 0; });
  } else if (is(key, "done")) {
    facts.looks_like_ollama = take_present(c_);
  } else if (is(key, "choices") && chat) {
    choices();
  } else if (is(key, "content") && anthropic) {
    blocks();
  } else if (is(key, "stop_reason") && anthropic) {
    finish_reason();
  } else if (is(key, "data") && what_ == endpoint::embeddings) {
    vectors();
  } else if (is(key, "input_tokens")) {
    facts.has_count = c_.peek() == json_kind::number;
    c_.skip();
  } else {
    c_.skip();
  }
}

void reader::finish_reason() {
  if (c_.peek() == json_kind::null) {
    facts.unfinished = true;
    c_.skip();
    return;
  }
  const auto raw = take_raw(c_);
  if (!raw.empty() && !is_plain_stop(raw)) facts.plain_stop = false;
}

void reader::choices() {
  facts.any_element = facts.says_something = facts.unfinished = false;
  facts.plain_stop = true;
  facts.has_list = each_element(c_, [this] {
    facts.any_element = true;
    each_member(c_, [this](std::string_view key) {
      if (is(key, "message") || is(key, "delta")) {
        facts.says_something = delta_says_something(c_) || facts.says_something;
      } else if (is(key, "text")) {
        facts.says_something = take_filled(c_) || facts.says_something;
      } else if (is(key, "finish_reason")) {
        finish_reason();
      } else {
        c_.skip();
      }
    });
  });
}

void reader::blocks() {
  facts.any_element = facts.says_something = false;
  facts.is_null_list = c_.peek() == json_kind::null;
  facts.has_list = each_element(c_, [this] {
    facts.any_element = true;
    facts.says_something = block_says_something(c_) || facts.says_something;
  });
}

void reader::vectors() {
  facts.any_element = false;
  facts.says_something = true;
  facts.has_list = each_element(c_, [this] {
    facts.any_element = true;
    bool filled = false;  // an empty vector in a batch would be stored as one
    only_member(c_, "embedding", [&] { filled = take_filled(c_); });
    facts.says_something = facts.says_something && filled;
  });
}

/// HTML by its label: an edge's error page or a captive portal.
bool is_html(std::string_view content_type) {
  static constexpr std::string_view labels[] = {"text/html", "application/xhtml+xml"};
  for (const auto html : labels)
    if (iequals(content_type.substr(0, html.size()), html)) return true;
  return false;
}

void fails(answer_verdict& v, reason why, std::string_view detail) {
  v.failure = why;
  v.detail = detail;
}

void judge_response(answer_verdict& v, const answer_facts& f) {
  if (json_text_is(f.status, "failed")) return fails(v, reason::error_in_200, "status failed");
  if (!f.has_list && f.status.empty()) return fails(v, reason::malformed, "no output and no status");
  if (!f.status.empty() && !json_text_is(f.status, "completed")) return;  // incomplete, cancelled, queued: an answer
  if (!f.has_list) return fails(v, reason::malformed, "no output");
  if (!f.says_something && !f.tokens) return fails(v, reason::empty, "completed without output");
}

void judge_message(answer_verdict& v, const answer_facts& f, dialect from) {
  // Ollama writes null where nothing was generated; from anybody else that is no message.
  const bool is_message = f.has_list || (f.is_null_list && from == dialect::ollama);
  if (!is_message) return fails(v, reason::malformed, "no content");
  if (f.unfinished) return fails(v, reason::empty, "stop_reason is null");
  // Silence with tokens spent is legitimate after tool results.
  if (!f.says_something && f.plain_stop && !f.tokens) return fails(v, reason::empty, "content is empty");
}

void judge_choices(answer_verdict& v, const answer_facts& f) {
  if (!f.has_list) return fails(v, reason::malformed, f.looks_like_ollama ? "Ollama's own format" : "no choices");
  if (!f.any_element) return fails(v, reason::empty, "choices is empty");
  if (f.unfinished) return fails(v, reason::empty, "finish_reason is null");
  if (!f.says_something && f.plain_stop && !f.tokens) return fails(v, reason::empty, "nothing was said");
}

void judge_facts(answer_verdict& v, const answer_facts& f, endpoint what, dialect from) {
  std::string decoded;
  v.model = shortened(plain_text(f.model, decoded));
  if (f.has_error) {
    v.failure = judge_error_in_200(v.error);
    v.detail = "error" + words_for_log(v.error);
    return;
  }
  switch (what) {
    case endpoint::responses: return judge_response(v, f);
    case endpoint::messages: return judge_message(v, f, from);
    case endpoint::count_tokens:
      if (!f.has_count) fails(v, reason::malformed, "input_tokens is no number");
      return;
    case endpoint::embeddings:
      if (!f.has_list) return fails(v, reason::malformed, "no data");
      if (!f.any_element || !f.says_something) fails(v, reason::empty, "a vector is missing");
      return;
    default: return judge_choices(v, f);
  }
}

}  // namespace

std::optional<reason> judge_error_in_200(const error_facts& error) {
  if (error.type == "malformed")
    return reason::malformed;  // stream_inspector's word: no error event, but no event either
  switch (topic_of(error, 200, false)) {
    case error_topic::money: return reason::quota;
    case error_topic::rate: return reason::rate_limited;
    case error_topic::request: return std::nullopt;
    case error_topic::service: break;
  }
  return reason::error_in_200;
}

answer_verdict judge_answer(endpoint what, dialect from, std::string_view content_type, std::string_view body) {
  answer_verdict v;
  if (!is_judged(what)) return v;
  reader r(what, body, v.error);
  const bool is_object = r.is_object();
  if (!is_object && body.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    fails(v, reason::malformed, "empty body");
  } else if (is_html(content_type)) {
    fails(v, reason::malformed, "HTML instead of JSON");
  } else if (!is_object) {
    fails(v, reason::malformed, "not a JSON object");
  } else if (!r.read()) {
    v.error = {};
    fails(v, reason::malformed, "broken or cut JSON");
  } else {
    judge_facts(v, r.facts, what, from);
  }
  return v;
}

}  // namespace tideover::adapt
