// One caller, one worker, upstreams as bare descriptors, all driven from the test's thread: every byte moves when the
// test says so. Not a network: no listener, no names, no clock.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/proxy/services.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::proxy::test {

/// What the worker reported.
struct noted : exchange_sink {
  void failed_over(const exchange_record&, const failover_step& step) override {
    failovers.push_back(step.from.name + ">" + step.to.name + ":" + std::string(token(step.why)));
  }
  void first_content(const config::upstream&, duration) override { ++first_contents; }
  void chunk_gap(const config::upstream&, duration) override {}
  void finished(const exchange_record& r) override { records.push_back(r); }
  void key_refused(const config::upstream& by, const failure& what) override {
    refusals.push_back(by.name + ": " + what.detail);
  }

  std::vector<std::string> failovers;
  std::vector<std::string> refusals;
  std::vector<exchange_record> records;
  int first_contents = 0;
};

/// A local tier with one model.
struct one_local_model : local_knowledge {
  std::shared_ptr<const policy::local_catalog> current() const override;
  void refresh(std::function<void()> done) override { done(); }
  policy::prefill_habit prefill_habit(std::string_view) const override { return habit; }

  policy::prefill_habit habit = policy::prefill_habit::unknown;
};

class bench_of_one {
 public:
  static constexpr std::size_t cloud = 0;
  static constexpr std::size_t local = 1;

  explicit bench_of_one(const config::breaker& breaker = {});
  /// Another configuration than the usual one: `change` gets it before anything starts.
  explicit bench_of_one(const std::function<void(config::snapshot&)>& change);
  ~bench_of_one();

  /// Puts a connected descriptor into the pool of an upstream; returns the test's end.
  int connect(std::size_t upstream);
  /// Lets the worker do what it can until nothing moves any more.
  void run();

  /// Every wait whose limit falls into this span from now on ends, as far as limits are known now.
  void let_pass(duration span);

  /// Ends everything that waits, as a worker does that is stopped.
  void stop() { worker_->reactions().cancel_everything(); }

  void say(int fd, std::string_view bytes);  // writes all, then runs
  std::string hear(int fd);                  // what has come so far, without waiting
  bool at_end(int fd);                       // the worker has closed its side (after everything was heard)

  int caller() const { return caller_; }
  noted& reported() { return reported_; }
  health_table& health() { return health_; }
  one_local_model& knowledge() { return local_knowledge_; }

 private:
  config::snapshot_ptr configuration_;
  memory_budget memory_{64u << 20};
  one_local_model local_knowledge_;
  net::resolver names_;
  caller_count callers_;
  health_table health_;
  contingency_view contingency_;
  client_gate clients_;
  services shared_;
  noted reported_;
  std::unique_ptr<worker> worker_;
  int caller_ = -1;
  std::vector<int> ends_;
};

std::string chat_request(bool stream);

}  // namespace tideover::proxy::test
