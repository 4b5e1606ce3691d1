// After the commit of a stream: whole events pass as they came, and its end is one that the caller can tell from a cut.
#include <algorithm>

#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::io_result;

namespace {
constexpr std::size_t look_ahead_bytes = 64u << 10;  // an unfinished event waits for its end up to this size
// A stream that has said its last word may keep its connection open; nobody waits for that.
constexpr auto after_terminator = std::chrono::seconds(2);
}  // namespace

/// Nothing is replayed any more, and a stream may be open for long: what it no longer needs, it does not hold.
void exchange::forget_request() {
  block_.release();
  chunked_body_.release();
  std::string().swap(cloud_body_);
  replay_ = {};
  asked_for_.reset();
  std::string().swap(early_body_);
  home_.return_fields(std::move(head_.fields));
  head_ = {};
  route_.path_and_query = route_.path = route_.authority = {};
  body_ = {};
}

/// The head and what was held. False when the caller is gone.
bool exchange::begin_stream(leg& l) {
  auto& s = *l.stream;
  l.permit.committed();
  if (s.inspector.current() == adapt::stream_inspector::state::finished) l.permit.succeeded();
  auto& text = home_.head_text();
  begin_answer(text, l, adapt::body_kind::chunked, 0);
  if (!send_held(l, text)) return false;
  // What a continuation needs to ask the local model with is kept.
  if (!splice_) forget_request();
  l.call.forget_head();
  return true;
}

/// Whole events of what was held, behind `head`; the rest waits for its end.
bool exchange::send_held(leg& l, std::string_view head) {
  auto& s = *l.stream;
  auto whole = s.boundary.complete(s.held.view());
  auto const parts = s.held.size() - whole > look_ahead_bytes;
  if (parts) whole = s.held.size();
  auto const now = s.held.view().substr(0, whole);
  if (!send_piece(head, now)) {
    settled(attempt_end::client_gone);
    return false;
  }
  note_relayed(l, now, parts);
  s.held.drop_front(whole);
  s.boundary.consumed(whole);
  if (s.held.empty()) s.held.release();
  return true;
}

/// For a continuation, should the stream be cut.
void exchange::note_relayed(const leg& l, std::string_view events, bool parts) {
  if (!splice_ || upstream_settings(l.upstream).tier != tier::cloud) return;
  if (parts) splice_->give_up("parts");
  splice_->relayed(events);
}

