#include "tideover/policy/endpoint_health.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

#include "tideover/policy/rulings.hpp"

namespace tideover::policy {
namespace {

std::size_t hash_of(std::uint16_t upstream, std::uint64_t credential, std::string_view model) {
  auto h = std::hash<std::string_view>{}(model);
  for (std::uint64_t const part : {std::uint64_t{upstream}, credential})
    h ^= static_cast<std::size_t>(part) + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
  return h;
}

/// Did the upstream answer at all? Then the way to it works, whatever it said.
bool way_works(const failure& what) {
  switch (what.why) {
    case reason::server_error:
    case reason::rate_limited:
    case reason::quota:
    case reason::malformed:
    case reason::error_in_200:
    case reason::empty:
    case reason::cut:
    case reason::redirect:
    case reason::auth: return true;
    case reason::timeout: return rule(what).blame == blame::service;
    case reason::dns:
    case reason::connect:
    case reason::connect_timeout:
    case reason::tls:
    case reason::breaker_open:
    case reason::contingency:
    case reason::policy:
    case reason::drill:
    case reason::hedged: return false;
  }
  return false;
}

}  // namespace

std::size_t endpoint_health::hash::operator()(const health_key& k) const {
  return hash_of(k.upstream, k.credential, k.model);
}
std::size_t endpoint_health::hash::operator()(const stored_key& k) const {
  return hash_of(k.upstream, k.credential, k.model);
}
bool endpoint_health::equal::operator()(const stored_key& a, const stored_key& b) const {
  return a.upstream == b.upstream && a.credential == b.credential && a.model == b.model;
}
bool endpoint_health::equal::operator()(const health_key& a, const stored_key& b) const {
  return a.upstream == b.upstream && a.credential == b.credential && a.model == b.model;
}

endpoint_health::endpoint_health(std::vector<std::optional<breaker_settings>> upstreams, rest_settings rests)
    : settings_(std::move(upstreams)), rests_(rests) {
  for (const auto& s : settings_) {
    auto& to = connections_.emplace_back();
    if (s) to.emplace().to.breaker = circuit_breaker(*s);
  }
}

void endpoint_health::take_over(const endpoint_health& before, const std::vector<std::optional<std::uint16_t>>& was) {
  for (std::size_t i = 0; i < connections_.size() && i < was.size(); ++i) {
    if (!was[i] || !connections_[i] || !before.connections_[*was[i]]) continue;
    connections_[i] = before.connections_[*was[i]];
    connections_[i]->to.breaker = connections_[i]->to.breaker.renewed(*settings_[i]);
    auto const upstream = static_cast<std::uint16_t>(i);
    for (const auto& [key, known] : before.services_) {
      if (key.upstream != *was[i]) continue;
      auto* const s = follow({upstream, key.credential, key.model}, time_point::min());
      if (s == nullptr) break;
      s->of = known.of;
      s->of.breaker = known.of.breaker.renewed(*settings_[i]);
      s->rests_until = known.rests_until;
      s->rests_for = known.rests_for;
      s->unhinted_rests = known.unhinted_rests;
    }
  }
}

std::optional<reason> endpoint_health::refuses(const health_key& key, time_point now) const {
  if (key.upstream >= connections_.size() || !connections_[key.upstream]) return std::nullopt;
  auto const it = services_.find(key);
  if (it != services_.end() && now < it->second.rests_until) return it->second.rests_for;
  if (connections_[key.upstream]->to.breaker.refuses(now)) return reason::breaker_open;
  if (it != services_.end() && it->second.of.breaker.refuses(now)) return reason::breaker_open;
  return std::nullopt;
}

time_point endpoint_health::refused_until(const health_key& key, time_point now) const {
  if (key.upstream >= connections_.size() || !connections_[key.upstream]) return now;
  auto until = now;
  auto const ask = [&](const circuit_breaker& b) {
    if (b.current(now) == circuit_breaker::state::open) until = std::max(until, b.open_until());
  };
  ask(connections_[key.upstream]->to.breaker);
  if (auto const it = services_.find(key); it != services_.end()) {
    ask(it->second.of.breaker);
    until = std::max(until, it->second.rests_until);
  }
  return until;
}

std::optional<endpoint_health::permit> endpoint_health::admit(const health_key& key, time_point now) {
  if (refuses(key, now)) return std::nullopt;
  permit p;
  p.upstream = key.upstream;
  if (key.upstream >= connections_.size() || !connections_[key.upstream]) return p;
  auto& way_there = connections_[key.upstream]->to.breaker;
  p.connection = way_there.admit(now);
  p.trial = way_there.is_trial(*p.connection);
  auto* s = follow(key, now);
  if (s != nullptr) {
    ++s->out;
    p.entry = s->id;
    p.service = s->of.breaker.admit(now);
    p.trial = p.trial || s->of.breaker.is_trial(*p.service);
  }
  note_both(p, s, now);
  return p;
}

void endpoint_health::committed(const permit& p, time_point now) {
  if (p.connection) {
    auto& way_there = connections_[p.upstream]->to.breaker;
    if (way_there.is_trial(*p.connection)) way_there.succeeded(*p.connection, now);
  }
  auto* s = find(p);
  if (s != nullptr && s->of.breaker.is_trial(*p.service)) s->of.breaker.succeeded(*p.service, now);
  note_both(p, s, now);
}

void endpoint_health::succeeded(const permit& p, time_point now) {
  if (p.connection) connections_[p.upstream]->to.breaker.succeeded(*p.connection, now);
  auto* s = find(p);
  if (s != nullptr) {
    s->of.breaker.succeeded(*p.service, now);
    if (now >= s->rests_until) s->unhinted_rests = 0;
    settle(s);
  }
  note_both(p, s, now);
}

void endpoint_health::request_at_fault(const permit& p, time_point now) {
  if (p.connection) connections_[p.upstream]->to.breaker.succeeded(*p.connection, now);
  auto* s = find(p);
  if (s != nullptr) {
    s->of.breaker.abandoned(*p.service);
    settle(s);
  }
  note_both(p, s, now);
}

void endpoint_health::failed(const permit& p, const failure& what, time_point now, double jitter) {
  if (what.ours) return abandoned(p);
  auto const who = rule(what).blame;
  if (p.connection) {
    auto& there = *connections_[p.upstream];
    auto& b = there.to.breaker;
    if (who == blame::connection) {
      auto const was = b.current(now);
      auto const until = b.open_until();
      b.failed(*p.connection, now, jitter);
      bool const tripped = b.current(now) == circuit_breaker::state::open &&
                           (was != circuit_breaker::state::open || b.open_until() != until);
      if (tripped) there.dial_failed = what.at <= phase::tls_handshake;
    } else if (way_works(what)) {
      b.succeeded(*p.connection, now);
    } else {
      b.abandoned(*p.connection);
    }
  }
  auto* s = find(p);
  if (s != nullptr) {
    if (who == blame::service)
      s->of.breaker.failed(*p.service, now, jitter);
    else
      s->of.breaker.abandoned(*p.service);
    if (what.why == reason::rate_limited || what.why == reason::quota) rest(*s, what, now);
    settle(s);
  }
  note_both(p, s, now, what.why);
}

void endpoint_health::abandoned(const permit& p) {
  if (p.connection) connections_[p.upstream]->to.breaker.abandoned(*p.connection);
  if (auto* s = find(p)) {
    s->of.breaker.abandoned(*p.service);
    settle(s);
  }
}

void endpoint_health::probe_succeeded(std::uint16_t upstream, time_point now) {
  if (upstream >= connections_.size() || !connections_[upstream] || !connections_[upstream]->dial_failed) return;
  auto& there = *connections_[upstream];
  there.to.breaker.probe_succeeded();
  note(there.to, upstream, {}, now, {}, true);
}

bool endpoint_health::wants_probe(std::uint16_t upstream, time_point now) const {
  return connection_state(upstream, now) != circuit_breaker::state::closed && connections_[upstream]->dial_failed;
}

circuit_breaker::state endpoint_health::connection_state(std::uint16_t upstream, time_point now) const {
  if (upstream >= connections_.size() || !connections_[upstream]) return circuit_breaker::state::closed;
  return connections_[upstream]->to.breaker.current(now);
}

circuit_breaker::state endpoint_health::shown_state(std::uint16_t upstream, time_point now) const {
  auto shown = connection_state(upstream, now);
  if (shown != circuit_breaker::state::closed) return shown;
  for (const auto& [key, s] : services_) {
    if (key.upstream != upstream) continue;
    auto const state = s.of.breaker.current(now);
    if (state == circuit_breaker::state::open) return state;
    // Half-open without its request is a model that nobody asked for since: no news about the upstream.
    if (state == circuit_breaker::state::half_open && s.of.breaker.refuses(now)) shown = state;
  }
  return shown;
}

std::vector<endpoint_health::obstacle> endpoint_health::obstacles(time_point now) const {
  std::vector<obstacle> all;
  using state = circuit_breaker::state;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (!connections_[i]) continue;
    const auto& b = connections_[i]->to;
    auto const s = b.breaker.current(now);
    if (s != state::closed) all.push_back({static_cast<std::uint16_t>(i), {}, b.why, s, b.breaker.open_until(), 0});
  }
  for (const auto& [key, s] : services_) {
    obstacle found{key.upstream, key.model, s.of.why, s.of.breaker.current(now), s.of.breaker.open_until(), 1};
    if (now < s.rests_until && (found.state != state::open || s.rests_until > found.until)) {
      found.state = state::closed;
      found.why = s.rests_for;
      found.until = s.rests_until;
    } else if (found.state == state::closed || !s.of.breaker.refuses(now)) {
      continue;  // half-open without its request: nobody is refused
    }
    auto const like = std::find_if(all.begin(), all.end(), [&](const obstacle& o) {
      return o.keys != 0 && o.upstream == found.upstream && o.model == found.model && o.why == found.why &&
             o.state == found.state;
    });
    if (like != all.end()) {
      ++like->keys;
      like->until = std::max(like->until, found.until);
    } else if (all.size() < most_obstacles) {
      all.push_back(std::move(found));
    }
  }
  std::sort(all.begin(), all.end(), [](const obstacle& a, const obstacle& b) {
    return std::tie(a.upstream, a.model, a.why, a.state) < std::tie(b.upstream, b.model, b.why, b.state);
  });
  return all;
}

