#include "answer_parts.hpp"

#include "json_read.hpp"

namespace tideover::adapt {

namespace {

/// True if any part of a Responses message has text (or a refusal) in it.
bool parts_say_something(json_cursor& c) {
  bool said = false;
  each_element(c, [&] {
    each_member(c, [&](std::string_view key) {
      if (is(key, "text") || is(key, "refusal") || is(key, "transcript")) {
        said = take_filled(c) || said;
      } else {
        c.skip();
      }
    });
  });
  return said;
}

}  // namespace

bool is_plain_stop(std::string_view raw_reason) {
  static constexpr std::string_view plain_stops[] = {"stop", "end_turn", "stop_sequence", "load", "unload"};
  for (const auto plain : plain_stops)
    if (json_text_is(raw_reason, plain)) return true;
  return false;
}

bool delta_says_something(json_cursor& c) {
  bool said = false;
  each_member(c, [&](std::string_view key) {
    if (is(key, "content") || is(key, "reasoning") || is(key, "reasoning_content") || is(key, "refusal") ||
        is(key, "tool_calls") || is(key, "function_call") || is(key, "audio") || is(key, "reasoning_details")) {
      said = take_filled(c) || said;
    } else {
      c.skip();
    }
  });
  return said;
}

bool item_says_something(json_cursor& c) {
  std::string_view type;
  bool text = false;
  each_member(c, [&](std::string_view key) {
    if (is(key, "type")) {
      type = take_raw(c);
    } else if (is(key, "content")) {
      text = parts_say_something(c);
    } else {
      c.skip();
    }
  });
  if (json_text_is(type, "message")) return text;
  return !type.empty() && !json_text_is(type, "reasoning");
}

bool block_says_something(json_cursor& c) {
  std::string_view type;
  bool text = false;
  each_member(c, [&](std::string_view key) {
    if (is(key, "type")) {
      type = take_raw(c);
    } else if (is(key, "text") || is(key, "thinking")) {
      text = take_filled(c) || text;
    } else {
      c.skip();
    }
  });
  return text || (!type.empty() && !json_text_is(type, "text") && !json_text_is(type, "thinking"));
}

void response_member(json_cursor& c, std::string_view key, response_facts& facts) {
  if (is(key, "model")) {
    facts.model = take_raw(c);
  } else if (is(key, "status")) {
    facts.status = take_raw(c);
  } else if (is(key, "error")) {
    facts.error = {};
    facts.has_error = read_error_value(c, facts.error);
  } else if (is(key, "output")) {
    facts.says_something = false;
    facts.has_output = each_element(c, [&] { facts.says_something = item_says_something(c) || facts.says_something; });
  } else if (is(key, "usage")) {
    only_member(c, "output_tokens", [&] { facts.tokens = take_count(c) > 0; });
  } else {
    c.skip();
  }
}

}  // namespace tideover::adapt
