#include "tideover/net/name_cache.hpp"

#include <algorithm>

namespace tideover::net {

name_cache::advice name_cache::ask(const name_key& name, time_point now) {
  advice a;
  auto known = entries_.find(name);
  if (known == entries_.end()) {
    make_room();
    known = entries_.emplace(name, entry{}).first;
  }
  auto& e = known->second;
  e.used = now;
  drop_old(e, now);
  a.addresses = e.addresses;
  bool const fresh = !e.addresses.empty() && now - e.found < settings_.fresh_for;
  if (fresh) return a;
  if (may_begin(e, now)) {
    e.running = a.begin = ++last_number_;
    e.began = now;
    ++e.threads;
    ++threads_;
  }
  a.in_flight = e.running != 0;
  if (a.in_flight) a.wait_until = e.addresses.empty() ? never : after(e.began, settings_.patience);
  forget_if_empty(known);
  return a;
}

bool name_cache::may_begin(const entry& e, time_point now) const {
  if (e.running != 0 && now - e.began < settings_.lost_after) return false;
  if (!e.addresses.empty() && now < e.refresh_after) return false;
  auto const limit = e.addresses.empty() ? settings_.threads - settings_.reserve : settings_.threads;
  return e.threads < settings_.threads_per_name && threads_ < limit;
}

std::optional<std::vector<socket_address>> name_cache::finished(const name_key& name, std::uint64_t number,
                                                                const std::vector<socket_address>& found,
                                                                time_point now) {
  auto const known = entries_.find(name);
  if (known == entries_.end()) return std::nullopt;  // never happens: an entry stays as long as it has a thread
  auto& e = known->second;
  --e.threads;
  --threads_;
  if (e.running != number) {
    forget_if_empty(known);
    return std::nullopt;
  }
  e.running = 0;
  if (found.empty()) {
    e.refresh_after = after(now, settings_.retry_pause);
    drop_old(e, now);
  } else {
    e.addresses = in_turns(found);
    if (e.addresses.size() > settings_.addresses) e.addresses.resize(settings_.addresses);
    e.found = now;
  }
  auto usable = e.addresses;
  forget_if_empty(known);
  return usable;
}

/// A failure is not kept (faults A2): where nothing is known, whoever comes next asks anew.
void name_cache::forget_if_empty(std::map<name_key, entry>::iterator at) {
  if (at->second.addresses.empty() && at->second.threads == 0) entries_.erase(at);
}

void name_cache::drop_old(entry& e, time_point now) const {
  if (!e.addresses.empty() && now - e.found >= settings_.stale_for) e.addresses.clear();
}

void name_cache::make_room() {
  if (entries_.size() < settings_.names) return;
  auto victim = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it)
    if (it->second.threads == 0 && (victim == entries_.end() || it->second.used < victim->second.used)) victim = it;
  // There is always one: fewer names can have threads than there are names to keep.
  if (victim != entries_.end()) entries_.erase(victim);
}

}  // namespace tideover::net
