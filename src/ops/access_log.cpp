#include "tideover/ops/access_log.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

namespace tideover::ops {
namespace {

using proxy::outcome;

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

/// A JSON string. Text that needs any escaping, or is no clean UTF-8, goes through nlohmann; the rest, which is nearly
/// all of it, is copied: a document per request would cost as much as half the proxy (performance.md).
void append_json(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out.append(1, '"').append(text).append(1, '"');
    return;
  }
  using nlohmann::json;
  out += json(text).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

template <class Number>
void append_number(std::string& out, Number value) {
  char digits[24];
  auto const [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end);
}

/// Milliseconds with three decimals: a proxy's own share is far below one.
void append_milliseconds(std::string& out, duration span) {
  auto const micro = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(span).count(), 0);
  append_number(out, micro / 1000);
  char const decimals[] = {'.', static_cast<char>('0' + micro / 100 % 10), static_cast<char>('0' + micro / 10 % 10),
                           static_cast<char>('0' + micro % 10)};
  out.append(decimals, sizeof decimals);
}

void append_timestamp(std::string& out, std::int64_t unix_microseconds);

/// One JSON object, member by member, beginning with `ts`. The names are our own and need no escaping.
class json_line {
 public:
  json_line(std::string& out, std::int64_t unix_microseconds) : out_(out) {
    out_ += "{\"ts\":\"";
    append_timestamp(out_, unix_microseconds);
    out_ += '"';
  }

  json_line& text(std::string_view name, std::string_view value) {
    member(name);
    append_json(out_, value);
    return *this;
  }
  json_line& text_if_any(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  template <class Number>
  json_line& number(std::string_view name, Number value) {
    member(name);
    append_number(out_, value);
    return *this;
  }
  json_line& null(std::string_view name) {
    member(name);
    out_ += "null";
    return *this;
  }
  json_line& yes(std::string_view name) {
    member(name);
    out_ += "true";
    return *this;
  }
  json_line& milliseconds(std::string_view name, duration span) {
    member(name);
    append_milliseconds(out_, span);
    return *this;
  }
  void end() { out_ += "}\n"; }

 private:
  void member(std::string_view name) { out_.append(",\"").append(name).append("\":"); }
  std::string& out_;
};

/// Text for a terminal: whatever could move the cursor, forge a line or hide something is shown, not performed.
void append_visible(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      out += c;
    } else {
      out.append("\\x").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    }
  }
}

void append_pair(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(1, ' ').append(name).append(1, '=');
  append_visible(out, value);
}

void append_two(std::string& out, std::int64_t value) {
  out += static_cast<char>('0' + value / 10 % 10);
  out += static_cast<char>('0' + value % 10);
}

