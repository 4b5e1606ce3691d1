// May this upstream be asked now, and why not: circuit breakers and rests, by upstream, credential and model.
// Not for who is next (failover) nor for what happened (classify). Pure and unlocked: time and random numbers come in;
// who shares one table between threads puts a mutex around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"
#include "tideover/policy/circuit_breaker.hpp"

namespace tideover::policy {

/// Whose limits count: one tenant's 429 must not close the cloud for all (faults E9).
struct health_key {
  std::uint16_t upstream = 0;
  std::uint64_t credential = 0;  // a fingerprint, never the key itself
  std::string_view model;
};

/// How long an upstream that asked for peace is left in peace.
struct rest_settings {
  duration first = std::chrono::seconds(5);     // a 429 without a hint; doubles
  duration longest = std::chrono::seconds(60);  // … up to this
  duration quota = std::chrono::minutes(10);    // money does not come back by waiting
};

/// A breaker changed its state: for the log.
struct breaker_change {
  std::uint16_t upstream = 0;
  std::string model;  // empty: the way to the upstream, for everybody
  circuit_breaker::state state = circuit_breaker::state::closed;
  reason why = reason::connect;  // what opened it
  bool by_probe = false;         // closed by a free probe, not by an answer
};

class endpoint_health {
 public:
  /// One entry per upstream of the configuration; nothing: it is always admitted (the local tier, which has no other).
  explicit endpoint_health(std::vector<std::optional<breaker_settings>> upstreams, rest_settings rests = {});

  /// What is known of upstreams that go on under another configuration: `was[i]` is the place that upstream i had in
  /// `before`. Permits stay with the table that gave them.
  void take_over(const endpoint_health& before, const std::vector<std::optional<std::uint16_t>>& was);

  /// `rate_limited` or `quota` while resting, `breaker_open` while a breaker refuses. Changes nothing.
  std::optional<reason> refuses(const health_key& key, time_point now) const;
  /// When somebody may be admitted again, as far as is known: the end of a rest or of a pause; `now` while the one
  /// request of half-open is out, since its end is not known.
  time_point refused_until(const health_key& key, time_point now) const;

  /// What one attempt carries from admission to its outcome. Settle it exactly once; committed() may come before.
  struct permit {
    std::uint16_t upstream = 0;
    std::uint64_t entry = 0;  // 0: this key is not followed
    std::optional<circuit_breaker::permit> connection, service;
    bool trial = false;  // the one request of half-open, of either breaker
  };
  std::optional<permit> admit(const health_key& key, time_point now);

  /// Usable content came. Closes half-open breakers now rather than at the end of a long stream.
  void committed(const permit& p, time_point now);
  /// A complete answer.
  void succeeded(const permit& p, time_point now);
  /// A complete answer about the request itself (4xx): the way works; of the service it tells nothing.
  void request_at_fault(const permit& p, time_point now);
  /// Acts on the blame of rulings; `jitter` is a random number from 0 to 1.
  void failed(const permit& p, const failure& what, time_point now, double jitter);
  /// The client left, or the attempt was given up for another reason of our own.
  void abandoned(const permit& p);

  /// A probe that costs nothing (TCP and TLS) got through.
  void probe_succeeded(std::uint16_t upstream, time_point now);
  /// Should such a probe be made? Only while connecting is what is in doubt: an upstream that accepts and then says
  /// nothing would pass every probe, and be given a crowd of requests to hang each time.
  bool wants_probe(std::uint16_t upstream, time_point now) const;

  circuit_breaker::state connection_state(std::uint16_t upstream, time_point now) const;
  /// The same for operators: breakers of single credentials and models count while they refuse.
  circuit_breaker::state shown_state(std::uint16_t upstream, time_point now) const;
  /// For operators: what stands between requests and upstreams at the moment.
  struct obstacle {
    std::uint16_t upstream = 0;
    std::string model;  // empty: the way to the upstream, for everybody
    reason why = reason::connect;
    circuit_breaker::state state = circuit_breaker::state::closed;  // closed: it rests because it asked for that
    time_point until{};                                             // meaningful unless half-open
    unsigned keys = 0;                                              // credentials that are refused for this model
  };
  std::vector<obstacle> obstacles(time_point now) const;
  static constexpr std::size_t most_obstacles = 100;

  /// What changed since the last time it was asked.
  std::vector<breaker_change> take_changes() { return std::exchange(changes_, {}); }
  static constexpr std::size_t most_changes = 1024;  // kept for somebody who does not come: the first ones tell most

  std::size_t followed() const { return services_.size(); }
  /// Models are named by callers, so their number is bounded: beyond it a new key is admitted unless the way is broken.
  static constexpr std::size_t most_followed = 4096;

 private:
  struct stored_key {
    std::uint16_t upstream;
    std::uint64_t credential;
    std::string model;
  };
  /// A breaker with what was last said about it.
  struct told_breaker {
    circuit_breaker breaker = circuit_breaker();
    circuit_breaker::state told = circuit_breaker::state::closed;
    reason why = reason::connect;
  };
  struct way {
    told_breaker to;
    bool dial_failed = false;  // what opened it is something that a probe can disprove
  };
  struct service {
    told_breaker of;
    std::uint16_t upstream = 0;
    std::string_view model;  // of its key
    std::uint64_t id = 0;
    unsigned out = 0;  // permits not yet settled
    time_point rests_until{};
    reason rests_for = reason::rate_limited;
    unsigned unhinted_rests = 0;  // in a row: the exponent of the next one
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(const health_key& k) const;
    std::size_t operator()(const stored_key& k) const;
  };
  struct equal {
    using is_transparent = void;
    bool operator()(const stored_key& a, const stored_key& b) const;
    bool operator()(const health_key& a, const stored_key& b) const;
    bool operator()(const stored_key& a, const health_key& b) const { return (*this)(b, a); }
  };

  service* follow(const health_key& key, time_point now);
  service* find(const permit& p);
  void settle(service* s);
  void rest(service& s, const failure& what, time_point now);
  void forget_idle(time_point now);
  void note(told_breaker& b, std::uint16_t upstream, std::string_view model, time_point now,
            std::optional<reason> why = {}, bool by_probe = false);
  void note_both(const permit& p, service* s, time_point now, std::optional<reason> why = {});

  std::vector<std::optional<way>> connections_;
  std::vector<std::optional<breaker_settings>> settings_;
  rest_settings rests_;
  std::unordered_map<stored_key, service, hash, equal> services_;
  std::unordered_map<std::uint64_t, service*> by_id_;  // pointers into a node-based map do not move
  std::uint64_t next_id_ = 0;
  std::vector<breaker_change> changes_;
};

}  // namespace tideover::policy
