#include "tideover/net/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tideover/net/resolver.hpp"

namespace tideover::net {
namespace {

constexpr int backlog = 4096;

std::string explain(const std::string& where, int error) {
  std::string text = "cannot listen on " + where + ": " + std::strerror(error);
  if (error == EADDRINUSE) text += ". Is another Tideover running? Choose another address with --listen or --admin.";
  if (error == EACCES)
    text +=
        ". Ports below 1024 need a privilege: give Tideover CAP_NET_BIND_SERVICE, let systemd open the socket "
        "(tideover.socket), or choose a higher port.";
  return text;
}

int open_socket(const socket_address& at, bool shared, int& error) {
  int const fd = ::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int const one = 1;
  if (fd >= 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (at.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (::bind(fd, at.get(), at.size) == 0) return fd;
  }
  error = errno;
  if (fd >= 0) ::close(fd);
  return -1;
}

socket_address address_of(int fd) {
  socket_address at;
  at.size = sizeof at.storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at.storage), &at.size);
  return at;
}

}  // namespace

bound_sockets listen_on(const std::string& host, std::uint16_t port, std::size_t sockets, port_use use) {
  auto at = address_of_literal(host.empty() || host == "*" ? "0.0.0.0"
                               : host == "localhost"       ? "127.0.0.1"
                                                           : host,
                               port);
  std::string const where = host + ":" + std::to_string(port);
  if (at.size == 0) throw std::runtime_error("cannot listen on " + where + ": it is no IP address");

  int error = 0;
  // SO_REUSEPORT alone would let a second daemon of the same user share the port in silence: first see that it is free.
  if (port != 0 && use == port_use::must_be_free) {
    int const probe = open_socket(at, false, error);
    if (probe < 0) throw std::runtime_error(explain(where, error));
    // With SO_REUSEADDR a bind beside another listener may succeed; listen() then tells.
    if (::listen(probe, 1) != 0) {
      error = errno;
      ::close(probe);
      throw std::runtime_error(explain(where, error));
    }
    ::close(probe);
  }
  bound_sockets bound;
  for (std::size_t i = 0; i < sockets; ++i) {
    int const fd = open_socket(at, true, error);
    if (fd < 0 || ::listen(fd, backlog) != 0) {
      if (fd >= 0) {
        error = errno;
        ::close(fd);
      }
      for (int other : bound.descriptors) ::close(other);
      throw std::runtime_error(explain(where, error));
    }
    at = address_of(fd);  // the port the kernel chose is everybody's
    bound.descriptors.push_back(fd);
  }
  bound.address = at.to_string();
  return bound;
}

}  // namespace tideover::net
