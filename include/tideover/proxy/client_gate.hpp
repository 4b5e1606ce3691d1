// Rates of the house's own keys and the guesses of those who have none, shared by all workers behind a mutex.
// Not the keys (policy/client_keys). Nothing here waits or calls out.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/config/snapshot.hpp"
#include "tideover/policy/guess_limiter.hpp"
#include "tideover/policy/request_rate.hpp"

namespace tideover::proxy {

class client_gate {
 public:
  /// Nothing: within the key's limit. Else how long until the next request is.
  std::optional<duration> take(const config::client_key& key, time_point now) {
    if (key.requests_per_minute == 0) return std::nullopt;
    std::lock_guard const lock(mutex_);
    return rates_[key.name].take(key.requests_per_minute, now);
  }
  /// A wrong key came from this address. Nothing: a mistake as people make them. Else how long it is not listened to.
  std::optional<duration> wrong_key(std::string_view address, time_point now) {
    std::lock_guard const lock(mutex_);
    if (auto const wait = guesses_.must_wait(address, now)) return wait;
    guesses_.wrong(address, now);
    return std::nullopt;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, policy::request_rate, std::less<>> rates_;  // by names of the configuration
  policy::guess_limiter guesses_;
};

}  // namespace tideover::proxy
