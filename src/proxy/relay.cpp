// After the decision: the answer's head goes out, bytes flow, and a broken end stays visible to the caller.
#include <algorithm>
#include <charconv>

#include "tideover/adapt/chat/answer_reader.hpp"
#include "tideover/adapt/chunked.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::io_result;

namespace {

/// To HEAD the answer tells the length that GET would have had (RFC 9110 §8.6).
std::uint64_t told_length(const response_head& head) {
  auto const text = head.fields.value_of(field_id::content_length);
  std::uint64_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length;
}

}  // namespace

bool exchange::may_keep_alive() const { return framing_.keep_alive && !body_unread_ && !entrance_.closing; }

outcome exchange::served() const {
  return machine_ && machine_->left_upstream() ? outcome::failed_over : outcome::answered;
}

/// From here on nothing changes backends; the replay buffer has done its work.
void exchange::commit() {
  machine_->committed();
  if (!record_.why) record_.why = why_not_first();
  if (!early_head_) record_.first_byte = clock::now() - started_;
  head_sent_ = true;
}

/// Whose answer it is, for the record; and its head, unless one is with the caller already.
void exchange::begin_answer(std::string& text, const leg& l, adapt::body_kind body, std::uint64_t length) {
  const auto& settings = upstream_settings(l.upstream);
  auto const& head = l.call.head();
  record_.tier = settings.tier;
  record_.upstream = settings.name;
  record_.model_served = l.model;
  record_.status = static_cast<int>(head.status);
  bool const as_it_came = route_.what == endpoint::ollama_native;  // an error of the server has no model
  if (record_.model_served.empty() && settings.tier == tier::local && (!as_it_came || record_.status / 100 == 2))
    record_.model_served = local_model_;
  if (early_head_) return commit();
  if (l.translated) {
    // None of the local server's fields is about this answer.
    adapt::own_response own;
    own.content_type = l.form == answer_form::stream ? "text/event-stream" : "application/json";
    own.body = body == adapt::body_kind::chunked && client_version_ < 11 ? adapt::body_kind::until_close : body;
    own.length = length;
    own.keep_alive = may_keep_alive() && own.body != adapt::body_kind::until_close;
    own.client_version = client_version_;
    written_ = {own.body, own.keep_alive};
    commit();
    adapt::write_own_head(text, own, marks(settings.tier, settings.name, record_.model_served));
    if (!written_.keep_alive) then_ = body_unread_ ? after_exchange::linger : after_exchange::close;
    return;
  }
  adapt::downstream_response answer;
  answer.status = head.status;
  answer.reason_phrase = head.reason_phrase;
  answer.body = body;
  answer.length = length;
  answer.keep_alive = may_keep_alive();
  answer.client_version = client_version_;
  answer.to_head_request = is_head_;
  written_ = adapt::framing_for(answer);
  commit();
  adapt::write_response_head(text, head, answer, marks(settings.tier, settings.name, record_.model_served));
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

net::task<void> exchange::deliver() {
  auto& l = *serving_;
  if (out_.must_flush()) {  // a keep-alive
    bool const out = co_await flush_to_caller();
    if (!out) co_return;
  }
  switch (l.form) {
    case answer_form::whole: co_await send_whole(l); break;
    case answer_form::stream: co_await relay_stream(); break;
    case answer_form::raw: co_await relay_raw(l); break;
    case answer_form::withheld: co_await reply_withheld(l); break;
  }
}

net::task<void> exchange::send_whole(leg& l) {
  auto& a = l.call;
  auto const body = is_head_ ? std::string_view{} : l.body();
  if (a.head().status / 100 == 2)
    l.permit.succeeded();
  else if (passes_unjudged())
    tell_health_of_passed_on(l);
  else
    l.permit.request_at_fault();
  if (early_head_) {
    // The caller was promised a stream, so what came instead can only be told as an error inside it.
    auto const said = adapt::read_error_body(body);
    adapt::own_error error{502, "not_a_stream", "The local server did not answer with a stream.", {}};
    if (said.recognised) error.message += " It said: " + said.message;
    auto& none = home_.head_text();
    begin_answer(none, l, adapt::body_kind::chunked, 0);
    a.settle();
    record_.error_code = error.code;
    co_await send_error_event(error);
    finish(outcome::failed);
    co_return;
  }
  auto& text = home_.head_text();
  begin_answer(text, l, adapt::body_kind::length, is_head_ ? told_length(a.head()) : body.size());
  forget_request();  // before a slow caller takes its time with the answer
  iovec const pieces[] = {{text.data(), text.size()}, {const_cast<char*>(body.data()), body.size()}};
  bool const sent = out_.send({pieces, body.empty() ? 1u : 2u});
  note_sent(body.size());
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

/// For bytes_out: what of it the connection does not take is known at the end.
void exchange::note_sent(std::size_t body_bytes, std::size_t framing_behind) {
  record_.bytes_out += body_bytes;
  last_body_bytes_ = body_bytes;
  last_framing_bytes_ = framing_behind;
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
  if (n == 0) return true;
  note_sent(bytes.size(), tail.size() + (chunked ? end.size() : 0));
  return out_.send({used, n});
}

/// An answer that is passed on unjudged shows all the same whether the upstream works. 408 and 409 do not count here:
/// on paths without a local equivalent they are between the caller and the cloud.
void exchange::tell_health_of_passed_on(leg& l) {
  auto const status = l.call.head().status;
  if (status / 100 == 2) return l.permit.committed();
  if (status >= 500 || status == 429 || status == 402)
    if (auto const what = status_failure(l, {})) return l.permit.failed(*what);
  l.permit.request_at_fault();
}

/// Lines of JSON of Ollama's own API: their end is looked at, because a broken one ends as orderly as a good one.
bool exchange::streams_lines(const leg& l) const {
  constexpr std::string_view lines = "application/x-ndjson";
  return route_.what == endpoint::ollama_native && l.call.head().status == 200 &&
         iequals(l.call.head().fields.value_of(field_id::content_type).substr(0, lines.size()), lines);
}

/// Bytes pass as they come; what they mean is not looked at (pass-through paths, compressed answers).
net::task<void> exchange::relay_raw(leg& l) {
  auto& a = l.call;
  auto const watch = streams_lines(l) ? adapt::chat::answer::make_stream_reader(dialect::ollama) : nullptr;
  std::vector<adapt::chat::answer::event> seen;
  auto const look = [&](std::string_view bytes) {
    seen.clear();
    if (watch) watch->feed(bytes, seen);
  };
  auto const& framing = a.framing();
  auto const kind = framing.body == adapt::body_kind::until_close                ? adapt::body_kind::chunked
                    : is_head_ && a.head().fields.find(field_id::content_length) ? adapt::body_kind::length
                                                                                 : framing.body;
  auto const length = is_head_ ? told_length(a.head()) : framing.length;
  tell_health_of_passed_on(l);
  // Before anything waits: the first bytes are still in scratch memory, unless they were looked at.
  attempt::piece next;
  if (l.early.empty())
    next = a.next_payload();
  else
    next = {io_result::kind::ok, l.early};
  bool last_sent = false;
  {
    auto& text = home_.head_text();
    begin_answer(text, l, kind, length);
    bool const ended = next.what == io_result::kind::eof || a.complete();
    std::string_view const payload = next.what == io_result::kind::ok && !is_head_ ? next.payload : std::string_view{};
    look(payload);
    bool const good = ended && (!watch || watch->finished());
    if (!send_piece(text, payload, good ? "0\r\n\r\n" : "")) {
      settled(attempt_end::client_gone);
      co_return;
    }
    std::string().swap(l.early);
    if (ended && next.what == io_result::kind::ok) next.what = io_result::kind::eof;
    last_sent = good;
  }
  if (next.what == io_result::kind::eof) l.permit.succeeded();  // complete, whether or not the caller still takes it
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
      co_await end_cut(l, broken, false);
      co_return;
    }
    if (next.what == io_result::kind::again) {
      auto const silent = after(clock::now(), l.limits.idle);
      auto const step = co_await a.wait_for_more(std::min(silent, l.limits.total));
      if (step == attempt_end::late) {
        failed(l, reason::timeout, phase::relay_body, "the answer stalled");
        name_timer(l, silent < l.limits.total ? timer::idle : l.limits.total_timer);
        a.abandon();
        co_await end_cut(l, l.problem, false);
        co_return;
      }
      if (settled(step)) co_return;
    }
    next = a.next_payload();
    if (next.what != io_result::kind::ok) continue;
    look(next.payload);
    if (watch && watch->made_elsewhere()) {
      answered_remotely(l);
      a.abandon();
      co_await end_cut(l, l.problem, true);
      co_return;
    }
    if (!send_piece({}, next.payload)) {
      settled(attempt_end::client_gone);
      co_return;
    }
  }
  if (watch) watch->end_of_input(seen);
  if (watch && !watch->finished()) {
    a.abandon();
    failed(l, reason::cut, phase::relay_body,
           watch->failed() ? "the stream ended with an error" : "the stream ended before it was done");
    co_await end_cut(l, l.problem, !watch->failed());
    co_return;
  }
  l.permit.succeeded();
  a.settle();
  if (!last_sent && !send_piece({}, {}, "0\r\n\r\n")) {
    settled(attempt_end::client_gone);
    co_return;
  }
  if (out_.must_flush()) {
    bool const out = co_await flush_to_caller();
    if (!out) co_return;
  }
  finish(served());
}

