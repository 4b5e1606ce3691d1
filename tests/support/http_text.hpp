// HTTP/1.1 messages as tests see them: raw bytes kept, fields listed, bodies decoded, ends told apart.
// Not a safe parser: it reads what our own program and scripts write, and throws at nonsense.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/wire.hpp"

namespace tideover::test {

using field_list = std::vector<std::pair<std::string, std::string>>;

bool same_name(std::string_view a, std::string_view b);  // ASCII, case ignored
std::optional<std::string> find_field(const field_list& fields, std::string_view name);
std::size_t count_field(const field_list& fields, std::string_view name);

struct parsed_head {
  std::string raw;  // with the empty line
  std::string first_line;
  field_list fields;
};
parsed_head parse_head(std::string_view raw);

/// Bytes from a wire with what was read too far kept for the next message.
class message_reader {
 public:
  explicit message_reader(wire& from) : from_(&from) {}
  void rebind(wire& from) { from_ = &from; }

  /// Reads up to and with the empty line. Anything but ok leaves what came in `unread()`.
  io read_head(std::string& raw, steady::time_point deadline);

  enum class framing : std::uint8_t { none, length, chunked, until_close };
  void begin_body(framing kind, std::uint64_t length);
  /// Appends some decoded body bytes to `body` (and the bytes as they came to `raw`). `done` after the last one.
  io read_body_some(std::string& body, std::string& raw, bool& done, steady::time_point deadline);
  io read_body(std::string& body, std::string& raw, steady::time_point deadline);

  const std::string& unread() const { return buffer_; }
  io fill(steady::time_point deadline) { return from_->read_some(buffer_, 65536, deadline); }

 private:
  io need(std::size_t bytes, steady::time_point deadline);
  io read_line(std::string& line, steady::time_point deadline);
  void take(std::size_t n, std::string& body, std::string& raw);

  wire* from_;
  std::string buffer_;
  framing kind_ = framing::none;
  std::uint64_t left_ = 0;
  bool in_chunk_ = false;
};

/// Chunked coding of one piece, and the last chunk.
std::string chunk(std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace tideover::test
