// What every exchange may use: configuration, ways to upstreams, budgets, local knowledge. Made anew for each
// configuration and not changed afterwards.
// Not global: the composition root makes it; whoever works under one configuration holds it to the end of that work.
#pragma once

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
#include "tideover/policy/readiness.hpp"
#include "tideover/proxy/byte_buffer.hpp"
#include "tideover/proxy/caller_count.hpp"
#include "tideover/proxy/client_gate.hpp"
#include "tideover/proxy/contingency_view.hpp"
#include "tideover/proxy/exchange_record.hpp"
#include "tideover/proxy/health_table.hpp"
#include "tideover/proxy/local_gate.hpp"

namespace tideover::proxy {

/// What is known of one local upstream, and what may be asked of it ahead of a request. Thread-safe; nothing waits.
class local_knowledge {
 public:
  virtual ~local_knowledge() = default;
  /// Never null; `known` is false until the local server answered once.
  virtual std::shared_ptr<const policy::local_catalog> current() const = 0;
  /// Does this model go on with an answer that was begun elsewhere? Nothing: nobody has tried yet.
  virtual std::optional<bool> continues_prefill(std::string_view) const { return std::nullopt; }
  /// How its server was seen to answer one, whatever the file says.
  virtual policy::prefill_habit prefill_habit(std::string_view) const { return policy::prefill_habit::unknown; }
  /// Asks the local server now; `done` runs on some thread when that is over, however it went.
  virtual void refresh(std::function<void()> done) = 0;

  /// What the end of a real answer told.
  virtual void note_timing(std::string_view model, const policy::inference_timing& timing) {
    (void)model;
    (void)timing;
  }
  /// How a real request ended there: well, or in a way that tells of the server (policy::tells_of_local_server).
  virtual void note_success() {}
  virtual void note_failure(std::string_view detail) { (void)detail; }
  /// A cloud fails, or has failed, a request for which this model would stand in: it is loaded, and kept while the
  /// trouble lasts.
  virtual void expect(std::string_view model) { (void)model; }
  /// Loads the model at this URL of the local upstream by a connection of Tideover's own, which no caller's leaving
  /// aborts (OL §11). `done` runs on some thread when it is loaded and the catalog knows its window, or when that
  /// failed; the request will then find out why.
  virtual void load(std::string model, std::uint16_t url, std::function<void()> done) {
    (void)model;
    (void)url;
    done();
  }
  /// A request asks this URL for a larger window than the loaded one, so that the model is loaded anew (OL §11). While
  /// what is returned lives, and until the server was asked afterwards, the model counts as loaded with that window:
  /// whoever comes meanwhile asks for the same, and not for the smaller one that was.
  virtual std::shared_ptr<void> grows(std::string_view model, std::uint16_t url, std::uint64_t window) {
    (void)model;
    (void)url;
    (void)window;
    return {};
  }
  /// An answer of this model said that it was made elsewhere: it is not local, whatever the server's lists say.
  virtual void note_remote(std::string_view model) { (void)model; }
  /// How long a load that is under way will probably go on; nothing where none is.
  virtual std::optional<duration> load_ends_in(std::string_view model) const {
    (void)model;
    return std::nullopt;
  }
};

/// Where a worker reports what happened. One per worker, called on its thread only; must not block or throw.
class exchange_sink {
 public:
  virtual ~exchange_sink() = default;
  virtual void failed_over(const exchange_record& record, const failover_step& step) = 0;
  virtual void first_content(const config::upstream& from, duration since_start) = 0;
  virtual void chunk_gap(const config::upstream& from, duration gap) = 0;
  virtual void finished(const exchange_record& record) = 0;
  /// `auth`: a configured key was refused, or the provider refuses keys that worked. Somebody has to look.
  virtual void key_refused(const config::upstream& by, const failure& what) = 0;
  /// A caller could not be let in for want of something (`error`, an errno): accepting pauses.
  virtual void accept_failed(int error) { (void)error; }
  /// A model that was taken for local ran at ollama.com: the promise of `local_only` did not hold. Somebody has to
  /// look.
  virtual void answered_remotely(const exchange_record& record, const config::upstream& by, std::string_view model) {
    (void)record;
    (void)by;
    (void)model;
  }
  /// A request waited so long before a local upstream, with success or without.
  virtual void queue_waited(const config::upstream& at, duration wait) {
    (void)at;
    (void)wait;
  }
};

/// One URL of an upstream as running code needs it.
struct upstream_route {
  const config::upstream* settings = nullptr;
  net::dial_target target;
  std::string authority;  // for Host
  std::string base_path;  // of its URL
  std::uint16_t url = 0;  // which of the upstream's URLs
};

struct services {
  config::snapshot_ptr configuration;
  /// Same indexes as configuration->upstreams, for the first URL of each; the further URLs of local upstreams follow.
  std::vector<upstream_route> upstreams;
  std::vector<std::shared_ptr<local_gate>> gates;  // same indexes as configuration->upstreams; null for clouds
  adapt::host_rules hosts;
  net::resolver* names = nullptr;
  memory_budget* memory = nullptr;
  std::vector<local_knowledge*> local;  // same indexes as configuration->upstreams; null for clouds
  health_table* health = nullptr;
  const contingency_view* contingency = nullptr;
  client_gate* clients = nullptr;
  caller_count* callers = nullptr;

  /// For what is done ahead of requests. Where no workflow may use a cloud now, nothing is opened to one, not even for
  /// free (contract §6).
  std::optional<cloud_pass> upkeep_pass() const;
  /// Where a URL of an upstream is found: index into `upstreams`, for attempts and pools.
  std::size_t way(std::uint16_t upstream, std::uint16_t url) const;
};

/// Whoever lets go of the last one may be any thread.
using services_ptr = std::shared_ptr<const services>;

/// What way() relies on: routes in the order of `upstreams`, without targets' TLS, which the composition root adds.
std::vector<upstream_route> list_routes(const config::snapshot& configuration);

}  // namespace tideover::proxy
