#include "tideover/ops/cloud_probe.hpp"

#include <algorithm>

namespace tideover::ops {

cloud_probe::cloud_probe(net::event_loop& control, const proxy::services& shared)
    : control_(control), shared_(shared), upstreams_(shared.upstreams.size()) {}

void cloud_probe::tick(time_point now) {
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    auto& u = upstreams_[i];
    auto const index = static_cast<std::uint16_t>(i);
    const auto& settings = *shared_.upstreams[i].settings;
    if (u.asking) continue;
    if (settings.tier != tier::cloud || !shared_.health->wants_probe(index)) {
      u.doubted = false;
      continue;
    }
    if (!u.doubted) {  // it has just been found that it cannot be reached
      u.doubted = true;
      u.next = after(now, pause(settings));
    }
    if (now < u.next || !shared_.upkeep_pass()) continue;
    u.next = after(now, pause(settings));
    u.asking = true;
    net::spawn(ask(index), [&u](std::exception_ptr) { u.asking = false; });
  }
}

bool cloud_probe::quiet() const {
  return std::none_of(upstreams_.begin(), upstreams_.end(), [](const probed& u) { return u.asking; });
}

/// A little less than the interval, and never in step with other daemons: what is left is for the connecting itself.
duration cloud_probe::pause(const config::upstream& u) {
  auto const interval = std::min<duration>(u.breaker.open_for, longest_interval);
  auto const share = 0.75 + 0.2 * shared_.health->random_share();
  return duration(static_cast<duration::rep>(share * static_cast<double>(interval.count())));
}

net::task<void> cloud_probe::ask(std::uint16_t upstream) {
  const auto& way = shared_.upstreams[upstream];
  auto const by = after(clock::now(), std::min<duration>(way.settings->timeouts.connect, longest_interval));
  auto const dialled =
      co_await net::dial(control_, *shared_.names, way.target, nullptr, by, nullptr, shared_.upkeep_pass());
  if (dialled.connection) shared_.health->probe_succeeded(upstream);
}

}  // namespace tideover::ops
