#include "tideover/ops/admin_socket.hpp"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "tideover/ops/durable_file.hpp"

namespace tideover::ops {
namespace {

constexpr int backlog = 64;

std::string sentence(const std::string& path, int error) {
  return path + ": " + std::error_code(error, std::generic_category()).message();
}

bool address_of(const std::string& path, sockaddr_un& at) {
  at = {};
  at.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof at.sun_path) return false;
  std::memcpy(at.sun_path, path.data(), path.size());
  return true;
}

bool somebody_answers(const sockaddr_un& at) {
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  // EAGAIN: its queue is full, so somebody listens.
  bool const answered = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 || errno == EAGAIN;
  ::close(fd);
  return answered;
}

/// Names from /etc/passwd only: a directory service could keep us waiting.
std::string name_of(uid_t uid) {
  std::unique_ptr<FILE, int (*)(FILE*)> const file(std::fopen("/etc/passwd", "re"), std::fclose);
  if (!file) return {};
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  while (::fgetpwent_r(file.get(), &entry, buffer, sizeof buffer, &found) == 0)
    if (entry.pw_uid == uid) return entry.pw_name;
  return {};
}

}  // namespace

bound_admin_socket listen_on_admin_socket(const std::string& path) {
  bound_admin_socket bound;
  sockaddr_un at, beside;
  std::string const elsewhere = path + "." + std::to_string(::getpid());
  if (!address_of(path, at) || !address_of(elsewhere, beside)) {
    bound.problem = path + ": is too long for a unix socket (107 bytes)";
    return bound;
  }
  auto const slash = path.rfind('/');
  if (slash != std::string::npos && slash != 0) {
    bound.problem = make_directory(path.substr(0, slash), 0755);
    if (!bound.problem.empty()) return bound;
  }
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode)) {
    bound.problem = path + ": there is a file that is no socket; remove it, or choose another admin.socket";
    return bound;
  }
  if (somebody_answers(at)) {
    bound.problem = path + ": another Tideover listens there; choose another admin.socket for this one";
    return bound;
  }
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    bound.problem = sentence(path, errno);
    return bound;
  }
  ::unlink(elsewhere.c_str());
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&beside), sizeof beside) != 0 ||
      ::chmod(elsewhere.c_str(), 0660) != 0 || ::listen(fd, backlog) != 0 ||
      ::rename(elsewhere.c_str(), path.c_str()) != 0) {
    bound.problem = sentence(path, errno);
    ::unlink(elsewhere.c_str());
    ::close(fd);
    return bound;
  }
  bound.descriptor = fd;
  if (::lstat(path.c_str(), &there) == 0) {
    bound.device = there.st_dev;
    bound.inode = there.st_ino;
  }
  return bound;
}

bool admin_socket_is_at(const std::string& path, const bound_admin_socket& made) {
  struct stat there {};
  return ::lstat(path.c_str(), &there) == 0 && there.st_dev == made.device && there.st_ino == made.inode;
}

void remove_admin_socket(const std::string& path) {
  sockaddr_un at;
  struct stat there {};
  if (!address_of(path, at) || ::lstat(path.c_str(), &there) != 0 || !S_ISSOCK(there.st_mode)) return;
  // Ours is closed: a socket that answers is somebody else's who came after us.
  if (!somebody_answers(at)) ::unlink(path.c_str());
}

std::string peer_of(int descriptor) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
  auto const name = name_of(peer.uid);
  auto const number = "uid " + std::to_string(peer.uid);
  return name.empty() ? number : name + " (" + number + ")";
}

}  // namespace tideover::ops
