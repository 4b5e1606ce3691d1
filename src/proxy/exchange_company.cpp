// A leg with company: the local tier starts beside a silent cloud (hedging), and a caller who waits for a stream hears
// keep-alives. The legs run as children of the exchange: who loses is ended where it waits, and blamed for nothing.
#include <algorithm>

#include "tideover/adapt/chat/keep_alive.hpp"
#include "tideover/net/child.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;
using net::woken;

namespace {
// Well below the silence that any SDK or NAT endures (CL §6.1: 300 s; common load balancers: 60 s).
constexpr auto keep_alive_interval = std::chrono::seconds(15);
}  // namespace

/// Everything else runs by itself, which costs less.
bool exchange::needs_company(const leg& l) const { return machine_->hedge_at() || hears_keep_alives(l); }

/// Callers of streams do, while nobody else may take over, or while all of the stream is held.
bool exchange::hears_keep_alives(const leg& l) const {
  return facts_.stream &&
         (upstream_settings(l.upstream).tier == tier::local || route_.workflow->on_cut == config::on_cut::hold);
}

std::unique_ptr<leg> exchange::begin_hedge() {
  auto const second = machine_->begin_hedge(clock::now());
  if (!second) return nullptr;
  return begin_leg(second->upstream, second->limits);
}

/// Sends a keep-alive, behind a head if there was none yet. The head then goes out before anybody has answered: it
/// names the tier and the upstream where no other can answer any more, and is silent about what is still open. Only an
/// error event of our own may then come from nobody of that name. False when the caller is gone.
bool exchange::keep_caller_awake(const leg& l) {
  if (out_.must_flush()) return true;  // it does not even read what it has
  auto& text = home_.head_text();      // empty
  if (!head_sent_) {
    auto const who = machine_->who_can_answer();
    std::string_view name, model;
    if (who.upstream) {
      name = upstream_settings(*who.upstream).name;
      model = who.tier == tier::local ? std::string_view(local_model_)
              : l.stream              ? l.stream->inspector.model()
                                      : std::string_view();
    }
    adapt::own_response own;
    own.content_type = "text/event-stream";
    own.body = client_version_ < 11 ? adapt::body_kind::until_close : adapt::body_kind::chunked;
    own.keep_alive = may_keep_alive() && client_version_ >= 11;
    own.client_version = client_version_;
    auto who_answers = marks(who.tier.value_or(tier::none), name, model);
    if (who.tier != tier::local) who_answers.failover = {};  // a cloud may serve after all
    adapt::write_own_head(text, own, who_answers);
    written_ = {own.body, own.keep_alive};
    if (!own.keep_alive) then_ = after_exchange::close;
    early_head_ = head_sent_ = true;
    record_.status = 200;
    record_.first_byte = clock::now() - started_;
  }
  return send_piece(text, adapt::keep_alive_event(route_.what));
}

net::task<attempt_end> exchange::accompany(std::unique_ptr<leg>& first) {
  auto& loop = home_.reactions();
  auto leading = std::make_unique<net::child<attempt_end>>(loop, try_leg(*first));
  std::unique_ptr<leg> second;  // the hedge
  std::unique_ptr<net::child<attempt_end>> hedge;
  leading->start();
  auto hedge_at = machine_->hedge_at();
  auto next_keep_alive = after(clock::now(), keep_alive_interval);

  for (;;) {
    auto const hedge_by = hedge_at.value_or(never);
    auto const awake_by = hears_keep_alives(*first) ? next_keep_alive : never;
    auto const how = co_await loop.wait(std::min(hedge_by, awake_by), on(leading->done(), net::signalled),
                                        on(hedge ? &hedge->done() : nullptr, net::signalled));
    if (how == woken::cancelled) co_return attempt_end::stopped;
    if (how == woken::timed_out) {
      if (hedge_by <= awake_by) {
        hedge_at.reset();
        second = begin_hedge();
        if (second) {
          hedge = std::make_unique<net::child<attempt_end>>(loop, try_leg(*second));
          hedge->start();
        }
      } else {
        next_keep_alive = after(awake_by, keep_alive_interval);
        bool const here = keep_caller_awake(*first);
        if (!here) co_return attempt_end::client_gone;
      }
      continue;
    }
    if (leading->finished()) {
      auto const end = leading->take();
      if (end != attempt_end::failed || !hedge) co_return end;
      // The cloud failed after all: the hedge is now what every failover is.
      leg_failed(*first);
      note_failover();
      leading = std::move(hedge);
      first = std::move(second);
      continue;
    }
    auto const end = hedge->take();
    if (end == attempt_end::done) {
      leading.reset();
      machine_->hedge_won();
      note_failover();
      first = std::move(second);
      co_return end;
    }
    hedge.reset();
    if (end != attempt_end::failed) co_return end;
    record_.upstream_time += second->call.waited();
    machine_->hedge_failed(second->problem);
    second.reset();
  }
}

}  // namespace tideover::proxy
