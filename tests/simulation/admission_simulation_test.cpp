// Crowds before a few local servers that die and come back: what the queue promises, at every step.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "simulation/seed.hpp"
#include "tideover/policy/admission.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using simulation::dice;

struct guest {
  place_wish wish;
  time_point since;
  time_point until;
  bool left = false;
  std::optional<std::uint16_t> url;
  bool refused = false;
};

/// The first broken promise, or nothing.
std::string live_through_one(std::uint64_t seed) {
  dice d(seed);
  admission_settings settings;
  settings.urls = 1 + d.below(3);
  settings.concurrency = static_cast<unsigned>(1 + d.below(3));
  settings.queue_limit = d.below(20);
  settings.queue_wait = std::chrono::seconds(1 + d.below(60));
  admission rules(settings);
  time_point now{std::chrono::hours(1)};
  std::map<admission::ticket, guest> guests;
  std::ostringstream broken;
  unsigned step = 0;
  auto const promise = [&](bool kept, const char* what) {
    if (!kept && broken.str().empty()) broken << "step " << step << ": " << what;
  };
  bool in_enter = false;

  auto const hear = [&] {
    for (const auto& v : rules.take_verdicts()) {
      auto const it = guests.find(v.who);
      if (it == guests.end()) {  // decided while it entered: the caller of hear() adds it first
        promise(false, "a verdict for a stranger");
        continue;
      }
      auto& g = it->second;
      promise(!g.left, "no verdict for who is gone");
      promise(!g.url && !g.refused, "one verdict each");
      if (const auto* p = std::get_if<admission::place>(&v.what)) {
        g.url = p->url;
        promise(p->url < settings.urls, "a URL that exists");
        promise(g.wish.urls.empty() || g.wish.urls[p->url] != url_fit::absent, "a URL that has the model");
        promise(p->waited == now - g.since, "the wait that was");
        // Nobody of a higher priority who fits there may be left waiting, but for those who were raised by waiting.
        for (const auto& [id, other] : guests)
          promise(in_enter || other.left || other.url || other.refused || other.wish.urgency <= g.wish.urgency ||
                      (!other.wish.urls.empty() && other.wish.urls[p->url] == url_fit::absent) ||
                      now - g.since >= settings.queue_wait / 3 || rules.rests(p->url, now),
                  "higher priorities go first");
      } else {
        g.refused = true;
        const auto& r = std::get<admission::refusal>(v.what);
        promise(r.retry_after >= 0s, "a time in the future");
        if (r.why == no_place::busy) promise(!g.wish.wait, "only who would not wait is told that it is busy");
      }
    }
  };
  auto const check = [&] {
    std::vector<unsigned> busy(settings.urls);
    std::size_t waiting = 0;
    for (const auto& [id, g] : guests) {
      if (g.left || g.refused) continue;
      if (g.url)
        ++busy[*g.url];
      else
        ++waiting;
      promise(g.url || now < g.until, "nobody waits beyond the time");
    }
    for (std::size_t i = 0; i < busy.size(); ++i) {
      promise(busy[i] <= settings.concurrency, "never more than concurrency at one URL");
      promise(busy[i] == rules.busy_at(i), "places are counted right");
    }
    promise(waiting == rules.waiting(), "who went away leaves no hole");
    promise(waiting <= settings.queue_limit, "the queue is bounded");
    for (const auto& [id, g] : guests) {
      if (g.left || g.refused || g.url) continue;
      for (std::size_t i = 0; i < settings.urls; ++i)
        promise(busy[i] == settings.concurrency || rules.rests(i, now) ||
                    (!g.wish.urls.empty() && g.wish.urls[i] == url_fit::absent),
                "nobody waits before a free place of a living server");
    }
  };

  constexpr config::priority urgencies[] = {config::priority::low, config::priority::normal, config::priority::high};
  constexpr url_fit fits[] = {url_fit::absent, url_fit::installed, url_fit::loaded};
  for (; step < 1500 && broken.str().empty(); ++step) {
    now += std::chrono::milliseconds(d.below(400));
    rules.advance(now);
    hear();
    if (!d.once_in(3)) {
      guest g;
      g.wish.caller = d.below(5);
      g.wish.urgency = d.pick(urgencies);
      g.wish.wait = !d.once_in(10);
      if (d.once_in(4)) g.wish.start_by = now + std::chrono::milliseconds(d.below(20000));
      if (d.once_in(2))
        for (std::size_t i = 0; i < settings.urls; ++i) g.wish.urls.push_back(d.pick(fits));
      g.since = now;
      g.until = std::min(now + settings.queue_wait, g.wish.start_by);
      in_enter = true;
      auto const who = rules.enter(g.wish, now);
      guests.emplace(who, std::move(g));
      hear();
      in_enter = false;
    }
    // Somebody ends or goes away, in any order.
    for (auto it = guests.begin(); it != guests.end();) {
      auto& g = it->second;
      if (g.refused || g.left) {
        it = guests.erase(it);
        continue;
      }
      if (d.once_in(g.url ? 8 : 40)) {
        g.left = true;
        constexpr place_use uses[] = {place_use::served, place_use::served, place_use::served, place_use::other,
                                      place_use::unreachable};
        rules.leave(it->first, now, d.pick(uses));
        hear();
        if (d.once_in(4)) rules.leave(it->first, now, place_use::served);  // a second time
        hear();
      }
      ++it;
    }
    check();
  }

  // However it ended: without newcomers everybody gets a place or a refusal within the longest wait.
  for (unsigned i = 0; i < 200 && broken.str().empty(); ++i) {
    now += settings.queue_wait / 100;
    rules.advance(now);
    hear();
    for (auto& [id, g] : guests)
      if (g.url && !g.left && d.once_in(5)) {
        g.left = true;
        rules.leave(id, now, place_use::served);
        hear();
      }
    check();
  }
  promise(rules.waiting() == 0, "nobody waits for ever");
  return broken.str();
}