void endpoint_health::note(told_breaker& b, std::uint16_t upstream, std::string_view model, time_point now,
                           std::optional<reason> why, bool by_probe) {
  auto const state = b.breaker.current(now);
  if (state == b.told) return;
  b.told = state;
  if (state == circuit_breaker::state::open && why) b.why = *why;
  if (changes_.size() < most_changes) changes_.push_back({upstream, std::string(model), state, b.why, by_probe});
}

void endpoint_health::note_both(const permit& p, service* s, time_point now, std::optional<reason> why) {
  if (p.connection) note(connections_[p.upstream]->to, p.upstream, {}, now, why);
  if (s != nullptr) note(s->of, s->upstream, s->model, now, why);
}

endpoint_health::service* endpoint_health::follow(const health_key& key, time_point now) {
  if (auto const it = services_.find(key); it != services_.end()) return &it->second;
  if (services_.size() >= most_followed) forget_idle(now);
  if (services_.size() >= most_followed) return nullptr;
  auto const made =
      services_.emplace(stored_key{key.upstream, key.credential, std::string(key.model)}, service{}).first;
  auto* s = &made->second;
  s->of.breaker = circuit_breaker(*settings_[key.upstream]);
  s->upstream = key.upstream;
  s->model = made->first.model;
  s->id = ++next_id_;
  by_id_[s->id] = s;
  return s;
}

