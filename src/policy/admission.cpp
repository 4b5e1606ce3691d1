#include "tideover/policy/admission.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tideover::policy {

namespace {
constexpr duration soonest = std::chrono::seconds(1);  // that anybody is asked to come again
constexpr int best_class = static_cast<int>(config::priority::high);
}  // namespace

std::string_view token(no_place why) {
  switch (why) {
    case no_place::queue_full: return "queue_full";
    case no_place::too_long: return "too_long";
    case no_place::nowhere: return "nowhere";
    case no_place::busy: return "busy";
  }
  return {};
}

admission::admission(admission_settings settings)
    : settings_(settings), urls_(std::max<std::size_t>(settings.urls, 1)) {
  settings_.concurrency = std::max(settings_.concurrency, 1u);
}

void admission::adjust(const admission_settings& settings, time_point now) {
  auto const urls = settings_.urls;
  settings_ = settings;
  settings_.urls = urls;
  settings_.concurrency = std::max(settings_.concurrency, 1u);
  for (auto& w : waiting_) w.until = std::min(after(w.since, settings_.queue_wait), w.wish.start_by);
  advance(now);
}

bool admission::fits(const place_wish& wish, std::size_t url) {
  return wish.urls.empty() || (url < wish.urls.size() && wish.urls[url] != url_fit::absent);
}

bool admission::lives(const place_wish& wish, std::size_t but, time_point now) const {
  for (std::size_t i = 0; i < urls_.size(); ++i)
    if (i != but && fits(wish, i) && !rests(i, now)) return true;
  return false;
}

/// The longer somebody waits, the better its class; nobody is kept out by those who come later for ever.
int admission::class_of(const waiter& w, time_point now) const {
  int const own = static_cast<int>(w.wish.urgency);
  auto const third = settings_.queue_wait / 3;
  if (third <= duration::zero()) return own;
  auto const raised = static_cast<int>(std::min<duration::rep>((now - w.since) / third, best_class));
  return std::min(own + raised, best_class);
}

std::optional<std::uint16_t> admission::free_url(const place_wish& wish, time_point now) const {
  // While one lives, the dead ones are not tried; while none does, they are all there is.
  bool const any_lives = lives(wish, urls_.size(), now);
  std::optional<std::size_t> best;
  auto const loaded = [&](std::size_t i) { return !wish.urls.empty() && wish.urls[i] == url_fit::loaded; };
  for (std::size_t i = 0; i < urls_.size(); ++i) {
    if (!fits(wish, i) || (any_lives && rests(i, now)) || urls_[i].busy >= settings_.concurrency) continue;
    if (!best || (loaded(i) && !loaded(*best)) || (loaded(i) == loaded(*best) && urls_[i].busy < urls_[*best].busy))
      best = i;
  }
  if (!best) return std::nullopt;
  return static_cast<std::uint16_t>(*best);
}

