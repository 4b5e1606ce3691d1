// The process's one table of upstream health, behind a mutex: every worker asks it before an attempt and tells it
// after. Not the rules (policy/endpoint_health). Nothing here waits or calls out: what is to be logged is fetched by
// the control loop.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/keyed_hash.hpp"
#include "tideover/policy/auth_outage.hpp"
#include "tideover/policy/endpoint_health.hpp"
#include "tideover/policy/retry_budget.hpp"

namespace tideover::proxy {

class health_table {
 public:
  explicit health_table(const config::snapshot& configuration);
  /// For another configuration, with what `before` knows of upstreams that both have. Attempts that were admitted by
  /// `before` tell it, and nobody else, how they ended.
  health_table(const config::snapshot& configuration, const health_table& before, const config::snapshot& of_before);

  /// What one attempt holds from its admission to its outcome. Told exactly once: the first of succeeded, failed,
  /// request_at_fault and abandon counts, and whoever goes without a word told nothing (the caller left, the worker
  /// stops, an exception).
  class admission {
   public:
    admission() = default;
    ~admission() { abandon(); }
    admission(admission&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)),
          permit_(other.permit_),
          credential_(other.credential_),
          asked_(other.asked_) {}
    admission& operator=(admission&&) = delete;

    void committed();         // usable content came; the end is still to be told
    void succeeded();         // a complete answer
    void request_at_fault();  // a complete answer about the request itself
    void failed(const failure& what);
    void abandon();

    /// The caller's own key got 401 or 403. True when that is an outage of the provider's authentication rather than
    /// the key; ask once, before the outcome is told.
    bool key_refused();

   private:
    friend class health_table;
    health_table* table_ = nullptr;  // null: nothing to tell
    policy::endpoint_health::permit permit_;
    std::uint64_t credential_ = 0;
    time_point asked_{};
  };

  struct refusal {
    reason why = reason::breaker_open;
    duration wait{};  // until somebody may be admitted, as far as is known
  };
  /// Asking is taking: between two steps another worker could have taken the one place of half-open.
  std::optional<refusal> admit(std::uint16_t upstream, std::uint64_t credential, std::string_view model,
                               admission& into);

  /// Grants one retry within the upstream's budget, or not.
  bool grant_retry(std::uint16_t upstream);

  /// Tells keys apart without keeping them: of the configured key where there is one, else of the caller's own.
  std::uint64_t fingerprint(std::uint16_t upstream, const request_head& caller) const;
  /// The same of the caller's own keys alone, whoever is asked: tells callers apart.
  std::uint64_t mark_of(const request_head& caller) const;

  /// Connections beside those of admitted requests are worth making only while nothing is in doubt.
  bool way_is_clear(std::uint16_t upstream) const;

  // For the control loop.
  bool wants_probe(std::uint16_t upstream) const;
  void probe_succeeded(std::uint16_t upstream);
  policy::circuit_breaker::state connection_state(std::uint16_t upstream) const;
  policy::circuit_breaker::state shown_state(std::uint16_t upstream) const;
  std::vector<policy::endpoint_health::obstacle> obstacles() const;
  std::vector<policy::breaker_change> take_changes();
  /// From 0 to 1.
  double random_share();

 private:
  void learn_from(const config::snapshot& configuration);
  /// Is this a caller's own key, of which something can be learnt?
  bool is_callers(std::uint16_t upstream, std::uint64_t credential) const {
    return credential != 0 && !configured_[upstream];
  }
  double draw() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  mutable std::mutex mutex_;
  policy::endpoint_health health_;
  policy::auth_outage authentication_;
  std::mt19937_64 random_;
  std::vector<policy::retry_budget> retries_;
  // Not changed once it is in use:
  std::vector<bool> followed_;
  hash_key key_;
  std::vector<std::optional<std::uint64_t>> configured_;  // fingerprints
};

}  // namespace tideover::proxy
