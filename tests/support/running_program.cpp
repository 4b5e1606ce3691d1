#include "support/running_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace tideover::test {

running_program::running_program(std::vector<std::string> words, const environment_of_program& environment) {
  environment_of_program all{{"PATH", "/usr/bin:/bin"}};
  for (const auto& [name, value] : environment) all[name] = value;
  std::vector<std::string> variables;
  for (const auto& [name, value] : all) variables.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (auto& w : words) argv.push_back(w.data());
  for (auto& v : variables) envp.push_back(v.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
  out_ = descriptor(out[0]);
  err_ = descriptor(err[0]);
  descriptor const its_out(out[1]), its_err(err[1]);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out[1], 1);
  posix_spawn_file_actions_adddup2(&files, err[1], 2);
  int const failed = ::posix_spawn(&child_, argv[0], &files, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot run " + words.front());
  pidfd_ = descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
}

running_program::~running_program() {
  if (ended_) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

bool running_program::read_more(const descriptor& from, std::string& into, steady::time_point by) {
  for (;;) {
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(by - steady::now()).count();
    pollfd ready{from.get(), POLLIN, 0};
    if (left <= 0) return false;
    auto const n = ::poll(&ready, 1, static_cast<int>(left));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    char block[4096];
    auto const size = ::read(from.get(), block, sizeof block);
    if (size <= 0) return false;
    into.append(block, static_cast<std::size_t>(size));
    return true;
  }
}

bool running_program::begins() {
  pollfd ready{out_.get(), POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) == 1;
}

std::optional<std::string> running_program::line() {
  auto const by = soon();
  for (;;) {
    if (auto const end = unread_.find('\n'); end != std::string::npos) {
      auto text = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return text;
    }
    if (!read_more(out_, unread_, by)) return std::nullopt;
  }
}

bool running_program::line_with(const std::string& text) {
  while (auto const one = line())
    if (one->find(text) != std::string::npos) return true;
  return false;
}

bool running_program::complains(const std::string& text) {
  auto const by = soon();
  for (;;) {
    if (auto const at = complaints_.find(text, looked_at_); at != std::string::npos) {
      looked_at_ = at + text.size();
      return true;
    }
    if (!read_more(err_, complaints_, by)) return false;
  }
}

void running_program::signal(int number) const { ::kill(child_, number); }

int running_program::exit_code() {
  pollfd ready{pidfd_.get(), POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) <= 0) return -1;
  int status = 0;
  if (::waitpid(child_, &status, 0) != child_) return -1;
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace tideover::test
