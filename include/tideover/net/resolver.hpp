// Name lookups for all workers: a small cache, one thread per lookup in flight, one name never waits for another.
// Not on the workers' loops: getaddrinfo blocks and cannot be cancelled, so whoever waits brings a deadline.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tideover/core/time.hpp"
#include "tideover/net/event_loop.hpp"
#include "tideover/net/task.hpp"

namespace tideover::net {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  /// Loopback, unspecified or link-local: never where a cloud lives; a name that says so is a trick or a mistake.
  bool points_inward() const;
  /// `127.0.0.1:80`, `[::1]:80`
  std::string to_string() const;
};

/// Makes an address of an IP literal; `size` is 0 when it is none.
socket_address address_of_literal(const std::string& host, std::uint16_t port);

struct lookup_result {
  std::vector<socket_address> addresses;  // empty: failed
  std::string error;                      // for logs, empty when it succeeded
  bool timed_out = false;
};

class resolver {
 public:
  /// Blocking lookup, run in a thread of its own; tests bring another.
  using lookup_function = std::function<lookup_result(const std::string& host, std::uint16_t port)>;

  explicit resolver(lookup_function lookup = system_lookup);
  ~resolver();

  /// Waits at most until `deadline`. Good answers are kept for `keep_for`; failures are not kept.
  task<lookup_result> resolve(event_loop& loop, std::string host, std::uint16_t port, time_point deadline);

  static constexpr auto keep_for = std::chrono::seconds(30);
  static constexpr unsigned max_in_flight = 64;
  static lookup_result system_lookup(const std::string& host, std::uint16_t port);

 private:
  struct state;
  std::shared_ptr<state> state_;  // lookup threads hold it too: they may outlive the resolver
};

}  // namespace tideover::net
