// Requests whose bodies are too large to hold and have no local equivalent: streamed through, one attempt, no replay.
#include <algorithm>

#include "tideover/adapt/chunked.hpp"
#include "tideover/policy/plan.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;
using net::woken;

net::task<void> exchange::stream_through() {
  settle_reach();
  machine_.emplace(policy::plan_for_stream_through(route_, configuration(),
                                                   {.started = started_, .in_contingency = kept_from_clouds_}),
                   configuration());
  if (next_step() != policy::failover::step::attempt) {
    co_await reply_final();
    co_return;
  }
  auto const upstream = machine_->upstream();
  auto const limits = machine_->limits();
  const auto& settings = upstream_settings(upstream);
  serving_ = begin_leg(upstream, limits);
  auto& l = *serving_;
  auto const out = outgoing(l, false);
  auto& a = l.call;
  auto step = co_await a.open_for_body(out, limits.connect);
  if (step == attempt_end::done) step = co_await say_continue();
  if (step == attempt_end::done) step = co_await pump_body(a);
  // How long the cloud may think begins when it has everything.
  if (step == attempt_end::done) step = co_await a.await_head(after(clock::now(), settings.timeouts.response));
  if (step == attempt_end::failed) {
    l.problem = a.problem();
    name_timer(l, l.problem.at <= phase::tls_handshake ? limits.connect_timer : timer::response);
  }
  if (step == attempt_end::done) step = co_await keep_back_what_misleads(l);
  if (step == attempt_end::done) {
    co_await deliver();
    co_return;
  }
  if (settled(step)) co_return;
  leg_failed(l);
  serving_.reset();
  (void)machine_->next(clock::now());
  co_await reply_final();
}

/// Moves the body as it comes. Ends early when the upstream answers or goes before it heard everything: `done` too,
/// with body_unread_ left set, because the answer decides.
net::task<attempt_end> exchange::pump_body(attempt& a) {
  auto& up = *a.connection();
  auto const& limits = configuration().limits;
  bool const chunked = framing_.body == adapt::body_kind::chunked;
  adapt::chunk_decoder chunks;
  std::uint64_t left = framing_.length;
  byte_buffer pending(*shared().memory);

  // Turns raw bytes of the caller into what the upstream gets; false when the caller's framing is broken.
  bool ended = !chunked && left == 0;
  auto const take = [&](std::string_view raw) {
    while (!raw.empty() && !ended) {
      if (!chunked) {
        auto const mine = static_cast<std::size_t>(std::min<std::uint64_t>(left, raw.size()));
        if (!pending.append(raw.substr(0, mine))) return false;
        left -= mine;
        record_.bytes_in += mine;
        raw.remove_prefix(mine);
        ended = left == 0;
        continue;
      }
      auto const step = chunks.feed(raw);
      raw.remove_prefix(step.used);
      if (step.what == adapt::chunk_decoder::status::broken) return false;
      if (step.what == adapt::chunk_decoder::status::piece) {
        char line[18];
        auto const n = adapt::write_chunk_size(line, step.payload.size());
        if (!pending.append({line, n}) || !pending.append(step.payload) || !pending.append("\r\n")) return false;
        record_.bytes_in += step.payload.size();
      }
      if (step.what == adapt::chunk_decoder::status::done) {
        ended = true;
        if (!pending.append("0\r\n\r\n")) return false;
      }
      if (step.what == adapt::chunk_decoder::status::more) break;
    }
    if (ended) left_over_.assign(raw);
    return true;
  };

  if (!take(early_body_)) co_return attempt_end::client_gone;
  early_body_.clear();
  std::size_t sent = 0;
  for (;;) {
    unsigned want = 0;
    while (sent < pending.size()) {
      auto const rest = pending.view().substr(sent);
      iovec const piece{const_cast<char*>(rest.data()), rest.size()};
      auto const wrote = up.try_write({&piece, 1});
      if (wrote.ok()) {
        sent += wrote.bytes;
        continue;
      }
      if (!wrote.again()) co_return attempt_end::done;  // it closed: perhaps it has answered
      want = wrote.want;
      break;
    }
    if (sent == pending.size()) {
      pending.shrink_to(0);
      sent = 0;
      if (ended) {
        body_unread_ = false;
        co_return attempt_end::done;
      }
      auto const got = down_.try_read(home_.scratch(), home_.scratch_size());
      if (got.ok()) {
        if (!take({home_.scratch(), got.bytes})) co_return attempt_end::client_gone;
        continue;
      }
      if (!got.again()) co_return attempt_end::client_gone;
    }
    bool const to_upstream = sent < pending.size();
    auto const paused = clock::now();
    auto const by = after(paused, limits.write_stall);
    auto const how =
        co_await home_.reactions().wait(by, on(up.source(), (to_upstream ? want : 0u) | net::readable | net::hangup),
                                        on(down_.source(), to_upstream ? net::hangup : net::readable | net::hangup));
    (to_upstream ? record_.upstream_time : record_.caller_time) += clock::now() - paused;
    if (how == woken::cancelled) co_return attempt_end::stopped;
    if (how == woken::timed_out) co_return attempt_end::client_gone;
    if (up.peer_closed() || (up.source().is(net::readable) && !up.quiet())) co_return attempt_end::done;
    if (down_.peer_closed() && !down_.source().is(net::readable)) co_return attempt_end::client_gone;
  }
}

}  // namespace tideover::proxy
