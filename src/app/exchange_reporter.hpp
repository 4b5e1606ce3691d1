// What workers report, turned into log lines and metrics.
#pragma once

#include <chrono>

#include "tideover/ops/access_log.hpp"
#include "tideover/ops/metrics.hpp"
#include "tideover/ops/notice_pace.hpp"
#include "tideover/ops/refusal_journal.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::app {

class exchange_reporter : public proxy::exchange_sink {
 public:
  /// What is shared by all workers: an error about a key comes once a minute, not once a request (contract §4), and
  /// refusals to ask a cloud go into the journal.
  exchange_reporter(ops::line_writer& log, ops::line_format format, ops::notice_pace& refused_keys,
                    ops::refusal_journal& refusals)
      : log_(log), format_(format), refused_keys_(refused_keys), refusals_(refusals) {}

  void failed_over(const proxy::exchange_record& record, const proxy::failover_step& step) override {
    log_.write(ops::failover_line(record, step, now_microseconds(), format_));
    metrics_.failover(record.workflow, step.from.name, step.to.name, step.why);
  }
  void first_content(const config::upstream& from, duration since_start) override {
    metrics_.first_content(from.name, since_start);
  }
  void chunk_gap(const config::upstream& from, duration gap) override { metrics_.chunk_gap(from.name, gap); }
  void queue_waited(const config::upstream& at, duration wait) override { metrics_.queue_waited(at.name, wait); }
  void accept_failed(int error) override { metrics_.accept_failed(error); }
  void finished(const proxy::exchange_record& record) override {
    metrics_.record(record);
    refusals_.note(record, clock::now());
    log_.write(ops::request_line(record, now_microseconds(), format_));
  }
  void key_refused(const config::upstream& by, const failure& what) override {
    if (refused_keys_.due(by.name, clock::now()))
      log_.write(ops::auth_line(what, by.name, by.title, by.credential.has_value(), now_microseconds(), format_));
  }
  void answered_remotely(const proxy::exchange_record& record, const config::upstream& by,
                         std::string_view model) override {
    log_.write(ops::remote_line(record, by.name, by.title, model, now_microseconds(), format_));
    refusals_.note_remote_answer(record, by.name, model);
  }

  const ops::worker_metrics& metrics() const { return metrics_; }

 private:
  static std::int64_t now_microseconds() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  ops::line_writer& log_;
  ops::line_format format_;
  ops::notice_pace& refused_keys_;
  ops::refusal_journal& refusals_;
  ops::worker_metrics metrics_;
};

}  // namespace tideover::app
