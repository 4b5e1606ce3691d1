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
  std::string().swap(replay_body_);
  std::string().swap(early_body_);
  home_.return_fields(std::move(head_.fields));
  head_ = {};
  route_.path_and_query = route_.path = route_.authority = {};
  body_ = {};
}

/// `held` begins with what was looked at before the commit.
net::task<void> exchange::relay_stream(leg& l) {
  using state = adapt::stream_inspector::state;
  auto& a = l.call;
  auto& inspector = l.stream->inspector;
  auto& boundary = l.stream->boundary;
  auto& held = l.stream->held;
  const auto& settings = upstream_settings(l.upstream);
  auto last_piece = clock::now();
  l.permit.committed();
  if (inspector.current() == state::finished) l.permit.succeeded();
  {
    auto& text = home_.head_text();
    begin_answer(text, l, adapt::body_kind::chunked, 0);
    auto whole = boundary.complete(held.view());
    if (held.size() - whole > look_ahead_bytes) whole = held.size();
    if (!send_piece(text, held.view().substr(0, whole))) {
      settled(attempt_end::client_gone);
      co_return;
    }
    held.drop_front(whole);
    boundary.consumed(whole);
  }
  forget_request();
  a.forget_head();
  if (held.empty()) held.release();

  failure broken;
  broken.why = reason::cut;
  broken.at = phase::relay_body;
  for (bool cut = false;;) {
    if (out_.must_flush()) {
      bool const out = co_await flush_to_caller();
      if (!out) co_return;
    }
    auto const next = a.next_payload();
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
      if (view.size() - whole > look_ahead_bytes) whole = view.size();
      if (whole != 0) {
        if (!send_piece({}, view.substr(0, whole))) {
          settled(inspector.current() == state::finished ? attempt_end::done : attempt_end::client_gone);
          finish(served());
          then_ = after_exchange::abort;
          co_return;
        }
        auto const now = clock::now();
        home_.sink().chunk_gap(settings, now - last_piece);
        last_piece = now;
        boundary.consumed(whole);
      }
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
          co_return;
        }
        break;
      }
      if (step != attempt_end::late) {
        settled(step);
        co_return;
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
      co_await end_cut(l, broken, true);
      co_return;
    }
    break;  // the answer's framing is complete, or its terminator came
  }

  bool const chat = route_.what == endpoint::chat_completions || route_.what == endpoint::completions;
  if (inspector.current() == state::failed) {
    // The upstream's own error event has passed; the connection ends so that nobody takes this for a whole answer.
    broken.detail = "the stream ended with an error event";
    co_await end_cut(l, broken, false);
    co_return;
  }
  if (inspector.current() != state::finished && !(chat && inspector.finish_reason_seen())) {
    broken.detail = "the stream ended without its terminator";
    a.abandon();
    co_await end_cut(l, broken, true);
    co_return;
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
    co_return;
  }
  if (out_.must_flush()) {
    bool const out = co_await flush_to_caller();
    if (!out) co_return;
  }
  finish(served());
}

}  // namespace tideover::proxy
