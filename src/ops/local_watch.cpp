#include "tideover/ops/local_watch.hpp"

#include <algorithm>

namespace tideover::ops {

namespace {

std::vector<const proxy::upstream_route*> ways_of(const proxy::services& shared, std::uint16_t upstream) {
  std::vector<const proxy::upstream_route*> ways;
  auto const urls = shared.configuration->upstreams[upstream].urls.size();
  for (std::size_t url = 0; url < urls; ++url)
    ways.push_back(&shared.upstreams[shared.way(upstream, static_cast<std::uint16_t>(url))]);
  return ways;
}

}  // namespace

local_watch::local_watch(net::event_loop& control, const proxy::services& shared, std::uint16_t upstream,
                         std::shared_ptr<model_stays> stays)
    : configuration_(shared.configuration),
      upstream_(upstream),
      catalog_(control, *shared.names, ways_of(shared, upstream)),
      monitor_({.control = &control,
                .names = shared.names,
                .configuration = shared.configuration,
                .upstream = upstream,
                .ways = ways_of(shared, upstream),
                .catalog = &catalog_,
                .gate = upstream < shared.gates.size() ? shared.gates[upstream].get() : nullptr,
                .elsewhere = {}}) {
  if (settings().dialect != dialect::ollama) return;
  warmth_ = std::make_unique<warmth>(control, *shared.names, settings(), ways_of(shared, upstream), catalog_,
                                     std::move(stays));
  warmth_->on_loaded = [this](const std::string& model, std::optional<duration> took, const std::string&) {
    if (took) monitor_.note_load(model, *took);
  };
}

bool local_watch::watches_what(const local_watch& other) const {
  const auto& mine = settings();
  const auto& theirs = other.settings();
  return mine.name == theirs.name && mine.dialect == theirs.dialect &&
         std::equal(mine.urls.begin(), mine.urls.end(), theirs.urls.begin(), theirs.urls.end(),
                    [](const auto& a, const auto& b) { return a.to_string() == b.to_string(); });
}

void local_watch::take_over(const local_watch& before) {
  catalog_.take_over(before.catalog_);
  monitor_.take_over(before.monitor_);
}

std::optional<bool> local_watch::continues_prefill(std::string_view model) const {
  return monitor_.continues_prefill(model);
}

policy::prefill_habit local_watch::prefill_habit(std::string_view model) const { return monitor_.prefill_habit(model); }

void local_watch::note_timing(std::string_view model, const policy::inference_timing& timing) {
  monitor_.note_timing(model, timing);
}

void local_watch::expect(std::string_view model) {
  if (warmth_) warmth_->expect(model);
}

void local_watch::load(std::string model, std::uint16_t url, std::function<void()> done) {
  if (warmth_)
    warmth_->load(std::move(model), url, std::move(done));
  else
    done();
}

std::optional<duration> local_watch::load_ends_in(std::string_view model) const {
  auto const since = warmth_ ? warmth_->loading_since(model) : std::nullopt;
  if (!since) return std::nullopt;
  auto const usual = monitor_.usual_load(model).value_or(assumed_load);
  // One that takes longer than it used to is as likely to take half as long again.
  auto const so_far = clock::now() - *since;
  return std::max<duration>({usual - so_far, so_far / 2 - usual / 4, std::chrono::seconds(1)});
}

void local_watch::tick(time_point now, bool trouble) {
  catalog_.tick(now);
  monitor_.tick(now);
  if (warmth_) warmth_->tick(now, trouble);
}

}  // namespace tideover::ops
