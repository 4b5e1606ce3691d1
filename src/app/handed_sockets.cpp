#include "tideover/app/handed_sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include "tideover/net/socket_address.hpp"

namespace tideover::app {

namespace {

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START
constexpr int most_descriptors = 256;

int number_of(const config::surroundings& world, const char* name) {
  auto const text = world.environment(name).value_or("");
  int number = -1;
  auto const read = std::from_chars(text.data(), text.data() + text.size(), number);
  return text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size() ? -1 : number;
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= text.size();) {
    auto const end = std::min(text.find(':', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

int option(int fd, int which) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, which, &value, &size) == 0 ? value : -1;
}

void take(handed_sockets& all, int fd, const std::string& name) {
  std::string const shown = "descriptor " + std::to_string(fd) + (name.empty() ? "" : " (" + name + ")");
  if (option(fd, SO_ACCEPTCONN) != 1 || option(fd, SO_TYPE) != SOCK_STREAM)
    throw std::runtime_error(shown +
                             " was handed down, but it is no listening stream socket: use ListenStream= in the .socket "
                             "unit, with Accept=no");
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  bool const is_unix = option(fd, SO_DOMAIN) == AF_UNIX;
  if (name != "admin") {
    if (is_unix)
      throw std::runtime_error(shown +
                               " is a unix socket, but the proxy listens on TCP: name it `admin`, or give "
                               "ListenStream= an address and a port");
    all.proxy.push_back(fd);
    return;
  }
  int& place = is_unix ? all.admin_unix : all.admin_tcp;
  if (place >= 0) throw std::runtime_error(shown + " is a second admin socket of its kind: one is enough");
  place = fd;
}

}  // namespace

handed_sockets take_handed_sockets(const config::surroundings& world) {
  handed_sockets all;
  int const count = number_of(world, "LISTEN_FDS");
  bool const ours = number_of(world, "LISTEN_PID") == ::getpid();
  auto const names = split_names(world.environment("LISTEN_FDNAMES").value_or(""));
  // A program that we start must not take them for its own.
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  if (!ours || count <= 0 || count > most_descriptors) return all;
  for (int i = 0; i < count; ++i)
    take(all, first_descriptor + i,
         static_cast<std::size_t>(i) < names.size() ? names[static_cast<std::size_t>(i)] : std::string());
  return all;
}

std::string name_of_socket(int descriptor) {
  net::socket_address at;
  at.size = sizeof at.storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at.storage), &at.size) != 0) return {};
  if (at.storage.ss_family != AF_UNIX) return at.to_string();
  return reinterpret_cast<const sockaddr_un*>(&at.storage)->sun_path;
}

}  // namespace tideover::app
