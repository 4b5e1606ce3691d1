// Load for one proxy: chat requests over kept connections, as fast as they are answered or at a fixed rate.
//   bench_load --port P [--connections 16] [--request-bytes 2048] [--answer-bytes 2048] [--model NAME]
//              [--seconds 2 | --requests N] [--rate R] [--warmup 0.3] [--cpu-of PID[,PID]]
//   bench_load --free-port 1   prints a port that nobody uses
// Prints one line of key=value. At a fixed rate a latency counts from when the request was due, not from when it was
// sent, so that a stalled proxy cannot hide its stall.
#include <sys/timerfd.h>

#include "measure.hpp"

namespace {

struct connection {
  int fd = -1;
  std::uint64_t due = 0;  // when the request should have gone out
  std::size_t written = 0;
  bool busy = false;
  bool wants_write = false;
  bench::response_reader reader;
};

class load {
 public:
  explicit load(const bench::options& given)
      : connections_(given.count("connections", 16)),
        request_(bench::chat_request(given.text("model", "bench-" + std::to_string(given.count("answer-bytes", 2048))),
                                     false, given.count("request-bytes", 2048))),
        pids_(given.pids("cpu-of")),
        scratch_(1u << 18) {
    port_ = static_cast<int>(given.count("port", 0));
    rate_ = given.number("rate", 0);
    requests_ = given.count("requests", 0);
    warmup_ns_ = static_cast<std::uint64_t>(given.number("warmup", requests_ ? 0 : 0.3) * 1e9);
    measured_ns_ = static_cast<std::uint64_t>(given.number("seconds", 2) * 1e9);
    if (port_ == 0) bench::die("--port is missing");
  }

  int run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    start_ = bench::now_ns();
    if (warmup_ns_ == 0) begin_measuring(start_);
    if (rate_ > 0) {
      due_ = start_;
      arm_timer();
      for (std::size_t i = 0; i < connections_.size(); ++i) idle_.push_back(i);
    } else {
      for (std::size_t i = 0; i < connections_.size(); ++i) begin(i, bench::now_ns());
    }
    // A proxy that stops answering must not hold up the benchmark.
    const std::uint64_t give_up = start_ + warmup_ns_ + (requests_ ? 600'000'000'000u : measured_ns_ + 10'000'000'000u);
    std::vector<epoll_event> events(256);
    while (!finished_) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
      const std::uint64_t now = bench::now_ns();
      if (now > give_up) bench::die("no answer for too long");
      if (!measuring_ && now - start_ >= warmup_ns_) begin_measuring(now);
      for (int i = 0; i < n && !finished_; ++i) {
        const auto index = events[static_cast<std::size_t>(i)].data.u64;
        if (index == timer_mark) {
          std::uint64_t ticks = 0;
          if (read(timer_, &ticks, sizeof ticks) < 0 && errno != EAGAIN) bench::die("timer");
        } else {
          if (events[static_cast<std::size_t>(i)].events & EPOLLOUT) write_some(index);
          if (events[static_cast<std::size_t>(i)].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_some(index);
        }
      }
      if (rate_ > 0) dispatch();
      if (!requests_ && measuring_ && bench::now_ns() - measure_start_ >= measured_ns_) finish();
    }
    return errors_ == 0 ? 0 : 1;
  }

 private:
  static constexpr std::uint64_t timer_mark = ~std::uint64_t{0};

