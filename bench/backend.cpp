// The servers behind the proxies, on one thread: a "cloud" and a "local" that both speak OpenAI's chat API, the local
// one with the routes by which Ollama tells what it has installed.
//   bench_backend --ready-file FILE [--stats-file FILE] [--certificate PEM --key PEM]
// Writes `cloud=PORT` and `local=PORT` to FILE once it listens; with a certificate both speak TLS.
// What to answer is asked for in the model's name: bench-2048 is an answer of 2048 bytes; bench-stream-100-50 is a
// stream of 50 chunks, 100 a second (0: until the client leaves); bench-fail is a 503 from the cloud. SIGTERM ends it
// and writes how many requests each of the two has answered.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <csignal>
#include <memory>
#include <set>

#include "measure.hpp"

namespace {

struct ssl_deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct connection {
  int fd = -1;
  bool is_cloud = false;
  bool wants_write = false;
  bool streaming = false;
  std::unique_ptr<SSL, ssl_deleter> ssl;
  std::string in;
  std::string out;
  std::size_t out_done = 0;
  std::uint64_t next_due = 0;
  std::uint64_t interval_ns = 0;
  std::uint64_t chunks_left = 0;
  bool endless = false;
};

std::string with_head(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\n"
         "openai-processing-ms: 12\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string completion(std::size_t size) {
  std::string body =
      R"({"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":")";
  const std::string tail =
      R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}})";
  static constexpr std::string_view words = "all work and no play makes a proxy dull ";
  for (std::size_t i = 0; body.size() + tail.size() < size; ++i) body += words[i % words.size()];
  return body + tail;
}

std::string native(std::size_t size) {
  std::string body =
      R"({"model":"bench:latest","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":")";
  const std::string tail = R"("},"done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":20})";
  body.append(size - body.size() - tail.size(), 'x');
  return body + tail;
}

std::string chunk(std::string_view payload) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", payload.size());
  return size + std::string(payload) + "\r\n";
}

std::string event(std::string_view delta, std::string_view finish) {
  return R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench",)"
         R"("system_fingerprint":"fp_bench","choices":[{"index":0,"delta":)" +
         std::string(delta) + R"(,"logprobs":null,"finish_reason":)" + std::string(finish) + "}]}\n\n";
}

class backend {
 public:
  explicit backend(const bench::options& given) : stats_file_(given.text("stats-file", "")), scratch_(1u << 18) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (given.has("certificate")) {
      tls_ = SSL_CTX_new(TLS_server_method());
      if (SSL_CTX_use_certificate_chain_file(tls_, given.text("certificate", "").c_str()) != 1 ||
          SSL_CTX_use_PrivateKey_file(tls_, given.text("key", "").c_str(), SSL_FILETYPE_PEM) != 1)
        bench::die("the certificate or its key cannot be used");
      SSL_CTX_set_mode(tls_,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    }
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = signalfd(-1, &signals, SFD_CLOEXEC);
    watch(signals_, EPOLLIN, EPOLL_CTL_ADD);
    cloud_ = listen_somewhere();
    local_ = listen_somewhere();
    ticks_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    itimerspec every{};
    every.it_interval.tv_nsec = every.it_value.tv_nsec = 1'000'000;
    tick_span_ = every;
    watch(ticks_, EPOLLIN, EPOLL_CTL_ADD);

    const std::string file = given.text("ready-file", "");
    if (file.empty()) bench::die("--ready-file is missing");
    std::ofstream out(file + ".part");
    out << "cloud=" << port_of(cloud_) << "\nlocal=" << port_of(local_) << "\n";
    out.close();
    if (std::rename((file + ".part").c_str(), file.c_str()) != 0) bench::die("cannot write " + file);
  }

