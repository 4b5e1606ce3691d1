#include "tideover/adapt/stream_inspector.hpp"

#include <cstddef>
#include <optional>

#include "answer_parts.hpp"
#include "json_read.hpp"
#include "tideover/adapt/sse.hpp"

namespace tideover::adapt {

namespace {

/// Names that are not of this protocol, pings included, are ignored whatever they carry, as the SDKs do.
bool is_anthropic_event(std::string_view name) {
  return name.empty() || is(name, "content_block_delta") || is(name, "content_block_start") ||
         is(name, "content_block_stop") || is(name, "message_start") || is(name, "message_delta") ||
         is(name, "message_stop") || is(name, "error");
}

constexpr std::string_view not_json = "an event's data is not a JSON object";

}  // namespace

stream_inspector::state stream_inspector::inspect(std::string_view whole_events) {
  sse_reader events(whole_events);
  sse_event one;
  while (state_ != state::finished && state_ != state::failed && events.next(one))
    // An event without data, or with empty data, is a keep-alive that somebody wrote in an unusual way.
    if (one.has_data && !one.data.empty()) event(one.name, one.data);
  return state_;
}

std::size_t good_before_error(endpoint what, dialect from, std::string_view whole_events) {
  stream_inspector inspector(what, from);
  sse_reader events(whole_events);
  sse_event one;
  for (std::size_t good = 0; events.next(one);) {
    auto const end = whole_events.size() - events.left();
    if (inspector.inspect(whole_events.substr(good, end - good)) == stream_inspector::state::failed) return good;
    good = end;
  }
  return whole_events.size();
}

void stream_inspector::event(std::string_view name, std::string_view data) {
  switch (what_) {
    case endpoint::responses: responses_event(name, data); break;
    case endpoint::messages: anthropic_event(name, data); break;
    default: chat_chunk(name, data); break;
  }
}

void stream_inspector::content() {
  content_seen_ = true;
  if (state_ == state::silent) state_ = state::usable;
}

void stream_inspector::finish_reason(std::string_view raw) {
  if (raw.empty()) return;
  finish_seen_ = true;
  if (!is_plain_stop(raw)) content();
}

void stream_inspector::fail(const error_facts& error) {
  state_ = state::failed;
  error_type_ = error.type;
  error_code_ = error.code;
  error_message_ = error.message;
}

void stream_inspector::fail(std::string_view type, std::string_view message) {
  state_ = state::failed;
  error_type_ = type;
  error_message_ = message;
}

error_facts stream_inspector::error() const {
  const bool is_error_event = state_ == state::failed && error_type_ != "malformed";
  return {is_error_event, error_type_, error_code_, error_message_};
}

void stream_inspector::note_model(std::string_view raw) {
  if (!model_.empty() || raw.empty()) return;
  std::string decoded;
  model_ = shortened(plain_text(raw, decoded));
}

void stream_inspector::chat_chunk(std::string_view name, std::string_view data) {
  if (data.starts_with("[DONE]")) {  // with whatever follows: so read the SDKs
    state_ = state::finished;
    return;
  }

  json_cursor c(data);
  bool said = false;
  bool names_model = false;
  std::string_view model;
  std::string_view finish;
  bool has_error = false;
  std::optional<error_facts> error;
  bool only_names = true;  // nothing so far that tells more than who answers
  std::size_t head_size = 0;

  const auto choice_member = [&](std::string_view key) {
    if (is(key, "delta") || is(key, "message")) {
      said = delta_says_something(c) || said;
    } else if (is(key, "text")) {
      said = take_filled(c) || said;
    } else if (is(key, "finish_reason")) {
      const auto raw = take_raw(c);
      // With several choices one that explains itself speaks for all.
      if (finish.empty() || is_plain_stop(finish)) finish = raw.empty() ? finish : raw;
    } else {
      c.skip();
    }
  };
  const auto choices = [&] { each_element(c, [&] { each_member(c, choice_member); }); };
  const auto member = [&](std::string_view key) {
    if (is(key, "choices")) {
      if (only_names && c.offset() <= longest_head) {
        head_size = c.offset();
        head_names_model_ = names_model;
        head_model_at_ = names_model ? static_cast<std::size_t>(model.data() - data.data()) : 0;
        head_model_size_ = model.size();
      }
      only_names = false;
      choices();
    } else if (is(key, "model")) {
      names_model = c.peek() == json_kind::string;
      model = take_raw(c);
    } else if (is(key, "error")) {
      only_names = false;
      has_error = read_error_value(c, error.emplace());
    } else if (is(key, "usage")) {
      only_names = false;
      only_member(c, "completion_tokens", [&] { tokens_spent_ = take_count(c) > 0 || tokens_spent_; });
    } else {
      c.skip();
    }
  };

  bool is_object = true;
  if (const bool known = !head_.empty() && data.starts_with(head_); known) {
    names_model = head_names_model_;
    model = data.substr(head_model_at_, head_model_size_);
    only_names = false;
    c.go_on_in_object(head_.size());
    choices();
    each_further_member(c, member);
  } else {
    head_.clear();
    is_object = each_member(c, member);
    head_ = data.substr(0, head_size);
  }

  if (!is_object || !c.finish()) return fail("malformed", not_json);
  if (has_error) return fail(*error);
  if (name == "error") return fail(read_error_body(data));
  if (from_ == dialect::ollama && names_model && model.empty() && !said && finish.empty() && !finish_seen_)
    return fail("swallowed_error", "the local server dropped an error and sent an empty chunk in its place");
  note_model(model);
  if (said) content();
  finish_reason(finish);
}

void stream_inspector::responses_event(std::string_view name, std::string_view data) {
  if (data.starts_with("[DONE]")) return;  // not of this protocol, but harmless: only `completed` completes

  json_cursor c(data);
  std::string_view raw_type;
  bool text = false;  // `delta`, or the whole of it in a `.done` event
  bool item = false;
  bool has_error = false;
  error_facts error;
  response_facts response;
  const bool is_object = each_member(c, [&](std::string_view key) {
    if (is(key, "type")) {
      raw_type = take_raw(c);
    } else if (is(key, "delta") || is(key, "text") || is(key, "refusal") || is(key, "arguments") || is(key, "input") ||
               is(key, "code") || is(key, "partial_image_b64")) {
      text = take_filled(c) || text;
    } else if (is(key, "item")) {
      item = item_says_something(c);
    } else if (is(key, "response")) {
      response = {};
      each_member(c, [&](std::string_view member) { response_member(c, member, response); });
    } else if (is(key, "error")) {
      error = {};
      has_error = read_error_value(c, error);
    } else {
      c.skip();
    }
  });
  if (!is_object || !c.finish()) return fail("malformed", not_json);

  std::string decoded;
  const std::string_view type = raw_type.empty() ? name : plain_text(raw_type, decoded);
  note_model(response.model);
  if (type == "error") return fail(has_error ? error : read_error_body(data));
  if (type == "response.failed" || json_text_is(response.status, "failed")) return fail(response.error);
  if (has_error) return fail(error);  // a gateway's own form
  if (type == "response.completed" || type == "response.incomplete") {
    tokens_spent_ = tokens_spent_ || response.tokens;
    // Why it is incomplete (budget, filter) is an answer by itself.
    if (response.says_something || type == "response.incomplete") content();
    finish_seen_ = true;
    state_ = state::finished;
    return;
  }
  if (item || (text && type.starts_with("response."))) content();
}

void stream_inspector::anthropic_event(std::string_view name, std::string_view data) {
  if (!is_anthropic_event(name)) return;

  json_cursor c(data);
  std::string_view raw_type;
  std::string_view model;
  std::string_view stop_reason;
  bool said = false;
  bool tokens = false;
  bool has_error = false;
  error_facts error;
  const bool is_object = each_member(c, [&](std::string_view key) {
    if (is(key, "type")) {
      raw_type = take_raw(c);
    } else if (is(key, "content_block")) {
      said = block_says_something(c) || said;
    } else if (is(key, "delta")) {
      each_member(c, [&](std::string_view member) {
        if (is(member, "text") || is(member, "thinking") || is(member, "partial_json")) {
          said = take_filled(c) || said;
        } else if (is(member, "stop_reason")) {
          stop_reason = take_raw(c);
        } else {
          c.skip();
        }
      });
    } else if (is(key, "message")) {
      only_member(c, "model", [&] { model = take_raw(c); });
    } else if (is(key, "usage")) {
      only_member(c, "output_tokens", [&] { tokens = take_count(c) > 0; });
    } else if (is(key, "error")) {
      error = {};
      has_error = read_error_value(c, error);
    } else {
      c.skip();
    }
  });
  if (!is_object || !c.finish()) return fail("malformed", not_json);

  std::string decoded;
  const std::string_view type = raw_type.empty() ? name : plain_text(raw_type, decoded);
  if (has_error || type == "error" || name == "error") return fail(has_error ? error : read_error_body(data));
  note_model(model);
  tokens_spent_ = tokens_spent_ || tokens;
  if (said) content();
  finish_reason(stop_reason);
  if (type == "message_stop") state_ = state::finished;
}

}  // namespace tideover::adapt
