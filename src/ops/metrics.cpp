#include "tideover/ops/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cerrno>
#include <functional>
#include <map>

#include "metric_cells.hpp"
#include "process_facts.hpp"

namespace tideover::ops {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

/// What is shown where no upstream served.
constexpr std::string_view nobody = "none";

/// Three digits whatever an upstream sent: a label must not be anybody's free choice.
int three_digits(int code) { return code >= 100 && code <= 999 ? code : 0; }
std::string code_label(int code) { return code > 0 ? std::to_string(code) : "000"; }

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily f;
  f.name = std::move(name);
  f.help = std::move(help);
  f.type = type;
  return f;
}

void add_counter(MetricFamily& f, labels l, double value) {
  ClientMetric m;
  m.label = std::move(l);
  m.counter.value = value;
  f.metric.push_back(std::move(m));
}

void add_gauge(MetricFamily& f, labels l, double value) {
  ClientMetric m;
  m.label = std::move(l);
  m.gauge.value = value;
  f.metric.push_back(std::move(m));
}

MetricFamily gauge(std::string name, std::string help, double value) {
  auto f = family(std::move(name), std::move(help), MetricType::Gauge);
  add_gauge(f, {}, value);
  return f;
}

/// The sum over all workers of one label set, in the order of the labels so that two scrapes can be compared.
using counter_sums = std::map<std::vector<std::string>, std::uint64_t>;

MetricFamily counters(std::string name, std::string help, const std::vector<std::string>& names,
                      const counter_sums& sums) {
  auto f = family(std::move(name), std::move(help), MetricType::Counter);
  for (const auto& [values, sum] : sums) {
    labels l;
    for (std::size_t i = 0; i < names.size(); ++i) l.push_back({names[i], values[i]});
    add_counter(f, std::move(l), static_cast<double>(sum));
  }
  return f;
}

struct histogram_sum {
  std::array<std::uint64_t, bucket_bounds.size() + 1> counts{};
  std::uint64_t sum_ns = 0;

  void add(const histogram_cell& cell) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += cell.counts_[i].read();
    sum_ns += cell.sum_ns_.read();
  }
};
using histogram_sums = std::map<std::string, histogram_sum>;  // by upstream

MetricFamily histograms(std::string name, std::string help, const histogram_sums& sums) {
  auto f = family(std::move(name), std::move(help), MetricType::Histogram);
  for (const auto& [upstream, sum] : sums) {
    ClientMetric m;
    m.label.push_back({"upstream", upstream});
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < bucket_bounds.size(); ++i) {
      so_far += sum.counts[i];
      m.histogram.bucket.push_back({so_far, bucket_bounds[i]});
    }
    m.histogram.sample_count = so_far + sum.counts.back();  // from the buckets: a scrape in mid-record stays consistent
    m.histogram.sample_sum = static_cast<double>(sum.sum_ns) * 1e-9;
    f.metric.push_back(std::move(m));
  }
  return f;
}

void append_process(std::vector<MetricFamily>& out) {
  auto const facts = read_process_facts();
  auto cpu = family("process_cpu_seconds_total", "CPU time spent, user and system", MetricType::Counter);
  add_counter(cpu, {}, facts.cpu_seconds);
  out.push_back(std::move(cpu));
  out.push_back(gauge("process_resident_memory_bytes", "Resident memory", facts.resident_bytes));
  out.push_back(gauge("process_virtual_memory_bytes", "Virtual memory", facts.virtual_bytes));
  out.push_back(gauge("process_open_fds", "Open file descriptors", facts.open_descriptors));
  out.push_back(gauge("process_max_fds", "File descriptors that may be open", facts.most_descriptors));
  out.push_back(gauge("process_start_time_seconds", "Start of the process, in seconds since 1970", facts.start_unix));
}

void append_view(std::vector<MetricFamily>& out, const process_view& view) {
  auto up = family("tideover_upstream_up", "Whether the upstream may be asked", MetricType::Gauge);
  for (const auto& u : view.upstreams) add_gauge(up, {{"upstream", u.name}}, u.up ? 1 : 0);
  out.push_back(std::move(up));
  auto breakers = family("tideover_breaker_state", "The state of the upstream's circuit breaker is 1, the others are 0",
                         MetricType::Gauge);
  using state = policy::circuit_breaker::state;
  for (const auto& b : view.breakers)
    for (auto const s : {state::closed, state::half_open, state::open})
      add_gauge(breakers, {{"upstream", b.upstream}, {"state", std::string(token(s))}}, s == b.state ? 1 : 0);
  out.push_back(std::move(breakers));
  auto queues =
      family("tideover_local_queue_length", "Requests that wait for a place at the local upstream", MetricType::Gauge);
  for (const auto& q : view.queues) add_gauge(queues, {{"upstream", q.upstream}}, static_cast<double>(q.waiting));
  out.push_back(std::move(queues));
  auto ready =
      family("tideover_local_ready", "Whether what was checked of the local upstream is in order", MetricType::Gauge);
  for (const auto& c : view.local_checks)
    add_gauge(ready, {{"upstream", c.upstream}, {"check", c.check}}, c.ready ? 1 : 0);
  out.push_back(std::move(ready));
  auto speeds =
      family("tideover_local_tokens_per_second", "How fast the local model generated lately", MetricType::Gauge);
  for (const auto& m : view.local_speeds) add_gauge(speeds, {{"model", m.model}}, m.value);
  out.push_back(std::move(speeds));
  auto gpu = family("tideover_local_gpu_fraction", "The share of the loaded local model that is on the GPU",
                    MetricType::Gauge);
  for (const auto& m : view.local_gpu) add_gauge(gpu, {{"model", m.model}}, m.value);
  out.push_back(std::move(gpu));
  auto contingency = family("tideover_contingency_active", "Workflows that are kept from the cloud, and who said so",
                            MetricType::Gauge);
  for (const auto& c : view.contingency) add_gauge(contingency, {{"workflow", c.workflow}, {"source", c.source}}, 1);
  out.push_back(std::move(contingency));
  out.push_back(gauge("tideover_config_last_reload_successful", "Whether the last reload took effect",
                      view.last_reload_ok ? 1 : 0));
  auto dropped = family("tideover_log_lines_dropped_total", "Log lines nobody took in time", MetricType::Counter);
  add_counter(dropped, {}, static_cast<double>(view.log_lines_dropped));
  out.push_back(std::move(dropped));
  out.push_back(
      gauge("tideover_journal_writable", "Whether events.jsonl takes what is written", view.journal_writable ? 1 : 0));
  auto lost = family("tideover_journal_lines_lost_total", "Journal lines the disk did not take", MetricType::Counter);
  add_counter(lost, {}, static_cast<double>(view.journal_lines_lost));
  out.push_back(std::move(lost));
  auto build = family("tideover_build_info", "What is running", MetricType::Gauge);
  add_gauge(build, {{"version", view.version}}, 1);
  out.push_back(std::move(build));
}

}  // namespace

