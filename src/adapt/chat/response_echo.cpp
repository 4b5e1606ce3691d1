// What a Responses answer repeats of its request.
#include <algorithm>
#include <array>

#include "../json_read.hpp"
#include "answer_write.hpp"

namespace tideover::adapt::chat::answer {

namespace {

struct member {
  std::string_view name;
  std::string_view value;  // the API's default, as JSON
};

/// What clients may rely on to be there. State at the cloud is not among it: nothing was stored, whatever was asked.
constexpr std::array repeated{
    member{"instructions", "null"},
    member{"max_output_tokens", "null"},
    member{"metadata", "{}"},
    member{"parallel_tool_calls", "true"},
    member{"reasoning", R"({"effort":null,"summary":null})"},
    member{"temperature", "1.0"},
    member{"text", R"({"format":{"type":"text"}})"},
    member{"tool_choice", "\"auto\""},
    member{"tools", "[]"},
    member{"top_p", "1.0"},
    member{"user", "null"},
};

/// A line end between tokens would end the line of an event; inside strings there is none (RFC 8259 §7).
void append_on_one_line(std::string& out, std::string_view json) {
  const std::size_t from = out.size();
  out += json;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(from), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

}  // namespace

std::string response_echo(std::string_view request_body) {
  auto members = repeated;
  json_cursor c(request_body);
  const bool is_object = each_member(c, [&](std::string_view key) {
    const auto known = std::ranges::find(members, key, &member::name);
    const bool given = c.peek() != json_kind::null;
    std::string_view value;
    if (c.skip(value) && given && known != members.end()) known->value = value;
  });
  if (!is_object || !c.finish() || !is_utf8(request_body)) members = repeated;

  std::string echo;
  for (const auto& m : members) {
    json_append(echo).raw("\"").raw(m.name).raw("\":");
    append_on_one_line(echo, m.value);
    echo += ',';
  }
  return echo += R"("previous_response_id":null,"store":false,"truncation":"disabled")";
}

}  // namespace tideover::adapt::chat::answer