void append_timestamp(std::string& out, std::int64_t unix_microseconds) {
  using namespace std::chrono;
  sys_time<microseconds> const at{microseconds(unix_microseconds)};
  auto const day = floor<days>(at);
  year_month_day const date(day);
  auto const ms = duration_cast<milliseconds>(at - day).count();
  auto const year = static_cast<int>(date.year());
  append_two(out, year / 100);
  append_two(out, year);
  out += '-';
  append_two(out, static_cast<unsigned>(date.month()));
  out += '-';
  append_two(out, static_cast<unsigned>(date.day()));
  out += 'T';
  append_two(out, ms / 3'600'000);
  out += ':';
  append_two(out, ms / 60'000 % 60);
  out += ':';
  append_two(out, ms / 1000 % 60);
  out += '.';
  out += static_cast<char>('0' + ms / 100 % 10);
  append_two(out, ms);
  out += 'Z';
}

std::string_view level(outcome how) {
  switch (how) {
    case outcome::answered:
    case outcome::failed_over:
    case outcome::refused:
    case outcome::client_gone: return "info";
    case outcome::failed:
    case outcome::cut: return "warn";
  }
  return "warn";
}

std::string_view name_for_people(const proxy::exchange_record& r) {
  if (!r.title.empty()) return r.title;
  return r.upstream.empty() ? std::string_view("Tideover") : std::string_view(r.upstream);
}

std::string message(const proxy::exchange_record& r) {
  std::string const who(name_for_people(r));
  switch (r.how) {
    case outcome::answered: return "request served by " + who;
    case outcome::failed_over: return "request served by " + who + " instead";
    case outcome::refused: return "request refused";
    case outcome::failed: return "request failed";
    case outcome::cut: return "answer of " + who + " was cut";
    case outcome::client_gone: return "caller left";
  }
  return "request failed";
}

std::string_view reason_of(const proxy::exchange_record& r) { return r.why ? token(*r.why) : std::string_view{}; }

std::string request_json(const proxy::exchange_record& r, std::int64_t now) {
  std::string out;
  out.reserve(768);
  json_line line(out, now);
  line.text("level", level(r.how)).text("msg", message(r)).text("event", "request").text("request_id", r.request_id);
  line.text("trace_id", r.trace_id).text("workflow", r.workflow).text("upstream", r.upstream);
  line.text("tier", token(r.tier)).text("model_requested", r.model_requested).text("model_served", r.model_served);
  if (r.status > 0)
    line.number("status", r.status);
  else
    line.null("status");
  line.text("reason", reason_of(r)).number("attempts", r.attempts);
  if (r.first_byte >= duration::zero())
    line.milliseconds("ttfb_ms", r.first_byte);
  else
    line.null("ttfb_ms");
  line.milliseconds("duration_ms", r.total).number("bytes_in", r.bytes_in).number("bytes_out", r.bytes_out);
  line.text("outcome", token(r.how));

  if (r.what != endpoint::unknown) line.text("endpoint", token(r.what));
  line.text_if_any("method", r.method).text_if_any("path", r.path);
  if (!r.from.empty()) line.text("from", r.from).text_if_any("to", r.upstream);
  line.text_if_any("error_code", r.error_code).text_if_any("detail", r.detail);
  if (r.stream) line.yes("stream");
  if (r.sdk_retry > 0) line.number("sdk_retry", r.sdk_retry);
  line.end();
  return out;
}

std::string request_text(const proxy::exchange_record& r, std::int64_t now) {
  std::string out;
  append_timestamp(out, now);
  out += level(r.how) == "warn" ? " WARN  " : " INFO  ";
  append_visible(out, message(r));
  out += ": ";
  append_visible(out, r.method);
  out += ' ';
  append_visible(out, r.path);
  out += ' ';
  if (r.status > 0)
    append_number(out, r.status);
  else
    out += '-';
  out += " in ";
  append_milliseconds(out, r.total);
  out += " ms";
  append_pair(out, "workflow", r.workflow);
  append_pair(out, "model", r.model_requested);
  if (r.model_served != r.model_requested) append_pair(out, "served_as", r.model_served);
  append_pair(out, "reason", reason_of(r));
  append_pair(out, "from", r.from);
  append_pair(out, "error", r.error_code);
  append_pair(out, "detail", r.detail);
  append_pair(out, "id", r.request_id);
  out += '\n';
  return out;
}

}  // namespace

std::string timestamp(std::int64_t unix_microseconds) {
  std::string out;
  append_timestamp(out, unix_microseconds);
  return out;
}

std::string request_line(const proxy::exchange_record& record, std::int64_t unix_microseconds, line_format format) {
  return format == line_format::json ? request_json(record, unix_microseconds)
                                     : request_text(record, unix_microseconds);
}

std::string failover_line(const proxy::exchange_record& record, std::string_view to, std::string_view to_title,
                          std::int64_t unix_microseconds, line_format format) {
  auto const message = "Cloud unavailable, falling back to " + std::string(to_title.empty() ? to : to_title);
  std::string out;
  out.reserve(512);
  if (format == line_format::json) {
    json_line line(out, unix_microseconds);
    line.text("level", "warn").text("msg", message).text("event", "failover").text("request_id", record.request_id);
    line.text("trace_id", record.trace_id).text("workflow", record.workflow);
    line.text("model_requested", record.model_requested).text("reason", reason_of(record));
    line.text("from", record.from).text("to", to).text_if_any("detail", record.detail);
    line.end();
    return out;
  }
  append_timestamp(out, unix_microseconds);
  out += " WARN  ";
  append_visible(out, message);
  append_pair(out, "reason", reason_of(record));
  append_pair(out, "from", record.from);
  append_pair(out, "to", to);
  append_pair(out, "workflow", record.workflow);
  append_pair(out, "detail", record.detail);
  append_pair(out, "id", record.request_id);
  out += '\n';
  return out;
}

}  // namespace tideover::ops