endpoint_health::service* endpoint_health::find(const permit& p) {
  if (p.entry == 0 || !p.service) return nullptr;
  auto const it = by_id_.find(p.entry);
  return it == by_id_.end() ? nullptr : it->second;
}

void endpoint_health::settle(service* s) {
  if (s->out > 0) --s->out;
}

void endpoint_health::rest(service& s, const failure& what, time_point now) {
  duration span = rests_.quota;
  if (what.why == reason::rate_limited && what.retry_after) {
    span = *what.retry_after;
  } else if (what.why == reason::rate_limited) {
    if (now < s.rests_until) return;  // sent before the rest began: its answer is no news and must not double anything
    span = rests_.first;
    for (unsigned i = 0; i < s.unhinted_rests && span < rests_.longest; ++i) span = std::min(span * 2, rests_.longest);
    ++s.unhinted_rests;
  }
  // The longer of two answers counts: a straggler's shorter one must not wake it early.
  if (auto const until = after(now, span); until >= s.rests_until) {
    s.rests_until = until;
    s.rests_for = what.why;
  }
}

void endpoint_health::forget_idle(time_point now) {
  std::erase_if(services_, [&](const auto& entry) {
    const auto& s = entry.second;
    // One that waits half-open for a request that never comes must not hold its place for ever.
    bool const idle = s.out == 0 && now >= s.rests_until && s.of.breaker.current(now) != circuit_breaker::state::open;
    if (idle) by_id_.erase(s.id);
    return idle;
  });
}

}  // namespace tideover::policy
