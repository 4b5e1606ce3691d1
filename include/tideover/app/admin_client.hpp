// One request to the daemon's unix socket and its answer, waiting: what commands need, and no more.
// Not an HTTP client for others: no redirects, no reuse, no TCP.
#pragma once

#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace tideover::app {

struct admin_problem {
  std::string code;  // one word for scripts
  std::string text;  // a sentence that names the fix; empty: no problem
};

struct admin_answer {
  int status = 0;  // 0: no answer, see `problem`
  std::string body;
  std::string socket;  // that was asked
  admin_problem problem;
};

/// `body` empty: none is sent. `patience`: for the whole of it.
admin_answer ask_daemon(const std::string& socket, std::string_view method, std::string_view target,
                        std::string_view body = {}, std::chrono::seconds patience = std::chrono::seconds(15));

// The parts of it, for who goes on reading (status --watch).

struct owned_descriptor {
  owned_descriptor() = default;
  owned_descriptor(owned_descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  owned_descriptor& operator=(owned_descriptor&& other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~owned_descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd = -1;
};

struct admin_connection {
  owned_descriptor end;
  admin_problem problem;  // why there is none
};
admin_connection connect_to_daemon(const std::string& socket, std::chrono::milliseconds patience);
/// As far as the other side takes it.
void send_all(const admin_connection& to, std::string_view bytes);
/// Of an answer's head; 0: it is none.
int status_of(std::string_view head);

}  // namespace tideover::app