  int run() {
    std::vector<epoll_event> events(256);
    for (;;) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        const epoll_event& e = events[static_cast<std::size_t>(i)];
        const int fd = e.data.fd;
        if (fd == signals_) return finish();
        if (fd == cloud_ || fd == local_) {
          accept_all(fd);
        } else if (fd == ticks_) {
          std::uint64_t ticks = 0;
          if (read(ticks_, &ticks, sizeof ticks) > 0) send_due_chunks();
        } else if (const auto found = connections_.find(fd); found != connections_.end()) {
          connection& c = found->second;
          if (!((e.events & EPOLLOUT) == 0 || flush(c)) || ((e.events & ~EPOLLOUT) != 0 && !read_some(c))) drop(fd);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t what, int operation) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }
  int listen_somewhere() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || listen(fd, 4096) != 0)
      bench::die(std::string("listen: ") + std::strerror(errno));
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    return fd;
  }
  static int port_of(int fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
  }
  void accept_all(int listener) {
    for (;;) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      connection& c = connections_[fd];
      c.fd = fd;
      c.is_cloud = listener == cloud_;
      if (tls_) {
        c.ssl.reset(SSL_new(tls_));
        SSL_set_fd(c.ssl.get(), fd);
        SSL_set_accept_state(c.ssl.get());
      }
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }
  void drop(int fd) {
    if (streams_.erase(fd) > 0 && streams_.empty()) set_ticking(false);
    connections_.erase(fd);
    close(fd);
  }
  void set_ticking(bool on) {
    const itimerspec never{};
    timerfd_settime(ticks_, 0, on ? &tick_span_ : &never, nullptr);
  }

  /// More than 0: bytes; 0: nothing now; less: the peer is gone.
  static long receive(connection& c, char* into, std::size_t size) {
    if (c.ssl) {
      ERR_clear_error();  // what another connection left there would be taken for ours
      const int n = SSL_read(c.ssl.get(), into, static_cast<int>(size));
      if (n > 0) return n;
      const int why = SSL_get_error(c.ssl.get(), n);
      return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    const auto n = recv(c.fd, into, size, 0);
    if (n > 0) return n;
    return n < 0 && errno == EAGAIN ? 0 : -1;
  }
  static long transmit(connection& c, const char* from, std::size_t size) {
    if (c.ssl) {
      ERR_clear_error();
      const int n = SSL_write(c.ssl.get(), from, static_cast<int>(size));
      if (n > 0) return n;
      const int why = SSL_get_error(c.ssl.get(), n);
      return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    const auto n = send(c.fd, from, size, MSG_NOSIGNAL);
    if (n > 0) return n;
    return n < 0 && errno == EAGAIN ? 0 : -1;
  }

  bool say(connection& c, std::string_view bytes) {
    if (c.out.empty()) {
      while (!bytes.empty()) {
        const long n = transmit(c, bytes.data(), bytes.size());
        if (n < 0) return false;
        if (n == 0) break;
        bytes.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    c.out.append(bytes);
    want_write(c, !c.out.empty());
    return true;
  }
  bool flush(connection& c) {
    while (c.out_done < c.out.size()) {
      const long n = transmit(c, c.out.data() + c.out_done, c.out.size() - c.out_done);
      if (n < 0) return false;
      if (n == 0) return true;
      c.out_done += static_cast<std::size_t>(n);
    }
    c.out.clear();
    c.out_done = 0;
    want_write(c, false);
    return true;
  }
  void want_write(connection& c, bool on) {
    if (c.wants_write == on) return;
    c.wants_write = on;
    watch(c.fd, EPOLLIN | (on ? static_cast<std::uint32_t>(EPOLLOUT) : 0u), EPOLL_CTL_MOD);
  }

  bool read_some(connection& c) {
    // One read a turn, except for TLS, which may hold back decrypted bytes that epoll does not know of.
    do {
      const long n = receive(c, scratch_.data(), scratch_.size());
      if (n < 0) return false;
      if (n == 0) return true;
      c.in.append(scratch_.data(), static_cast<std::size_t>(n));
    } while (c.ssl && SSL_pending(c.ssl.get()) > 0);
    for (;;) {
      const auto end = c.in.find("\r\n\r\n");
      if (end == std::string::npos) return c.in.size() < 65536;
      std::size_t length = 0;
      if (const auto field = find_field(c.in, end, "content-length:"); field != std::string::npos)
        length = std::strtoull(c.in.c_str() + field, nullptr, 10);
      if (c.in.size() < end + 4 + length) return true;
      const std::string_view head(c.in.data(), end);
      const std::string_view body(c.in.data() + end + 4, length);
      if (!answer(c, head, body)) return false;
      c.in.erase(0, end + 4 + length);
    }
  }
  static std::size_t find_field(const std::string& text, std::size_t end, const char* name) {
    const std::size_t size = std::strlen(name);
    for (std::size_t at = text.find("\r\n"); at < end; at = text.find("\r\n", at + 2))
      if (strncasecmp(text.c_str() + at + 2, name, size) == 0) return at + 2 + size;
    return std::string::npos;
  }

  bool answer(connection& c, std::string_view head, std::string_view body) {
    const auto target_at = head.find(' ') + 1;
    const auto target = head.substr(target_at, head.find(' ', target_at) - target_at);
    if (target == "/v1/chat/completions") return chat(c, body);
    if (target == "/api/chat") {  // how Tideover asks a local server
      // Its own test of the local tier holds nothing of what is measured.
      if (body.find("You are brief.") != std::string_view::npos) ++local_answers_;
      return say(c, with_head("200 OK", native(2048)));
    }
    if (target == "/api/tags") return say(c, with_head("200 OK", tags));
    if (target == "/api/ps") return say(c, with_head("200 OK", R"({"models":[]})"));
    if (target == "/api/version") return say(c, with_head("200 OK", R"({"version":"0.33.0"})"));
    if (target == "/v1/models")
      return say(
          c, with_head("200 OK",
                       R"({"object":"list","data":[{"id":"bench","object":"model","created":1,"owned_by":"bench"}]})"));
    if (target == "/") return say(c, with_head("200 OK", "\"Ollama is running\""));
    return say(
        c,
        with_head("404 Not Found",
                  R"({"error":{"message":"no such path","type":"invalid_request_error","param":null,"code":null}})"));
  }
  bool chat(connection& c, std::string_view body) {
    ++(c.is_cloud ? cloud_answers_ : local_answers_);
    const auto mark = body.find("\"bench");
    const std::string model(
        mark == std::string_view::npos ? "" : body.substr(mark + 1, body.find('"', mark + 1) - mark - 1));
    if (c.is_cloud && model == "bench-fail")
      return say(c, with_head("503 Service Unavailable",
                              R"({"error":{"message":"overloaded","type":"server_error","param":null,"code":null}})"));
    if (model.rfind("bench-stream-", 0) == 0) return begin_stream(c, model.substr(13));
    const auto size = model.rfind("bench-", 0) == 0 ? static_cast<std::size_t>(std::atol(model.c_str() + 6)) : 2048;
    auto& ready = answers_[size];
    if (ready.empty()) ready = with_head("200 OK", completion(size));
    return say(c, ready);
  }
  bool begin_stream(connection& c, const std::string& rate_and_count) {
    const double rate = std::max(0.01, std::atof(rate_and_count.c_str()));
    const auto dash = rate_and_count.find('-');
    c.chunks_left = dash == std::string::npos ? 0 : std::strtoull(rate_and_count.c_str() + dash + 1, nullptr, 10);
    c.endless = c.chunks_left == 0;
    c.interval_ns = static_cast<std::uint64_t>(1e9 / rate);
    // Streams begin evenly spread, so that their chunks do not all fall into the same tick.
    c.next_due = bench::now_ns() + c.interval_ns * (streams_begun_++ % 16) / 16;
    c.streaming = true;
    if (streams_.empty()) set_ticking(true);
    streams_.insert(c.fd);
    return say(c,
               "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
               "x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n" +
                   chunk(event(R"({"role":"assistant","content":""})", "null")));
  }
  void send_due_chunks() {
    const std::uint64_t now = bench::now_ns();
    std::vector<int> gone;
    std::vector<int> ended;
    for (const int fd : streams_) {
      connection& c = connections_[fd];
      if (c.next_due > now) continue;
      c.next_due += c.interval_ns;
      if (c.out.size() > (1u << 20)) continue;  // the proxy reads too slowly: skip rather than grow
      char delta[80];
      std::snprintf(delta, sizeof delta, R"({"content":"t=%020llu word "})",
                    static_cast<unsigned long long>(bench::now_ns()));
      bool fine = say(c, chunk(event(delta, "null")));
      if (fine && !c.endless && --c.chunks_left == 0) {
        fine = say(c, chunk(event("{}", "\"stop\"")) + chunk("data: [DONE]\n\n") + "0\r\n\r\n");
        ended.push_back(fd);
      }
      if (!fine) gone.push_back(fd);
    }
    for (const int fd : ended) streams_.erase(fd);
    for (const int fd : gone) drop(fd);
    if (streams_.empty()) set_ticking(false);
  }
  int finish() {
    if (!stats_file_.empty())
      std::ofstream(stats_file_) << "cloud=" << cloud_answers_ << " local=" << local_answers_ << "\n";
    return 0;
  }

  static constexpr std::string_view tags =
      R"({"models":[{"name":"bench:latest","model":"bench:latest","modified_at":"2026-01-01T00:00:00Z","size":4000000000,)"
      R"("digest":"0000000000000000000000000000000000000000000000000000000000000000","details":{"family":"bench",)"
      R"("parameter_size":"8B","quantization_level":"Q4_K_M","context_length":32768},"capabilities":["completion","tools"]}]})";

  std::string stats_file_;
  std::vector<char> scratch_;
  std::map<int, connection> connections_;
  std::set<int> streams_;
  std::map<std::size_t, std::string> answers_;
  SSL_CTX* tls_ = nullptr;
  int epoll_ = -1;
  int signals_ = -1;
  int ticks_ = -1;
  int cloud_ = -1;
  int local_ = -1;
  itimerspec tick_span_{};
  std::uint64_t streams_begun_ = 0;
  std::uint64_t cloud_answers_ = 0;
  std::uint64_t local_answers_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::options given(argc, argv);
  return backend(given).run();
}
