#include "tideover/app/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstring>

namespace tideover::app {

namespace {

std::optional<std::int64_t> number_of(const config::surroundings& world, const char* name) {
  auto const text = world.environment(name).value_or("");
  std::int64_t number = 0;
  auto const read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

service_manager::service_manager(const config::surroundings& world)
    : socket_(world.environment("NOTIFY_SOCKET").value_or("")) {
  auto const span = number_of(world, "WATCHDOG_USEC");
  auto const meant = number_of(world, "WATCHDOG_PID");
  if (!socket_.empty() && span && *span > 0 && (!meant || *meant == ::getpid()))
    between_ = std::chrono::microseconds(*span / 2);
}

/// With the monotonic clock's word on when, as Type=notify-reload asks for (sd_notify(3)).
void service_manager::reloading() const {
  auto const since_boot = std::chrono::duration_cast<std::chrono::microseconds>(clock::now().time_since_epoch());
  say("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(since_boot.count()));
}

void service_manager::alive(time_point now) {
  if (!between_ || now < next_) return;
  next_ = after(now, *between_);
  say("WATCHDOG=1");
}

void service_manager::say(const std::string& message) const {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (socket_.size() < 2 || socket_.size() >= sizeof at.sun_path) return;
  std::memcpy(at.sun_path, socket_.data(), socket_.size());
  if (at.sun_path[0] == '@') at.sun_path[0] = '\0';  // the abstract namespace
  int const fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)!::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&at), size);
  ::close(fd);
}

}  // namespace tideover::app
