// Who may use a local server now, who waits, who is turned away: places per URL and one fair queue before them.
// Not a lock and not a timer: time comes in, verdicts come out; proxy/local_gate makes them reach who waits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/time.hpp"

namespace tideover::policy {

struct admission_settings {
  std::size_t urls = 1;
  unsigned concurrency = 2;  // places at each URL
  std::size_t queue_limit = 64;
  duration queue_wait = std::chrono::seconds(60);  // the longest anybody waits
};

/// What one URL could do for a request.
enum class url_fit : std::uint8_t {
  absent,     // it does not have the model
  installed,  // it has the model and would have to load it
  loaded,     // it can begin at once
};

/// Somebody who wants a place.
struct place_wish {
  std::uint64_t caller = 0;  // who asks, as a number: fairness is between callers
  config::priority urgency = config::priority::normal;
  time_point start_by = never;  // of no use later; `queue_wait` bounds the wait as well
  std::vector<url_fit> urls;    // by URL; empty: all have it installed
  bool wait = true;             // false: now or not at all (tests of our own)
};

/// Why there is no place.
enum class no_place : std::uint8_t {
  queue_full,  // more wait already than may
  too_long,    // waited in vain, or it would take longer than the request can wait
  nowhere,     // no URL has the model
  busy,        // nothing is free, and the wish was not to wait
};
std::string_view token(no_place why);

/// How the use of a place ended.
enum class place_use : std::uint8_t {
  served,       // its length tells how long a request takes
  unreachable,  // the URL could not be connected to: it rests
  other,        // anything that says nothing about the URL or the length of an answer
};

/// Places are given in this order: higher class first; within a class, callers in turn (who was served longest ago);
/// within a caller, first come first served. The class is the request's priority, raised by one for each third of the
/// longest wait that has passed, so that a steady stream of high priority cannot keep a low one out for ever. A full
/// queue makes room for a higher class, and for a caller who has fewer waiting than another of the same class: the
/// newest request of who has most waiting is turned away instead.
///
/// A URL that could not be connected to rests for 2 s, doubling to 30 s, and is used only where nothing else that has
/// the model lives. Of the living ones with a free place, those that have the model loaded come first, then the least
/// busy.
class admission {
 public:
  using ticket = std::uint64_t;
  struct place {
    std::uint16_t url = 0;
    duration waited{};
  };
  struct refusal {
    no_place why = no_place::busy;
    duration retry_after{};  // when a place is likely to be free, from how long requests have been taking
  };
  struct verdict {
    ticket who = 0;
    std::variant<place, refusal> what;
  };

  explicit admission(admission_settings settings);

  /// Other limits for the same URLs: who waits or has a place goes on. Fewer places than are in use are waited for.
  void adjust(const admission_settings& settings, time_point now);

  /// Its verdict comes with take_verdicts(), now or later.
  ticket enter(place_wish wish, time_point now);
  /// Whoever has a place gives it back, whoever waits goes away. Unknown tickets change nothing.
  void leave(ticket who, time_point now, place_use how);
  /// Lets time pass: who has waited too long is turned away, URLs have rested.
  void advance(time_point now);
  /// What was decided since the last call, each ticket once.
  std::vector<verdict> take_verdicts() { return std::exchange(verdicts_, {}); }

  std::size_t waiting() const { return waiting_.size(); }
  std::size_t busy() const { return holding_.size(); }
  std::size_t busy_at(std::size_t url) const { return urls_[url].busy; }
  bool rests(std::size_t url, time_point now) const { return now < urls_[url].rests_until; }
  /// Is there a URL for this wish that does not rest, other than `but`?
  bool lives(const place_wish& wish, std::size_t but, time_point now) const;
  /// How long a new request of this kind would wait; nothing known about lengths: `assumed_service` each.
  duration expected_wait(const place_wish& wish, time_point now) const;
  /// How long one request takes: the median of recent ones.
  duration usual_service() const;

  static constexpr auto assumed_service = std::chrono::seconds(5);
  static constexpr std::size_t remembered = 16;
  static constexpr duration first_rest = std::chrono::seconds(2), longest_rest = std::chrono::seconds(30);

 private:
  struct waiter {
    ticket who;
    place_wish wish;
    time_point since;
    time_point until;
  };
  struct holder {
    ticket who;
    std::uint64_t caller;
    std::uint16_t url;
    time_point since;
  };
  struct url_state {
    unsigned busy = 0;
    time_point rests_until = time_point::min();
    duration last_rest{};
  };

  static bool fits(const place_wish& wish, std::size_t url);
  int class_of(const waiter& w, time_point now) const;
  std::optional<std::uint16_t> free_url(const place_wish& wish, time_point now) const;
  std::size_t ahead_of(const place_wish& wish, time_point now) const;
  std::vector<waiter>::iterator next_waiter(time_point now);
  void grant_all(time_point now);
  void grant(const waiter& w, std::uint16_t url, time_point now);
  void refuse(const waiter& w, no_place why, time_point now);
  bool make_room(const place_wish& wish, time_point now);
  void forget_idle_callers();

  admission_settings settings_;
  std::vector<url_state> urls_;
  std::vector<waiter> waiting_;  // in the order they came
  std::vector<holder> holding_;
  std::map<std::uint64_t, std::uint64_t> last_turn_;  // of callers who wait or hold
  std::uint64_t turns_ = 0;
  ticket last_ticket_ = 0;
  std::vector<duration> lengths_;  // the last `remembered`, as a ring
  std::size_t next_length_ = 0;
  std::vector<verdict> verdicts_;
};

}  // namespace tideover::policy
