#include "answer_parts.hpp"

#include "json_read.hpp"

namespace tideover::adapt {

namespace {

/// True if any part of a Responses message has text (or a refusal) in it.
bool parts_say_something(json_cursor& c) {
  bool said = false;
  each_element(c, [&] {
    each_member(c, [&](std::string_view key) {
      if (key == "text" || key == "refusal" || key == "transcript") {
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
  for (const std::string_view plain : {"stop", "end_turn", "stop_sequence", "load", "unload"})
    if (json_text_is(raw_reason, plain)) return true;
  return false;
}

bool delta_says_something(json_cursor& c) {
  bool said = false;
  each_member(c, [&](std::string_view key) {
    if (key == "content" || key == "reasoning" || key == "reasoning_content" || key == "refusal" ||
        key == "tool_calls" || key == "function_call" || key == "audio" || key == "reasoning_details") {
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
    if (key == "type") {
      type = take_raw(c);
    } else if (key == "content") {
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
    if (key == "type") {
      type = take_raw(c);
    } else if (key == "text" || key == "thinking") {
      text = take_filled(c) || text;
    } else {
      c.skip();
    }
  });
  return text || (!type.empty() && !json_text_is(type, "text") && !json_text_is(type, "thinking"));
}

void response_member(json_cursor& c, std::string_view key, response_facts& facts) {
  if (key == "model") {
    facts.model = take_raw(c);
  } else if (key == "status") {
    facts.status = take_raw(c);
  } else if (key == "error") {
    facts.error = {};
    facts.has_error = read_error_value(c, facts.error);
  } else if (key == "output") {
    facts.says_something = false;
    facts.has_output = each_element(c, [&] { facts.says_something = item_says_something(c) || facts.says_something; });
  } else if (key == "usage") {
    only_member(c, "output_tokens", [&] { facts.tokens = take_count(c) > 0; });
  } else {
    c.skip();
  }
}

}  // namespace tideover::adapt
