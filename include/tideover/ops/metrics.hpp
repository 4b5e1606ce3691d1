// Counters and histograms of one worker, and the Prometheus text made from all of them.
// Not shared on the hot path: each worker has its own, they are added up when somebody reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tideover/policy/circuit_breaker.hpp"
#include "tideover/proxy/exchange_record.hpp"

namespace tideover::ops {

/// One worker's numbers. All methods are called from that worker only; `registry` reads from another thread, so cells
/// are relaxed atomics, and a mutex is taken only when a label set is seen for the first time and by a scrape. Label
/// sets are bounded: workflow and upstream names come from the configuration, endpoint and outcome from enumerations,
/// codes are three digits (`000`: no answer was sent). Upstream `none` is Tideover itself.
class worker_metrics {
 public:
  worker_metrics();
  ~worker_metrics();
  void record(const proxy::exchange_record& record);
  void failover(std::string_view workflow, std::string_view from, std::string_view to, reason why);
  void first_content(std::string_view upstream, duration since_start);
  void chunk_gap(std::string_view upstream, duration gap);
  void queue_waited(std::string_view upstream, duration wait);
  void accept_failed(int error);

 private:
  friend class metrics_registry;
  struct cells;
  std::unique_ptr<cells> cells_;
};

/// Values that exist once per process, asked for when somebody reads.
struct process_view {
  std::string version;
  bool last_reload_ok = true;
  struct contingency_entry {
    std::string workflow, source;
  };
  std::vector<contingency_entry> contingency;
  struct upstream_entry {
    std::string name;
    bool up;
  };
  std::vector<upstream_entry> upstreams;
  struct breaker_entry {
    std::string upstream;
    policy::circuit_breaker::state state;
  };
  std::vector<breaker_entry> breakers;
  struct queue_entry {
    std::string upstream;
    std::size_t waiting;
  };
  std::vector<queue_entry> queues{};
  struct check_entry {
    std::string upstream, check;
    bool ready;
  };
  std::vector<check_entry> local_checks{};  // those of which something is known
  struct model_entry {
    std::string model;
    double value;
  };
  std::vector<model_entry> local_speeds{};  // tokens/s
  std::vector<model_entry> local_gpu{};     // share, of loaded models
  std::uint64_t log_lines_dropped = 0;
  bool journal_writable = true;
  std::uint64_t journal_lines_lost = 0;
};

class metrics_registry {
 public:
  void add(const worker_metrics* worker);  // all before the first render()
  /// Prometheus text format 0.0.4, through prometheus-cpp's serializer: tideover_requests_total,
  /// tideover_failovers_total, the histograms of contract §12 (buckets reach 600 s), gauges of `view`,
  /// tideover_build_info, process_*.
  std::string render(const process_view& view) const;

 private:
  std::vector<const worker_metrics*> workers_;
};

}  // namespace tideover::ops
