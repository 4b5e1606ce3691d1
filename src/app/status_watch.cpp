#include "status_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ostream>
#include <system_error>
#include <vector>

#include "daemon_answer.hpp"
#include "followed_status.hpp"
#include "tideover/app/admin_client.hpp"

namespace tideover::app {

namespace {

using steady = std::chrono::steady_clock;
using milliseconds = std::chrono::milliseconds;
constexpr auto first_pause = milliseconds(250);  // before a connection is tried again; doubles up to the longest
constexpr auto longest_pause = milliseconds(5000);
constexpr auto connect_patience = milliseconds(1000);
constexpr auto head_patience = milliseconds(15000);
constexpr auto longest_silence = milliseconds(45000);  // three heartbeats of the daemon
constexpr std::size_t most_refusal_bytes = 1u << 20;
constexpr std::size_t write_at_once = 4096;  // PIPE_BUF: what a pipe that is ready takes without blocking (pipe(7))

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool is_terminal(const config::surroundings& world) {
  return ::isatty(STDOUT_FILENO) == 1 && world.environment("TERM").value_or("") != "dumb";
}

winsize window() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return size;
}

/// The signals that end or interrupt a watch come out of a descriptor, so that a wait for anything ends with them.
class signal_door {
 public:
  signal_door() {
    ::sigemptyset(&mine_);
    for (int s : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH}) {
      struct sigaction now {};
      ::sigaction(s, nullptr, &now);
      if (now.sa_handler != SIG_IGN) ::sigaddset(&mine_, s);  // as nohup and shells want it
    }
    ::pthread_sigmask(SIG_BLOCK, &mine_, &before_);
    pipe_ = std::signal(SIGPIPE, SIG_IGN);
    end_.fd = ::signalfd(-1, &mine_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~signal_door() {
    std::signal(SIGPIPE, pipe_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  signal_door(const signal_door&) = delete;
  signal_door& operator=(const signal_door&) = delete;

  int fd() const { return end_.fd; }
  /// 0: none is there.
  int take() {
    signalfd_siginfo about{};
    return ::read(end_.fd, &about, sizeof about) == static_cast<ssize_t>(sizeof about)
               ? static_cast<int>(about.ssi_signo)
               : 0;
  }

 private:
  sigset_t mine_{}, before_{};
  void (*pipe_)(int) = SIG_DFL;
  owned_descriptor end_;
};

/// One connection to /api/events: its head is read, then the stream goes to the followed status.
class events_connection {
 public:
  bool open() const { return at_.end.fd >= 0; }
  bool answered() const { return answered_; }
  int fd() const { return at_.end.fd; }
  steady::time_point gives_up() const { return heard_ + (answered_ ? longest_silence : head_patience); }

  /// Empty, or why not.
  admin_problem connect(const std::string& socket, const std::string& last_id) {
    close();
    at_ = connect_to_daemon(socket, connect_patience);
    auto const problem = at_.problem;
    if (!problem.text.empty()) {
      close();
      return problem;
    }
    std::string request = "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n";
    if (!last_id.empty()) request += "Last-Event-ID: " + last_id + "\r\n";
    send_all(at_, request + "\r\n");
    heard_ = steady::now();
    return {};
  }
  void close() {
    at_ = {};
    head_.clear();
    answered_ = false;
  }

  enum class got : std::uint8_t { nothing, news, refusal, end };
  /// All that is there to read now.
  got read(followed_status& into) {
    bool news = false;
    for (char block[16384];;) {
      auto const n = ::recv(at_.end.fd, block, sizeof block, MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return news ? got::news : got::nothing;
      if (n <= 0) return !answered_ && !head_.empty() ? got::refusal : news ? got::news : got::end;
      heard_ = steady::now();
      std::string_view bytes(block, static_cast<std::size_t>(n));
      if (!answered_) {
        head_ += bytes;
        if (head_.size() > most_refusal_bytes) return got::refusal;
        auto const end = head_.find("\r\n\r\n");
        if (end == std::string::npos || status_of(head_) != 200 || !is_event_stream(head_.substr(0, end))) {
          if (end == std::string::npos) continue;
          if (!whole_refusal(end)) continue;
          return got::refusal;
        }
        answered_ = true;
        bytes = std::string_view(head_).substr(end + 4);
        news |= into.take(bytes);
        head_.clear();
        continue;
      }
      news |= into.take(bytes);
    }
  }
  /// What came in place of a stream.
  command_failure refusal(const std::string& socket) const {
    admin_answer answer;
    answer.socket = socket;
    auto const end = head_.find("\r\n\r\n");
    answer.status = end == std::string::npos ? 0 : status_of(head_);
    if (answer.status / 100 == 2 || answer.status == 0) return not_the_daemon(socket);
    answer.body = head_.substr(end + 4);
    return std::get<command_failure>(told_by(answer, ""));
  }

 private:
  static bool is_event_stream(const std::string& head) { return head.find("text/event-stream") != std::string::npos; }
  /// The daemon keeps a connection open after it refused: the body's length tells where it ends.
  bool whole_refusal(std::size_t end_of_head) const {
    auto const field = head_.find("Content-Length: ");
    if (field == std::string::npos || field > end_of_head) return true;
    return head_.size() >= end_of_head + 4 + std::strtoul(head_.c_str() + field + 16, nullptr, 10);
  }

  admin_connection at_;
  std::string head_;
  bool answered_ = false;
  steady::time_point heard_;
};

enum class go : std::uint8_t { on, stop, broken };  // broken: the output cannot be written

class watcher {
 public:
  watcher(std::string socket, bool json, const config::surroundings& world, std::ostream& out, std::ostream& err)
      : socket_(std::move(socket)),
        json_(json),
        world_(world),
        out_(out),
        err_(err),
        on_screen_(!json && is_terminal(world)) {}

  int run() {
    if (auto const problem = connection_.connect(socket_, {}); !problem.text.empty())
      return fail({exit_failure, problem.code, problem.text}, json_, out_, err_);
    if (auto const failure = first_answer()) return fail(*failure, json_, out_, err_);
    if (ended_) return exit_ok;
    enter_screen();
    auto what = show();
    while (what == go::on) what = step();
    leave_screen();
    if (on_screen_ && what == go::stop && !gone_) (void)!::write(STDOUT_FILENO, last_.data(), last_.size());
    if (what != go::broken) return exit_ok;
    err_ << "tideover: the output cannot be written: " << std::generic_category().message(broken_)
         << ": make room, or write it elsewhere\n";
    return exit_failure;
  }

 private:
  /// Until the first snapshot, so that what cannot work is said as by any other command.
  std::optional<command_failure> first_answer() {
    while (followed_.status().is_null()) {
      auto const until = connection_.gives_up();
      if (steady::now() >= until)
        return command_failure{exit_failure, "no_answer",
                               "the daemon did not answer: is the machine overloaded? See its log"};
      wait(until);
      if (ended_) return std::nullopt;
      if (!readable_) continue;
      auto const got = connection_.read(followed_);
      if (got == events_connection::got::refusal) return connection_.refusal(socket_);
      if (got == events_connection::got::end) return not_the_daemon(socket_);
    }
    if (text_of(followed_.status(), "health").empty()) return not_the_daemon(socket_);
    return std::nullopt;
  }

  go step() {
    auto until = steady::now() + std::chrono::hours(1);
    if (on_screen_) until = std::min(until, next_second());  // what changes by time alone
    until = std::min(until, connection_.open() ? connection_.gives_up() : next_try_);
    wait(until);
    if (ended_) return go::stop;
    bool changed = false;
    if (connection_.open() && readable_)
      changed = listen();
    else if (connection_.open() && steady::now() >= connection_.gives_up())
      lose({"no_answer", "the daemon says nothing any more"});
    else if (!connection_.open() && steady::now() >= next_try_)
      again();
    if (unwritten_ != go::on) return unwritten_;
    return changed || on_screen_ ? show() : go::on;
  }

  static steady::time_point next_second() {
    auto const now = std::chrono::system_clock::now().time_since_epoch();
    return steady::now() + std::chrono::seconds(1) - (now % std::chrono::seconds(1)) + milliseconds(1);
  }

  bool listen() {
    bool const had_answered = connection_.answered();
    auto const got = connection_.read(followed_);
    if (got == events_connection::got::refusal) {
      lose({"no_answer", connection_.refusal(socket_).message});
      return false;
    }
    if (got == events_connection::got::end) {
      lose({"connection_lost", "the connection to the daemon ended"});
      return false;
    }
    if (connection_.answered() && !had_answered) {
      pause_ = first_pause;
      if (!lost_.text.empty()) {
        lost_ = {};
        last_.clear();  // shown again, even where nothing changed meanwhile
        if (!on_screen_) err_ << "tideover: the daemon answers again\n";
        return true;
      }
    }
    return got == events_connection::got::news;
  }

  void lose(admin_problem why) {
    connection_.close();
    followed_.cut();
    next_try_ = steady::now() + pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
    bool const first = lost_.text.empty();
    if (first) lost_since_ = unix_seconds();
    lost_ = std::move(why);
    if (!first || on_screen_) return;
    auto const sentence = lost_.text + ": trying again until it answers";
    err_ << "tideover: " << sentence << '\n';
    if (json_) unwritten_ = write(dump_line(to_json(command_failure{exit_failure, lost_.code, sentence})));
  }

  void again() {
    if (auto problem = connection_.connect(socket_, followed_.last_id()); !problem.text.empty())
      lose(std::move(problem));
  }

  go show() {
    if (json_) return write(dump_line(followed_.status()));
    auto how = look_of_output(world_);
    if (on_screen_) return draw(how);
    // Time alone is no change: compared is what would have been shown at the same moment as before.
    auto const now = how.now;
    how.now = shown_at_;
    if (!last_.empty() && status_text(followed_.status(), how) == last_) return go::on;
    how.now = shown_at_ = now;
    auto const separator = std::string(blocks_++ == 0 ? "" : "\n");
    last_ = status_text(followed_.status(), how);
    return write(separator + last_);
  }

  go draw(const look& how) {
    last_.clear();
    if (!lost_.text.empty())
      last_ = labelled_line(warning("NO DAEMON", how),
                            lost_.text + ". No word for " + span_text(how.now - lost_since_) +
                                ", trying again; this is what it said last:",
                            how) +
              "\n";
    last_ += status_text(followed_.status(), how);
    // From the top, each line's rest and what is below erased as they are reached: nothing is blank in between.
    std::string frame = "\x1b[H";
    auto const rows = window().ws_row;
    unsigned used = 1;
    std::string_view left = last_;
    while (!left.empty() && (rows == 0 || used <= rows)) {
      auto const end = left.find('\n');
      bool const last_row = rows != 0 && used == rows && end + 1 < left.size();
      frame += used == 1 ? "" : "\n";
      frame += last_row ? "…" : left.substr(0, end);
      frame += "\x1b[K";
      left.remove_prefix(end + 1);
      ++used;
    }
    return write(frame + "\x1b[J");
  }

  void enter_screen() {
    // Another screen, no cursor, no line that wraps: what is too long is cut by the terminal, which knows its width.
    if (on_screen_) unwritten_ = write("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J");
  }
  void leave_screen() {
    constexpr std::string_view back = "\x1b[?7h\x1b[?25h\x1b[?1049l";
    if (on_screen_) (void)!::write(STDOUT_FILENO, back.data(), back.size());
  }

  void stop_like_any_other() {
    leave_screen();
    ::raise(SIGSTOP);  // SIGTSTP itself is blocked; the shell sees the same
    enter_screen();
  }

  void take_signals() {
    for (int s; (s = signals_.take()) != 0;) {
      if (s == SIGTSTP)
        stop_like_any_other();
      else if (s != SIGWINCH)
        ended_ = true;
    }
  }

  /// Until something can be read, a signal came, nobody reads the output any more, or it is time.
  void wait(steady::time_point until) {
    pollfd watched[3] = {
        {signals_.fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}, {connection_.open() ? connection_.fd() : -1, POLLIN, 0}};
    auto const left = std::chrono::duration_cast<milliseconds>(until - steady::now()).count();
    auto const n = ::poll(watched, 3, static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 3600000)));
    readable_ = n > 0 && watched[2].revents != 0;
    if (n <= 0) return;
    if ((watched[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) ended_ = gone_ = true;
    if (watched[0].revents != 0) take_signals();
  }

  /// Whoever reads slowly is waited for, but never longer than until a signal.
  go write(std::string_view text) {
    while (!text.empty()) {
      pollfd watched[2] = {{signals_.fd(), POLLIN, 0}, {STDOUT_FILENO, POLLOUT, 0}};
      if (::poll(watched, 2, -1) < 0) continue;
      if (watched[0].revents != 0) take_signals();
      if ((watched[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) gone_ = true;
      if (ended_ || gone_) return go::stop;
      if (watched[1].revents == 0) continue;
      auto const n = ::write(STDOUT_FILENO, text.data(), std::min(text.size(), write_at_once));
      if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
      if (n >= 0 || errno == EINTR || errno == EAGAIN) continue;
      broken_ = errno;
      gone_ = broken_ == EPIPE || broken_ == EIO;  // EIO: the terminal has hung up
      return gone_ ? go::stop : go::broken;
    }
    return go::on;
  }

  std::string const socket_;
  bool const json_;
  const config::surroundings& world_;
  std::ostream& out_;
  std::ostream& err_;
  bool const on_screen_;
  signal_door signals_;
  events_connection connection_;
  followed_status followed_;

  bool readable_ = false;
  bool ended_ = false;  // by a signal, or because nobody reads
  bool gone_ = false;   // nobody reads
  int broken_ = 0;      // errno
  go unwritten_ = go::on;

  admin_problem lost_;  // why there is no connection
  std::int64_t lost_since_ = 0;
  steady::time_point next_try_;
  milliseconds pause_ = first_pause;

  std::string last_;  // shown
  std::int64_t shown_at_ = 0;
  std::size_t blocks_ = 0;
};

}  // namespace

look look_of_output(const config::surroundings& world) {
  look how;
  how.now = unix_seconds();
  if (::isatty(STDOUT_FILENO) != 1) return how;
  how.columns = window().ws_col;
  how.coloured = is_terminal(world) && world.environment("NO_COLOR").value_or("").empty();
  return how;
}

int watch_status(const std::string& socket, bool json, const config::surroundings& world, std::ostream& out,
                 std::ostream& err) {
  return watcher(socket, json, world, out, err).run();
}

}  // namespace tideover::app
