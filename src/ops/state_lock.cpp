#include "tideover/ops/state_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "tideover/ops/durable_file.hpp"

namespace tideover::ops {

bool state_lock::take() {
  if (descriptor_ >= 0 || directory_.empty()) return true;
  int const fd = ::open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return true;
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    bool const theirs = errno == EWOULDBLOCK;
    ::close(fd);
    return !theirs;
  }
  descriptor_ = fd;
  auto const who = std::to_string(::getpid()) + "\n";
  // Only for people: the lock holds whether or not the disk takes this.
  (void)!::ftruncate(fd, 0);
  (void)!::pwrite(fd, who.data(), who.size(), 0);
  return true;
}

bool state_lock::take_within(duration patience) {
  auto const by = after(clock::now(), patience);
  while (!take()) {
    if (clock::now() >= by) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

/// The file stays: one that is removed could be locked by two, each with another file under the same name.
void state_lock::release() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::string state_lock::holder() const {
  auto pid = read_small_file(path(), 64).text.value_or("");
  std::erase_if(pid, [](char c) { return c < '0' || c > '9'; });
  return pid.empty() ? "another Tideover" : "another Tideover (pid " + pid + ")";
}

}  // namespace tideover::ops
