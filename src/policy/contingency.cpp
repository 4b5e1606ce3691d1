#include "tideover/policy/contingency.hpp"

#include <algorithm>
#include <chrono>

namespace tideover::policy {
namespace {

bool names(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// Moves out what `goes` says of.
template <class Goes>
std::vector<contingency_decision> take(std::vector<contingency_decision>& from, Goes goes) {
  auto const stays = std::stable_partition(from.begin(), from.end(), [&](const auto& d) { return !goes(d); });
  std::vector<contingency_decision> taken(std::make_move_iterator(stays), std::make_move_iterator(from.end()));
  from.erase(stays, from.end());
  return taken;
}

}  // namespace

std::string_view token(contingency_source source) {
  switch (source) {
    case contingency_source::environment: return "environment";
    case contingency_source::file: return "file";
    case contingency_source::operators: return "operator";
  }
  return "operator";
}

std::vector<contingency_cause> contingency::causes() const {
  std::vector<contingency_cause> all;
  auto const impose = [&](contingency_source source, bool everything, const std::vector<std::string>& workflows) {
    if (everything) all.push_back({source, std::string(all_workflows), {}});
    for (const auto& name : workflows) all.push_back({source, name, {}});
  };
  impose(contingency_source::environment, imposed_.all_by_environment, imposed_.by_environment);
  impose(contingency_source::file, imposed_.all_by_file, imposed_.by_file);
  for (const auto& d : decided_) all.push_back({contingency_source::operators, d.workflow, d});
  return all;
}

std::vector<contingency_cause> contingency::causes_for(std::string_view workflow) const {
  auto all = causes();
  std::erase_if(all, [&](const auto& c) { return c.workflow != workflow && c.workflow != all_workflows; });
  return all;
}

bool contingency::active_for_all() const {
  return imposed_.all_by_environment || imposed_.all_by_file ||
         std::any_of(decided_.begin(), decided_.end(), [](const auto& d) { return d.workflow == all_workflows; });
}

bool contingency::active(std::string_view workflow) const {
  return active_for_all() || names(imposed_.by_environment, workflow) || names(imposed_.by_file, workflow) ||
         std::any_of(decided_.begin(), decided_.end(), [&](const auto& d) { return d.workflow == workflow; });
}

std::vector<std::string> contingency::named() const {
  std::vector<std::string> found;
  for (const auto& cause : causes())
    if (cause.workflow != all_workflows && !names(found, cause.workflow)) found.push_back(cause.workflow);
  return found;
}

void contingency::decide(contingency_decision decision) {
  std::erase_if(decided_, [&](const auto& d) { return d.workflow == decision.workflow; });
  decided_.push_back(std::move(decision));
}

std::vector<contingency_decision> contingency::lift(const std::vector<std::string>& workflows) {
  return take(decided_, [&](const auto& d) { return workflows.empty() || names(workflows, d.workflow); });
}

std::vector<contingency_decision> contingency::expire(time_point now) {
  return take(decided_, [&](const auto& d) { return d.ends <= now; });
}

time_point end_after_restart(const contingency_decision& decision, std::int64_t unix_now, time_point now) {
  if (!decision.until) return never;
  auto const given = std::max<std::int64_t>(*decision.until - decision.since, 0);
  auto const left = std::clamp<std::int64_t>(*decision.until - unix_now, 0, given);
  return after(now, std::chrono::seconds(left));
}

}  // namespace tideover::policy