duration admission::usual_service() const {
  if (lengths_.empty()) return assumed_service;
  auto sorted = lengths_;  // the median: one cold start is no habit
  auto const middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

/// How many of those who wait would be served before somebody who comes now.
std::size_t admission::ahead_of(const place_wish& wish, time_point now) const {
  std::size_t before = 0;
  std::map<std::uint64_t, std::size_t> same_class;
  for (const auto& w : waiting_) {
    auto const its = class_of(w, now);
    if (its > static_cast<int>(wish.urgency)) ++before;
    if (its == static_cast<int>(wish.urgency)) ++same_class[w.wish.caller];
  }
  auto const mine = same_class.contains(wish.caller) ? same_class.at(wish.caller) : 0;
  for (const auto& [caller, count] : same_class)  // callers take turns
    before += caller == wish.caller ? count : std::min(count, mine + 1);
  return before;
}

duration admission::expected_wait(const place_wish& wish, time_point now) const {
  auto const usual = usual_service();
  bool const any_lives = lives(wish, urls_.size(), now);
  std::vector<time_point> free_at;
  for (std::size_t i = 0; i < urls_.size(); ++i) {
    if (!fits(wish, i) || (any_lives && rests(i, now))) continue;
    for (const auto& h : holding_)
      if (h.url == i) free_at.push_back(std::max(now, after(h.since, usual)));
    free_at.resize(free_at.size() + (settings_.concurrency - std::min(urls_[i].busy, settings_.concurrency)), now);
  }
  if (free_at.empty()) return settings_.queue_wait;
  for (auto ahead = ahead_of(wish, now); ahead > 0; --ahead) {
    auto const first = std::min_element(free_at.begin(), free_at.end());
    *first = after(*first, usual);
  }
  return *std::min_element(free_at.begin(), free_at.end()) - now;
}

void admission::refuse(const waiter& w, no_place why, time_point now) {
  // A model that is nowhere does not appear by waiting.
  auto const in = why == no_place::nowhere ? duration{} : std::max(expected_wait(w.wish, now), soonest);
  verdicts_.push_back({w.who, refusal{why, in}});
}

void admission::grant(const waiter& w, std::uint16_t url, time_point now) {
  ++urls_[url].busy;
  assert(urls_[url].busy <= settings_.concurrency);
  holding_.push_back({w.who, w.wish.caller, url, now});
  last_turn_[w.wish.caller] = ++turns_;
  verdicts_.push_back({w.who, place{url, now - w.since}});
}

/// The one to be served next of those for whom a place is free.
std::vector<admission::waiter>::iterator admission::next_waiter(time_point now) {
  auto best = waiting_.end();
  auto const turn = [&](const waiter& w) {
    auto const it = last_turn_.find(w.wish.caller);
    return it == last_turn_.end() ? 0 : it->second;
  };
  for (auto w = waiting_.begin(); w != waiting_.end(); ++w) {
    if (!free_url(w->wish, now)) continue;  // who needs another URL is in nobody's way
    if (best == waiting_.end()) {
      best = w;
      continue;
    }
    auto const mine = class_of(*w, now), its = class_of(*best, now);
    if (mine > its || (mine == its && turn(*w) < turn(*best))) best = w;
  }
  return best;
}

void admission::grant_all(time_point now) {
  for (auto next = next_waiter(now); next != waiting_.end(); next = next_waiter(now)) {
    auto const who = std::move(*next);
    waiting_.erase(next);
    grant(who, *free_url(who.wish, now), now);
  }
}

/// Turns somebody away for a newcomer who has a better claim; false when nobody has a worse one.
bool admission::make_room(const place_wish& wish, time_point now) {
  if (waiting_.empty()) return false;
  std::map<std::uint64_t, std::size_t> counts;
  for (const auto& w : waiting_) ++counts[w.wish.caller];
  auto victim = waiting_.begin();
  for (auto w = waiting_.begin(); w != waiting_.end(); ++w) {  // later ones win ties: the newest goes
    auto const its = class_of(*w, now), worst = class_of(*victim, now);
    if (its < worst || (its == worst && counts[w->wish.caller] >= counts[victim->wish.caller])) victim = w;
  }
  int const mine = static_cast<int>(wish.urgency), its = class_of(*victim, now);
  auto const my_count = counts.contains(wish.caller) ? counts[wish.caller] : 0;
  if (mine < its || (mine == its && counts[victim->wish.caller] <= my_count + 1)) return false;
  auto const gone = std::move(*victim);
  waiting_.erase(victim);
  refuse(gone, no_place::queue_full, now);
  return true;
}

admission::ticket admission::enter(place_wish wish, time_point now) {
  advance(now);
  waiter w{++last_ticket_, std::move(wish), now, {}};
  w.until = std::min(after(now, settings_.queue_wait), w.wish.start_by);
  auto const who = w.who;
  bool anywhere = false;
  for (std::size_t i = 0; i < urls_.size(); ++i) anywhere = anywhere || fits(w.wish, i);
  if (!anywhere) {
    refuse(w, no_place::nowhere, now);
    return who;
  }
  // Those who wait have been served wherever a place is free for them, so a free place is nobody else's.
  if (auto const url = free_url(w.wish, now)) {
    grant(w, *url, now);
    return who;
  }
  if (!w.wish.wait) {
    refuse(w, no_place::busy, now);
    return who;
  }
  // Told early that it takes too long, a caller can go elsewhere; without any history nobody is sent away on a guess.
  bool const foreseeable = !lengths_.empty() && after(now, expected_wait(w.wish, now)) > w.until;
  if (foreseeable || now >= w.until) {
    refuse(w, no_place::too_long, now);
    return who;
  }
  if (waiting_.size() >= settings_.queue_limit && !make_room(w.wish, now)) {
    refuse(w, no_place::queue_full, now);
    return who;
  }
  waiting_.push_back(std::move(w));
  return who;
}

void admission::leave(ticket who, time_point now, place_use how) {
  if (auto const w = std::find_if(waiting_.begin(), waiting_.end(), [&](const waiter& x) { return x.who == who; });
      w != waiting_.end()) {
    waiting_.erase(w);
  } else if (auto const h =
                 std::find_if(holding_.begin(), holding_.end(), [&](const holder& x) { return x.who == who; });
             h != holding_.end()) {
    auto const was = *h;
    holding_.erase(h);
    auto& url = urls_[was.url];
    assert(url.busy > 0);
    --url.busy;
    if (how == place_use::unreachable) {
      // Several that were under way tell of one death, not of several.
      if (!rests(was.url, now)) {
        url.last_rest = std::clamp(url.last_rest * 2, first_rest, longest_rest);
        url.rests_until = after(now, url.last_rest);
      }
    } else if (how == place_use::served) {
      url.last_rest = {};
      url.rests_until = time_point::min();
      if (lengths_.size() < remembered)
        lengths_.push_back(now - was.since);
      else
        lengths_[next_length_++ % remembered] = now - was.since;
    }
  }
  advance(now);
}

void admission::advance(time_point now) {
  // Places first: who can be served in the last moment is.
  grant_all(now);
  for (auto w = waiting_.begin(); w != waiting_.end();) {
    if (now < w->until) {
      ++w;
      continue;
    }
    auto const gone = std::move(*w);
    w = waiting_.erase(w);
    refuse(gone, no_place::too_long, now);
  }
  forget_idle_callers();
}

/// Callers come and go; only those who are here are remembered.
void admission::forget_idle_callers() {
  std::erase_if(last_turn_, [&](const auto& entry) {
    auto const is_here = [&](const auto& list, auto caller_of) {
      return std::any_of(list.begin(), list.end(), [&](const auto& x) { return caller_of(x) == entry.first; });
    };
    return !is_here(waiting_, [](const waiter& w) { return w.wish.caller; }) &&
           !is_here(holding_, [](const holder& h) { return h.caller; });
  });
}

}  // namespace tideover::policy
