#include "tideover/ops/metrics.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <random>
#include <sstream>
#include <thread>

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;

proxy::exchange_record record(std::string upstream, int status, proxy::outcome how, duration total = 2ms,
                              duration waiting = 1ms) {
  proxy::exchange_record r;
  r.workflow = "default";
  r.upstream = std::move(upstream);
  r.what = endpoint::messages;
  r.status = status;
  r.how = how;
  r.total = total;
  r.upstream_time = waiting;
  return r;
}

/// The value of the series whose line begins with `series`; -1 when there is none.
double value_of(const std::string& text, const std::string& series) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  return -1;
}

double sum_of(const std::string& text, const std::string& family) {
  std::istringstream lines(text);
  double sum = 0;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(family + "{")) sum += std::stod(line.substr(line.rfind(' ')));
  return sum;
}

TEST(Metrics, CountFailedAcceptsByReasonAndShowThatThereWereNone) {
  worker_metrics a, b;
  metrics_registry registry;
  registry.add(&a);
  registry.add(&b);
  auto const counted = [&](const char* reason) {
    return value_of(registry.render({}), "tideover_accept_errors_total{reason=\"" + std::string(reason) + "\"}");
  };
  for (auto const* reason : {"EMFILE", "ENFILE", "ENOMEM", "other"}) EXPECT_EQ(counted(reason), 0) << reason;
  a.accept_failed(EMFILE);
  b.accept_failed(EMFILE);
  b.accept_failed(ENFILE);
  a.accept_failed(ENOMEM);
  a.accept_failed(ENOBUFS);
  a.accept_failed(EPERM);
  EXPECT_EQ(counted("EMFILE"), 2);
  EXPECT_EQ(counted("ENFILE"), 1);
  EXPECT_EQ(counted("ENOMEM"), 1);
  EXPECT_EQ(counted("other"), 2);
}

TEST(Metrics, AddUpTheWorkersByLabelSet) {
  worker_metrics a, b;
  metrics_registry registry;
  registry.add(&a);
  registry.add(&b);
  a.record(record("openai", 200, proxy::outcome::answered));
  b.record(record("openai", 200, proxy::outcome::answered));
  b.record(record("ollama", 200, proxy::outcome::failed_over));
  b.record(record("", 400, proxy::outcome::refused));
  a.record(record("", 0, proxy::outcome::client_gone));
  a.record(record("", 123456, proxy::outcome::failed));
  a.failover("default", "openai", "ollama", reason::server_error);
  b.failover("default", "openai", "ollama", reason::server_error);

  auto const text = registry.render({});
  auto const requests = [&](const char* upstream, const char* code, const char* outcome) {
    return value_of(text, "tideover_requests_total{workflow=\"default\",upstream=\"" + std::string(upstream) +
                              "\",endpoint=\"messages\",code=\"" + code + "\",outcome=\"" + outcome + "\"}");
  };
  EXPECT_EQ(requests("openai", "200", "answered"), 2);
  EXPECT_EQ(requests("ollama", "200", "failed_over"), 1);
  EXPECT_EQ(requests("none", "400", "refused"), 1);
  EXPECT_EQ(requests("none", "000", "client_gone"), 1);
  EXPECT_EQ(requests("none", "000", "failed"), 1);
  EXPECT_EQ(sum_of(text, "tideover_requests_total"), 6);
  EXPECT_EQ(
      value_of(text,
               "tideover_failovers_total{workflow=\"default\",from=\"openai\",to=\"ollama\",reason=\"server_error\"}"),
      2);
}

TEST(Metrics, ABucketIncludesItsBoundAndTheLastIs600Seconds) {
  worker_metrics worker;
  metrics_registry registry;
  registry.add(&worker);
  for (auto const span : {duration(1ms), duration(1ms + 1ns), duration(600s), duration(601s), duration(-5s)})
    worker.first_content("openai", span);
  worker.chunk_gap("ollama", 50ms);
  worker.queue_waited("ollama", 2s);
  process_view view;
  view.queues = {{"ollama", 3}};
  auto const text = registry.render(view);
  auto const bucket = [&](const std::string& le) {
    return value_of(text, "tideover_time_to_first_content_seconds_bucket{upstream=\"openai\",le=\"" + le + "\"}");
  };
  EXPECT_EQ(bucket("0.0005"), 1);
  EXPECT_EQ(bucket("0.001"), 2);
  EXPECT_EQ(bucket("0.0025"), 3);
  EXPECT_EQ(bucket("300"), 3);
  EXPECT_EQ(bucket("600"), 4);
  EXPECT_EQ(bucket("+Inf"), 5);
  EXPECT_EQ(value_of(text, "tideover_time_to_first_content_seconds_count{upstream=\"openai\"}"), 5);
  EXPECT_NEAR(value_of(text, "tideover_time_to_first_content_seconds_sum{upstream=\"openai\"}"), 1201.002, 0.001);
  EXPECT_EQ(value_of(text, "tideover_chunk_gap_seconds_count{upstream=\"ollama\"}"), 1);
  EXPECT_EQ(value_of(text, "tideover_local_queue_wait_seconds_bucket{upstream=\"ollama\",le=\"2.5\"}"), 1);
  EXPECT_EQ(value_of(text, "tideover_local_queue_wait_seconds_bucket{upstream=\"ollama\",le=\"1\"}"), 0);
  EXPECT_EQ(value_of(text, "tideover_local_queue_length{upstream=\"ollama\"}"), 3);
}

