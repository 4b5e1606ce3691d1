// A caller that sends exactly the bytes a test wants and reports exactly what came back, cuts and resets included.
// Not an HTTP library: no redirects, no retries, no pool; one connection per object.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/http_text.hpp"
#include "support/wire.hpp"

namespace tideover::test {

struct sse_event {
  std::string raw;   // with the empty line
  std::string name;  // of `event:`, empty if none
  std::string data;  // of all `data:` lines
  bool is_comment() const { return name.empty() && data.empty(); }
};
/// All complete events of a text; what stands after the last empty line is left out.
std::vector<sse_event> split_events(std::string_view text);

struct http_answer {
  int status = 0;  // 0: not even a head came
  parsed_head head;
  std::string body;                  // decoded
  std::string raw_body;              // as it came
  std::vector<parsed_head> interim;  // 1xx
  io ended = io::timed_out;          // ok: complete; else how it was cut

  bool complete() const { return ended == io::ok; }
  bool has(std::string_view name) const { return find_field(head.fields, name).has_value(); }
  std::string field(std::string_view name) const { return find_field(head.fields, name).value_or(""); }
  std::vector<sse_event> events() const { return split_events(body); }
};

class raw_client {
 public:
  explicit raw_client(std::uint16_t port);
  explicit raw_client(const std::string& unix_socket);
  explicit raw_client(wire connected) : wire_(std::move(connected)), reader_(wire_) {}
  /// Over TLS; an empty `ca_file` trusts everybody.
  raw_client(std::uint16_t port, const std::string& ca_file, const std::string& server_name);
  /// The same with settings of one's own, such as a certificate to show.
  raw_client(std::uint16_t port, const ssl_context& tls, const std::string& server_name);
  raw_client(const raw_client&) = delete;  // the reader points at the wire
  raw_client& operator=(const raw_client&) = delete;

  io send(std::string_view bytes) { return wire_.write(bytes); }
  /// A request with Host and, when there is a body, Content-Length.
  io request(std::string_view method, std::string_view target, std::string_view body = {},
             const field_list& fields = {});

  http_answer read_answer(bool to_head_request = false, steady::time_point deadline = soon());
  http_answer get(std::string_view target, const field_list& fields = {});
  http_answer post(std::string_view target, std::string_view body, const field_list& fields = {});

  /// Step by step: the head, then one event after the other. nullopt: no further whole event; `ended()` says why.
  http_answer read_head(steady::time_point deadline = soon());
  std::optional<sse_event> next_event(steady::time_point deadline = soon());
  io ended() const { return ended_; }
  const std::string& unfinished() const { return text_; }  // decoded bytes that form no whole event

  /// How the connection ends when nothing more is asked of it.
  io read_to_end(std::string& rest, steady::time_point deadline = soon());
  void half_close() { wire_.half_close(); }
  void close() { wire_.close(); }
  void reset() { wire_.reset(); }
  wire& raw() { return wire_; }

 private:
  wire wire_;
  message_reader reader_;
  std::string text_;
  bool body_done_ = false;
  io ended_ = io::ok;
};

/// One request on a connection of its own.
http_answer get(std::uint16_t port, std::string_view target, const field_list& fields = {});
http_answer post(std::uint16_t port, std::string_view target, std::string_view body, const field_list& fields = {});

}  // namespace tideover::test