  void open(std::size_t index) {
    connection& c = connections_[index];
    c = connection{};
    c.fd = bench::connect_to(port_);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
  }
  void watch(std::size_t index, bool write) {
    connection& c = connections_[index];
    if (c.wants_write == write) return;
    c.wants_write = write;
    epoll_event event{};
    event.events = EPOLLIN | (write ? static_cast<std::uint32_t>(EPOLLOUT) : 0u);
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }
  void arm_timer() {
    timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const auto span = static_cast<long>(1e9 / rate_);
    itimerspec every{};
    every.it_interval = {span / 1'000'000'000, span % 1'000'000'000};
    every.it_value = every.it_interval;
    timerfd_settime(timer_, 0, &every, nullptr);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = timer_mark;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
  }
  void dispatch() {
    const std::uint64_t now = bench::now_ns();
    while (due_ <= now && !idle_.empty()) {
      const std::size_t index = idle_.back();
      idle_.pop_back();
      begin(index, due_);
      due_ += static_cast<std::uint64_t>(1e9 / rate_);
    }
  }
  void begin(std::size_t index, std::uint64_t due) {
    connection& c = connections_[index];
    c.due = due;
    c.written = 0;
    c.busy = true;
    c.reader.reset();
    ++begun_;
    write_some(index);
  }
  void write_some(std::size_t index) {
    connection& c = connections_[index];
    while (c.written < request_.size()) {
      const auto n = send(c.fd, request_.data() + c.written, request_.size() - c.written, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) return watch(index, true);
      if (n < 0) return broken(index);
      c.written += static_cast<std::size_t>(n);
    }
    watch(index, false);
  }
  void read_some(std::size_t index) {
    connection& c = connections_[index];
    const auto n = recv(c.fd, scratch_.data(), scratch_.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || !c.busy) return broken(index);
    if (!c.reader.feed({scratch_.data(), static_cast<std::size_t>(n)}, [](std::string_view) {})) return broken(index);
    if (!c.reader.done()) return;
    const std::uint64_t now = bench::now_ns();
    if (c.reader.status() != 200) ++errors_;
    if (measuring_) latencies_.push_back(now - c.due);
    c.busy = false;
    if (requests_ && latencies_.size() >= requests_) return finish();
    if (rate_ > 0) {
      idle_.push_back(index);
    } else if (!requests_ || begun_ < requests_) {
      begin(index, now);
    }
  }
  void broken(std::size_t index) {
    if (connections_[index].busy) ++errors_;
    if (errors_ > 1000) bench::die("more than 1000 requests failed");
    const bool was_busy = connections_[index].busy;
    close(connections_[index].fd);
    open(index);
    if (!was_busy) return;
    if (rate_ > 0)
      idle_.push_back(index);
    else
      begin(index, bench::now_ns());
  }
  void begin_measuring(std::uint64_t now) {
    measuring_ = true;
    measure_start_ = now;
    cpu_start_ = bench::cpu_ns(pids_);
  }
  void finish() {
    finished_ = true;
    const double seconds = static_cast<double>(bench::now_ns() - measure_start_) / 1e9;
    const auto count = static_cast<double>(latencies_.size());
    const double cpu = static_cast<double>(bench::cpu_ns(pids_) - cpu_start_);
    std::printf("requests=%zu errors=%zu seconds=%.3f rps=%.0f p50_us=%.1f p99_us=%.1f cpu_us_per_request=%.3f\n",
                latencies_.size(), errors_, seconds, count / seconds, bench::percentile(latencies_, 0.5) / 1e3,
                bench::percentile(latencies_, 0.99) / 1e3, count > 0 ? cpu / count / 1e3 : 0);
  }

  std::vector<connection> connections_;
  std::string request_;
  std::vector<int> pids_;
  std::vector<char> scratch_;
  std::vector<std::size_t> idle_;
  std::vector<std::uint64_t> latencies_;
  int port_ = 0;
  int epoll_ = -1;
  int timer_ = -1;
  double rate_ = 0;
  std::size_t requests_ = 0;
  std::size_t begun_ = 0;
  std::size_t errors_ = 0;
  std::uint64_t warmup_ns_ = 0;
  std::uint64_t measured_ns_ = 0;
  std::uint64_t start_ = 0;
  std::uint64_t measure_start_ = 0;
  std::uint64_t cpu_start_ = 0;
  std::uint64_t due_ = 0;
  bool measuring_ = false;
  bool finished_ = false;
};

/// A port that nobody uses now, for programs that cannot choose one themselves.
int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), size) != 0) bench::die("no free port");
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  return ntohs(at.sin_port);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv);
  if (given.has("free-port")) {
    std::printf("%d\n", free_port());
    return 0;
  }
  return load(given).run();
}
