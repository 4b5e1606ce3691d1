#include "tideover/proxy/health_table.hpp"

#include <bit>
#include <utility>

namespace tideover::proxy {

namespace {

// Callers name models; what is kept of a name is bounded. Longer ones share an entry with their like.
constexpr std::size_t longest_model = 200;

std::vector<std::optional<policy::breaker_settings>> settings_of(const config::snapshot& configuration) {
  std::vector<std::optional<policy::breaker_settings>> all;
  for (const auto& u : configuration.upstreams)
    // The local tier is the last resort: whatever it did before, it is asked.
    all.push_back(u.tier == tier::cloud ? std::optional(u.breaker) : std::nullopt);
  return all;
}

/// Where an upstream of `fresh` stood in `old`: the same name, tier and place on the net. Another credential is another
/// key to health, which needs no help to tell them apart.
std::vector<std::optional<std::uint16_t>> same_upstreams(const config::snapshot& fresh, const config::snapshot& old) {
  std::vector<std::optional<std::uint16_t>> was;
  for (const auto& u : fresh.upstreams) {
    auto& place = was.emplace_back();
    const auto* const before = old.find_upstream(u.name);
    if (before == nullptr || before->tier != u.tier || before->urls.front().to_string() != u.urls.front().to_string())
      continue;
    if (before->tls.ca_file != u.tls.ca_file || before->tls.server_name != u.tls.server_name) continue;
    place = static_cast<std::uint16_t>(before - old.upstreams.data());
  }
  return was;
}

hash_key random_key() {
  std::random_device entropy;
  hash_key key;
  for (auto& word : key) word = (std::uint64_t{entropy()} << 32) ^ entropy();
  return key;
}

bool carries_a_key(const header_field& f) {
  return f.id == field_id::authorization || iequals(f.name, "x-api-key") || iequals(f.name, "api-key");
}

}  // namespace

health_table::health_table(const config::snapshot& configuration)
    : health_(settings_of(configuration)),
      authentication_(configuration.upstreams.size()),
      random_(std::random_device{}()),
      retries_(configuration.upstreams.size()),
      key_(random_key()) {
  learn_from(configuration);
}

health_table::health_table(const config::snapshot& configuration, const health_table& before,
                           const config::snapshot& of_before)
    : health_(settings_of(configuration)),
      authentication_(configuration.upstreams.size()),
      random_(std::random_device{}()),
      retries_(configuration.upstreams.size()),
      key_(before.key_) {
  learn_from(configuration);
  auto const was = same_upstreams(configuration, of_before);
  std::lock_guard const lock(before.mutex_);
  health_.take_over(before.health_, was);
  for (std::uint16_t i = 0; i < was.size(); ++i) {
    if (!was[i]) continue;
    retries_[i] = before.retries_[*was[i]];
    authentication_.take_over(before.authentication_, *was[i], i);
  }
}

void health_table::learn_from(const config::snapshot& configuration) {
  for (const auto& u : configuration.upstreams) {
    followed_.push_back(u.tier == tier::cloud);
    auto& mark = configured_.emplace_back();
    if (u.credential) mark = keyed_hash(key_, u.credential->reveal_for_wire());
  }
}

std::optional<health_table::refusal> health_table::admit(std::uint16_t upstream, std::uint64_t credential,
                                                         std::string_view model, admission& into) {
  into.abandon();
  if (!followed_[upstream]) return std::nullopt;
  policy::health_key const key{upstream, credential, model.substr(0, longest_model)};
  auto const now = clock::now();
  std::lock_guard const lock(mutex_);
  if (auto const permit = health_.admit(key, now)) {
    retries_[upstream].request();
    into.permit_ = *permit;
    into.table_ = this;
    into.credential_ = credential;
    into.asked_ = now;
    return std::nullopt;
  }
  return refusal{health_.refuses(key, now).value_or(reason::breaker_open), health_.refused_until(key, now) - now};
}

bool health_table::grant_retry(std::uint16_t upstream) {
  std::lock_guard const lock(mutex_);
  return retries_[upstream].take();
}

std::uint64_t health_table::fingerprint(std::uint16_t upstream, const request_head& caller) const {
  return configured_[upstream] ? *configured_[upstream] : mark_of(caller);
}

std::uint64_t health_table::mark_of(const request_head& caller) const {
  std::uint64_t mark = 0;
  for (const auto& f : caller.fields.list)
    if (carries_a_key(f)) mark = std::rotl(mark, 1) ^ keyed_hash(key_, f.value);
  return mark;
}

bool health_table::way_is_clear(std::uint16_t upstream) const {
  return connection_state(upstream) == policy::circuit_breaker::state::closed;
}

bool health_table::wants_probe(std::uint16_t upstream) const {
  std::lock_guard const lock(mutex_);
  return health_.wants_probe(upstream, clock::now());
}

void health_table::probe_succeeded(std::uint16_t upstream) {
  std::lock_guard const lock(mutex_);
  health_.probe_succeeded(upstream, clock::now());
}

policy::circuit_breaker::state health_table::connection_state(std::uint16_t upstream) const {
  std::lock_guard const lock(mutex_);
  return health_.connection_state(upstream, clock::now());
}

policy::circuit_breaker::state health_table::shown_state(std::uint16_t upstream) const {
  std::lock_guard const lock(mutex_);
  return health_.shown_state(upstream, clock::now());
}

std::vector<policy::endpoint_health::obstacle> health_table::obstacles() const {
  std::lock_guard const lock(mutex_);
  return health_.obstacles(clock::now());
}

std::vector<policy::breaker_change> health_table::take_changes() {
  std::lock_guard const lock(mutex_);
  return health_.take_changes();
}

double health_table::random_share() {
  std::lock_guard const lock(mutex_);
  return draw();
}

void health_table::admission::committed() {
  if (!table_ || !permit_.trial) return;  // only half-open is waiting for it
  std::lock_guard const lock(table_->mutex_);
  table_->health_.committed(permit_, clock::now());
}

void health_table::admission::succeeded() {
  if (!table_) return;
  auto& table = *std::exchange(table_, nullptr);
  auto const now = clock::now();
  std::lock_guard const lock(table.mutex_);
  table.health_.succeeded(permit_, now);
  if (table.is_callers(permit_.upstream, credential_))
    table.authentication_.worked(permit_.upstream, credential_, asked_, now);
}

bool health_table::admission::key_refused() {
  if (!table_ || !table_->is_callers(permit_.upstream, credential_)) return false;
  std::lock_guard const lock(table_->mutex_);
  return table_->authentication_.refused(permit_.upstream, credential_, clock::now());
}

void health_table::admission::request_at_fault() {
  if (!table_) return;
  auto& table = *std::exchange(table_, nullptr);
  std::lock_guard const lock(table.mutex_);
  table.health_.request_at_fault(permit_, clock::now());
}

void health_table::admission::failed(const failure& what) {
  if (!table_) return;
  auto& table = *std::exchange(table_, nullptr);
  std::lock_guard const lock(table.mutex_);
  table.health_.failed(permit_, what, clock::now(), table.draw());
}

void health_table::admission::abandon() {
  if (!table_) return;
  auto& table = *std::exchange(table_, nullptr);
  std::lock_guard const lock(table.mutex_);
  table.health_.abandoned(permit_);
}

}  // namespace tideover::proxy
