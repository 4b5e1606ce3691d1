#include "tideover/ops/journal.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "tideover/core/thread.hpp"
#include "tideover/ops/access_log.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;

const std::string nowhere = "there is no state directory";
constexpr auto pause_after_refusal = 1s;  // the disk is asked again this often

std::int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string sentence(const std::string& what, int error) {
  return what + ": " + std::error_code(error, std::generic_category()).message();
}

/// The file being appended to. Only whole lines stay in it: what was written of a line before the disk refused the rest
/// is taken back.
class journal_file {
 public:
  explicit journal_file(const journal_settings& settings)
      : settings_(settings), path_(settings.directory + "/events.jsonl") {}
  ~journal_file() { close(); }
  journal_file(const journal_file&) = delete;
  journal_file& operator=(const journal_file&) = delete;

  /// Empty: it is in the file. Else why not.
  std::string append(const std::string& line) {
    if (auto problem = open(); !problem.empty()) return problem;
    if (size_ != 0 && size_ + line.size() > settings_.rotate_bytes) {
      rotate();
      if (auto problem = open(); !problem.empty()) return problem;
    }
    std::size_t done = 0;
    while (done < line.size()) {
      auto const n = ::write(descriptor_, line.data() + done, line.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        int const error = n < 0 ? errno : EIO;
        take_back(done);
        return sentence(path_, error);
      }
      done += static_cast<std::size_t>(n);
    }
    size_ += line.size();
    return {};
  }

  std::string sync() {
    if (descriptor_ < 0 || ::fdatasync(descriptor_) == 0) return {};
    int const error = errno;
    close();
    return sentence(path_, error);
  }

 private:
  std::string open() {
    if (descriptor_ >= 0) {
      // Somebody may have moved or removed it (a log rotator, a hand): then a new one begins.
      struct stat here {
      }, there{};
      if (::fstat(descriptor_, &here) == 0 && ::stat(path_.c_str(), &there) == 0 && here.st_ino == there.st_ino &&
          here.st_dev == there.st_dev)
        return {};
      close();
    }
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (descriptor_ < 0) return sentence(path_, errno);
    struct stat about {};
    if (::fstat(descriptor_, &about) != 0 || !S_ISREG(about.st_mode)) {
      close();
      return path_ + ": is no regular file";
    }
    size_ = static_cast<std::size_t>(about.st_size);
    char last = '\n';
    if (size_ != 0 && ::pread(descriptor_, &last, 1, about.st_size - 1) == 1 && last != '\n') {
      // Ended in the middle of a line by a power cut or a kill: the next line must not be glued to it.
      if (::write(descriptor_, "\n", 1) != 1) {
        int const error = errno;
        close();
        return sentence(path_, error);
      }
      ++size_;
    }
    sync_directory();
    return {};
  }

  /// `done` bytes of a line. Somebody else's line behind them stays, as when the next process has begun already: then
  /// the next line begins on a line of its own.
  void take_back(std::size_t done) {
    struct stat now {};
    if (::fstat(descriptor_, &now) != 0 || static_cast<std::size_t>(now.st_size) != size_ + done) return close();
    if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) close();  // open() will see the torn end
  }

  void rotate() {
    auto const name = [&](unsigned n) { return path_ + "." + std::to_string(n); };
    ::unlink(name(settings_.keep).c_str());
    for (unsigned n = settings_.keep; n > 1; --n) ::rename(name(n - 1).c_str(), name(n).c_str());
    if (settings_.keep == 0)
      ::unlink(path_.c_str());
    else
      ::rename(path_.c_str(), name(1).c_str());
    close();
  }

  void sync_directory() const {
    int const fd = ::open(settings_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
  }

  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  const journal_settings& settings_;
  std::string path_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

}  // namespace

