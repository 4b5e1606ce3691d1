// What is known of names, for how long it may be used, and when to ask again. Pure and unlocked: time comes in.
// Not a resolver: it starts no thread and waits for nobody, it says what net/resolver is to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tideover/core/time.hpp"
#include "tideover/net/socket_address.hpp"

namespace tideover::net {

using name_key = std::pair<std::string, std::uint16_t>;  // host and port

struct name_cache_settings {
  duration fresh_for = std::chrono::seconds(30);  // an address that moved is left within a minute (faults A7)
  /// A name service that is down must not take the cloud with it (RFC 8767): old addresses serve on. One hour is longer
  /// than most outages, and no longer than addresses of clouds usually live.
  duration stale_for = std::chrono::hours(1);
  /// How long somebody who has an old address waits for a new one. A healthy name service answers within it; a sick one
  /// costs this once per lookup and not per request, because it counts from the lookup's start.
  duration patience = std::chrono::milliseconds(200);
  duration retry_pause = std::chrono::seconds(5);  // between refreshes that fail, as long as old addresses serve
  /// A lookup that has not come back by then has lost its thread: libc's own limits are over, except where it has none
  /// (a read from a name server over TCP). Another is tried, or the name would be dead until the next start.
  duration lost_after = std::chrono::minutes(2);
  unsigned threads_per_name = 3;  // the lost ones included
  unsigned threads = 64;
  unsigned reserve = 16;       // of these only for names that have been found before: the unknown must not starve them
  std::size_t names = 256;     // the configuration names far fewer
  std::size_t addresses = 16;  // of one name
};

class name_cache {
 public:
  explicit name_cache(name_cache_settings settings = {}) : settings_(settings) {}

  struct advice {
    std::vector<socket_address> addresses;  // what may be used; empty: nothing is known
    std::uint64_t begin = 0;                // not 0: begin a lookup under this number, and tell finished() of its end
    bool in_flight = false;                 // a lookup runs (the new one included)
    time_point wait_until{};                // until when waiting for it is better than `addresses`; `never` without any
  };
  advice ask(const name_key& name, time_point now);

  /// A lookup ended; no addresses: it failed, or could not even begin. Returns what may be used now; nothing at all for
  /// a lookup that had been given up for lost: whoever waits, waits for a later one.
  std::optional<std::vector<socket_address>> finished(const name_key& name, std::uint64_t number,
                                                      const std::vector<socket_address>& found, time_point now);

  unsigned threads() const { return threads_; }
  std::size_t names() const { return entries_.size(); }

 private:
  struct entry {
    std::vector<socket_address> addresses;
    time_point found{};          // when they were
    time_point refresh_after{};  // not before, while old addresses serve
    time_point used{};
    std::uint64_t running = 0;  // number of the lookup that counts; 0: none
    time_point began{};
    unsigned threads = 0;
  };
  bool may_begin(const entry& e, time_point now) const;
  void drop_old(entry& e, time_point now) const;
  void forget_if_empty(std::map<name_key, entry>::iterator at);
  void make_room();

  name_cache_settings settings_;
  std::map<name_key, entry> entries_;
  unsigned threads_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace tideover::net
