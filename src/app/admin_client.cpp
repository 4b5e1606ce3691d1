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

#include "tideover/config/values.hpp"

namespace tideover::app {

namespace {

constexpr std::size_t most_bytes = 16u << 20;
constexpr auto busy_daemon = "the daemon does not take the connection: is the machine overloaded? See its log";

std::string user_name() {
  const auto* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "$USER";
}

std::string permission_denied(const std::string& socket) {
  std::string text = "permission denied for " + config::printable(socket) + ". ";
  struct stat about {};
  if (::stat(socket.c_str(), &about) != 0) return text + "Its directory is closed to this user: use sudo.";
  const auto* group = ::getgrgid(about.st_gid);
  if (about.st_gid == 0 || group == nullptr) return text + "It belongs to root: use sudo.";
  return text + "Join the group `" + group->gr_name + "` (sudo usermod -aG " + group->gr_name + " " + user_name() +
         ", then log in again), or use sudo.";
}

admin_problem cannot_connect(const std::string& socket, int error) {
  auto const path = config::printable(socket);
  switch (error) {
    case EACCES:
    case EPERM: return {"permission_denied", permission_denied(socket)};
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return {"daemon_not_running",
              "Tideover does not run: nothing listens on " + path +
                  ". Start it (systemctl start tideover, or tideover run); if its socket is elsewhere, name it with "
                  "--socket."};
    case EAGAIN: return {"no_answer", busy_daemon};
    default:
      return {"cannot_connect", "cannot connect to " + path + " (" +
                                    std::error_code(error, std::generic_category()).message() +
                                    "): name the daemon's socket with --socket"};
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

admin_connection connect_to_daemon(const std::string& socket, std::chrono::milliseconds patience) {
  admin_connection made;
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof at.sun_path) {
    made.problem = {"bad_socket", "`" + config::printable(socket) +
                                      "` is not the path of a unix socket (1 to 107 bytes): name the daemon's socket "
                                      "with --socket"};
    return made;
  }
  std::memcpy(at.sun_path, socket.data(), socket.size());
  made.end.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // A daemon that hangs takes no connection once its backlog is full; for a unix socket this is the limit of
  // connect(2).
  auto const ms = patience.count();
  timeval const limit{static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};
  ::setsockopt(made.end.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (made.end.fd < 0 || ::connect(made.end.fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    made.problem = cannot_connect(socket, errno);
  return made;
}

void send_all(const admin_connection& to, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const n = ::send(to.end.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // it may have answered already
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

int status_of(std::string_view head) {
  int status = 0;
  if (head.starts_with("HTTP/1.1 ") && head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status);
  return status;
}

admin_answer ask_daemon(const std::string& socket, std::string_view method, std::string_view target,
                        std::string_view body, std::chrono::seconds patience) {
  admin_answer answer;
  answer.socket = socket;
  auto const by = std::chrono::steady_clock::now() + patience;
  auto const connection = connect_to_daemon(socket, patience);
  if (!connection.problem.text.empty()) {
    answer.problem = connection.problem;
    return answer;
  }
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
  if (!body.empty() || method != "GET")
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  send_all(connection, request.append("\r\n").append(body));
  std::string text;
  for (char block[16384];;) {
    if (!wait(connection.end.fd, POLLIN, by)) {
      answer.problem = {"no_answer", "the daemon did not answer within " + std::to_string(patience.count()) +
                                         " s: is the machine overloaded? See its log"};
      return answer;
    }
    auto const n = ::recv(connection.end.fd, block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || text.size() > most_bytes) break;
    text.append(block, static_cast<std::size_t>(n));
  }
  auto const end = text.find("\r\n\r\n");
  answer.status = end == std::string::npos ? 0 : status_of(text);
  if (answer.status == 0)
    answer.problem = {"not_tideover", "what listens on " + config::printable(socket) +
                                          " did not answer as Tideover's daemon does: name the daemon's socket with "
                                          "--socket"};
  else
    answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace tideover::app
