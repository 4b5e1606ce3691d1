#include "tideover/app/admin_client.hpp"

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <system_error>

namespace tideover::app {

namespace {

constexpr std::size_t most_bytes = 16u << 20;

struct descriptor {
  explicit descriptor(int number) : fd(number) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int fd;
};

std::string user_name() {
  const auto* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "$USER";
}

std::string permission_denied(const std::string& path) {
  std::string text = "permission denied for " + path + ". ";
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return text + "Its directory is closed to this user: use sudo.";
  const auto* group = ::getgrgid(about.st_gid);
  if (about.st_gid == 0 || group == nullptr) return text + "It belongs to root: use sudo.";
  return text + "Join the group `" + group->gr_name + "` (sudo usermod -aG " + group->gr_name + " " + user_name() +
         ", then log in again), or use sudo.";
}

std::string cannot_connect(const std::string& path, int error) {
  switch (error) {
    case EACCES:
    case EPERM: return permission_denied(path);
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return "Tideover does not run: nothing listens on " + path +
             ". Start it (systemctl start tideover, or tideover run); if its socket is elsewhere, name it with "
             "--socket.";
    default: return path + ": " + std::error_code(error, std::generic_category()).message();
  }
}

/// Waits until the descriptor is ready, or time is up.
bool wait(int fd, short events, std::chrono::steady_clock::time_point by) {
  for (;;) {
    auto const left =
        std::chrono::duration_cast<std::chrono::milliseconds>(by - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd watched{.fd = fd, .events = events, .revents = 0};
    auto const n = ::poll(&watched, 1, static_cast<int>(left));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

}  // namespace

admin_answer ask_daemon(const std::string& socket, std::string_view method, std::string_view target,
                        std::string_view body, std::chrono::seconds patience) {
  admin_answer answer;
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof at.sun_path) {
    answer.problem = "`" + socket + "` is not the path of a unix socket: 1 to 107 bytes";
    return answer;
  }
  std::memcpy(at.sun_path, socket.data(), socket.size());
  descriptor const connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.fd < 0 || ::connect(connection.fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    answer.problem = cannot_connect(socket, errno);
    return answer;
  }
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
  if (!body.empty() || method != "GET")
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  request.append("\r\n").append(body);

  auto const by = std::chrono::steady_clock::now() + patience;
  std::string_view left = request;
  while (!left.empty()) {
    auto const n = ::send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // it may have answered already
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string text;
  for (char block[16384];;) {
    if (!wait(connection.fd, POLLIN, by)) {
      answer.problem = "the daemon did not answer within " + std::to_string(patience.count()) +
                       " s: is the machine overloaded? See its log";
      return answer;
    }
    auto const n = ::recv(connection.fd, block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || text.size() > most_bytes) break;
    text.append(block, static_cast<std::size_t>(n));
  }
  auto const end = text.find("\r\n\r\n");
  int status = 0;
  if (end != std::string::npos && text.starts_with("HTTP/1.1 ") && text.size() > 12)
    std::from_chars(text.data() + 9, text.data() + 12, status);
  if (status == 0) {
    answer.problem = "what listens on " + socket + " did not answer as Tideover does";
    return answer;
  }
  answer.status = status;
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace tideover::app
