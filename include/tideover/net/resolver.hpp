// Name lookups for all workers: one thread per lookup in flight, one name never waits for another, and what was found
// serves on while the name service is away. When to ask and what may be used is decided by net/name_cache.
// Not on the workers' loops: getaddrinfo blocks and cannot be cancelled, so whoever waits brings a deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tideover/core/time.hpp"
#include "tideover/net/event_loop.hpp"
#include "tideover/net/name_cache.hpp"
#include "tideover/net/socket_address.hpp"
#include "tideover/net/task.hpp"

namespace tideover::net {

struct lookup_result {
  std::vector<socket_address> addresses;  // empty: failed
  std::string error;                      // for logs, empty when it succeeded
  bool timed_out = false;
  bool ours = false;  // this machine's own shortage (threads, descriptors, memory)
};

class resolver {
 public:
  /// Blocking lookup, run in a thread of its own; tests bring another.
  using lookup_function = std::function<lookup_result(const std::string& host, std::uint16_t port)>;

  explicit resolver(lookup_function lookup = system_lookup, name_cache_settings settings = {});
  ~resolver();

  /// Waits at most until `deadline`, and for less where an old address is at hand. Ends early with a hangup of `also`.
  /// The addresses come with their families in turns.
  task<lookup_result> resolve(event_loop& loop, std::string host, std::uint16_t port, time_point deadline,
                              event_source* also = nullptr);

  static lookup_result system_lookup(const std::string& host, std::uint16_t port);

 private:
  struct state;
  std::shared_ptr<state> state_;  // lookup threads hold it too: they may outlive the resolver
};

}  // namespace tideover::net
