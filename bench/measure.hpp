// What the benchmark's programs share: command line, clock, percentiles, another process's CPU and memory.
// Not for the product: nothing under src/ includes it.
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

inline std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

[[noreturn]] inline void die(const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}

/// `--name value` pairs; a name may come several times.
class options {
 public:
  options(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      if (name.rfind("--", 0) != 0 || i + 1 >= argc) die("expected --name value, got " + name);
      values_[name.substr(2)].emplace_back(argv[++i]);
    }
  }
  bool has(const std::string& name) const { return values_.count(name) != 0; }
  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second.back();
  }
  double number(const std::string& name, double fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : std::atof(found->second.back().c_str());
  }
  std::size_t count(const std::string& name, std::size_t fallback) const {
    return static_cast<std::size_t>(number(name, static_cast<double>(fallback)));
  }
  /// Process ids, given as `--cpu-of 12 --cpu-of 13` or `--cpu-of 12,13`.
  std::vector<int> pids(const std::string& name) const {
    std::vector<int> result;
    const auto found = values_.find(name);
    if (found == values_.end()) return result;
    for (const auto& value : found->second)
      for (std::size_t at = 0; at < value.size();) {
        result.push_back(std::atoi(value.c_str() + at));
        const auto comma = value.find(',', at);
        at = comma == std::string::npos ? value.size() : comma + 1;
      }
    return result;
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

/// CPU time that every thread of these processes has used so far: user and system, in nanoseconds.
inline std::uint64_t cpu_ns(const std::vector<int>& pids) {
  std::uint64_t sum = 0;
  for (const int pid : pids) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/task";
    DIR* tasks = opendir(folder.c_str());
    if (!tasks) die("no process " + std::to_string(pid));
    while (const dirent* entry = readdir(tasks)) {
      if (entry->d_name[0] == '.') continue;
      std::ifstream file(folder + "/" + entry->d_name + "/schedstat");
      std::uint64_t value = 0;
      if (file >> value) sum += value;
    }
    closedir(tasks);
  }
  return sum;
}

inline std::uint64_t resident_kb(const std::vector<int>& pids) {
  std::uint64_t sum = 0;
  for (const int pid : pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    std::string word;
    while (file >> word)
      if (word == "VmRSS:") {
        std::uint64_t value = 0;
        file >> value;
        sum += value;
      }
  }
  return sum;
}

/// The value below which `share` (0…1) of them lie; sorts.
inline double percentile(std::vector<std::uint64_t>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  return static_cast<double>(values[index]);
}

/// A non-blocking connection to loopback; it is complete before this returns.
inline int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die(std::string("socket: ") + std::strerror(errno));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    die("connect to port " + std::to_string(port) + ": " + std::strerror(errno));
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

/// A chat request of exactly `size` bytes (if that is enough for its frame).
inline std::string chat_request(const std::string& model, bool stream, std::size_t size) {
  std::string body = R"({"model":")" + model + R"(","stream":)" + (stream ? "true" : "false") +
                     R"(,"messages":[{"role":"system","content":"You are brief."},{"role":"user","content":")";
  const std::string tail = R"("}]})";
  static constexpr std::string_view words = "the quick brown fox jumps over the lazy dog ";
  for (std::size_t i = 0; body.size() + tail.size() < size; ++i) body += words[i % words.size()];
  body += tail;
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
         "Accept: application/json\r\nUser-Agent: OpenAI/Python 2.8.0\r\nAuthorization: Bearer sk-bench-0123456789\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Reads one HTTP/1.1 response piece by piece. Trusts its peer: it is no parser for anything but this benchmark.
class response_reader {
 public:
  /// Takes bytes and hands body bytes to `payload`; returns false when they are not a response.
  template <class Payload>
  bool feed(std::string_view bytes, Payload&& payload) {
    while (!bytes.empty() && !done_) {
      if (!head_done_) {
        const std::size_t before = head_.size();
        head_.append(bytes);
        const auto end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
        if (end == std::string::npos) return head_.size() < 65536;
        bytes.remove_prefix(end + 4 - before);
        head_.resize(end + 4);
        if (!read_head()) return false;
      } else if (chunked_ && left_ == 0) {
        const char c = bytes.front();
        bytes.remove_prefix(1);
        if (c != '\n') {
          if (c != '\r') line_ += c;
          continue;
        }
        if (line_.empty() && !last_chunk_) continue;  // the line end after a chunk's data
        if (last_chunk_) {
          done_ = line_.empty();
        } else {
          left_ = std::strtoull(line_.c_str(), nullptr, 16);
          last_chunk_ = left_ == 0;
        }
        line_.clear();
      } else {
        const auto piece = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
        payload(piece);
        bytes.remove_prefix(piece.size());
        left_ -= piece.size();
        if (left_ == 0 && !chunked_) done_ = true;
      }
    }
    return bytes.empty();
  }
  bool done() const { return done_; }
  int status() const { return status_; }
  void reset() { *this = response_reader(); }

 private:
  bool read_head() {
    head_done_ = true;
    if (head_.size() < 12 || head_.compare(0, 7, "HTTP/1.") != 0) return false;
    status_ = std::atoi(head_.c_str() + 9);
    for (char& c : head_) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    chunked_ = head_.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos;
    const auto length = head_.find("\r\ncontent-length:");
    if (!chunked_ && length == std::string::npos) return false;
    if (!chunked_) left_ = std::strtoull(head_.c_str() + length + 17, nullptr, 10);
    if (!chunked_ && left_ == 0) done_ = true;
    return true;
  }

  std::string head_;
  std::string line_;
  std::uint64_t left_ = 0;
  int status_ = 0;
  bool head_done_ = false;
  bool chunked_ = false;
  bool last_chunk_ = false;
  bool done_ = false;
};

}  // namespace bench
