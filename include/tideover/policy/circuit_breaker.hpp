// One circuit breaker: closed, traffic flows; open, it is refused; half-open, exactly one real request finds out.
// Not for keys, blame or rests: endpoint_health has a breaker per key and decides what counts. Pure: time comes in.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/time.hpp"

namespace tideover::policy {

/// As configured. Counted are only outcomes that endpoint_health reports.
using breaker_settings = config::breaker;

class circuit_breaker {
 public:
  enum class state : std::uint8_t {
    closed,     // traffic flows
    open,       // nobody is admitted
    half_open,  // the one admitted request decides
  };
  /// An outcome counts only in the era that admitted it: what was sent before a trip says nothing about the time after.
  struct permit {
    std::uint32_t era = 0;
  };

  explicit circuit_breaker(const breaker_settings& settings = {}) : settings_(settings) {}

  /// Would admit() refuse? Changes nothing.
  bool refuses(time_point now) const;
  /// Nothing while open, and while half-open after the first. Every permit must be settled by one of the three below;
  /// settling one twice changes nothing more where the first time ended its era.
  std::optional<permit> admit(time_point now);

  void succeeded(permit p, time_point now);
  /// `jitter` from 0 to 1 moves the end of the pause by up to a fifth of it, so that many breakers do not ask in step;
  /// the pause is never shorter than `open_for` nor longer than `open_for_max`.
  void failed(permit p, time_point now, double jitter);
  /// Told us nothing: the client left, or the request was at fault.
  void abandoned(permit p);

  /// A free probe reached the upstream, which disproves what only a connection can prove: closes at once. The pause
  /// keeps its length for the next trip until a real request succeeds, so that an upstream that only accepts does not
  /// flap.
  void probe_succeeded();

  /// The same history under other settings, for a table that takes over from another: permits of before count for
  /// nothing here, and half-open admits somebody anew.
  circuit_breaker renewed(const breaker_settings& settings) const {
    auto made = *this;
    made.settings_ = settings;
    ++made.era_;
    made.trial_out_ = false;
    return made;
  }

  /// This permit is the one request of half-open.
  bool is_trial(permit p) const { return tripped_ && trial_out_ && p.era == era_; }
  state current(time_point now) const;
  time_point open_until() const { return open_until_; }  // meaningful while open

 private:
  static constexpr std::size_t slices = 10;
  struct slice {
    std::int64_t number = -1;  // which tenth of a window since the epoch of the clock
    unsigned requests = 0;
    unsigned failures = 0;
  };

  std::int64_t slice_number(time_point now) const;
  void count(time_point now, bool failure);
  bool ratio_reached(time_point now) const;
  void trip(time_point now, double jitter);
  void close();

  breaker_settings settings_;
  bool tripped_ = false;     // open or half-open
  bool trial_out_ = false;   // the one request of half-open is under way
  std::uint32_t era_ = 0;    // grows with every trip, close and trial
  unsigned in_a_row_ = 0;    // failures
  unsigned reopenings_ = 0;  // trips since the last success: the exponent of the pause
  time_point open_until_{};
  std::array<slice, slices> window_{};
};

/// closed, open, half_open: for logs and metrics.
std::string_view token(circuit_breaker::state state);

}  // namespace tideover::policy
