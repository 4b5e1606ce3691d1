#include "tideover/ops/contingency_control.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

#include "tideover/ops/access_log.hpp"

namespace tideover::ops {

namespace {

using json = nlohmann::ordered_json;
constexpr auto between_tries = std::chrono::seconds(5);

json time_or_null(std::optional<std::int64_t> unix_seconds) {
  // A hand may have written any number into the file: beyond the year 9999 there is no such timestamp.
  if (!unix_seconds || *unix_seconds < 0 || *unix_seconds > 253402300799) return nullptr;
  return timestamp(*unix_seconds * 1'000'000);
}

}  // namespace

contingency_control::contingency_control(config::contingency imposed, contingency_store store, journal& events,
                                         proxy::contingency_view& view, std::int64_t unix_now, time_point now)
    : store_(std::move(store)), events_(events), view_(&view) {
  auto found = store_.load();
  for (auto& d : found.decisions) d.ends = policy::end_after_restart(d, unix_now, now);
  state_ = policy::contingency(std::move(imposed), std::move(found.decisions));
  if (!found.problem.empty()) {
    policy::contingency_decision safe;
    safe.workflow = policy::all_workflows;
    safe.reason = "what was decided before cannot be read (" + found.problem + ")";
    safe.who = "tideover";
    safe.since = unix_now;
    spdlog::error(
        "contingency is ON for everything, because {}. When it is clear that the cloud may be used: tideover "
        "contingency off",
        safe.reason);
    note("on", safe, safe.who, safe.reason);
    state_.decide(std::move(safe));
    // Only once a copy lies beside it: the file is all that is left of what somebody decided.
    if (found.set_aside) not_kept_ = store_.save(state_.decided());
  }
  for (const auto& d : state_.decided())
    spdlog::warn("contingency for {} is on by a decision of {}: {}", d.workflow, d.who, d.reason);
  view_->show(state_);
}

void contingency_control::turn_on(const order& what, std::int64_t unix_now, time_point now) {
  for (const auto& name : what.workflows) {
    policy::contingency_decision d;
    d.workflow = name;
    d.reason = what.reason;
    d.who = what.who;
    d.since = unix_now;
    if (what.lasts) {
      d.until = unix_now + std::chrono::ceil<std::chrono::seconds>(*what.lasts).count();
      d.ends = after(now, *what.lasts);
    }
    note("on", d, what.who, what.reason);
    state_.decide(std::move(d));
  }
  changed();
}

std::vector<std::string> contingency_control::turn_off(const std::vector<std::string>& workflows,
                                                       const std::string& who, const std::string& reason) {
  std::vector<std::string> names;
  for (const auto& d : state_.lift(workflows)) {
    note("off", d, who, reason);
    names.push_back(d.workflow);
  }
  if (!names.empty()) changed();
  return names;
}

void contingency_control::tick(time_point now) {
  auto const over = state_.expire(now);
  for (const auto& d : over) note("expired", d, "tideover", "the time that was given is over");
  if (!over.empty()) changed();
  if (not_kept_.empty() || now < next_try_) return;
  next_try_ = after(now, between_tries);
  not_kept_ = store_.save(state_.decided());
  if (not_kept_.empty()) spdlog::info("the contingency decisions are on disk now");
}

void contingency_control::impose(config::contingency imposed, proxy::contingency_view& view) {
  state_.impose(std::move(imposed));
  view_ = &view;
  view_->show(state_);
}

/// In force first, on disk next: an operator who sees an outage of the disk as well is not to wait for it.
void contingency_control::changed() {
  view_->show(state_);
  if (on_change) on_change(state_);
  not_kept_ = store_.save(state_.decided());
  if (!not_kept_.empty())
    spdlog::error("this contingency decision is in force but would not survive a restart: {}", not_kept_);
}

void contingency_control::note(const char* action, const policy::contingency_decision& d, const std::string& who,
                               const std::string& why) {
  journal_entry entry{.event = "contingency", .who = who, .why = why};
  entry.more["action"] = action;
  entry.more["workflow"] = d.workflow;
  if (d.until) entry.more["until"] = time_or_null(d.until);
  entry.decision = true;
  events_.write(entry);
  spdlog::warn("contingency {} for {} by {}: {}", action, d.workflow, who, why);
}

nlohmann::ordered_json describe(const policy::contingency& state, const std::string& not_kept) {
  json made{{"active", state.any()}, {"all", state.active_for_all()}, {"workflows", state.named()}};
  made["sources"] = json::array();
  for (const auto& cause : state.causes()) {
    json one{{"source", token(cause.source)}, {"workflow", cause.workflow}};
    if (cause.decision) {
      one["reason"] = cause.decision->reason;
      one["who"] = cause.decision->who;
      one["since"] = time_or_null(cause.decision->since);
      one["until"] = time_or_null(cause.decision->until);
    } else {
      one["how_to_lift"] = cause.source == policy::contingency_source::environment
                               ? "unset TIDEOVER_CONTINGENCY and restart"
                               : "remove it from contingency.workflows in the file, then reload or restart";
    }
    made["sources"].push_back(std::move(one));
  }
  made["persisted"] = not_kept.empty();
  if (!not_kept.empty()) made["problem"] = not_kept;
  return made;
}

}  // namespace tideover::ops
