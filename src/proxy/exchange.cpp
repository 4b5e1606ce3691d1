#include "tideover/proxy/exchange.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tideover/policy/local_order.hpp"
#include "tideover/policy/plan.hpp"
#include "tideover/policy/readiness.hpp"

namespace tideover::proxy {

using net::on;
using net::woken;

exchange::exchange(worker& home, const door& entrance, net::stream& down, std::string& left_over)
    : home_(home),
      generation_(home.generation()),
      entrance_(entrance),
      down_(down),
      left_over_(left_over),
      out_(down, *shared().memory, configuration().limits.write_stall),
      started_(clock::now()),
      block_(*shared().memory),
      chunked_body_(*shared().memory) {
  record_.request_id = home.next_request_id();
  record_.first_byte = duration(-1);
}

exchange::~exchange() {
  if (!finished_) finish(head_sent_ ? outcome::cut : outcome::failed);
  home_.return_fields(std::move(head_.fields));
}

void exchange::finish(outcome how) {
  if (finished_) return;
  finished_ = true;
  record_.how = how;
  record_.total = clock::now() - started_;
  record_.caller_time += out_.waited();
  if (auto const unsent = out_.unsent(); unsent > last_framing_bytes_)
    record_.bytes_out -= std::min(unsent - last_framing_bytes_, last_body_bytes_);
  if (serving_) {
    record_.upstream_time += serving_->call.waited();
    if (const auto* into = serving_->into.get()) {
      if (into->took()) note_local_timing(serving_->upstream, *into->took());
      if (into->made_elsewhere()) answered_remotely(*serving_);  // found out too late to keep all of it back
      if (into->used()) note_prompt_tokens(into->used()->prompt);
    }
    if (serving_->place && (how == outcome::answered || how == outcome::failed_over)) {
      serving_->place->served();
      // What passes unjudged, as Ollama's own paths do, may be an error.
      if (record_.status / 100 == 2)
        local(serving_->upstream).note_success();
      else if (record_.status >= 500)
        local(serving_->upstream).note_failure("status " + std::to_string(record_.status));
    }
  }
  if (machine_) {
    record_.attempts = machine_->attempts();
    if (!record_.why) record_.why = why_not_first();
  }
  home_.sink().finished(record_);
}

/// Ends the exchange for outcomes that are nobody's failure. False when the step was done or failed.
bool exchange::settled(attempt_end step) {
  if (step == attempt_end::done || step == attempt_end::failed) return false;
  if (machine_) machine_->client_gone();
  then_ = after_exchange::abort;
  finish(step == attempt_end::client_gone ? outcome::client_gone : head_sent_ ? outcome::cut : outcome::failed);
  return true;
}

/// The machine's next step. Where it may ask an upstream, the permit to do so is taken in the same breath.
policy::failover::step exchange::next_step() {
  struct admitting final : policy::health_view {
    explicit admitting(exchange& e) : mine(e) {}
    std::optional<reason> refuses(std::uint16_t upstream) const override {
      auto& health = *mine.shared().health;
      auto const refusal =
          health.admit(upstream, health.fingerprint(upstream, mine.head_), mine.facts_.model, mine.asked_);
      if (!refusal) return std::nullopt;
      mine.refused_for_ = refusal->wait;
      return refusal->why;
    }
    exchange& mine;
  };
  admitting const health(*this);
  return machine_->next(clock::now(), &health);
}

policy::exchange_plan exchange::plan() const {
  auto made =
      policy::plan_for(route_, facts_, configuration(),
                       {.started = started_, .in_contingency = kept_from_clouds_, .repeats = record_.sdk_retry != 0});
  policy::order_locals(made.candidates, route_, facts_.model, configuration(), [this](std::uint16_t upstream) {
    const auto* const known = shared().local[upstream];
    return known ? known->current() : nullptr;
  });
  return made;
}

std::unique_ptr<leg> exchange::begin_leg(std::uint16_t upstream, const policy::attempt_limits& limits) {
  keep_local_error();
  return std::make_unique<leg>(home_, *generation_, down_, upstream, limits, std::move(asked_), pass_);
}

/// Told once for each step from a candidate to the next one.
void exchange::note_failover() {
  auto const& hop = machine_->last_hop();
  if (!hop || hop == told_hop_) return;
  told_hop_ = hop;
  if (auto const left = machine_->left_upstream()) record_.from = upstream_settings(*left).name;
  home_.sink().failed_over(record_, {.from = upstream_settings(hop->from),
                                     .to = upstream_settings(hop->to),
                                     .why = hop->why,
                                     .detail = std::exchange(hop_detail_, {})});
}

/// For the record: why not the cloud, or where the cloud serves, why not the first choice.
std::optional<reason> exchange::why_not_first() const {
  auto const why = machine_->cloud_failure();
  return why || !machine_->last_hop() ? why : std::optional(machine_->last_hop()->why);
}

net::task<void> exchange::ask_candidates() {
  settle_reach();
  machine_.emplace(plan(), configuration());
  for (;;) {
    switch (next_step()) {
      case policy::failover::step::attempt: {
        note_failover();
        auto const upstream = machine_->upstream();
        if (route_.what == endpoint::models && upstream_settings(upstream).tier == tier::local) {
          co_await list_local_models();
          break;
        }
        if (joins_native_lists()) {
          co_await list_native_models();
          break;
        }
        auto asked = begin_leg(upstream, machine_->limits());
        attempt_end how;
        if (needs_company(*asked))
          how = co_await accompany(asked);
        else if (upstream_settings(upstream).tier == tier::local)
          how = co_await try_leg(*asked);
        else
          how = co_await ask(*asked);
        serving_ = std::move(asked);
        if (how == attempt_end::failed) {
          leg_failed(*serving_);
          serving_.reset();
        } else if (!settled(how)) {
          co_await deliver();
        }
        break;
      }
      case policy::failover::step::pause: {
        bool const here = co_await pause();
        if (!here) co_return;
        break;
      }
      case policy::failover::step::give_up: co_await reply_final(); co_return;
      case policy::failover::step::finished: co_return;
    }
    if (finished_) co_return;
  }
}

/// Before a retry. False when the exchange is over.
net::task<bool> exchange::pause() {
  auto const how = co_await home_.reactions().wait(machine_->pause_until(), on(down_.source(), net::hangup));
  if (how == woken::timed_out) {
    machine_->pause_over();
    co_return true;
  }
  settled(how == woken::cancelled ? attempt_end::stopped : attempt_end::client_gone);
  co_return false;
}

/// What tells of the server, and not of the request or of a model that is missing: its readiness wants to know.
void exchange::note_local_failure(const leg& l, const failure& what) const {
  if (upstream_settings(l.upstream).tier != tier::local || !policy::tells_of_local_server(what)) return;
  bool const only_busy =
      local_error_ && (local_error_->code == "local_loading" || local_error_->code == "local_queue_full");
  if (!only_busy) local(l.upstream).note_failure(what.detail.empty() ? token(what.why) : std::string_view(what.detail));
}

void exchange::leg_failed(leg& l) {
  const auto& settings = upstream_settings(l.upstream);
  auto const& what = l.problem;
  hop_detail_ = settings.name + ": ";
  if (!what.detail.empty())
    hop_detail_ += what.detail;
  else
    hop_detail_ += what.status != 0 ? "status " + std::to_string(what.status) : std::string(token(what.why));
  if (record_.detail.empty() || settings.tier == tier::cloud) record_.detail = hop_detail_;
  record_.upstream_time += l.call.waited();
  note_local_failure(l, what);
  if (what.why == reason::auth) home_.sink().key_refused(settings, what);
  auto& health = *shared().health;
  auto const now = clock::now();
  l.permit.failed(what);
  if (settings.retry.attempts != 0) {
    auto const at = machine_->retry_at(what, now, health.random_share());
    if (at && health.grant_retry(l.upstream)) return machine_->retry(what, *at);
  }
  machine_->failed(what, now);
}

}  // namespace tideover::proxy
