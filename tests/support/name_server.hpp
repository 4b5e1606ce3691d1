// A tiny DNS server over UDP that answers each name as a test says: well, not at all, or with a fault.
// Not a resolver, and not for names that nobody told it: those do not exist.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/wire.hpp"

namespace tideover::test {

class name_server {
 public:
  explicit name_server(std::string address = "127.0.0.1", std::uint16_t port = 0);
  ~name_server();
  name_server(const name_server&) = delete;
  name_server& operator=(const name_server&) = delete;

  enum class mood : std::uint8_t { answers, no_such_name, fails, refuses, silent, garbage };
  struct entry {
    mood how = mood::answers;
    std::vector<std::string> addresses = {};  // IPv4 and IPv6, as text
    std::uint32_t ttl = 30;
  };
  void set(const std::string& name, entry what);
  /// Questions about this name, of any type.
  unsigned questions(const std::string& name) const;
  std::uint16_t port() const { return port_; }

 private:
  void serve();
  std::string answer(const std::string& question);

  descriptor socket_;
  std::uint16_t port_ = 0;
  gate stop_;
  mutable std::mutex mutex_;
  std::map<std::string, entry> names_;
  std::map<std::string, unsigned> asked_;
  std::thread thread_;
};

}  // namespace tideover::test
