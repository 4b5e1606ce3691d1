#include "tideover/policy/endpoint_health.hpp"

#include <algorithm>
#include <functional>

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
  for (const auto& s : settings_) connections_.push_back(s ? std::optional(circuit_breaker(*s)) : std::nullopt);
}

std::optional<reason> endpoint_health::refuses(const health_key& key, time_point now) const {
  if (key.upstream >= connections_.size() || !connections_[key.upstream]) return std::nullopt;
  auto const it = services_.find(key);
  if (it != services_.end() && now < it->second.rests_until) return it->second.rests_for;
  if (connections_[key.upstream]->refuses(now)) return reason::breaker_open;
  if (it != services_.end() && it->second.breaker.refuses(now)) return reason::breaker_open;
  return std::nullopt;
}

std::optional<endpoint_health::permit> endpoint_health::admit(const health_key& key, time_point now) {
  if (refuses(key, now)) return std::nullopt;
  permit p;
  p.upstream = key.upstream;
  if (key.upstream >= connections_.size() || !connections_[key.upstream]) return p;
  p.connection = connections_[key.upstream]->admit(now);
  if (auto* s = follow(key, now)) {
    ++s->out;
    p.entry = s->id;
    p.service = s->breaker.admit(now);
  }
  return p;
}

void endpoint_health::committed(const permit& p, time_point now) {
  if (p.connection && connections_[p.upstream]->is_trial(*p.connection))
    connections_[p.upstream]->succeeded(*p.connection, now);
  if (auto* s = find(p); s != nullptr && s->breaker.is_trial(*p.service)) s->breaker.succeeded(*p.service, now);
}

void endpoint_health::succeeded(const permit& p, time_point now) {
  if (p.connection) connections_[p.upstream]->succeeded(*p.connection, now);
  auto* s = find(p);
  if (s == nullptr) return;
  s->breaker.succeeded(*p.service, now);
  if (now >= s->rests_until) s->unhinted_rests = 0;
  settle(s);
}

void endpoint_health::failed(const permit& p, const failure& what, time_point now, double jitter) {
  auto const who = rule(what).blame;
  if (p.connection) {
    auto& way = *connections_[p.upstream];
    if (who == blame::connection)
      way.failed(*p.connection, now, jitter);
    else if (way_works(what))
      way.succeeded(*p.connection, now);
    else
      way.abandoned(*p.connection);
  }
  auto* s = find(p);
  if (s == nullptr) return;
  if (who == blame::service)
    s->breaker.failed(*p.service, now, jitter);
  else
    s->breaker.abandoned(*p.service);
  if (what.why == reason::rate_limited || what.why == reason::quota) rest(*s, what, now);
  settle(s);
}

void endpoint_health::abandoned(const permit& p) {
  if (p.connection) connections_[p.upstream]->abandoned(*p.connection);
  if (auto* s = find(p)) {
    s->breaker.abandoned(*p.service);
    settle(s);
  }
}

void endpoint_health::probe_succeeded(std::uint16_t upstream) {
  if (upstream < connections_.size() && connections_[upstream]) connections_[upstream]->probe_succeeded();
}

bool endpoint_health::wants_probe(std::uint16_t upstream, time_point now) const {
  return connection_state(upstream, now) != circuit_breaker::state::closed;
}

circuit_breaker::state endpoint_health::connection_state(std::uint16_t upstream, time_point now) const {
  if (upstream >= connections_.size() || !connections_[upstream]) return circuit_breaker::state::closed;
  return connections_[upstream]->current(now);
}

endpoint_health::service* endpoint_health::follow(const health_key& key, time_point now) {
  if (auto const it = services_.find(key); it != services_.end()) return &it->second;
  if (services_.size() >= most_followed) forget_idle(now);
  if (services_.size() >= most_followed) return nullptr;
  service fresh{.breaker = circuit_breaker(*settings_[key.upstream]), .id = ++next_id_};
  auto* s = &services_.emplace(stored_key{key.upstream, key.credential, std::string(key.model)}, fresh).first->second;
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
    bool const idle = s.out == 0 && now >= s.rests_until && s.breaker.current(now) == circuit_breaker::state::closed;
    if (idle) by_id_.erase(s.id);
    return idle;
  });
}

}  // namespace tideover::policy
