#include "tideover/net/stream.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tideover::net {

stream::stream(reactor& loop, int fd) : loop_(loop), fd_(fd) {
  // A try costs no more than asking whether one is worth it; the reactor will tell what is not so.
  source_.assume(readable | writable);
  try {
    loop_.add(fd_, source_);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

stream::~stream() {
  // OpenSSL takes a session for unusable when its connection ends without close_notify; most connections here do.
  if (ssl_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  ::close(fd_);  // leaves the epoll set with the last reference to the file
}

void stream::start_tls(ssl_ptr ssl) {
  ssl_ = std::move(ssl);
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_mode(ssl_.get(),
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_set_read_ahead(ssl_.get(), 1);  // one recv for header and body of a record
}

io_result stream::try_read(char* into, std::size_t size) {
  if (ssl_) {
    ERR_clear_error();
    std::size_t got = 0;
    int const code = SSL_read_ex(ssl_.get(), into, size, &got);
    if (code == 1) return {io_result::kind::ok, 0, got};
    return tls_result(code);
  }
  if (!source_.is(readable)) return {io_result::kind::again, readable, 0};  // epoll would have told
  ssize_t n;
  do n = ::recv(fd_, into, size, 0);
  while (n < 0 && errno == EINTR);
  if (n > 0) {
    // A short read emptied the socket (epoll(7)): no recv is spent to hear EAGAIN. A FIN behind it raises hangup.
    if (static_cast<std::size_t>(n) < size && !source_.is(hangup)) source_.clear(readable);
    return {io_result::kind::ok, 0, static_cast<std::size_t>(n)};
  }
  if (n == 0) return {io_result::kind::eof, 0, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    source_.clear(readable);
    return {io_result::kind::again, readable, 0};
  }
  return {io_result::kind::error, 0, 0};
}

io_result stream::try_write(std::span<const iovec> pieces) {
  if (ssl_) {
    // One record for head and first body bytes: gather small pieces, pass a large one as it is.
    std::array<char, 16384> record;
    const void* from = record.data();
    std::size_t size = 0;
    for (const auto& piece : pieces) {
      if (piece.iov_len == 0) continue;
      if (size == 0 && (piece.iov_len >= record.size() || &piece == &pieces.back())) {
        from = piece.iov_base;
        size = piece.iov_len;
        break;
      }
      std::size_t const part = std::min(piece.iov_len, record.size() - size);
      std::memcpy(record.data() + size, piece.iov_base, part);
      size += part;
      if (size == record.size()) break;
    }
    if (size == 0) return {io_result::kind::ok, 0, 0};
    ERR_clear_error();
    std::size_t written = 0;
    int const code = SSL_write_ex(ssl_.get(), from, size, &written);
    if (code == 1) return {io_result::kind::ok, 0, written};
    return tls_result(code);
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  ssize_t n;
  do n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n >= 0) return {io_result::kind::ok, 0, static_cast<std::size_t>(n)};
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    source_.clear(writable);
    return {io_result::kind::again, writable, 0};
  }
  return {io_result::kind::error, 0, 0};
}

io_result stream::try_handshake() {
  ERR_clear_error();
  int const code = SSL_do_handshake(ssl_.get());
  if (code == 1) return {io_result::kind::ok, 0, 0};
  return tls_result(code);
}

io_result stream::try_peek(char& first) {
  ssize_t n;
  do n = ::recv(fd_, &first, 1, MSG_PEEK);
  while (n < 0 && errno == EINTR);
  if (n == 1) return {io_result::kind::ok, 0, 1};
  if (n == 0) return {io_result::kind::eof, 0, 0};
  if (errno != EAGAIN && errno != EWOULDBLOCK) return {io_result::kind::error, 0, 0};
  source_.clear(readable);
  return {io_result::kind::again, readable, 0};
}

io_result stream::tls_result(int code) {
  switch (SSL_get_error(ssl_.get(), code)) {
    case SSL_ERROR_WANT_READ:
      source_.clear(readable);
      // A hangup that was seen keeps the descriptor readable for ever: let the next recv say what it is.
      if (source_.is(hangup)) {
        char probe;
        ssize_t const n = ::recv(fd_, &probe, 1, MSG_PEEK);
        if (n >= 0 || (errno != EAGAIN && errno != EINTR)) return {io_result::kind::error, 0, 0};
      }
      return {io_result::kind::again, readable, 0};
    case SSL_ERROR_WANT_WRITE: source_.clear(writable); return {io_result::kind::again, writable, 0};
    case SSL_ERROR_ZERO_RETURN: return {io_result::kind::eof, 0, 0};
    default: return {io_result::kind::error, 0, 0};
  }
}

bool stream::quiet() {
  if (source_.is(hangup)) return false;
  if (ssl_) {
    // Also lets OpenSSL take session tickets that came behind the answer.
    char probe;
    std::size_t got = 0;
    ERR_clear_error();
    int const code = SSL_peek_ex(ssl_.get(), &probe, 1, &got);
    return code != 1 && tls_result(code).again();
  }
  if (!source_.is(readable)) return true;
  char probe;
  ssize_t const n = ::recv(fd_, &probe, 1, MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    source_.clear(readable);
    return true;
  }
  return false;
}

void stream::say_goodbye() {
  if (!ssl_ || !SSL_is_init_finished(ssl_.get())) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

void stream::reset_on_close() {
  linger const now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void stream::shutdown_write() { ::shutdown(fd_, SHUT_WR); }

task<write_end> write_all(stream& to, std::string_view bytes, duration stall_limit, std::size_t* left) {
  while (!bytes.empty()) {
    if (left) *left = bytes.size();
    iovec const piece{const_cast<char*>(bytes.data()), bytes.size()};
    auto const wrote = to.try_write({&piece, 1});
    if (wrote.ok()) {
      bytes.remove_prefix(wrote.bytes);
      continue;
    }
    if (!wrote.again()) co_return write_end::broken;
    auto const how = co_await to.loop().wait(after(clock::now(), stall_limit), on(to.source(), wrote.want));
    if (how == woken::timed_out) co_return write_end::stalled;
    if (how == woken::cancelled) co_return write_end::cancelled;
  }
  if (left) *left = 0;
  co_return write_end::done;
}

}  // namespace tideover::net
