// One connection, plain or TLS, on a non-blocking descriptor: try to read, try to write, and a source to wait on.
// Not buffered, not HTTP: whoever uses it brings the buffers and the deadlines.
#pragma once

#include <openssl/ssl.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tideover/net/reactor.hpp"
#include "tideover/net/task.hpp"

namespace tideover::net {

struct ssl_deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using ssl_ptr = std::unique_ptr<SSL, ssl_deleter>;

/// The result of one try. `bytes` is meaningful for `ok` only.
struct io_result {
  enum class kind : std::uint8_t {
    ok,     // some bytes moved
    again,  // nothing now: wait for `want`
    eof,    // the peer ended its side in an orderly way (TLS: close_notify came)
    error,  // the connection is broken; TLS: ended without close_notify counts here
  };
  kind what = kind::ok;
  unsigned want = 0;
  std::size_t bytes = 0;
  bool ok() const { return what == kind::ok; }
  bool again() const { return what == kind::again; }
};

class stream {
 public:
  /// Takes over a non-blocking descriptor and registers it. On error the descriptor is closed and it throws.
  stream(reactor& loop, int fd);
  ~stream();
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  /// From here on everything goes through TLS. The handshake has not happened yet.
  void start_tls(ssl_ptr ssl);
  bool is_tls() const { return ssl_ != nullptr; }
  SSL* tls() const { return ssl_.get(); }

  io_result try_read(char* into, std::size_t size);
  /// Gathers; for TLS up to 16 KiB of the pieces go into one record. After `again` repeat with the same bytes first.
  io_result try_write(std::span<const iovec> pieces);
  io_result try_handshake();
  /// The first byte that waits to be read, which stays there. Before start_tls().
  io_result try_peek(char& first);

  event_source& source() { return source_; }
  reactor& loop() { return loop_; }
  int descriptor() const { return fd_; }

  /// The peer closed or broke the connection, as far as the reactor knows. Costs nothing.
  bool peer_closed() const { return source_.is(hangup); }
  /// True when nothing waits to be read; for a pooled connection anything else means: do not reuse.
  bool quiet();

  /// Sends what TLS wants to say at an orderly end. Does not wait.
  void say_goodbye();
  /// Closing resets the connection instead of ending it in order.
  void reset_on_close();
  /// No more bytes to the peer, reading goes on (the lingering part of a close).
  void shutdown_write();

 private:
  io_result tls_result(int code);

  reactor& loop_;
  event_source source_;
  ssl_ptr ssl_;
  int fd_;
};

/// Writes everything, waiting where needed, at most `stall_limit` without progress. `left` tells how many bytes the
/// connection did not take.
enum class write_end : std::uint8_t { done, broken, stalled, cancelled };
task<write_end> write_all(stream& to, std::string_view bytes, duration stall_limit, std::size_t* left = nullptr);

}  // namespace tideover::net
