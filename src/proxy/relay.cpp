// After the decision: the answer's head goes out, bytes flow, and a broken end stays visible to the caller.
#include <algorithm>
#include <charconv>

#include "tideover/adapt/chunked.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::io_result;

namespace {

constexpr std::size_t look_ahead_bytes = 64u << 10;  // an unfinished event waits for its end up to this size
// A stream that has said its last word may keep its connection open; nobody waits for that.
constexpr auto after_terminator = std::chrono::seconds(2);

/// To HEAD the answer tells the length that GET would have had (RFC 9110 §8.6).
std::uint64_t told_length(const response_head& head) {
  auto const text = head.fields.value_of(field_id::content_length);
  std::uint64_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length;
}

}  // namespace

bool exchange::may_keep_alive() const { return framing_.keep_alive && !body_unread_ && !home_.draining(); }

outcome exchange::served() const {
  return machine_ && machine_->left_upstream() ? outcome::failed_over : outcome::answered;
}

/// From here on nothing changes backends; the replay buffer has done its work.
void exchange::commit() {
  machine_->committed();
  if (!record_.why) record_.why = machine_->cloud_failure();
  head_sent_ = true;
  record_.first_byte = clock::now() - started_;
}

void exchange::begin_answer(std::string& text, const attempt& a, std::uint16_t upstream, adapt::body_kind body,
                            std::uint64_t length) {
  const auto& settings = upstream_settings(upstream);
  record_.tier = settings.tier;
  record_.upstream = settings.name;
  record_.status = static_cast<int>(a.head().status);
  if (record_.model_served.empty() && settings.tier == tier::local) record_.model_served = local_model_;
  adapt::downstream_response answer;
  answer.status = a.head().status;
  answer.reason_phrase = a.head().reason_phrase;
  answer.body = body;
  answer.length = length;
  answer.keep_alive = may_keep_alive();
  answer.client_version = client_version_;
  answer.to_head_request = is_head_;
  written_ = adapt::framing_for(answer);
  commit();
  adapt::write_response_head(text, a.head(), answer, marks(settings.tier, settings.name, record_.model_served));
  if (!written_.keep_alive) then_ = body_unread_ ? after_exchange::linger : after_exchange::close;
}

net::task<bool> exchange::flush_to_caller() {
  bool const out = co_await out_.flush();
  if (out) co_return true;
  if (home_.reactions().stopping()) {
    then_ = after_exchange::abort;
    finish(outcome::cut);
  } else {
    settled(attempt_end::client_gone);
  }
  co_return false;
}

net::task<void> exchange::send_whole(attempt& a, std::uint16_t upstream) {
  auto const body = is_head_ ? std::string_view{} : a.body();
  if (a.head().status / 100 == 2)
    asked_.succeeded();
  else
    asked_.request_at_fault();
  auto& text = home_.head_text();
  begin_answer(text, a, upstream, adapt::body_kind::length, is_head_ ? told_length(a.head()) : body.size());
  iovec const pieces[] = {{text.data(), text.size()}, {const_cast<char*>(body.data()), body.size()}};
  bool const sent = out_.send({pieces, body.empty() ? 1u : 2u});
  record_.bytes_out = body.size();
  a.settle();
  if (!sent) {
    settled(attempt_end::client_gone);
    co_return;
  }
  if (out_.must_flush()) {
    bool const out = co_await flush_to_caller();
    if (!out) co_return;
  }
  finish(served());
}

/// One piece of the body in the framing the caller got, behind a head if there is one: everything in one write.
bool exchange::send_piece(std::string_view head, std::string_view bytes, std::string_view end) {
  char size_line[18];
  std::size_t size_bytes = 0;
  bool const chunked = written_.body == adapt::body_kind::chunked;
  if (chunked && !bytes.empty()) size_bytes = adapt::write_chunk_size(size_line, bytes.size());
  std::string_view const tail = chunked && !bytes.empty() ? "\r\n" : "";
  auto const piece = [](std::string_view s) { return iovec{const_cast<char*>(s.data()), s.size()}; };
  iovec const all[] = {piece(head), {size_line, size_bytes}, piece(bytes), piece(tail), piece(chunked ? end : "")};
  iovec used[5];
  std::size_t n = 0;
  for (const auto& p : all)
    if (p.iov_len != 0) used[n++] = p;
  record_.bytes_out += bytes.size();
  return n == 0 || out_.send({used, n});
}

