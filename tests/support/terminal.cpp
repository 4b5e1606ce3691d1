#include "support/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace tideover::test {

namespace {
constexpr auto patience = std::chrono::seconds(20);
}

terminal::terminal(std::vector<std::string> words, const std::map<std::string, std::string>& environment) {
  master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) throw std::runtime_error("no terminal");
  char name[128];
  if (::ptsname_r(master_, name, sizeof name) != 0) throw std::runtime_error("the terminal has no name");
  std::vector<std::string> variables;
  for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
  std::vector<char*> argv, envp;
  for (auto& w : words) argv.push_back(w.data());
  for (auto& v : variables) envp.push_back(v.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  // The first terminal that the leader of a new session opens becomes its controlling one (setsid(2)).
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, name, O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&files, 0, 1);
  posix_spawn_file_actions_adddup2(&files, 0, 2);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
  int const failed = ::posix_spawn(&child_, argv[0], &files, &how, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  if (failed != 0) throw std::runtime_error("cannot run " + words.front());
}

terminal::~terminal() {
  if (child_ > 0 && !ended_) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  if (master_ >= 0) ::close(master_);
}

terminal::came terminal::read_more(std::chrono::steady_clock::time_point by) {
  auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(by - std::chrono::steady_clock::now());
  pollfd ready{master_, POLLIN, 0};
  if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return came::nothing_yet;
  char block[4096];
  auto const n = ::read(master_, block, sizeof block);
  if (n <= 0) return came::the_end;  // EIO: nobody has the other side open any more
  seen_.append(block, static_cast<std::size_t>(n));
  return came::something;
}

bool terminal::shows(const std::string& text) {
  auto const by = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (auto const at = seen_.find(text, looked_at_); at != std::string::npos) {
      looked_at_ = at + text.size();
      return true;
    }
    if (read_more(by) != came::something) return false;
  }
}

void terminal::type(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    auto const n = ::write(master_, bytes.data() + sent, bytes.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

void terminal::resize(unsigned short columns, unsigned short rows) {
  winsize size{};
  size.ws_col = columns;
  size.ws_row = rows;
  if (::ioctl(master_, TIOCSWINSZ, &size) != 0) throw std::runtime_error("the terminal takes no size");
}

void terminal::signal(int number) const { ::kill(child_, number); }

int terminal::exit_code() {
  auto const by = std::chrono::steady_clock::now() + patience;
  came last;
  do last = read_more(by);  // what it still says has to be read, or it could not end
  while (last == came::something);
  if (last != came::the_end) return -1;
  int status = 0;
  if (::waitpid(child_, &status, 0) != child_) return -1;
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace tideover::test
