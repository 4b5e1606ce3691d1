#include "support/socket_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace tideover::test {

socket_server::socket_server(std::string path, int status, std::string body, const std::string& type, then after)
    : path_(std::move(path)), after_(after) {
  answer_ = "HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Type: " + type +
            "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path_.size() >= sizeof at.sun_path) throw std::runtime_error("the path is too long for a socket");
  std::memcpy(at.sun_path, path_.data(), path_.size());
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 8) != 0 ||
      ::pipe(stop_) != 0)
    throw std::runtime_error("cannot listen on " + path_);
  thread_ = std::thread([this] { serve(); });
}

socket_server::~socket_server() {
  ::close(stop_[1]);
  thread_.join();
  ::close(stop_[0]);
  ::close(listener_);
}

std::vector<std::string> socket_server::requests() const {
  std::lock_guard const lock(mutex_);
  return requests_;
}

void socket_server::serve() {
  for (;;) {
    pollfd ready[2] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    int const peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0) continue;
    std::string request;
    char block[4096];
    for (;;) {
      auto const end = request.find("\r\n\r\n");
      auto const length = request.find("Content-Length: ");
      std::size_t const body = length < end ? std::stoul(request.substr(length + 16)) : 0;
      if (end != std::string::npos && request.size() >= end + 4 + body) break;
      auto const n = ::recv(peer, block, sizeof block, 0);
      if (n <= 0) break;
      request.append(block, static_cast<std::size_t>(n));
    }
    {
      std::lock_guard const lock(mutex_);
      requests_.push_back(request);
    }
    for (std::string_view left = answer_; !left.empty();) {
      auto const n = ::send(peer, left.data(), left.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    if (after_ == then::wait) {
      pollfd over[2] = {{peer, POLLRDHUP, 0}, {stop_[0], POLLIN, 0}};
      while (::poll(over, 2, -1) < 0) {
      }
    }
    ::close(peer);
  }
}

}  // namespace tideover::test