/// Bytes pass as they come; what they mean is not looked at (pass-through paths, compressed answers).
net::task<void> exchange::relay_raw(attempt& a, std::uint16_t upstream) {
  auto const limits = machine_->limits();
  auto const& framing = a.framing();
  auto const kind = framing.body == adapt::body_kind::until_close                ? adapt::body_kind::chunked
                    : is_head_ && a.head().fields.find(field_id::content_length) ? adapt::body_kind::length
                                                                                 : framing.body;
  auto const length = is_head_ ? told_length(a.head()) : framing.length;
  tell_health_of_passed_on(a.head(), upstream);
  auto next = a.next_payload();  // before anything waits: the first bytes are still in scratch memory
  {
    auto& text = home_.head_text();
    begin_answer(text, a, upstream, kind, length);
    bool const ended = next.what == io_result::kind::eof || a.complete();
    std::string_view const payload = next.what == io_result::kind::ok && !is_head_ ? next.payload : std::string_view{};
    if (!send_piece(text, payload, ended ? "0\r\n\r\n" : "")) {
      settled(attempt_end::client_gone);
      co_return;
    }
    if (ended && next.what == io_result::kind::ok) next.what = io_result::kind::eof;
  }
  if (next.what == io_result::kind::eof) asked_.succeeded();  // complete, whether or not the caller still takes it
  bool last_sent = next.what == io_result::kind::eof;
  for (;;) {
    if (out_.must_flush()) {
      bool const out = co_await flush_to_caller();
      if (!out) co_return;
    }
    if (next.what == io_result::kind::eof) break;
    if (next.what == io_result::kind::error) {
      failure broken;
      broken.why = reason::cut;
      broken.at = phase::relay_body;
      broken.detail = "the answer broke off";
      a.abandon();
      co_await end_cut(upstream, broken, false);
      co_return;
    }
    if (next.what == io_result::kind::again) {
      auto const by = std::min(after(clock::now(), limits.idle), limits.total);
      auto const step = co_await a.wait_for_more(by, phase::relay_body);
      if (step == attempt_end::failed) {
        auto late = a.problem();
        late.detail = "the answer stalled";
        co_await end_cut(upstream, late, false);
        co_return;
      }
      if (settled(step)) co_return;
    }
    next = a.next_payload();
    if (next.what == io_result::kind::ok && !send_piece({}, next.payload)) {
      settled(attempt_end::client_gone);
      co_return;
    }
  }
  asked_.succeeded();
  a.settle();
  if (!last_sent && written_.body == adapt::body_kind::chunked && !out_.send(std::string_view("0\r\n\r\n"))) {
    settled(attempt_end::client_gone);
    co_return;
  }
  if (out_.must_flush()) {
    bool const out = co_await flush_to_caller();
    if (!out) co_return;
  }
  finish(served());
}

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

/// Whole events pass as they came. `held` begins with what was looked at before the commit.
net::task<void> exchange::relay_stream(attempt& a, std::uint16_t upstream, adapt::stream_inspector& inspector,
                                       adapt::sse_boundary& boundary, byte_buffer& held) {
  using state = adapt::stream_inspector::state;
  const auto& settings = upstream_settings(upstream);
  auto const limits = machine_->limits();
  auto last_piece = clock::now();
  asked_.committed();
  {
    auto& text = home_.head_text();
    begin_answer(text, a, upstream, adapt::body_kind::chunked, 0);
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
      if (inspector.current() == state::finished) asked_.succeeded();
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
      auto const patience = inspector.current() == state::finished ? duration(after_terminator) : limits.idle;
      auto const step =
          co_await a.wait_for_more(std::min(after(clock::now(), patience), limits.total), phase::relay_body);
      if (step == attempt_end::done) continue;
      if (inspector.current() == state::finished && step != attempt_end::stopped) {
        // SDKs close right after the terminator: that is no caller who left early.
        if (step == attempt_end::client_gone) {
          then_ = after_exchange::abort;
          finish(served());
          co_return;
        }
        break;
      }
      if (settled(step)) co_return;
      broken.detail = "the stream stalled";
      cut = true;
    } else if (next.what == io_result::kind::error) {
      broken.detail = "the stream broke off";
      cut = inspector.current() != state::finished;
    }
    if (cut) {
      a.abandon();
      co_await end_cut(upstream, broken, true);
      co_return;
    }
    break;  // the answer's framing is complete, or its terminator came
  }

  bool const chat = route_.what == endpoint::chat_completions || route_.what == endpoint::completions;
  if (inspector.current() == state::failed) {
    // The upstream's own error event has passed; the connection ends so that nobody takes this for a whole answer.
    broken.detail = "the stream ended with an error event";
    co_await end_cut(upstream, broken, false);
    co_return;
  }
  if (inspector.current() != state::finished && !(chat && inspector.finish_reason_seen())) {
    broken.detail = "the stream ended without its terminator";
    a.abandon();
    co_await end_cut(upstream, broken, true);
    co_return;
  }
  asked_.succeeded();
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

/// A committed answer that has no good end: says so in the dialect where possible, and never ends in order.
net::task<void> exchange::end_cut(std::uint16_t upstream, const failure& what, bool say_so) {
  asked_.failed(what);
  machine_->failed(what, clock::now());
  record_.why = what.why;
  record_.detail = upstream_settings(upstream).name + ": " + what.detail;
  then_ = after_exchange::abort;
  if (say_so && !is_head_) {
    adapt::own_error error;
    error.status = 502;
    error.code = "upstream_ended_early";
    error.message = "The answer of " + upstream_settings(upstream).title + " is incomplete: " + what.detail + ".";
    bool const anthropic = route_.what == endpoint::messages;
    auto const event = adapt::write_error_event(
        route_.what, adapt::error_dialect(route_.what, anthropic || route_.caller_speaks_anthropic), error,
        record_.request_id);
    if (send_piece({}, event) && out_.must_flush()) (void)co_await out_.flush();
  }
  finish(outcome::cut);
}

}  // namespace tideover::proxy
