#include "tideover/ops/access_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>

#include "json_line.hpp"
#include "tideover/config/snapshot.hpp"

namespace tideover::ops {
namespace {

using proxy::outcome;

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

void append_milliseconds(std::string& out, duration span) {
  char digits[32];
  out.append(digits, write_milliseconds(digits, span));
}

char* write_two(char* at, std::int64_t value) {
  at[0] = static_cast<char>('0' + value / 10 % 10);
  at[1] = static_cast<char>('0' + value % 10);
  return at + 2;
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

struct message {
  std::string_view before, who, after;
};

message message_of(const proxy::exchange_record& r) {
  switch (r.how) {
    case outcome::answered: return {"request served by ", name_for_people(r), ""};
    case outcome::failed_over: return {"request served by ", name_for_people(r), " instead"};
    case outcome::refused: return {"request refused", "", ""};
    case outcome::failed: return {"request failed", "", ""};
    case outcome::cut: return {"answer of ", name_for_people(r), " was cut"};
    case outcome::client_gone: return {"caller left", "", ""};
  }
  return {"request failed", "", ""};
}

/// For people.
std::string_view title_of(const config::upstream& u) { return u.title.empty() ? u.name : u.title; }

std::string_view reason_of(const proxy::exchange_record& r) { return r.why ? token(*r.why) : std::string_view{}; }

std::string request_json(const proxy::exchange_record& r, std::int64_t now) {
  auto const [before, who, after] = message_of(r);
  json_line line(now,
                 {who, r.request_id, r.trace_id, r.workflow, r.upstream, r.upstream, r.model_requested, r.model_served,
                  r.method, r.path, r.from, r.error_code, r.detail, r.adapted, r.not_continued, r.client});
  line.token("level", level(r.how)).text("msg", {before, who, after}).token("event", "request");
  line.text("request_id", r.request_id).text("trace_id", r.trace_id).text("workflow", r.workflow);
  line.text("upstream", r.upstream).token("tier", token(r.tier));
  line.text("model_requested", r.model_requested).text("model_served", r.model_served);
  if (r.status > 0)
    line.number("status", r.status);
  else
    line.null("status");
  line.token("reason", reason_of(r)).number("attempts", r.attempts);
  if (r.first_byte >= duration::zero())
    line.milliseconds("ttfb_ms", r.first_byte);
  else
    line.null("ttfb_ms");
  line.milliseconds("duration_ms", r.total).number("bytes_in", r.bytes_in).number("bytes_out", r.bytes_out);
  line.token("outcome", token(r.how));

  line.token("endpoint", token(r.what));
  line.text_if_any("method", r.method).text_if_any("path", r.path);
  if (!r.from.empty()) line.text("from", r.from).text_if_any("to", r.upstream);
  line.text_if_any("client", r.client);
  line.text_if_any("error_code", r.error_code).text_if_any("detail", r.detail);
  line.text_if_any("not_continued", r.not_continued).text_if_any("adapted", r.adapted);
  if (r.stream) line.yes("stream");
  if (r.sdk_retry > 0) line.number("sdk_retry", r.sdk_retry);
  return line.end();
}

std::string request_text(const proxy::exchange_record& r, std::int64_t now) {
  auto out = timestamp(now);
  out += level(r.how) == "warn" ? " WARN  " : " INFO  ";
  auto const [before, who, after] = message_of(r);
  for (auto const part : {before, who, after, std::string_view(": ")}) append_visible(out, part);
  append_visible(out, r.method);
  out += ' ';
  append_visible(out, r.path);
  out += ' ';
  out += r.status > 0 ? std::to_string(r.status) : "-";
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
  append_pair(out, "not_continued", r.not_continued);
  append_pair(out, "id", r.request_id);
  out += '\n';
  return out;
}

}  // namespace

namespace {

constexpr std::size_t up_to_seconds = 19;  // YYYY-MM-DDThh:mm:ss

void write_seconds(char* at, std::chrono::sys_seconds when) {
  using namespace std::chrono;
  auto const day = floor<days>(when);
  year_month_day const date(day);
  auto const seconds = (when - day).count();
  auto const year = static_cast<int>(date.year());
  at = write_two(write_two(at, year / 100), year);
  *at++ = '-';
  at = write_two(at, static_cast<unsigned>(date.month()));
  *at++ = '-';
  at = write_two(at, static_cast<unsigned>(date.day()));
  *at++ = 'T';
  at = write_two(at, seconds / 3600);
  *at++ = ':';
  at = write_two(at, seconds / 60 % 60);
  *at++ = ':';
  write_two(at, seconds % 60);
}

}  // namespace

char* write_timestamp(char* at, std::int64_t unix_microseconds) {
  using namespace std::chrono;
  auto const when = sys_time<milliseconds>(floor<milliseconds>(microseconds(unix_microseconds)));
  auto const second = floor<seconds>(when);
  // A busy worker writes many lines a second, so the calendar is asked once for all of them.
  thread_local sys_seconds last = sys_seconds::min();
  thread_local std::array<char, up_to_seconds> last_text{};
  if (second != last) {
    write_seconds(last_text.data(), second);
    last = second;
  }
  std::memcpy(at, last_text.data(), up_to_seconds);
  at += up_to_seconds;
  auto const ms = (when - second).count();
  *at++ = '.';
  *at++ = static_cast<char>('0' + ms / 100);
  at = write_two(at, ms);
  *at++ = 'Z';
  return at;
}

char* write_milliseconds(char* at, duration span) {
  auto const micro = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(span).count(), 0);
  at = std::to_chars(at, at + 24, micro / 1000).ptr;
  *at++ = '.';
  *at++ = static_cast<char>('0' + micro / 100 % 10);
  return write_two(at, micro);
}

std::string timestamp(std::int64_t unix_microseconds) {
  char text[timestamp_bytes];
  return std::string(text, write_timestamp(text, unix_microseconds));
}

std::string request_line(const proxy::exchange_record& record, std::int64_t unix_microseconds, line_format format) {
  return format == line_format::json ? request_json(record, unix_microseconds)
                                     : request_text(record, unix_microseconds);
}

std::string failover_line(const proxy::exchange_record& record, const proxy::failover_step& step,
                          std::int64_t unix_microseconds, line_format format) {
  constexpr std::string_view message = " unavailable, falling back to ";
  auto const who = step.from.tier == tier::cloud ? std::string_view("Cloud") : title_of(step.from);
  if (format == line_format::json) {
    json_line line(unix_microseconds, {who, title_of(step.to), record.request_id, record.trace_id, record.workflow,
                                       record.model_requested, step.from.name, step.to.name, step.detail});
    line.token("level", "warn").text("msg", {who, message, title_of(step.to)}).token("event", "failover");
    line.text("request_id", record.request_id).text("trace_id", record.trace_id).text("workflow", record.workflow);
    line.text("model_requested", record.model_requested).token("reason", token(step.why));
    line.text("from", step.from.name).text("to", step.to.name).text_if_any("detail", step.detail);
    return line.end();
  }
  auto out = timestamp(unix_microseconds);
  out += " WARN  ";
  for (auto const part : {who, message, title_of(step.to)}) append_visible(out, part);
  append_pair(out, "reason", token(step.why));
  append_pair(out, "from", step.from.name);
  append_pair(out, "to", step.to.name);
  append_pair(out, "workflow", record.workflow);
  append_pair(out, "detail", step.detail);
  append_pair(out, "id", record.request_id);
  out += '\n';
  return out;
}

std::string breaker_line(const policy::breaker_change& change, std::string_view upstream, std::string_view title,
                         std::int64_t unix_microseconds, line_format format) {
  using state = policy::circuit_breaker::state;
  if (title.empty()) title = upstream;
  std::string_view after;
  switch (change.state) {
    case state::open: after = " is left alone for a while"; break;
    case state::half_open: after = " is tried again with one request"; break;
    case state::closed: after = change.by_probe ? " can be reached again" : " answers again"; break;
  }
  bool const warns = change.state == state::open;
  if (format == line_format::json) {
    json_line line(unix_microseconds, {title, upstream, change.model});
    line.token("level", warns ? "warn" : "info").text("msg", {title, after}).token("event", "breaker");
    line.text("upstream", upstream).token("state", token(change.state)).token("reason", token(change.why));
    line.text_if_any("model", change.model);
    return line.end();
  }
  auto out = timestamp(unix_microseconds);
  out += warns ? " WARN  " : " INFO  ";
  append_visible(out, title);
  append_visible(out, after);
  append_pair(out, "upstream", upstream);
  append_pair(out, "state", token(change.state));
  append_pair(out, "reason", token(change.why));
  append_pair(out, "model", change.model);
  out += '\n';
  return out;
}

std::string auth_line(const failure& what, std::string_view upstream, std::string_view title, bool configured,
                      std::int64_t unix_microseconds, line_format format) {
  if (title.empty()) title = upstream;
  std::string_view const after = configured ? " refuses the configured key: look at this upstream's credential"
                                            : " refuses keys that worked until now: its authentication seems to be out";
  if (format == line_format::json) {
    json_line line(unix_microseconds, {title, upstream, what.detail});
    line.token("level", "error").text("msg", {title, after}).token("event", "auth");
    line.text("upstream", upstream).number("status", what.status).text_if_any("detail", what.detail);
    return line.end();
  }
  auto out = timestamp(unix_microseconds);
  out += " ERROR ";
  append_visible(out, title);
  append_visible(out, after);
  append_pair(out, "upstream", upstream);
  append_pair(out, "status", std::to_string(what.status));
  append_pair(out, "detail", what.detail);
  out += '\n';
  return out;
}

std::string remote_line(const proxy::exchange_record& record, std::string_view upstream, std::string_view title,
                        std::string_view model, std::int64_t unix_microseconds, line_format format) {
  constexpr std::string_view happened = " had a model run at ollama.com that was known as local: a prompt has left";
  if (title.empty()) title = upstream;
  if (format == line_format::json) {
    json_line line(unix_microseconds, {title, upstream, model, record.request_id, record.trace_id, record.workflow});
    line.token("level", "error").text("msg", {title, happened}).token("event", "answered_remotely");
    line.text("request_id", record.request_id).text("trace_id", record.trace_id).text("workflow", record.workflow);
    line.text("upstream", upstream).text("model", model);
    return line.end();
  }
  return event_text(
      unix_microseconds, "error", {title, happened},
      {{"request_id", record.request_id}, {"workflow", record.workflow}, {"upstream", upstream}, {"model", model}});
}

std::string event_text(std::int64_t unix_microseconds, std::string_view level,
                       std::initializer_list<std::string_view> message,
                       std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  auto out = timestamp(unix_microseconds);
  out += level == "error" ? " ERROR " : level == "warn" ? " WARN  " : " INFO  ";
  for (auto const part : message) append_visible(out, part);
  for (const auto& [name, value] : pairs) append_pair(out, name, value);
  out += '\n';
  return out;
}

}  // namespace tideover::ops
