#include "tideover/adapt/ollama/native_answer.hpp"

#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt::ollama {

bool is_remote_mark(std::string_view raw_key) {
  return json_text_is(raw_key, "remote_host") || json_text_is(raw_key, "remote_model");
}

bool made_elsewhere(std::string_view text) {
  json_cursor at(text, json_depth_limit);
  if (at.peek() != json_kind::object || !at.enter_object()) return false;
  for (std::string_view key, raw; at.next_member(key);) {
    if (!is_remote_mark(key) || at.peek() != json_kind::string)
      at.skip();
    else if (at.read_string(raw) && !raw.empty())
      return true;
  }
  return false;
}

}  // namespace tideover::adapt::ollama
