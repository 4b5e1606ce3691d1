// The machine of one exchange: names the next attempt and its deadline, or ends with a reason. Pure: time comes in.
// Not for performing attempts (proxy/exchange) nor for judging them (classify, answer_judge, stream_inspector).
#pragma once

#include <cstdint>
#include <optional>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/time.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

/// What the machine is told at the start; nothing of it changes during the exchange.
struct exchange_plan {
  candidate_list candidates;  // as candidates_for() ordered them
  time_point started;
  time_point deadline = never;   // of the whole exchange
  bool replayable = true;        // false: only the first candidate is ever asked (state at the cloud, streamed body)
  bool in_contingency = false;   // cloud candidates are skipped with reason `contingency`
  bool local_by_policy = false;  // local_only, local_first: what the local tier answers is so by `policy`
  bool streaming = false;
  bool wants_reasoning = false;
  bool repeats = false;                   // an SDK's own repeat: nothing is asked twice on top of that
  std::optional<duration> hedge_after{};  // the local tier starts beside a cloud that has been silent for so long
  bool may_continue = false;              // a stream of the cloud that is cut may be continued by the local tier
};

/// May this upstream be asked now? Answered by endpoint_health (circuit breaker, rests); `nothing` means yes.
struct health_view {
  virtual ~health_view() = default;
  virtual std::optional<reason> refuses(std::uint16_t upstream) const = 0;
};

struct attempt_limits {
  time_point connect;        // name lookup, TCP, TLS
  time_point first_content;  // streams: usable content; others: the complete answer
  duration idle;             // between bytes after first content
  time_point total;          // end of this leg, never after the exchange's deadline

  // Which setting each of the points comes from, for people.
  timer connect_timer = timer::connect;
  timer first_content_timer = timer::first_content;
  timer total_timer = timer::total;
};

class failover {
 public:
  failover(const exchange_plan& plan, const config::snapshot& configuration);

  enum class step : std::uint8_t {
    attempt,   // ask `upstream()` within `limits()`
    pause,     // wait until `pause_until()`, then ask again what to do
    give_up,   // no candidate is left; `final_reason()` says what to tell
    finished,  // an answer was committed or the caller left
  };

  /// What to do now. Calling it again without reporting an outcome gives the same step.
  /// Every upstream is named at most once, but for retries (retry_at): a silent one is never asked twice.
  step next(time_point now, const health_view* health = nullptr);

  std::uint16_t upstream() const { return current_; }
  /// What next() would give from `now` on: for attempts that had to wait for their turn.
  attempt_limits limits_for(std::uint16_t upstream, time_point now) const;
  const attempt_limits& limits() const { return limits_; }
  unsigned attempts() const { return attempts_; }  // how many were made, skipped candidates excluded

  /// Why an attempt at this candidate would be skipped now; nothing: it would be made.
  std::optional<reason> barred(std::uint16_t upstream, const health_view* health) const;

  /// The outcome of the attempt that next() named. A failure after commit ends the exchange. While a hedge is under
  /// way, that one takes the place of the attempt that failed: next() then names it without starting anything.
  void failed(const failure& what, time_point now);
  /// When the upstream that just failed may be asked once more (`upstreams.*.retry`), before failed() is told: only a
  /// cloud, only where nothing of the request can have been processed, where it refused at once, or where it said
  /// itself when to come again. Nothing: it may not. `jitter` is a random number from 0 to 1.
  std::optional<time_point> retry_at(const failure& what, time_point now, double jitter) const;
  /// Instead of failed(), once somebody has granted it (the budget of retries).
  void retry(const failure& what, time_point at);
  time_point pause_until() const { return pause_until_; }
  void pause_over() { pause_until_ = time_point::min(); }

  /// When a hedge may start beside the attempt under way; nothing: never.
  std::optional<time_point> hedge_at() const;
  /// Starts it: names its upstream and limits. Nothing when there is nobody.
  struct second_attempt {
    std::uint16_t upstream;
    attempt_limits limits;
  };
  std::optional<second_attempt> begin_hedge(time_point now, const health_view* health = nullptr);
  /// The hedge answers first: it is the attempt under way from here on, and the cloud was `hedged`.
  void hedge_won();
  /// The hedge failed while the first attempt is still under way.
  void hedge_failed(const failure& what);
  bool hedging() const { return hedge_.has_value(); }

  /// A committed stream of the cloud was cut, and the local tier goes on with it: the attempt under way is now that
  /// one, committed. Nothing when nobody may; failed() then says how it ends.
  std::optional<second_attempt> take_over(const failure& what, time_point now, const health_view* health = nullptr);

  void committed();    // the answer's head goes out: nothing changes backends any more
  void client_gone();  // nobody's failure; ends the exchange

  /// Why the cloud did not serve: the first failure or skip of a cloud candidate, else `policy` where the workflow's
  /// policy kept the request from it; absent if there is no such reason, or the cloud is being asked or did serve.
  std::optional<reason> cloud_failure() const;
  /// The first choice, where another candidate was attempted after it (index), for the log; absent if none was.
  std::optional<std::uint16_t> left_upstream() const { return left_; }
  /// From one candidate to the next that was attempted, for the log.
  struct hop {
    std::uint16_t from = 0;  // attempted last, or the first of those that were skipped
    std::uint16_t to = 0;
    reason why{};  // that one did not serve
    bool operator==(const hop&) const = default;
  };
  /// The latest; absent while the first choice is being asked.
  const std::optional<hop>& last_hop() const { return hop_; }

  /// Who can still answer, for a head that has to go out before anybody has. `tier`: of all of them, nothing where it
  /// is open; `upstream`: where it is only one. Health is not asked: whoever is left alone now may be asked by then.
  struct answerers {
    std::optional<enum tier> tier{};
    std::optional<std::uint16_t> upstream{};
  };
  answerers who_can_answer() const;

  enum class ending : std::uint8_t {
    open,
    answered,
    all_failed,      // every candidate was tried or skipped
    not_replayable,  // the first failed or was skipped, another was there, but the request may not be replayed
    no_candidate,    // there was nobody to ask
    deadline,        // the exchange's deadline passed
    client_left,
    cut,  // failed after commit
  };
  ending end() const { return end_; }
  const std::optional<failure>& last_failure() const { return last_failure_; }

 private:
  bool is_cloud(std::uint16_t upstream) const;
  std::optional<std::uint16_t> next_candidate(const health_view* health);
  void begin(std::uint16_t upstream, const attempt_limits& limits, time_point now);
  void note_left(std::uint16_t upstream, reason why, bool attempted);
  void leave_first();

  exchange_plan plan_;
  const config::snapshot* configuration_;
  std::uint8_t position_ = 0;
  std::uint16_t current_ = 0;
  bool attempt_open_ = false;
  bool committed_ = false;
  bool cloud_served_ = false;
  unsigned attempts_ = 0;
  attempt_limits limits_{};
  time_point begun_{};  // the attempt under way
  unsigned retries_ = 0;
  bool retrying_ = false;
  time_point pause_until_{};
  std::optional<second_attempt> hedge_;
  ending end_ = ending::open;
  std::optional<reason> cloud_failure_;
  std::optional<std::uint16_t> left_;
  struct left_behind {
    std::uint16_t upstream;
    reason why;
  };
  std::optional<left_behind> behind_;  // nothing: since the last hop nobody was left
  std::optional<hop> hop_;
  std::optional<failure> last_failure_;
};

}  // namespace tideover::policy