std::string journal_line(const journal_entry& entry, std::int64_t unix_microseconds) {
  nlohmann::ordered_json line;
  line["ts"] = timestamp(unix_microseconds);
  line["event"] = entry.event;
  line["who"] = entry.who;
  line["why"] = entry.why;
  for (const auto& [name, value] : entry.more.items()) line[name] = value;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

struct journal::parts {
  explicit parts(journal_settings s) : settings(std::move(s)), file(settings) {
    thread = start_thread("journal", [this] { run(); });
  }

  struct waiting_line {
    std::string text;
    bool decision = false;
  };

  void run();

  journal_settings const settings;
  journal_file file;  // writer's thread only

  mutable std::mutex mutex;
  std::condition_variable wake;     // for the writer
  std::condition_variable settled;  // for settle()
  std::deque<waiting_line> queue;
  std::size_t waiting_bytes = 0;
  bool stopping = false;
  std::uint64_t lost = 0;         // in all
  std::uint64_t lost_unsaid = 0;  // of which the journal does not tell yet
  std::string problem;            // why the last line was refused; empty: it was not
  std::uint64_t rounds = 0;       // how often the writer came to the end of what it could do
  std::thread thread;
};

void journal::parts::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    if (problem.empty()) {
      wake.wait(lock, [&] { return stopping || !queue.empty(); });
    } else {
      wake.wait_for(lock, pause_after_refusal, [&] { return stopping; });
    }
    bool must_sync = false;
    std::string refused;
    while (!queue.empty() && refused.empty()) {
      auto const line = queue.front();
      auto const missing = std::exchange(lost_unsaid, 0);
      lock.unlock();
      if (missing != 0) {
        journal_entry gap{.event = "journal_gap", .who = "tideover", .why = "the disk took nothing for a while"};
        gap.more["lines_lost"] = missing;
        refused = file.append(journal_line(gap, now_microseconds()));
        must_sync = true;
      }
      bool const told = refused.empty();
      if (refused.empty()) refused = file.append(line.text);
      must_sync = must_sync || line.decision;
      lock.lock();
      if (!told) lost_unsaid += missing;
      if (!refused.empty()) break;
      waiting_bytes -= line.text.size();
      queue.pop_front();
    }
    if (must_sync) {
      lock.unlock();
      auto const why = file.sync();
      lock.lock();
      if (refused.empty()) refused = why;
    }
    if (refused.empty() != problem.empty()) {
      if (refused.empty())
        spdlog::info("the journal is written again; lines lost: {}", lost);
      else
        spdlog::error("the journal cannot be written ({}); serving goes on, lines wait in memory", refused);
    }
    problem = std::move(refused);
    ++rounds;
    settled.notify_all();
    if (stopping && (queue.empty() || !problem.empty())) return;
  }
}

journal::journal(journal_settings settings) : parts_(std::make_unique<parts>(std::move(settings))) {}

journal::~journal() {
  {
    std::lock_guard const lock(parts_->mutex);
    parts_->stopping = true;
  }
  parts_->wake.notify_one();
  parts_->thread.join();
}

void journal::write(const journal_entry& entry) {
  auto text = journal_line(entry, now_microseconds());
  {
    std::lock_guard const lock(parts_->mutex);
    if (parts_->settings.directory.empty()) {
      ++parts_->lost;
      return;
    }
    if (parts_->waiting_bytes + text.size() > parts_->settings.most_waiting_bytes) {
      ++parts_->lost;
      ++parts_->lost_unsaid;
      return;
    }
    parts_->waiting_bytes += text.size();
    parts_->queue.push_back({std::move(text), entry.decision});
  }
  parts_->wake.notify_one();
}

journal::condition journal::state() const {
  std::lock_guard const lock(parts_->mutex);
  auto const& problem = parts_->settings.directory.empty() ? nowhere : parts_->problem;
  return {!parts_->settings.directory.empty(), problem.empty(), problem, parts_->lost, parts_->waiting_bytes};
}

void journal::settle() {
  std::unique_lock lock(parts_->mutex);
  if (parts_->queue.empty()) return;
  auto const before = parts_->rounds;
  parts_->settled.wait(lock, [&] { return parts_->queue.empty() || parts_->rounds > before; });
}

}  // namespace tideover::ops