TEST(Metrics, OverheadIsWhatWasNotSpentWaiting) {
  worker_metrics worker;
  metrics_registry registry;
  registry.add(&worker);
  worker.record(record("openai", 200, proxy::outcome::answered, 10s, 9s));
  auto const text = registry.render({});
  EXPECT_NEAR(value_of(text, "tideover_request_duration_seconds_sum{upstream=\"openai\"}"), 10, 1e-6);
  EXPECT_NEAR(value_of(text, "tideover_overhead_seconds_sum{upstream=\"openai\"}"), 1, 1e-6);
}

TEST(Metrics, ShowWhatExistsOncePerProcess) {
  metrics_registry registry;
  auto const text = registry.render({.version = "1.2.3",
                                     .last_reload_ok = false,
                                     .contingency = {{"legal", "file"}},
                                     .upstreams = {{"openai", false}, {"ollama", true}},
                                     .breakers = {{"openai", policy::circuit_breaker::state::half_open}},
                                     .log_lines_dropped = 7});
  EXPECT_EQ(value_of(text, "tideover_upstream_up{upstream=\"openai\"}"), 0);
  EXPECT_EQ(value_of(text, "tideover_breaker_state{upstream=\"openai\",state=\"half_open\"}"), 1);
  EXPECT_EQ(value_of(text, "tideover_breaker_state{upstream=\"openai\",state=\"open\"}"), 0);
  EXPECT_EQ(value_of(text, "tideover_breaker_state{upstream=\"openai\",state=\"closed\"}"), 0);
  EXPECT_EQ(value_of(text, "tideover_upstream_up{upstream=\"ollama\"}"), 1);
  EXPECT_EQ(value_of(text, "tideover_contingency_active{workflow=\"legal\",source=\"file\"}"), 1);
  EXPECT_EQ(value_of(text, "tideover_config_last_reload_successful"), 0);
  EXPECT_EQ(value_of(text, "tideover_log_lines_dropped_total"), 7);
  EXPECT_EQ(value_of(text, "tideover_build_info{version=\"1.2.3\"}"), 1);
  EXPECT_GT(value_of(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value_of(text, "process_virtual_memory_bytes"), 1e6);
  EXPECT_GE(value_of(text, "process_open_fds"), 3);
  EXPECT_GE(value_of(text, "process_max_fds"), value_of(text, "process_open_fds"));
  EXPECT_GE(value_of(text, "process_cpu_seconds_total"), 0);
  auto const start = value_of(text, "process_start_time_seconds");
  auto const now = static_cast<double>(std::time(nullptr));
  EXPECT_GT(start, now - 3600);
  EXPECT_LT(start, now + 2);
}

TEST(Metrics, LabelValuesAreEscaped) {
  worker_metrics worker;
  metrics_registry registry;
  registry.add(&worker);
  auto r = record("a\"b\nc\\", 200, proxy::outcome::answered);
  worker.record(r);
  EXPECT_NE(registry.render({}).find(R"(upstream="a\"b\nc\\")"), std::string::npos);
}

TEST(Metrics, EveryRecordIsCountedOnceWhileSomebodyReads) {
  constexpr int workers = 2, records = 20'000;
  worker_metrics metrics[workers];
  metrics_registry registry;
  for (auto& m : metrics) registry.add(&m);
  std::atomic<int> running{workers};
  std::vector<std::thread> threads;
  for (int w = 0; w < workers; ++w)
    threads.emplace_back([&, w] {
      std::mt19937 random(static_cast<unsigned>(w));
      std::string const names[] = {"", "openai", "anthropic", "ollama"};
      for (int i = 0; i < records; ++i) {
        metrics[w].record(record(names[random() % 4], 200 + static_cast<int>(random() % 400),
                                 static_cast<proxy::outcome>(random() % proxy::outcome_count)));
        metrics[w].chunk_gap(names[random() % 4], 1ms);
      }
      --running;
    });
  double last = 0;
  while (running > 0) {
    auto const now = sum_of(registry.render({}), "tideover_requests_total");
    EXPECT_GE(now, last);  // a counter never falls
    last = now;
  }
  for (auto& t : threads) t.join();
  auto const text = registry.render({});
  EXPECT_EQ(sum_of(text, "tideover_requests_total"), workers * records);
  EXPECT_EQ(sum_of(text, "tideover_request_duration_seconds_count"), workers * records);
  EXPECT_EQ(sum_of(text, "tideover_chunk_gap_seconds_count"), workers * records);
}

}  // namespace
}  // namespace tideover::ops
