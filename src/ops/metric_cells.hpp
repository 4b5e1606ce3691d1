// The cells of one worker: written by that worker without locks, read by a scrape.
// Not a metrics library: names, help texts and the text format are metrics.cpp and prometheus-cpp.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"
#include "tideover/core/words.hpp"
#include "tideover/ops/metrics.hpp"
#include "tideover/proxy/exchange_record.hpp"

namespace tideover::ops {

/// One writer, many readers: no locked instruction, no torn value.
class counter_cell {
 public:
  void add(std::uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// From a proxy's own share of a request to the longest answer that a deadline allows.
inline constexpr std::array<double, 21> bucket_bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                      0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                                      5,      10,      30,     60,    120,    300,   600};

class histogram_cell {
 public:
  void observe(duration span) {
    auto const ns = std::max<std::int64_t>(std::chrono::nanoseconds(span).count(), 0);
    auto const seconds = static_cast<double>(ns) * 1e-9;
    auto const bound =
        std::lower_bound(bucket_bounds.begin(), bucket_bounds.end(), seconds);  // `le`: its end belongs to it
    counts_[static_cast<std::size_t>(bound - bucket_bounds.begin())].add(1);
    sum_ns_.add(static_cast<std::uint64_t>(ns));
  }

  std::array<counter_cell, bucket_bounds.size() + 1> counts_;  // the last one: beyond every bound
  counter_cell sum_ns_;
};

/// A map that its one writer reads without locking: nobody else ever changes it. A scrape reads it under the mutex that
/// the writer takes only to insert. Cells never move.
template <class Stored, class View, class Cell>
class cell_map {
 public:
  Cell& at(const View& key) {
    if (last_ && View(last_->first) == key) return *last_->second;  // nearly always: most of the traffic is of one kind
    auto it = cells_.find(key);
    if (it == cells_.end()) {
      std::lock_guard const lock(mutex_);
      it = cells_.emplace(Stored(key), std::make_unique<Cell>()).first;
    }
    last_ = &*it;
    return *it->second;
  }
  template <class Visitor>
  void visit(Visitor&& visitor) const {
    std::lock_guard const lock(mutex_);
    for (const auto& [key, cell] : cells_) visitor(key, *cell);
  }

 private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(const View& key) const { return key.hash(); }
    std::size_t operator()(const Stored& key) const { return View(key).hash(); }
  };
  struct equal {
    using is_transparent = void;
    bool operator()(const View& a, const View& b) const { return a == b; }
    bool operator()(const Stored& a, const Stored& b) const { return View(a) == View(b); }
    bool operator()(const View& a, const Stored& b) const { return a == View(b); }
    bool operator()(const Stored& a, const View& b) const { return View(a) == b; }
  };
  mutable std::mutex mutex_;
  std::unordered_map<Stored, std::unique_ptr<Cell>, hash, equal> cells_;
  const std::pair<const Stored, std::unique_ptr<Cell>>* last_ = nullptr;  // the writer's; elements never move
};

inline std::size_t mixed(std::size_t a, std::size_t b) { return a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2)); }

/// Label sets twice: with views for looking up without an allocation, with strings for keeping.
template <class Text>
struct request_labels {
  Text workflow, upstream;
  endpoint what{};
  int code = 0;
  proxy::outcome how{};

  request_labels() = default;
  request_labels(Text w, Text u, endpoint e, int c, proxy::outcome o)
      : workflow(std::move(w)), upstream(std::move(u)), what(e), code(c), how(o) {}
  template <class Other>
  explicit request_labels(const request_labels<Other>& o)
      : workflow(o.workflow), upstream(o.upstream), what(o.what), code(o.code), how(o.how) {}
  bool operator==(const request_labels&) const = default;
  std::size_t hash() const {
    std::hash<std::string_view> const text;
    auto const numbers =
        static_cast<std::size_t>(code) << 16 | static_cast<std::size_t>(what) << 8 | static_cast<std::size_t>(how);
    return mixed(mixed(text(workflow), text(upstream)), numbers);
  }
};

template <class Text>
struct failover_labels {
  Text workflow, from, to;
  reason why{};

  failover_labels() = default;
  failover_labels(Text w, Text f, Text t, reason r)
      : workflow(std::move(w)), from(std::move(f)), to(std::move(t)), why(r) {}
  template <class Other>
  explicit failover_labels(const failover_labels<Other>& o)
      : workflow(o.workflow), from(o.from), to(o.to), why(o.why) {}
  bool operator==(const failover_labels&) const = default;
  std::size_t hash() const {
    std::hash<std::string_view> const text;
    return mixed(mixed(text(workflow), text(from)), mixed(text(to), static_cast<std::size_t>(why)));
  }
};

template <class Text>
struct upstream_label {
  Text upstream;

  upstream_label() = default;
  explicit upstream_label(Text u) : upstream(std::move(u)) {}
  template <class Other>
  explicit upstream_label(const upstream_label<Other>& o) : upstream(o.upstream) {}
  bool operator==(const upstream_label&) const = default;
  std::size_t hash() const { return std::hash<std::string_view>{}(upstream); }
};

using request_view = request_labels<std::string_view>;
using failover_view = failover_labels<std::string_view>;
using upstream_view = upstream_label<std::string_view>;

/// The two that every request touches, found by one look-up.
struct exchange_times {
  histogram_cell duration;
  histogram_cell overhead;
};

/// What accepting a connection may fail for; the last one stands for all others.
inline constexpr std::array<std::string_view, 4> accept_reasons{"EMFILE", "ENFILE", "ENOMEM", "other"};

struct worker_metrics::cells {
  cell_map<request_labels<std::string>, request_view, counter_cell> requests;
  cell_map<failover_labels<std::string>, failover_view, counter_cell> failovers;
  cell_map<upstream_label<std::string>, upstream_view, exchange_times> times;
  cell_map<upstream_label<std::string>, upstream_view, histogram_cell> first_content;
  cell_map<upstream_label<std::string>, upstream_view, histogram_cell> chunk_gap;
  cell_map<upstream_label<std::string>, upstream_view, histogram_cell> queue_wait;
  std::array<counter_cell, accept_reasons.size()> accept_errors;
};

}  // namespace tideover::ops
