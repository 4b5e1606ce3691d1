#include "tideover/adapt/error_body.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_read.hpp"
#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt {

namespace {

using json = nlohmann::ordered_json;

/// A string decoded, a number as its digits, else nothing: gateways write HTTP statuses into `code`.
std::string take_word(json_cursor& c) {
  if (c.peek() == json_kind::number) {
    std::string_view digits;
    c.read_number(digits);
    return std::string(digits);
  }
  return take_text(c);
}

/// Reads `{type, code, message, details{error_code}}` and says whether any of it was there.
bool read_error_object(json_cursor& c, error_facts& into) {
  bool any = false;
  std::string detail_code;
  each_member(c, [&](std::string_view key) {
    any = true;
    if (is(key, "type")) {
      into.type = take_word(c);
    } else if (is(key, "code")) {
      into.code = take_word(c);
    } else if (is(key, "message")) {
      into.message = take_text(c);
    } else if (is(key, "details")) {
      only_member(c, "error_code", [&] { detail_code = take_word(c); });
    } else {
      c.skip();
    }
  });
  if (!detail_code.empty()) into.code = std::move(detail_code);
  return any;
}

/// Ollama hands on its runner's error as raw JSON text inside the message. The inner type is what tells a prompt that
/// is too long from a crash, so it becomes the code where there is none.
void unwrap_message(error_facts& facts) {
  if (!facts.message.starts_with('{')) return;
  const std::string text = facts.message;
  error_facts inner;
  json_cursor c(text);
  bool has_error = false;
  each_member(c, [&](std::string_view key) {
    if (is(key, "error") && c.peek() == json_kind::object) {
      has_error = read_error_object(c, inner);
    } else {
      c.skip();
    }
  });
  if (!c.finish() || !has_error) return;
  if (facts.code.empty()) facts.code = inner.type.empty() ? inner.code : inner.type;
  if (!inner.message.empty()) facts.message = inner.message;
}

std::string_view openai_type(const own_error& error) {
  switch (error.status) {
    case 401: return "authentication_error";
    case 402: return "insufficient_quota";
    case 403: return "permission_error";
    case 429: return error.code == "insufficient_quota" ? "insufficient_quota" : "rate_limit_error";
    default: return error.status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view anthropic_type(const own_error& error) {
  switch (error.status) {
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 409: return "conflict_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    // Nobody has capacity to serve: what clients of this API know as overloaded, whichever of the two statuses it has.
    case 503:
    case 529: return "overloaded_error";
    case 408:
    case 504: return "timeout_error";
    default: return error.status >= 500 ? "api_error" : "invalid_request_error";
  }
}

json text_or_null(std::string_view text) { return text.empty() ? json(nullptr) : json(text); }

/// Messages may quote what a caller sent, which need not be UTF-8: replaced rather than thrown over.
std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json openai_error(const own_error& error) {
  return {{"message", error.message},
          {"type", openai_type(error)},
          {"param", text_or_null(error.param)},
          {"code", text_or_null(error.code)}};
}

}  // namespace

std::string_view shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t size = limit;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;  // a continuation byte
  return text.substr(0, size);
}

std::string words_for_log(const error_facts& error) {
  const auto plain = [](std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
             c == '.';
    });
  };
  std::string words;
  if (plain(error.type)) words.append(" ").append(error.type);
  if (plain(error.code) && error.code != error.type) words.append(" ").append(error.code);
  return words;
}

bool read_error_value(json_cursor& at, error_facts& into) {
  bool is_error = false;
  switch (at.peek()) {
    case json_kind::object: is_error = read_error_object(at, into); break;
    case json_kind::string:
      into.message = take_text(at);
      is_error = !into.message.empty();
      break;
    default: is_error = take_filled(at); break;
  }
  if (!is_error) return false;
  unwrap_message(into);
  into.recognised = true;
  into.message = std::string(shortened(into.message));
  into.type = std::string(shortened(into.type));
  into.code = std::string(shortened(into.code));
  return true;
}

error_facts read_error_body(std::string_view body) {
  error_facts nested;
  error_facts top;  // the Responses API's error event keeps its fields at the top level
  std::string top_type;
  bool has_error = false;
  json_cursor c(body);
  if (c.peek() != json_kind::object) return {};
  each_member(c, [&](std::string_view key) {
    if (is(key, "error")) {
      nested = {};
      has_error = read_error_value(c, nested);
    } else if (is(key, "type")) {
      top_type = take_word(c);
    } else if (is(key, "code")) {
      top.code = take_word(c);
    } else if (is(key, "message")) {
      top.message = take_text(c);
    } else {
      c.skip();
    }
  });
  if (!c.finish()) return {};
  if (has_error) return nested;
  if (top_type != "error" || (top.code.empty() && top.message.empty())) return {};
  top.recognised = true;
  top.type = std::move(top_type);
  top.code = std::string(shortened(top.code));
  top.message = std::string(shortened(top.message));
  return top;
}

dialect error_dialect(endpoint what, bool caller_speaks_anthropic) {
  switch (what) {
    case endpoint::messages:
    case endpoint::count_tokens: return dialect::anthropic;
    case endpoint::chat_completions:
    case endpoint::completions:
    case endpoint::responses:
    case endpoint::embeddings: return dialect::openai;
    case endpoint::ollama_native: return dialect::ollama;
    case endpoint::models:
    case endpoint::other_v1:
    case endpoint::unknown: break;
  }
  return caller_speaks_anthropic ? dialect::anthropic : dialect::openai;
}

std::string write_error_body(dialect in, const own_error& error, std::string_view request_id) {
  switch (in) {
    case dialect::ollama: return dump({{"error", error.message}});
    case dialect::anthropic: {
      json details = nullptr;
      if (!error.code.empty()) details = {{"error_code", error.code}};
      return dump({{"type", "error"},
                   {"error", {{"type", anthropic_type(error)}, {"message", error.message}, {"details", details}}},
                   {"request_id", text_or_null(request_id)}});
    }
    case dialect::openai: break;
  }
  return dump({{"error", openai_error(error)}});
}

std::string write_error_event(endpoint what, dialect in, const own_error& error, std::string_view request_id,
                              std::int64_t sequence_number) {
  if (in == dialect::ollama) return write_error_body(in, error, request_id) + '\n';
  if (in == dialect::anthropic) return "event: error\ndata: " + write_error_body(in, error, request_id) + "\n\n";
  if (what != endpoint::responses) return "data: " + write_error_body(in, error, request_id) + "\n\n";
  // Fields at the top level and no nested object, as the API itself writes it. Of a stream that was only relayed nobody
  // here knows the number of the next event.
  const json event{{"type", "error"},
                   {"code", text_or_null(error.code)},
                   {"message", error.message},
                   {"param", text_or_null(error.param)},
                   {"sequence_number", sequence_number}};
  return "event: error\ndata: " + dump(event) + "\n\n";
}

}  // namespace tideover::adapt
