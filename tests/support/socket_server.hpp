// A daemon's unix socket that gives one prepared answer to every request, and remembers what it was asked.
// Not a daemon: for what commands make of answers that a real one gives only in rare moments.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tideover::test {

class socket_server {
 public:
  /// Once the answer is sent: close the connection, or keep it until the other side leaves.
  enum class then : std::uint8_t { close, wait };
  socket_server(std::string path, int status, std::string body, const std::string& type = "application/json",
                then after = then::close);
  ~socket_server();
  socket_server(const socket_server&) = delete;
  socket_server& operator=(const socket_server&) = delete;

  const std::string& path() const { return path_; }
  /// Heads and bodies as they came.
  std::vector<std::string> requests() const;

 private:
  void serve();

  std::string path_;
  then after_;
  std::string answer_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace tideover::test