worker_metrics::worker_metrics() : cells_(std::make_unique<cells>()) {}
worker_metrics::~worker_metrics() = default;

void worker_metrics::record(const proxy::exchange_record& r) {
  auto const upstream = r.upstream.empty() ? nobody : std::string_view(r.upstream);
  cells_->requests.at({r.workflow, upstream, r.what, three_digits(r.status), r.how}).add(1);
  auto& times = cells_->times.at(upstream_view(upstream));
  times.duration.observe(r.total);
  times.overhead.observe(std::max(r.total - r.upstream_time - r.caller_time, duration::zero()));
}

void worker_metrics::failover(std::string_view workflow, std::string_view from, std::string_view to, reason why) {
  cells_->failovers.at({workflow, from, to, why}).add(1);
}

void worker_metrics::first_content(std::string_view upstream, duration since_start) {
  cells_->first_content.at(upstream_view(upstream)).observe(since_start);
}

void worker_metrics::chunk_gap(std::string_view upstream, duration gap) {
  cells_->chunk_gap.at(upstream_view(upstream)).observe(gap);
}

void worker_metrics::queue_waited(std::string_view upstream, duration wait) {
  cells_->queue_wait.at(upstream_view(upstream)).observe(wait);
}

void worker_metrics::accept_failed(int error) {
  auto const which = error == EMFILE ? 0u : error == ENFILE ? 1u : error == ENOMEM ? 2u : 3u;
  cells_->accept_errors[which].add(1);
}

void metrics_registry::add(const worker_metrics* worker) { workers_.push_back(worker); }

std::string metrics_registry::render(const process_view& view) const {
  counter_sums requests, failovers, accept_errors;
  histogram_sums durations, overheads, first_contents, gaps, queue_waits;
  for (const auto* worker : workers_) {
    const auto& cells = *worker->cells_;
    cells.requests.visit([&](const auto& k, const counter_cell& c) {
      requests[{k.workflow, k.upstream, std::string(token(k.what)), code_label(k.code), std::string(token(k.how))}] +=
          c.read();
    });
    cells.failovers.visit([&](const auto& k, const counter_cell& c) {
      failovers[{k.workflow, k.from, k.to, std::string(token(k.why))}] += c.read();
    });
    cells.times.visit([&](const auto& k, const exchange_times& t) {
      durations[k.upstream].add(t.duration);
      overheads[k.upstream].add(t.overhead);
    });
    cells.first_content.visit([&](const auto& k, const histogram_cell& c) { first_contents[k.upstream].add(c); });
    cells.chunk_gap.visit([&](const auto& k, const histogram_cell& c) { gaps[k.upstream].add(c); });
    for (std::size_t i = 0; i < accept_reasons.size(); ++i)
      accept_errors[{std::string(accept_reasons[i])}] += cells.accept_errors[i].read();
    cells.queue_wait.visit([&](const auto& k, const histogram_cell& c) { queue_waits[k.upstream].add(c); });
  }

  std::vector<MetricFamily> out;
  out.push_back(counters("tideover_requests_total", "Requests that ended, each counted once",
                         {"workflow", "upstream", "endpoint", "code", "outcome"}, requests));
  out.push_back(counters("tideover_failovers_total", "Steps from one upstream to the next that is asked",
                         {"workflow", "from", "to", "reason"}, failovers));
  out.push_back(
      histograms("tideover_request_duration_seconds", "From the request to the end of its answer", durations));
  out.push_back(histograms("tideover_time_to_first_content_seconds", "From the request to the first usable content",
                           first_contents));
  out.push_back(histograms("tideover_chunk_gap_seconds", "Between pieces of one streamed answer", gaps));
  out.push_back(histograms("tideover_overhead_seconds", "Time not spent waiting for an upstream", overheads));
  out.push_back(
      histograms("tideover_local_queue_wait_seconds", "Before a place at the local upstream was free", queue_waits));
  out.push_back(counters("tideover_accept_errors_total",
                         "Times a connection could not be accepted and accepting paused", {"reason"}, accept_errors));
  append_view(out, view);
  append_process(out);
  // A family without a series would print its help for nothing.
  std::erase_if(out, [](const MetricFamily& f) { return f.metric.empty(); });
  return prometheus::TextSerializer().Serialize(out);
}

}  // namespace tideover::ops
