#include "support/wire.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace tideover::test {
namespace {

// OpenSSL writes with write(2), which raises SIGPIPE on a dead peer; a test must see an error instead.
const bool sigpipe_ignored = [] {
  std::signal(SIGPIPE, SIG_IGN);
  return true;
}();

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

int milliseconds_left(steady::time_point deadline) {
  auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady::now()).count();
  if (left <= 0) return 0;
  return left > 1'000'000 ? 1'000'000 : static_cast<int>(left) + 1;
}

void make_nonblocking(int fd) {
  int const flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) fail("fcntl");
}

sockaddr_in loopback(std::uint16_t port, const char* address = "127.0.0.1") {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (::inet_pton(AF_INET, address, &at.sin_addr) != 1) throw std::runtime_error("not an IPv4 address");
  return at;
}

}  // namespace

bool eventually(const std::function<bool()>& holds, steady::time_point deadline) {
  (void)sigpipe_ignored;
  for (;;) {
    if (holds()) return true;
    if (steady::now() >= deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

gate::gate() : event_(std::make_shared<descriptor>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
  if (!*event_) fail("eventfd");
}

void gate::open() {
  std::uint64_t const one = 1;
  (void)!::write(event_->get(), &one, sizeof one);
}

bool gate::is_open() const {
  pollfd entry{event_->get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

ssl_context make_server_context(const std::string& certificate_file, const std::string& key_file) {
  ssl_context context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("cannot load certificate " + certificate_file);
  return context;
}

ssl_context make_client_context(const std::string& ca_file, const std::string& certificate_file,
                                const std::string& key_file) {
  ssl_context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1)
      throw std::runtime_error("cannot load " + ca_file);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!certificate_file.empty() &&
      (SSL_CTX_use_certificate_file(context.get(), certificate_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
       SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1))
    throw std::runtime_error("cannot load " + certificate_file);
  return context;
}

wire::wire(descriptor socket, const gate* stop) : socket_(std::move(socket)), stop_(stop) {
  make_nonblocking(socket_.get());
  int const one = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

wire wire::connect(std::uint16_t port, const char* address, const char* from) {
  descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("socket");
  auto const at = loopback(port, address);
  if (from != nullptr) {
    auto const own = loopback(0, from);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
      fail(std::string("bind to ") + from);
  }
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    fail("connect to port " + std::to_string(port));
  return wire(std::move(socket), nullptr);
}

wire wire::connect_unix(const std::string& path) {
  descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("socket");
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("connect to " + path);
  return wire(std::move(socket), nullptr);
}

io wire::wait_io(short events, steady::time_point deadline) const {
  for (;;) {
    pollfd entries[2] = {{socket_.get(), events, 0}, {stop_ != nullptr ? stop_->fd() : -1, POLLIN, 0}};
    int const n = ::poll(entries, 2, milliseconds_left(deadline));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("poll");
    if (entries[1].revents != 0) return io::stopped;
    if (entries[0].revents != 0) return io::ok;
    if (steady::now() >= deadline) return io::timed_out;
  }
}

io wire::ssl_wait(int code, steady::time_point deadline) const {
  switch (SSL_get_error(ssl_.get(), code)) {
    case SSL_ERROR_WANT_READ: return wait_io(POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE: return wait_io(POLLOUT, deadline);
    case SSL_ERROR_ZERO_RETURN: return io::end;
    case SSL_ERROR_SYSCALL: return errno == 0 ? io::tls_cut : io::reset;
    default:
      return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? io::tls_cut : io::tls_failed;
  }
}

io wire::accept_tls(const ssl_context& context, steady::time_point deadline) {
  context_ = context;
  ssl_.reset(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl_.get(), socket_.get());
  for (;;) {
    ERR_clear_error();
    errno = 0;
    int const code = SSL_accept(ssl_.get());
    if (code == 1) return io::ok;
    if (auto const result = ssl_wait(code, deadline); result != io::ok) return result;
  }
}

io wire::connect_tls(const ssl_context& context, const std::string& server_name, steady::time_point deadline) {
  context_ = context;
  ssl_.reset(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl_.get(), socket_.get());
  SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str());
  SSL_set1_host(ssl_.get(), server_name.c_str());
  for (;;) {
    ERR_clear_error();
    errno = 0;
    int const code = SSL_connect(ssl_.get());
    if (code == 1) return io::ok;
    if (auto const result = ssl_wait(code, deadline); result != io::ok) return result;
  }
}

io wire::read_some(std::string& into, std::size_t at_most, steady::time_point deadline) {
  if (!socket_) return io::end;
  char buffer[65536];
  if (at_most > sizeof buffer) at_most = sizeof buffer;
  for (;;) {
    errno = 0;
    if (ssl_) {
      ERR_clear_error();
      int const n = SSL_read(ssl_.get(), buffer, static_cast<int>(at_most));
      if (n > 0) {
        into.append(buffer, static_cast<std::size_t>(n));
        bytes_read_ += static_cast<std::uint64_t>(n);
        return io::ok;
      }
      if (auto const result = ssl_wait(n, deadline); result != io::ok) return result;
      continue;
    }
    auto const n = ::recv(socket_.get(), buffer, at_most, 0);
    if (n > 0) {
      into.append(buffer, static_cast<std::size_t>(n));
      bytes_read_ += static_cast<std::uint64_t>(n);
      return io::ok;
    }
    if (n == 0) return io::end;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return io::reset;
    if (auto const result = wait_io(POLLIN, deadline); result != io::ok) return result;
  }
}

io wire::write(std::string_view bytes, steady::time_point deadline) {
  if (!socket_) return io::end;
  while (!bytes.empty()) {
    errno = 0;
    if (ssl_) {
      ERR_clear_error();
      auto const part = bytes.size() > 16384 ? std::size_t{16384} : bytes.size();
      int const n = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(part));
      if (n > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
        continue;
      }
      if (auto const result = ssl_wait(n, deadline); result != io::ok) return result;
      continue;
    }
    auto const n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return io::reset;
    if (auto const result = wait_io(POLLOUT, deadline); result != io::ok) return result;
  }
  return io::ok;
}

io wire::wait_for(const gate& opened, steady::time_point deadline) {
  for (;;) {
    pollfd entries[2] = {{opened.fd(), POLLIN, 0}, {stop_ != nullptr ? stop_->fd() : -1, POLLIN, 0}};
    int const n = ::poll(entries, 2, milliseconds_left(deadline));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("poll");
    if (entries[0].revents != 0) return io::ok;
    if (entries[1].revents != 0) return io::stopped;
    if (steady::now() >= deadline) return io::timed_out;
  }
}

io wire::wait_until_peer_leaves(steady::time_point deadline) {
  std::string unread;
  for (;;) {
    unread.clear();
    auto const result = read_some(unread, 65536, deadline);
    if (result != io::ok) return result;
  }
}

void wire::half_close() {
  if (ssl_) SSL_shutdown(ssl_.get());
  if (socket_) ::shutdown(socket_.get(), SHUT_WR);
}

void wire::close() {
  if (ssl_ && SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
  close_abruptly();
}

void wire::close_abruptly() {
  ssl_.reset();
  socket_.close();
}

void wire::reset() {
  if (socket_) {
    linger const now{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  close_abruptly();
}

void wire::shrink_receive_buffer(int bytes) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

namespace {
descriptor bound_socket(const std::string& address, std::uint16_t port) {
  descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("socket");
  int const one = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  auto const at = loopback(port, address.c_str());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
  return socket;
}
}  // namespace

reserved_port::reserved_port(std::string address, std::uint16_t number)
    : address_(std::move(address)), holder_(bound_socket(address_, number)) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  if (::getsockname(holder_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) fail("getsockname");
  number_ = ntohs(at.sin_port);
}

descriptor reserved_port::listen(int backlog) const {
  auto socket = bound_socket(address_, number_);
  if (::listen(socket.get(), backlog) != 0) fail("listen");
  return socket;
}

full_backlog::full_backlog() : own_(std::make_unique<reserved_port>()), port_(own_.get()) { fill(); }

full_backlog::full_backlog(const reserved_port& on) : port_(&on) { fill(); }

void full_backlog::fill() {
  listener_ = port_->listen(0);
  // The kernel takes a connection or two more than asked; fill until one hangs.
  for (int i = 0; i < 16; ++i) {
    descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto const at = loopback(port_->number(), port_->address().c_str());
    (void)::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    pollfd entry{socket.get(), POLLOUT, 0};
    bool const connected = ::poll(&entry, 1, 200) == 1;
    fillers_.push_back(std::move(socket));
    if (!connected) return;
  }
  throw std::runtime_error("the backlog never filled");
}

}  // namespace tideover::test
