// A connected socket, plain or TLS, read and written byte by byte with a deadline and a way to be stopped on every
// wait. Not for production: blocking calls, one thread per connection, so that every fault is a few plain lines.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tideover::test {

using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// How long a test waits before it calls something broken. Never a statement about how fast something should be:
/// generous enough for sanitizers on a busy machine.
inline constexpr auto patience = std::chrono::seconds(60);
inline steady::time_point soon() { return steady::now() + patience; }

/// The one place where tests poll: asks `holds` again and again until it is true or the deadline has passed.
bool eventually(const std::function<bool()>& holds, steady::time_point deadline = soon());

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  descriptor& operator=(descriptor&& other) noexcept;
  ~descriptor() { close(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// A door that the test opens: whoever waits at it goes on then, and everybody who comes later walks through.
class gate {
 public:
  gate();
  void open();
  bool is_open() const;
  int fd() const { return event_->get(); }

 private:
  std::shared_ptr<descriptor> event_;  // shared: scripts copy gates by value
};

enum class io : std::uint8_t {
  ok,
  end,         // the peer closed in order
  reset,       // the peer reset the connection, or it broke
  timed_out,   // the deadline came first
  stopped,     // the owner's stop gate opened first
  tls_failed,  // handshake refused by either side
  tls_cut,     // the connection ended without TLS close_notify
};

using ssl_context = std::shared_ptr<SSL_CTX>;

/// A server context for a certificate and key in PEM files.
ssl_context make_server_context(const std::string& certificate_file, const std::string& key_file);
/// A client context that trusts `ca_file`; an empty name trusts everybody.
/// `certificate_file` and `key_file` empty: the client shows none.
ssl_context make_client_context(const std::string& ca_file, const std::string& certificate_file = {},
                                const std::string& key_file = {});

class wire {
 public:
  wire() = default;
  wire(descriptor socket, const gate* stop);
  /// `from`: the address to come from; null: as the system chooses.
  static wire connect(std::uint16_t port, const char* address = "127.0.0.1", const char* from = nullptr);
  static wire connect_unix(const std::string& path);

  io accept_tls(const ssl_context& context, steady::time_point deadline = soon());
  io connect_tls(const ssl_context& context, const std::string& server_name, steady::time_point deadline = soon());

  /// Appends what is there, at least one byte unless the result is not ok.
  io read_some(std::string& into, std::size_t at_most = 65536, steady::time_point deadline = soon());
  io write(std::string_view bytes, steady::time_point deadline = soon());

  io wait_for(const gate& opened, steady::time_point deadline = soon());
  /// Reads and throws away until the peer is gone.
  io wait_until_peer_leaves(steady::time_point deadline = soon());

  void half_close();      // no more bytes from us; reading goes on
  void close();           // in order, with close_notify
  void close_abruptly();  // FIN without close_notify
  void reset();           // RST (SO_LINGER 0)
  void shrink_receive_buffer(int bytes);

  bool is_open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  io wait_io(short events, steady::time_point deadline) const;
  io ssl_wait(int code, steady::time_point deadline) const;

  descriptor socket_;
  const gate* stop_ = nullptr;
  ssl_context context_;
  std::shared_ptr<SSL> ssl_;
  std::uint64_t bytes_read_ = 0;
};

/// A port on 127.0.0.1 that stays ours for life, whether or not somebody listens on it: a closed port could otherwise
/// be taken by anybody, or a connect() to it could even meet itself. Another address or a given number are for tests
/// that have a network of their own.
class reserved_port {
 public:
  explicit reserved_port(std::string address = "127.0.0.1", std::uint16_t number = 0);
  const std::string& address() const { return address_; }
  std::uint16_t number() const { return number_; }
  descriptor listen(int backlog = 512) const;

 private:
  std::string address_;
  descriptor holder_;
  std::uint16_t number_ = 0;
};

/// A listening socket whose queue is full: connecting to it never completes and is never refused.
class full_backlog {
 public:
  full_backlog();
  explicit full_backlog(const reserved_port& on);  // which must outlive it
  std::uint16_t port() const { return port_->number(); }

 private:
  void fill();

  std::unique_ptr<reserved_port> own_;
  const reserved_port* port_;
  descriptor listener_;
  std::vector<descriptor> fillers_;
};

}  // namespace tideover::test