/// Relays until the stream's end. Nothing when the exchange is over; else how it was cut.
net::task<std::optional<failure>> exchange::relay_events(leg& l) {
  using state = adapt::stream_inspector::state;
  auto& a = l.call;
  auto& inspector = l.stream->inspector;
  auto& boundary = l.stream->boundary;
  auto& held = l.stream->held;
  const auto& settings = upstream_settings(l.upstream);
  auto last_piece = clock::now();

  failure broken;
  broken.why = reason::cut;
  broken.at = phase::relay_body;
  for (bool cut = false;;) {
    if (out_.must_flush()) {
      bool const out = co_await flush_to_caller();
      if (!out) co_return std::nullopt;
    }
    auto const next = l.next();
    if (next.what == io_result::kind::ok) {
      // Usually whole events arrive together: they pass from scratch memory to the caller without a copy.
      std::string_view view = next.payload;
      if (!held.empty()) {
        if (!held.append(next.payload)) {
          broken.detail = "no memory is left for an unfinished event";
          broken.ours = cut = true;
        }
        view = held.view();
      }
      auto whole = boundary.complete(view);
      if (whole != 0) inspector.inspect(view.substr(0, whole));
      if (inspector.current() == state::finished) l.permit.succeeded();
      bool const parts = view.size() - whole > look_ahead_bytes;
      if (parts) whole = view.size();
      auto passes = whole;
      if (inspector.current() == state::failed && may_be_continued(l)) {
        // A stream that goes on is not told of its end, but of all that came before it.
        passes = adapt::good_before_error(route_.what, settings.dialect, view.substr(0, whole));
        if (passes < whole) {
          broken.detail = "the stream ended with an error event";
          cut = true;
        }
      }
      if (passes != 0) {
        if (!send_piece({}, view.substr(0, passes))) {
          settled(inspector.current() == state::finished ? attempt_end::done : attempt_end::client_gone);
          finish(served());
          then_ = after_exchange::abort;
          co_return std::nullopt;
        }
        note_relayed(l, view.substr(0, passes), parts);
        auto const now = clock::now();
        home_.sink().chunk_gap(settings, now - last_piece);
        last_piece = now;
      }
      if (whole != 0) boundary.consumed(whole);
      if (!held.empty()) {
        held.drop_front(whole);
        if (held.empty()) held.release();
      } else if (whole < view.size() && !held.append(view.substr(whole))) {
        broken.detail = "no memory is left for an unfinished event";
        broken.ours = cut = true;
      }
      if (!cut) continue;
    } else if (next.what == io_result::kind::again) {
      bool const said_all = inspector.current() == state::finished;
      auto const silent = after(clock::now(), said_all ? duration(after_terminator) : l.limits.idle);
      auto const step = co_await a.wait_for_more(std::min(silent, l.limits.total));
      if (step == attempt_end::done) continue;
      if (said_all && step != attempt_end::stopped) {
        // SDKs close right after the terminator: that is no caller who left early.
        if (step == attempt_end::client_gone) {
          then_ = after_exchange::abort;
          finish(served());
          co_return std::nullopt;
        }
        break;
      }
      if (step != attempt_end::late) {
        settled(step);
        co_return std::nullopt;
      }
      broken.detail =
          timer_text(l, silent < l.limits.total ? timer::idle : l.limits.total_timer) + ": the stream stalled";
      cut = true;
    } else if (next.what == io_result::kind::error) {
      broken.detail = "the stream broke off";
      cut = inspector.current() != state::finished;
    }
    if (cut) {
      a.abandon();
      co_return broken;
    }
    break;  // the answer's framing is complete, or its terminator came
  }

  bool const chat = route_.what == endpoint::chat_completions || route_.what == endpoint::completions;
  if (inspector.current() == state::failed) {
    // The upstream's own error event has passed; the connection ends so that nobody takes this for a whole answer.
    broken.detail = "the stream ended with an error event";
    a.settle();
    co_await end_cut(l, broken, false);
    co_return std::nullopt;
  }
  bool const untidy = chat && !l.translated && inspector.finish_reason_seen();
  if (inspector.current() != state::finished && !untidy) {
    broken.detail = "the stream ended without its terminator";
    a.abandon();
    co_return broken;
  }
  l.permit.succeeded();
  a.settle();
  // Complete in substance but for the last line: completed, so that clients see the end they wait for.
  std::string_view const missing = inspector.current() == state::finished ? "" : "data: [DONE]\n\n";
  bool sent = true;
  if (!held.empty()) sent = send_piece({}, held.view());
  if (sent) sent = send_piece({}, missing, "0\r\n\r\n");
  if (!sent) {
    then_ = after_exchange::abort;
    finish(served());
    co_return std::nullopt;
  }
  if (out_.must_flush()) {
    bool const out = co_await flush_to_caller();
    if (!out) co_return std::nullopt;
  }
  finish(served());
  co_return std::nullopt;
}

net::task<void> exchange::relay_stream() {
  if (!begin_stream(*serving_)) co_return;
  for (;;) {
    auto const cut = co_await relay_events(*serving_);
    if (!cut) co_return;
    bool const goes_on = co_await continue_locally(*cut);
    if (finished_) co_return;
    if (goes_on) continue;
    co_await end_cut(*serving_, *cut, true);
    co_return;
  }
}

bool exchange::may_be_continued(const leg& l) const {
  return splice_ && splice_->obstacle().empty() && upstream_settings(l.upstream).tier == tier::cloud;
}

/// The local model goes on where the cloud's stream broke off, in the same stream (`on_cut: continue`). True when it
/// does: its leg then takes the cloud's place. False: the cut has to be told.
net::task<bool> exchange::continue_locally(failure cut) {
  if (!splice_ || splice_used_) co_return false;
  if (!may_be_continued(*serving_)) {
    record_.not_continued = splice_->obstacle();
    co_return false;
  }
  auto const next = machine_->take_over(cut, clock::now());
  if (!next) co_return false;
  splice_used_ = true;
  serving_->permit.failed(cut);
  record_.upstream_time += serving_->call.waited();
  record_.detail = hop_detail_ = upstream_settings(serving_->upstream).name + ": " + cut.detail;
  auto local = begin_leg(next->upstream, next->limits);
  auto const how = co_await accompany(local);
  if (how == attempt_end::failed) {
    record_.not_continued = local->problem.detail;
    record_.upstream_time += local->call.waited();
    co_return false;
  }
  serving_ = std::move(local);
  if (settled(how)) co_return false;
  record_.why = why_not_first();
  record_.tier = tier::local;
  record_.upstream = upstream_settings(serving_->upstream).name;
  record_.model_served = local_model_;
  note_failover();
  bool const here = send_held(*serving_, {});
  co_return here;
}

}  // namespace tideover::proxy
