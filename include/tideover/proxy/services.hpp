// What every exchange may use, made once at start: configuration, ways to upstreams, budgets, local knowledge, sinks.
// Not global: the composition root owns it and hands out references that outlive the workers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/framing.hpp"
#include "tideover/config/snapshot.hpp"
#include "tideover/core/cloud_pass.hpp"
#include "tideover/net/dialer.hpp"
#include "tideover/net/resolver.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/byte_buffer.hpp"
#include "tideover/proxy/client_gate.hpp"
#include "tideover/proxy/contingency_view.hpp"
#include "tideover/proxy/exchange_record.hpp"
#include "tideover/proxy/health_table.hpp"

namespace tideover::proxy {

/// What is installed and loaded locally, as far as known. Thread-safe.
class local_knowledge {
 public:
  virtual ~local_knowledge() = default;
  /// Never null; `known` is false until the local server answered once.
  virtual std::shared_ptr<const policy::local_catalog> current() const = 0;
  /// Does this model go on with an answer that was begun elsewhere? Nothing: nobody has tried yet.
  virtual std::optional<bool> continues_prefill(std::string_view) const { return std::nullopt; }
  /// Asks the local server now; `done` runs on some thread when that is over, however it went.
  virtual void refresh(std::function<void()> done) = 0;
};

/// Where a worker reports what happened. One per worker, called on its thread only; must not block or throw.
class exchange_sink {
 public:
  virtual ~exchange_sink() = default;
  /// The caller is about to be served by `to` instead of `record.from`.
  virtual void failed_over(const exchange_record& record, const config::upstream& to) = 0;
  virtual void first_content(const config::upstream& from, duration since_start) = 0;
  virtual void chunk_gap(const config::upstream& from, duration gap) = 0;
  virtual void finished(const exchange_record& record) = 0;
  /// `auth`: a configured key was refused, or the provider refuses keys that worked. Somebody has to look.
  virtual void key_refused(const config::upstream& by, const failure& what) = 0;
};

/// One upstream as running code needs it.
struct upstream_route {
  const config::upstream* settings = nullptr;
  net::dial_target target;
  std::string authority;  // for Host
  std::string base_path;  // of its URL
};

struct services {
  config::snapshot_ptr configuration;
  std::vector<upstream_route> upstreams;  // same indexes as configuration->upstreams
  adapt::host_rules hosts;
  net::resolver* names = nullptr;
  memory_budget* memory = nullptr;
  local_knowledge* local = nullptr;
  health_table* health = nullptr;
  const contingency_view* contingency = nullptr;
  client_gate* clients = nullptr;
  std::atomic<std::size_t>* connections = nullptr;  // of callers, in all workers

  /// For what is done ahead of requests. Where no workflow may use a cloud now, nothing is opened to one, not even for
  /// free (contract §6).
  std::optional<cloud_pass> upkeep_pass() const;
};

}  // namespace tideover::proxy
