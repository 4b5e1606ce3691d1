#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tideover/core/thread.hpp"
#include "tideover/ops/access_log.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_backlog_bytes = 8u << 20;
constexpr std::size_t enough_to_write_bytes = 64u << 10;
constexpr std::size_t keep_at_most_bytes = 256u << 10;  // memory of a burst goes back after it
constexpr auto gathering = 10ms;  // how long lines may wait for company: one wake-up serves many requests
constexpr auto last_chance = 1s;  // for what is left when the process ends

}  // namespace

struct line_writer::state {
  explicit state(int fd) : descriptor(fd) {
    struct stat about {};
    is_file = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    thread = start_thread("log", [this] { run(); });
  }

  void run();
  void write_out(std::string_view batch);
  bool wait_writable();
  void give_up(std::string_view unwritten, bool in_a_line);

  int const descriptor;
  bool is_file = false;

  std::mutex mutex;
  std::condition_variable wake;
  std::string backlog;  // whole lines
  bool asleep = false;  // nobody has to be woken while this is false: callers save the system call
  std::chrono::steady_clock::time_point end_by = std::chrono::steady_clock::time_point::max();
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> dropped{0};

  bool torn = false;  // the last line written out lacks its end
  std::thread thread;
};

void line_writer::state::run() {
  std::string batch;
  std::unique_lock lock(mutex);
  for (;;) {
    asleep = true;
    wake.wait(lock, [&] { return stopping || !backlog.empty(); });
    asleep = false;
    if (!stopping) wake.wait_for(lock, gathering, [&] { return stopping || backlog.size() >= enough_to_write_bytes; });
    if (backlog.empty() && stopping) return;
    batch.clear();
    if (batch.capacity() > keep_at_most_bytes) batch.shrink_to_fit();
    std::swap(batch, backlog);
    lock.unlock();
    write_out(batch);
    lock.lock();
  }
}

/// A descriptor handed down to us is shared with others, so it is never made non-blocking. Instead: at most PIPE_BUF
/// bytes after poll() said that there is room, which a pipe takes without blocking (pipe(7)).
void line_writer::state::write_out(std::string_view batch) {
  bool in_a_line = false;
  if (torn) {
    char const end_of_line = '\n';  // keeps the next line whole after one that was given up half-way
    if (!wait_writable() || ::write(descriptor, &end_of_line, 1) != 1) return give_up(batch, false);
    torn = false;
  }
  while (!batch.empty()) {
    auto piece = batch;
    if (!is_file && piece.size() > PIPE_BUF) {
      piece = piece.substr(0, PIPE_BUF);
      if (auto const end = piece.rfind('\n'); end != std::string_view::npos) piece = piece.substr(0, end + 1);
    }
    if (!is_file && !wait_writable()) return give_up(batch, in_a_line);
    auto const written = ::write(descriptor, piece.data(), piece.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return give_up(batch, in_a_line);
      if (!wait_writable()) return give_up(batch, in_a_line);
      continue;
    }
    if (written > 0) in_a_line = batch[static_cast<std::size_t>(written) - 1] != '\n';
    batch.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// False when the descriptor is broken or the time to end has come.
bool line_writer::state::wait_writable() {
  if (descriptor < 0) return false;  // poll() would ignore it and wait for ever
  for (;;) {
    int patience = 100;
    if (stopping) {
      std::lock_guard const lock(mutex);
      auto const left = std::chrono::ceil<std::chrono::milliseconds>(end_by - std::chrono::steady_clock::now()).count();
      if (left <= 0) return false;
      patience = static_cast<int>(std::min<std::int64_t>(left, patience));
    }
    pollfd watched{.fd = descriptor, .events = POLLOUT, .revents = 0};
    auto const ready = ::poll(&watched, 1, patience);
    if (ready > 0) return (watched.revents & (POLLERR | POLLNVAL)) == 0;
    if (ready < 0 && errno != EINTR) return false;
  }
}

void line_writer::state::give_up(std::string_view unwritten, bool in_a_line) {
  torn = torn || in_a_line;
  dropped += static_cast<std::uint64_t>(std::count(unwritten.begin(), unwritten.end(), '\n'));
}

line_writer::line_writer(int descriptor) : state_(std::make_unique<state>(descriptor)) {}

line_writer::~line_writer() {
  {
    std::lock_guard const lock(state_->mutex);
    state_->end_by = std::chrono::steady_clock::now() + last_chance;
    state_->stopping = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

void line_writer::write(std::string line) {
  bool must_wake = false;
  {
    std::lock_guard const lock(state_->mutex);
    if (state_->backlog.size() + line.size() > most_backlog_bytes) {
      ++state_->dropped;
      return;
    }
    state_->backlog += line;
    must_wake = state_->asleep || state_->backlog.size() >= enough_to_write_bytes;
    if (must_wake) state_->asleep = false;
  }
  if (must_wake) state_->wake.notify_one();
}

std::uint64_t line_writer::dropped() const { return state_->dropped; }

}  // namespace tideover::ops
