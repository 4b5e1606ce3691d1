#include "support/raw_client.hpp"

#include <charconv>
#include <stdexcept>

namespace tideover::test {
namespace {

/// Cuts the first whole event off `text`.
std::optional<sse_event> take_event(std::string& text) {
  std::size_t line = 0;
  sse_event event;
  bool first_data = true;
  for (;;) {
    auto const end = text.find('\n', line);
    if (end == std::string::npos) return std::nullopt;
    std::string_view content(text.data() + line, end - line);
    if (!content.empty() && content.back() == '\r') content.remove_suffix(1);
    line = end + 1;
    if (content.empty()) break;
    auto const colon = content.find(':');
    auto const name = content.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view() : content.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (name == "event") event.name = value;
    if (name == "data") {
      if (!std::exchange(first_data, false)) event.data += '\n';
      event.data += value;
    }
  }
  event.raw = text.substr(0, line);
  text.erase(0, line);
  return event;
}

}  // namespace

std::vector<sse_event> split_events(std::string_view text) {
  std::vector<sse_event> events;
  std::string rest(text);
  while (auto event = take_event(rest)) events.push_back(std::move(*event));
  return events;
}

raw_client::raw_client(std::uint16_t port) : wire_(wire::connect(port)), reader_(wire_) {}
raw_client::raw_client(const std::string& unix_socket) : wire_(wire::connect_unix(unix_socket)), reader_(wire_) {}

raw_client::raw_client(std::uint16_t port, const std::string& ca_file, const std::string& server_name)
    : raw_client(port, make_client_context(ca_file), server_name) {}

raw_client::raw_client(std::uint16_t port, const ssl_context& tls, const std::string& server_name)
    : wire_(wire::connect(port)), reader_(wire_) {
  if (wire_.connect_tls(tls, server_name) != io::ok) throw std::runtime_error("the TLS handshake failed");
}

io raw_client::request(std::string_view method, std::string_view target, std::string_view body,
                       const field_list& fields) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  if (count_field(fields, "host") == 0) text += "Host: localhost\r\n";
  for (auto const& [name, value] : fields) text += name + ": " + value + "\r\n";
  if (!body.empty()) {
    if (count_field(fields, "content-type") == 0) text += "Content-Type: application/json\r\n";
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  text += "\r\n";
  text += body;
  return send(text);
}

http_answer raw_client::read_head(steady::time_point deadline) {
  http_answer answer;
  text_.clear();
  for (;;) {
    std::string raw;
    answer.ended = ended_ = reader_.read_head(raw, deadline);
    if (answer.ended != io::ok) {
      answer.body = reader_.unread();
      return answer;
    }
    auto head = parse_head(raw);
    auto const& line = head.first_line;
    if (line.rfind("HTTP/1.", 0) != 0 || line.size() < 12) throw std::runtime_error("not a status line: " + line);
    int status = 0;
    std::from_chars(line.data() + 9, line.data() + 12, status);
    if (status >= 100 && status < 200 && status != 101) {
      answer.interim.push_back(std::move(head));
      continue;
    }
    answer.status = status;
    answer.head = std::move(head);
    break;
  }
  auto framing = message_reader::framing::until_close;
  std::uint64_t length = 0;
  if (answer.status == 204 || answer.status == 304) {
    framing = message_reader::framing::none;
  } else if (answer.has("transfer-encoding")) {
    framing = message_reader::framing::chunked;
  } else if (answer.has("content-length")) {
    framing = message_reader::framing::length;
    auto const text = answer.field("content-length");
    std::from_chars(text.data(), text.data() + text.size(), length);
  }
  reader_.begin_body(framing, length);
  body_done_ = framing == message_reader::framing::none;
  return answer;
}

http_answer raw_client::read_answer(bool to_head_request, steady::time_point deadline) {
  auto answer = read_head(deadline);
  if (answer.status == 0 || to_head_request) return answer;
  answer.ended = ended_ = reader_.read_body(answer.body, answer.raw_body, deadline);
  body_done_ = true;
  return answer;
}

http_answer raw_client::get(std::string_view target, const field_list& fields) {
  request("GET", target, {}, fields);
  return read_answer();
}

http_answer raw_client::post(std::string_view target, std::string_view body, const field_list& fields) {
  request("POST", target, body, fields);
  return read_answer();
}

std::optional<sse_event> raw_client::next_event(steady::time_point deadline) {
  for (;;) {
    if (auto event = take_event(text_)) return event;
    if (body_done_) return std::nullopt;
    std::string raw;
    ended_ = reader_.read_body_some(text_, raw, body_done_, deadline);
    if (ended_ == io::timed_out) return std::nullopt;  // the caller may ask again
    if (ended_ != io::ok) {
      body_done_ = true;
      // What arrived before the cut may still hold whole events.
      if (auto event = take_event(text_)) return event;
      return std::nullopt;
    }
  }
}

io raw_client::read_to_end(std::string& rest, steady::time_point deadline) {
  rest = reader_.unread();
  for (;;)
    if (auto const result = wire_.read_some(rest, 65536, deadline); result != io::ok) return result;
}

http_answer get(std::uint16_t port, std::string_view target, const field_list& fields) {
  return raw_client(port).get(target, fields);
}

http_answer post(std::uint16_t port, std::string_view target, std::string_view body, const field_list& fields) {
  return raw_client(port).post(target, body, fields);
}

}  // namespace tideover::test