/// A committed answer that has no good end: says so in the dialect where possible, and never ends in order.
net::task<void> exchange::end_cut(leg& l, const failure& what, bool say_so) {
  l.permit.failed(what);
  note_local_failure(l, what);
  machine_->failed(what, clock::now());
  record_.why = what.why;
  record_.detail = upstream_settings(l.upstream).name + ": " + what.detail;
  // Whoever told of the end, the caller shall read it: fetch of Node.js drops what it has not handed out yet when the
  // connection breaks.
  then_ = after_exchange::abort_later;
  if (say_so) {
    adapt::own_error error;
    error.status = 502;
    error.code = "upstream_ended_early";
    error.message = "The answer of " + upstream_settings(l.upstream).title + " is incomplete: " + what.detail + ".";
    co_await send_error_event(error);
  }
  finish(outcome::cut);
}

/// Into a stream that has begun, as its last word: no terminator follows, and the connection ends visibly.
net::task<void> exchange::send_error_event(const adapt::own_error& error) {
  then_ = after_exchange::abort_later;
  if (is_head_) co_return;
  bool const anthropic = route_.what == endpoint::messages;
  auto const event = adapt::write_error_event(
      route_.what, adapt::error_dialect(route_.what, anthropic || route_.caller_speaks_anthropic), error,
      record_.request_id);
  if (send_piece({}, event) && out_.must_flush()) (void)co_await out_.flush();
}

}  // namespace tideover::proxy
