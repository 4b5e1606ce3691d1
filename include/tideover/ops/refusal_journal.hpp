// Which refusals stand in the journal: that somebody got no answer because no cloud could be asked is a decision, and
// whoever answers for `local_only` wants to see it (contract §6). Not the log, which has a line for every request.
// Thread-safe: every worker reports here. Nothing waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "tideover/core/time.hpp"
#include "tideover/ops/journal.hpp"
#include "tideover/proxy/exchange_record.hpp"

namespace tideover::ops {

/// Did this exchange end without an answer, and would the cloud have been asked but for a policy or contingency?
bool refused_to_ask_cloud(const proxy::exchange_record& record);

/// One entry each for the first refusals of a minute; those beyond are counted and summed up at its end, by workflow,
/// reason and code. So whoever repeats a refused request in a loop neither fills the disk nor pushes other decisions
/// out of it, and yet no refusal goes uncounted.
class refusal_journal {
 public:
  static constexpr unsigned entries_a_window = 60;
  static constexpr duration window = std::chrono::minutes(1);
  /// Kinds of refusals that are told apart in a sum. Workflows and codes come from the configuration and from this
  /// program, never from a caller, so there are few; the bound is for memory's sake.
  static constexpr std::size_t most_kinds = 256;

  explicit refusal_journal(std::function<void(const journal_entry&)> write) : write_(std::move(write)) {}
  ~refusal_journal() { sum_up(); }
  refusal_journal(const refusal_journal&) = delete;
  refusal_journal& operator=(const refusal_journal&) = delete;

  /// Of any exchange that ended; most are none of its business.
  void note(const proxy::exchange_record& record, time_point now);
  /// The opposite of a refusal, which must never happen: an answer was made outside that was to be local. Each one
  /// stands there, because the model is asked no more after the first.
  void note_remote_answer(const proxy::exchange_record& record, std::string_view upstream, std::string_view model);
  /// Sums up when a minute is over, although nobody was refused since.
  void tick(time_point now);
  /// Sums up now.
  void sum_up();

 private:
  using kind = std::tuple<std::string, std::string, std::string>;  // workflow, reason, code
  void sum_up_locked();

  std::function<void(const journal_entry&)> write_;
  std::mutex mutex_;
  time_point window_ends_{};
  unsigned written_ = 0;  // in this window
  std::map<kind, std::uint64_t> counted_;
};

}  // namespace tideover::ops