TEST(AdmissionSimulation, CrowdsGetPlacesOrRefusalsWhateverHappens) {
  for (auto const seed : simulation::seeds(300)) {
    auto const broken = live_through_one(seed);
    ASSERT_TRUE(broken.empty()) << broken << "\nreplay with TIDEOVER_SIM_SEED=" << seed;
  }
}

/// Contract §7, faults I8: fifty failovers at once before two places.
TEST(AdmissionSimulation, FiftyAtOnceAreServedHighPriorityFirst) {
  for (auto const seed : simulation::seeds(50)) {
    dice d(seed);
    admission rules({.concurrency = 2});
    time_point now{std::chrono::hours(1)};
    std::map<admission::ticket, config::priority> who;
    std::vector<admission::ticket> inside;
    std::vector<config::priority> order;
    auto const hear = [&] {
      for (const auto& v : rules.take_verdicts())
        if (std::holds_alternative<admission::place>(v.what)) {
          inside.push_back(v.who);
          order.push_back(who.at(v.who));
        } else {
          FAIL() << "64 may wait, so nobody is refused";
        }
    };
    for (int i = 0; i < 50; ++i) {
      auto const urgency = d.once_in(4) ? config::priority::high : config::priority::normal;
      auto const ticket = rules.enter({.caller = d.below(9), .urgency = urgency, .urls = {}}, now);
      who[ticket] = urgency;
      hear();
    }
    while (!inside.empty()) {
      ASSERT_LE(inside.size(), 2u);
      now += 500ms;
      auto const one = d.below(inside.size());
      auto const leaves = inside[one];
      inside.erase(inside.begin() + static_cast<std::ptrdiff_t>(one));
      rules.leave(leaves, now, place_use::served);
      hear();
    }
    ASSERT_EQ(order.size(), 50u);
    bool normal_seen = false;
    for (std::size_t i = 2; i < order.size(); ++i) {  // the first two found free places
      normal_seen = normal_seen || order[i] == config::priority::normal;
      ASSERT_FALSE(normal_seen && order[i] == config::priority::high) << "TIDEOVER_SIM_SEED=" << seed;
    }
  }
}

}  // namespace
}  // namespace tideover::policy
