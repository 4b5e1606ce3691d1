// Opens N chat streams through one proxy and measures how their chunks arrive.
//   bench_sse_client --port P [--streams 200] [--rate 100] [--seconds 2] [--warmup 0.5] [--cpu-of PID[,PID]]
// `rate` is chunks a second per stream. The backend writes the time into each chunk, so the latency is that of the
// whole way. Prints one line of key=value; resident_kb are the proxy's figures before and while the streams are open.
#include "measure.hpp"

namespace {

struct stream {
  int fd = -1;
  bench::response_reader reader;
  std::string event;  // the beginning of an unfinished event
  std::uint64_t chunks = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv);
  const int port = static_cast<int>(given.count("port", 0));
  if (port == 0) bench::die("--port is missing");
  const auto pids = given.pids("cpu-of");
  const auto warmup_ns = static_cast<std::uint64_t>(given.number("warmup", 0.5) * 1e9);
  const auto measured_ns = static_cast<std::uint64_t>(given.number("seconds", 2) * 1e9);
  const std::string request =
      bench::chat_request("bench-stream-" + given.text("rate", "100") + "-0", true, given.count("request-bytes", 1024));
  const std::uint64_t resident_before = bench::resident_kb(pids);

  std::vector<stream> streams(given.count("streams", 200));
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams[i].fd = bench::connect_to(port);
    if (send(streams[i].fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      bench::die("could not send a request in one piece");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll, EPOLL_CTL_ADD, streams[i].fd, &event);
  }

  std::vector<epoll_event> events(256);
  std::vector<char> scratch(1u << 16);
  std::vector<std::uint64_t> latencies;
  const std::uint64_t opened = bench::now_ns();
  std::uint64_t all_flow_since = 0;
  std::uint64_t measure_start = 0;
  std::uint64_t cpu_start = 0;
  std::size_t flowing = 0;
  std::size_t errors = 0;
  bool measuring = false;
  for (;;) {
    const int n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < n; ++i) {
      stream& s = streams[events[static_cast<std::size_t>(i)].data.u64];
      const auto got = recv(s.fd, scratch.data(), scratch.size(), 0);
      if (got < 0 && errno == EAGAIN) continue;
      const auto on_payload = [&](std::string_view piece) {
        s.event.append(piece);
        const std::uint64_t now = bench::now_ns();
        std::size_t begin = 0;
        for (auto end = s.event.find("\n\n"); end != std::string::npos; end = s.event.find("\n\n", begin)) {
          const auto mark = s.event.find("\"t=", begin);
          if (mark != std::string::npos && mark < end) {
            if (s.chunks++ == 0) ++flowing;
            if (measuring) latencies.push_back(now - std::strtoull(s.event.c_str() + mark + 3, nullptr, 10));
          }
          begin = end + 2;
        }
        s.event.erase(0, begin);
      };
      if (got <= 0 || !s.reader.feed({scratch.data(), static_cast<std::size_t>(got)}, on_payload) || s.reader.done() ||
          (s.reader.status() != 0 && s.reader.status() != 200)) {
        ++errors;
        epoll_ctl(epoll, EPOLL_CTL_DEL, s.fd, nullptr);
      }
    }
    const std::uint64_t now = bench::now_ns();
    if (errors > 0) bench::die(std::to_string(errors) + " streams ended early or were refused");
    if (all_flow_since == 0 && flowing == streams.size()) all_flow_since = now;
    if (all_flow_since == 0 && now - opened > 20'000'000'000u)
      bench::die("only " + std::to_string(flowing) + " streams have begun after 20 s");
    if (!measuring && all_flow_since != 0 && now - all_flow_since >= warmup_ns) {
      measuring = true;
      measure_start = now;
      cpu_start = bench::cpu_ns(pids);
    }
    if (measuring && now - measure_start >= measured_ns) break;
  }
  const double cpu = static_cast<double>(bench::cpu_ns(pids) - cpu_start);
  const double seconds = static_cast<double>(bench::now_ns() - measure_start) / 1e9;
  const auto count = static_cast<double>(latencies.size());
  std::printf(
      "streams=%zu chunks=%zu seconds=%.3f chunks_per_second=%.0f p50_us=%.1f p99_us=%.1f cpu_us_per_chunk=%.3f "
      "resident_kb_before=%llu resident_kb_open=%llu\n",
      streams.size(), latencies.size(), seconds, count / seconds, bench::percentile(latencies, 0.5) / 1e3,
      bench::percentile(latencies, 0.99) / 1e3, count > 0 ? cpu / count / 1e3 : 0,
      static_cast<unsigned long long>(resident_before), static_cast<unsigned long long>(bench::resident_kb(pids)));
  return 0;
}
