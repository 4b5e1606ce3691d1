#include "tideover/ops/local_tier.hpp"

#include <algorithm>

namespace tideover::ops {

std::optional<watched_upstream> first_local(const proxy::services& shared) {
  const auto& upstreams = shared.configuration->upstreams;
  auto const it = std::find_if(upstreams.begin(), upstreams.end(), [](const auto& u) { return u.tier == tier::local; });
  if (it == upstreams.end()) return std::nullopt;
  watched_upstream w;
  w.index = static_cast<std::uint16_t>(it - upstreams.begin());
  for (std::size_t url = 0; url < it->urls.size(); ++url)
    w.ways.push_back(&shared.upstreams[shared.way(w.index, static_cast<std::uint16_t>(url))]);
  return w;
}

namespace {
std::vector<const proxy::upstream_route*> ways_of(const proxy::services& shared) {
  auto const w = first_local(shared);
  return w ? w->ways : std::vector<const proxy::upstream_route*>();
}
}  // namespace

local_tier::local_tier(net::event_loop& control, const proxy::services& shared)
    : catalog_(control, *shared.names, ways_of(shared)) {
  auto const w = first_local(shared);
  if (!w) return;
  const auto& settings = shared.configuration->upstreams[w->index];
  readiness_monitor::surroundings around;
  around.control = &control;
  around.names = shared.names;
  around.configuration = shared.configuration;
  around.upstream = w->index;
  around.ways = w->ways;
  around.catalog = &catalog_;
  around.gate = w->index < shared.gates.size() ? shared.gates[w->index].get() : nullptr;
  monitor_ = std::make_unique<readiness_monitor>(std::move(around));
  if (settings.dialect == dialect::ollama) {
    warmth_ = std::make_unique<warmth>(control, *shared.names, settings, w->ways, catalog_);
    warmth_->on_loaded = [this](const std::string& model, std::optional<duration> took, const std::string&) {
      if (took) monitor_->note_load(model, *took);
    };
  }
}

std::optional<bool> local_tier::continues_prefill(std::string_view model) const {
  return monitor_ ? monitor_->continues_prefill(model) : std::nullopt;
}

policy::prefill_habit local_tier::prefill_habit(std::string_view model) const {
  return monitor_ ? monitor_->prefill_habit(model) : policy::prefill_habit::unknown;
}

void local_tier::note_timing(std::string_view model, const policy::inference_timing& timing) {
  if (monitor_) monitor_->note_timing(model, timing);
}

void local_tier::expect(std::string_view model) {
  if (warmth_) warmth_->expect(model);
}

void local_tier::load(std::string model, std::uint16_t url, std::function<void()> done) {
  if (warmth_)
    warmth_->load(std::move(model), url, std::move(done));
  else
    done();
}

std::optional<duration> local_tier::load_ends_in(std::string_view model) const {
  auto const since = warmth_ ? warmth_->loading_since(model) : std::nullopt;
  if (!since) return std::nullopt;
  duration usual = assumed_load;
  if (monitor_)
    if (auto const seen = monitor_->usual_load(model)) usual = *seen;
  // One that takes longer than it used to is as likely to take half as long again.
  auto const so_far = clock::now() - *since;
  return std::max<duration>({usual - so_far, so_far / 2 - usual / 4, std::chrono::seconds(1)});
}

bool local_tier::quiet() const {
  return catalog_.quiet() && (!monitor_ || monitor_->quiet()) && (!warmth_ || warmth_->quiet());
}

void local_tier::tick(time_point now, bool trouble) {
  catalog_.tick(now);
  if (monitor_) monitor_->tick(now);
  if (warmth_) warmth_->tick(now, trouble);
}

}  // namespace tideover::ops
