#include "support/http_text.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace tideover::test {

bool same_name(std::string_view a, std::string_view b) {
  auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> find_field(const field_list& fields, std::string_view name) {
  for (auto const& [key, value] : fields)
    if (same_name(key, name)) return value;
  return std::nullopt;
}

std::size_t count_field(const field_list& fields, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [&](auto const& f) { return same_name(f.first, name); }));
}

parsed_head parse_head(std::string_view raw) {
  parsed_head head;
  head.raw = raw;
  bool first = true;
  while (!raw.empty()) {
    auto const end = raw.find("\r\n");
    if (end == std::string_view::npos) throw std::runtime_error("a head line without CRLF: " + std::string(raw));
    auto const line = raw.substr(0, end);
    raw.remove_prefix(end + 2);
    if (line.empty()) break;
    if (std::exchange(first, false)) {
      head.first_line = line;
      continue;
    }
    auto const colon = line.find(':');
    if (colon == std::string_view::npos) throw std::runtime_error("a field without colon: " + std::string(line));
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    head.fields.emplace_back(line.substr(0, colon), value);
  }
  return head;
}

io message_reader::read_head(std::string& raw, steady::time_point deadline) {
  std::size_t searched = 0;
  for (;;) {
    if (auto const end = buffer_.find("\r\n\r\n", searched); end != std::string::npos) {
      raw = buffer_.substr(0, end + 4);
      buffer_.erase(0, end + 4);
      return io::ok;
    }
    searched = buffer_.size() < 3 ? 0 : buffer_.size() - 3;
    if (auto const result = fill(deadline); result != io::ok) return result;
  }
}

void message_reader::begin_body(framing kind, std::uint64_t length) {
  kind_ = kind;
  left_ = length;
  in_chunk_ = false;
}

io message_reader::need(std::size_t bytes, steady::time_point deadline) {
  while (buffer_.size() < bytes)
    if (auto const result = fill(deadline); result != io::ok) return result;
  return io::ok;
}

io message_reader::read_line(std::string& line, steady::time_point deadline) {
  for (;;) {
    if (auto const end = buffer_.find("\r\n"); end != std::string::npos) {
      line = buffer_.substr(0, end + 2);
      buffer_.erase(0, end + 2);
      return io::ok;
    }
    if (auto const result = fill(deadline); result != io::ok) return result;
  }
}

void message_reader::take(std::size_t n, std::string& body, std::string& raw) {
  body.append(buffer_, 0, n);
  raw.append(buffer_, 0, n);
  buffer_.erase(0, n);
}

io message_reader::read_body_some(std::string& body, std::string& raw, bool& done, steady::time_point deadline) {
  done = false;
  switch (kind_) {
    case framing::none: done = true; return io::ok;
    case framing::until_close: {
      if (buffer_.empty()) {
        auto const result = fill(deadline);
        if (result == io::end) {
          done = true;
          return io::ok;
        }
        if (result != io::ok) return result;
      }
      take(buffer_.size(), body, raw);
      return io::ok;
    }
    case framing::length: {
      if (left_ != 0) {
        if (buffer_.empty())
          if (auto const result = fill(deadline); result != io::ok) return result;
        auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
        take(n, body, raw);
        left_ -= n;
      }
      done = left_ == 0;
      return io::ok;
    }
    case framing::chunked: break;
  }
  if (!in_chunk_) {
    std::string line;
    if (auto const result = read_line(line, deadline); result != io::ok) return result;
    raw += line;
    std::size_t used = 0;
    left_ = std::stoull(line, &used, 16);
    if (used == 0) throw std::runtime_error("not a chunk size: " + line);
    if (left_ == 0) {
      do {  // trailers, up to the empty line
        if (auto const result = read_line(line, deadline); result != io::ok) return result;
        raw += line;
      } while (line != "\r\n");
      done = true;
      return io::ok;
    }
    in_chunk_ = true;
  }
  if (buffer_.empty())
    if (auto const result = fill(deadline); result != io::ok) return result;
  auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
  take(n, body, raw);
  left_ -= n;
  if (left_ == 0) {
    if (auto const result = need(2, deadline); result != io::ok) return result;
    raw.append(buffer_, 0, 2);
    buffer_.erase(0, 2);
    in_chunk_ = false;
  }
  return io::ok;
}

io message_reader::read_body(std::string& body, std::string& raw, steady::time_point deadline) {
  for (bool done = false; !done;)
    if (auto const result = read_body_some(body, raw, done, deadline); result != io::ok) return result;
  return io::ok;
}

std::string chunk(std::string_view data) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

}  // namespace tideover::test
