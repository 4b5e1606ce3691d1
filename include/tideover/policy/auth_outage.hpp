// Is the provider's authentication out? One refused key is its owner's affair; several that worked until now, refused
// within a minute, are not (contract §4). Pure and unlocked: time comes in; keys are fingerprints.
// Not for configured keys: a 401 for one of those is never the caller's to mend (policy/classify).
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tideover/core/time.hpp"

namespace tideover::policy {

struct auth_outage_settings {
  unsigned keys_to_begin = 3;
  duration together = std::chrono::minutes(1);   // they are refused within this
  duration remember = std::chrono::hours(24);    // a key counts for so long after it last worked
  duration fades_after = std::chrono::hours(1);  // without a refusal nothing is known any more, so it is over
  std::size_t most_keys = 1024;                  // per upstream; only keys that worked take a place
};

class auth_outage {
 public:
  explicit auth_outage(std::size_t upstreams, auth_outage_settings settings = {})
      : settings_(settings), upstreams_(upstreams) {}

  /// What is known of an upstream that goes on under another configuration, where it had another place.
  void take_over(const auth_outage& before, std::uint16_t was, std::uint16_t is) {
    upstreams_[is] = before.upstreams_[was];
  }

  /// A request with this key, sent at `asked`, got a complete answer. Ends an outage in which this key was refused,
  /// unless it was sent before that.
  void worked(std::uint16_t upstream, std::uint64_t key, time_point asked, time_point now);
  /// 401 or 403. True: it is the outage, not the key. Counting is asking: call it once per refusal.
  bool refused(std::uint16_t upstream, std::uint64_t key, time_point now);

  bool is_out(std::uint16_t upstream, time_point now) const;
  std::size_t remembered(std::uint16_t upstream) const { return upstreams_[upstream].keys.size(); }

 private:
  struct known_key {
    time_point worked{};
    time_point refused = time_point::min();  // since it last worked; min(): never
  };
  struct provider {
    std::unordered_map<std::uint64_t, known_key> keys;
    bool out = false;
    time_point last_refusal{};
  };
  void make_room(provider& p, time_point now);

  auth_outage_settings settings_;
  std::vector<provider> upstreams_;
};

}  // namespace tideover::policy
