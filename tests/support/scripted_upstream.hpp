// An upstream that does exactly what a test's script says, one byte at a time if need be, and remembers what it was
// sent. Not a web server: one thread per connection, 127.0.0.1 only, no courtesy towards peers beyond the script.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/http_text.hpp"
#include "support/wire.hpp"

namespace tideover::test {

struct recorded_request {
  std::string head;  // raw, with the empty line
  std::string method;
  std::string target;
  field_list fields;
  std::string body;                // decoded
  std::string raw_body;            // as it came
  unsigned connection = 0;         // 1 is the first that was accepted
  unsigned nth_on_connection = 0;  // 0 is the first request on it

  std::string path() const { return target.substr(0, target.find('?')); }
  bool on_reused_connection() const { return nth_on_connection != 0; }
  std::optional<std::string> field(std::string_view name) const { return find_field(fields, name); }
  bool asks_for_stream() const;
};

/// The connection as a script handles it. After a script returns, the next request is read unless it closed.
class served_connection {
 public:
  served_connection(wire& raw, std::function<void()> note_peer_left);

  wire& raw() { return *raw_; }
  io send(std::string_view bytes) { return raw_->write(bytes); }
  /// Every piece is a write of its own.
  io send_in_pieces(std::string_view bytes, std::size_t piece);
  io answer(int status, std::string_view body, const field_list& extra = {},
            std::string_view type = "application/json");
  io begin_stream(std::string_view type = "text/event-stream", const field_list& extra = {}, int status = 200);
  io send_chunk(std::string_view data) { return send(chunk(data)); }
  io end_stream() { return send(last_chunk); }

  /// Waits until the test opens the gate.
  io wait(const gate& opened) { return raw_->wait_for(opened); }
  /// Says nothing until the peer gives up; counted in scripted_upstream::peers_that_left().
  void say_nothing();
  void close();
  void close_abruptly();  // no TLS close_notify
  void reset();
  bool open() const { return raw_->is_open(); }

 private:
  wire* raw_;
  std::function<void()> note_peer_left_;
};

using script = std::function<void(served_connection&, const recorded_request&)>;

class scripted_upstream {
 public:
  explicit scripted_upstream(ssl_context tls = nullptr);
  ~scripted_upstream();
  scripted_upstream(const scripted_upstream&) = delete;
  scripted_upstream& operator=(const scripted_upstream&) = delete;

  /// What answers requests to this path (query ignored); `*` answers where nothing else does. Unscripted: 404 text.
  void on(const std::string& path, script what);
  /// The same for the next request to this path only; several form a queue.
  void once(const std::string& path, script what);
  /// Asked for every connection before TLS and HTTP; false: the connection has been dealt with.
  void on_accept(std::function<bool(wire&)> what);
  /// Another certificate for connections from now on.
  void present(ssl_context tls);

  void stop();             // the port refuses, connections end with FIN
  void stop_with_reset();  // the port refuses, connections end with RST
  void start();            // listens on the same port again

  std::uint16_t port() const;
  std::string url() const;  // http://127.0.0.1:PORT or https://…

  unsigned connections() const;             // accepted since the beginning
  unsigned open_connections() const;        // being served now
  std::uint64_t application_bytes() const;  // read after TLS, requests and anything else
  unsigned peers_that_left() const;         // while a script said nothing
  std::vector<recorded_request> requests() const;
  std::vector<recorded_request> requests_to(std::string_view path) const;
  bool wait_for_requests(std::size_t at_least) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tideover::test
