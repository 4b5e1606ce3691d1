#include "tideover/policy/auth_outage.hpp"

#include <algorithm>

namespace tideover::policy {

void auth_outage::worked(std::uint16_t upstream, std::uint64_t key, time_point asked, time_point now) {
  auto& p = upstreams_[upstream];
  auto known = p.keys.find(key);
  if (known == p.keys.end()) {
    make_room(p, now);
    known = p.keys.emplace(key, known_key{}).first;
  }
  auto& k = known->second;
  k.worked = now;
  if (k.refused == time_point::min() || asked < k.refused) return;
  // One of those that were refused is let in again: so are the others, or they have a trouble of their own.
  if (p.out)
    for (auto& [name, other] : p.keys) other.refused = time_point::min();
  k.refused = time_point::min();
  p.out = false;
}

bool auth_outage::refused(std::uint16_t upstream, std::uint64_t key, time_point now) {
  auto& p = upstreams_[upstream];
  p.out = is_out(upstream, now);
  auto const known = p.keys.find(key);
  if (known == p.keys.end() || now - known->second.worked >= settings_.remember) return false;
  known->second.refused = now;
  p.last_refusal = now;
  if (!p.out) {
    auto const together = std::count_if(p.keys.begin(), p.keys.end(), [&](const auto& entry) {
      auto const at = entry.second.refused;
      return at != time_point::min() && now - at < settings_.together;
    });
    p.out = together >= static_cast<std::ptrdiff_t>(settings_.keys_to_begin);
  }
  return p.out;
}

bool auth_outage::is_out(std::uint16_t upstream, time_point now) const {
  const auto& p = upstreams_[upstream];
  return p.out && now - p.last_refusal < settings_.fades_after;
}

void auth_outage::make_room(provider& p, time_point now) {
  if (p.keys.size() < settings_.most_keys) return;
  std::erase_if(p.keys, [&](const auto& entry) { return now - entry.second.worked >= settings_.remember; });
  if (p.keys.size() < settings_.most_keys) return;
  p.keys.erase(std::min_element(p.keys.begin(), p.keys.end(),
                                [](const auto& a, const auto& b) { return a.second.worked < b.second.worked; }));
}

}  // namespace tideover::policy
