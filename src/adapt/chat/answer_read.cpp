#include "answer_read.hpp"

#include <charconv>
#include <limits>
#include <system_error>

#include "../json_read.hpp"

namespace tideover::adapt::chat::answer {

bool take_text_or_null(json_cursor& c, std::string& into) {
  switch (c.peek()) {
    case json_kind::string: {
      std::string_view raw;
      c.read_string(raw);
      if (c.escaped()) {
        into += json_decode(raw);
      } else {
        into += raw;
      }
      return true;
    }
    case json_kind::null: return c.read_null();
    default: c.skip(); return false;
  }
}

namespace {

/// An object as its JSON text (Ollama), a text as what it says (OpenAI). False for any other kind.
bool take_arguments(json_cursor& c, wire_call& call) {
  call.arguments.clear();
  call.whole_arguments = c.peek() == json_kind::object;
  if (!call.whole_arguments) return take_text_or_null(c, call.arguments);
  std::string_view raw;
  c.skip(raw);
  call.arguments = raw;
  return true;
}

/// A list of numbers on one line, as it is written again; null for everything else.
std::string take_bytes(json_cursor& c) {
  std::string bytes = "[";
  bool all_numbers = true;
  const bool is_list = each_element(c, [&] {
    std::string_view raw;
    if (c.peek() == json_kind::number && c.read_number(raw)) {
      if (bytes.size() > 1) bytes += ',';
      bytes += raw;
    } else {
      c.skip();
      all_numbers = false;
    }
  });
  return is_list && all_numbers ? bytes += ']' : "null";
}

void take_token(json_cursor& c, token_logprob& token, bool is_alternative) {
  token.bytes = "null";
  each_member(c, [&](std::string_view key) {
    if (is(key, "token")) {
      token.token = take_text(c);
    } else if (is(key, "logprob") && c.peek() == json_kind::number) {
      std::string_view raw;
      c.read_number(raw);
      token.logprob = raw;
    } else if (is(key, "bytes")) {
      token.bytes = take_bytes(c);
    } else if (is(key, "top_logprobs") && !is_alternative) {
      token.top.clear();
      each_element(c, [&] { take_token(c, token.top.emplace_back(), true); });
    } else {
      c.skip();
    }
  });
  if (token.logprob.empty()) token.logprob = "-9999.0";  // OpenAI's own way to say: too unlikely to tell
}

}  // namespace

bool take_call(json_cursor& c, wire_call& call) {
  bool has_function = false;
  bool readable = true;
  const bool is_object = each_member(c, [&](std::string_view key) {
    if (is(key, "index")) {
      if (c.peek() == json_kind::number) {
        call.index = static_cast<std::size_t>(take_count(c));
      } else {
        c.skip();
      }
    } else if (is(key, "id")) {
      call.id = take_text(c);
    } else if (is(key, "function")) {
      has_function = each_member(c, [&](std::string_view member) {
        if (is(member, "name")) {
          call.name = take_text(c);
        } else if (is(member, "arguments")) {
          readable = take_arguments(c, call) && readable;
        } else {
          c.skip();
        }
      });
    } else {
      c.skip();
    }
  });
  return is_object && has_function && readable;
}

void take_logprobs(json_cursor& c, std::vector<token_logprob>& tokens) {
  tokens.clear();
  each_element(c, [&] { take_token(c, tokens.emplace_back(), false); });
}

std::uint64_t take_nanoseconds(json_cursor& c) {
  std::string_view raw;
  if (c.peek() != json_kind::number) {
    c.skip();
    return 0;
  }
  c.read_number(raw);
  std::uint64_t value = 0;
  const auto end = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  return end.ec == std::errc::result_out_of_range ? std::numeric_limits<std::uint64_t>::max() : value;
}

}  // namespace tideover::adapt::chat::answer
