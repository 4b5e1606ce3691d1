#include "tideover/ops/local_tier.hpp"

#include <algorithm>
#include <atomic>

namespace tideover::ops {

namespace {

/// `done` runs with the last of `parts` ends; it may be asked from any thread.
std::function<void()> last_of(std::size_t parts, std::function<void()> done) {
  auto const left = std::make_shared<std::atomic<std::size_t>>(parts);
  return [left, done = std::move(done)] {
    if (left->fetch_sub(1) == 1) done();
  };
}

}  // namespace

local_tier::local_tier(net::event_loop& control, const proxy::services& shared,
                       const std::shared_ptr<model_stays>& stays)
    : control_(control) {
  for (std::uint16_t i = 0; i < shared.configuration->upstreams.size(); ++i)
    if (shared.configuration->upstreams[i].tier == tier::local)
      watches_.push_back(std::make_unique<local_watch>(control, shared, i, stays));
  // A model that one of them lacks is not missing where another has it.
  for (const auto& watch : watches_)
    watch->readiness().look_elsewhere([this, mine = watch.get()] {
      std::vector<std::pair<std::string, std::shared_ptr<const policy::local_catalog>>> others;
      for (const auto& other : watches_)
        if (other.get() != mine) others.emplace_back(other->readiness().upstream_name(), other->current());
      return others;
    });
}

void local_tier::take_over(const local_tier& before) {
  for (const auto& mine : watches_)
    for (const auto& theirs : before.watches_)
      if (mine->watches_what(*theirs)) mine->take_over(*theirs);
}

std::vector<proxy::local_knowledge*> local_tier::by_upstream(std::size_t upstreams) const {
  std::vector<proxy::local_knowledge*> list(upstreams);
  for (const auto& watch : watches_) list[watch->upstream()] = watch.get();
  return list;
}

local_watch* local_tier::at(std::uint16_t upstream) const {
  for (const auto& watch : watches_)
    if (watch->upstream() == upstream) return watch.get();
  return nullptr;
}

bool local_tier::quiet() const {
  return std::all_of(watches_.begin(), watches_.end(), [](const auto& watch) { return watch->quiet(); });
}

void local_tier::part_from(const local_tier& next) {
  auto const stays = [&](const std::string& url) {
    return std::any_of(next.watches_.begin(), next.watches_.end(), [&](const auto& watch) {
      if (!watch->warming()) return false;
      auto const& urls = watch->warming()->urls();
      return std::find(urls.begin(), urls.end(), url) != urls.end();
    });
  };
  for (const auto& watch : watches_)
    if (watch->warming())
      watch->warming()->part([&](const std::string& url) {
        return stays(url) ? warmth::parting::handed_over : warmth::parting::server_left;
      });
}

void local_tier::part() {
  for (const auto& watch : watches_)
    if (watch->warming()) watch->warming()->part([](const std::string&) { return warmth::parting::process_ends; });
}

void local_tier::finish(time_point now) {
  for (const auto& watch : watches_)
    if (watch->warming()) watch->warming()->tick(now, false);
}

bool local_tier::owes() const {
  return std::any_of(watches_.begin(), watches_.end(),
                     [](const auto& watch) { return watch->warming() && watch->warming()->owes(); });
}

void local_tier::tick(time_point now, bool trouble) {
  for (const auto& watch : watches_) watch->tick(now, trouble);
}

void local_tier::on_change(const std::function<void(const readiness_report&)>& hear) {
  for (const auto& watch : watches_) watch->readiness().on_change = hear;
}

void local_tier::refresh(std::function<void()> done) {
  if (watches_.empty()) {
    control_.inbox()->post(std::move(done));
    return;
  }
  auto const one_less = last_of(watches_.size(), std::move(done));
  for (const auto& watch : watches_) watch->refresh(one_less);
}

void local_tier::check_now(std::function<void()> done) {
  if (watches_.empty()) {
    control_.inbox()->post(std::move(done));
    return;
  }
  auto const one_less = last_of(watches_.size(), std::move(done));
  for (const auto& watch : watches_) watch->readiness().check_now(one_less);
}

tier_report local_tier::report() const {
  std::vector<readiness_report> reports;
  for (const auto& watch : watches_) reports.push_back(watch->readiness().report());
  return make_tier_report(std::move(reports));
}

}  // namespace tideover::ops
