#include "tideover/proxy/attempt.hpp"

#include <algorithm>
#include <cstring>

#include "tideover/net/dialer.hpp"
#include "tideover/net/http_head.hpp"

namespace tideover::proxy {

using net::io_result;
using net::on;
using net::woken;

namespace {
constexpr unsigned max_interim_responses = 100;  // 1xx before the answer: all are swallowed, endless ones are none
}

attempt::attempt(worker& home, worker_generation& under, net::stream& caller, std::size_t upstream,
                 std::optional<cloud_pass> pass)
    : home_(home), generation_(under), caller_(caller), upstream_(upstream), pass_(pass), whole_(*shared().memory) {
  head_.fields = home.borrow_fields();
}

attempt::~attempt() { home_.return_fields(std::move(head_.fields)); }

attempt_end attempt::fail(reason why, phase at, std::string detail, int status) {
  problem_ = {};
  problem_.why = why;
  problem_.at = at;
  problem_.status = status;
  problem_.detail = std::move(detail);
  connection_.reset();
  return attempt_end::failed;
}

net::task<attempt_end> attempt::connect(time_point by, bool fresh) {
  bool const outside = shared().upstreams[upstream_].target.outside;
  if (pass_ || !outside) generation_.used(upstream_, clock::now());
  if (!fresh) {
    connection_ = generation_.pool.take(upstream_, pass_);
    if (connection_) {
      reused_ = true;
      co_return attempt_end::done;
    }
  }
  reused_ = false;
  auto const began = clock::now();
  auto dialled = co_await net::dial(home_.loop(), *shared().names, shared().upstreams[upstream_].target,
                                    generation_.pool.sessions(upstream_), by, &caller_.source(), pass_);
  waited_ += clock::now() - began;
  if (dialled.connection) {
    connection_ = std::move(dialled.connection);
    co_return attempt_end::done;
  }
  if (home_.reactions().stopping()) co_return attempt_end::stopped;
  if (caller_.peer_closed()) co_return attempt_end::client_gone;
  problem_ = std::move(dialled.problem);
  co_return attempt_end::failed;
}

net::task<attempt_end> attempt::wait_for_more(time_point by) {
  auto const began = clock::now();
  auto const how =
      co_await home_.reactions().wait(by, on(connection_->source(), net::readable), on(caller_.source(), net::hangup));
  waited_ += clock::now() - began;
  if (how == woken::cancelled) co_return attempt_end::stopped;
  if (caller_.peer_closed()) co_return attempt_end::client_gone;
  co_return how == woken::timed_out ? attempt_end::late : attempt_end::done;
}

net::task<attempt_end> attempt::wait(time_point by, phase at) {
  auto const how = co_await wait_for_more(by);
  if (how == attempt_end::late)
    co_return fail(reason::timeout, at, {}, at == phase::read_body ? static_cast<int>(head_.status) : 0);
  co_return how;
}

net::task<attempt_end> attempt::send(const outgoing_request& what, time_point by) {
  auto& text = home_.head_text();
  adapt::write_request_head(text, *what.original, what.head);
  std::string_view head = text;
  std::string_view body = what.body;
  std::string kept_head;
  while (!head.empty() || !body.empty()) {
    iovec const pieces[] = {{const_cast<char*>(head.data()), head.size()},
                            {const_cast<char*>(body.data()), body.size()}};
    auto const wrote =
        connection_->try_write({pieces + (head.empty() ? 1 : 0), head.empty() || body.empty() ? 1u : 2u});
    if (wrote.ok()) {
      auto const of_head = std::min(wrote.bytes, head.size());
      head.remove_prefix(of_head);
      body.remove_prefix(wrote.bytes - of_head);
      continue;
    }
    if (!wrote.again()) {
      // The peer may have answered and closed before it read everything: its answer decides, if there is one.
      odd_ = true;
      co_return attempt_end::done;
    }
    if (!head.empty() && kept_head.empty()) {  // the text belongs to the worker: nothing of it may outlive a wait
      kept_head = head;
      head = kept_head;
    }
    auto const began = clock::now();
    auto const how = co_await home_.reactions().wait(
        by, on(connection_->source(), wrote.want | net::readable | net::hangup), on(caller_.source(), net::hangup));
    waited_ += clock::now() - began;
    if (how == woken::cancelled) co_return attempt_end::stopped;
    if (caller_.peer_closed()) co_return attempt_end::client_gone;
    if (how == woken::timed_out)
      co_return fail(reason::timeout, phase::send_request, "the upstream did not take the request");
    // It speaks, or it went, before it heard everything: its answer decides. (TLS housekeeping is no answer.)
    if (!connection_->source().is(wrote.want) && !connection_->quiet()) {
      odd_ = true;
      co_return attempt_end::done;
    }
  }
  sent_all_ = true;
  co_return attempt_end::done;
}

net::task<attempt_end> attempt::open(const outgoing_request& what, time_point connect_by, time_point answer_by) {
  to_head_request_ = what.head.method == "HEAD";
  for (bool fresh = false;; fresh = true) {
    auto step = co_await connect(connect_by, fresh);
    if (step != attempt_end::done) co_return step;
    heard_anything_ = false;
    odd_ = false;
    step = co_await send(what, answer_by);
    if (step != attempt_end::done) co_return step;
    step = co_await await_head(answer_by);
    bool const died_in_silence = step == attempt_end::failed && problem_.why == reason::connect && !heard_anything_;
    // Only a connection that had idled may be replaced: on a fresh one the request may have been taken (contract §4).
    if (died_in_silence && reused_ && what.may_repeat && !fresh) {
      generation_.pool.close_idle(upstream_);
      continue;
    }
    co_return step;
  }
}

net::task<attempt_end> attempt::open_for_body(const outgoing_request& what, time_point connect_by) {
  to_head_request_ = false;
  // A body that is not kept cannot be sent again, so no connection is taken that might have died meanwhile.
  auto step = co_await connect(connect_by, true);
  if (step != attempt_end::done) co_return step;
  step = co_await send(what, connect_by);
  co_return step;
}

net::task<attempt_end> attempt::await_head(time_point answer_by) {
  std::size_t scanned = 0;
  std::size_t have = 0;
  unsigned interim = 0;
  char* scratch = home_.scratch();
  for (;;) {
    auto const got = connection_->try_read(scratch + have, home_.scratch_size() - have);
    if (got.ok()) {
      heard_anything_ = true;
      have += got.bytes;
      std::size_t size;
      while ((size = net::find_head_end({scratch, have}, scanned)) != 0) {
        if (net::parse_response_head({scratch, size}, head_) != net::head_status::ok)
          co_return fail(reason::malformed, phase::await_head, "the answer does not begin with an HTTP head");
        if (head_.status / 100 != 1 || head_.status == 101) co_return accept_head({scratch, have}, size);
        if (++interim > max_interim_responses)
          co_return fail(reason::malformed, phase::await_head, "too many interim responses");
        have -= size;
        std::memmove(scratch, scratch + size, have);
        scanned = 0;
      }
      scanned = have;
      if (have == home_.scratch_size())
        co_return fail(reason::malformed, phase::await_head, "the head of the answer is too large");
      // What cannot become an HTTP head is not waited for (a banner of another protocol, faults B7).
      if (have >= 5 && std::string_view(scratch, 5) != "HTTP/")
        co_return fail(reason::malformed, phase::await_head, "the answer is not HTTP");
      continue;
    }
    if (!got.again()) {
      if (have != 0 || interim != 0)
        co_return fail(reason::malformed, phase::await_head, "closed inside the head of the answer");
      co_return fail(reason::connect, phase::await_head, "closed before any byte of an answer");
    }
    head_bytes_.assign(scratch, have);
    auto const step = co_await wait(answer_by, phase::await_head);
    if (step == attempt_end::failed) problem_.detail = "no answer";
    if (step != attempt_end::done) co_return step;
    scratch = home_.scratch();  // a reload may have come, and a larger one with it
    std::memcpy(scratch, head_bytes_.data(), have);
  }
}

attempt_end attempt::accept_head(std::string_view raw, std::size_t head_size) {
  framing_ = adapt::judge_response(head_, to_head_request_);
  if (!framing_.acceptable) return fail(reason::malformed, phase::await_head, std::string(framing_.why));
  // The head must outlive the waits for its body; it is small, and its place in scratch memory is wanted back.
  head_bytes_.assign(raw.data(), head_size);
  head_.rebase(raw.data(), head_bytes_.data());
  fresh_raw_ = raw.substr(head_size);
  left_ = framing_.length;
  chunks_ = {};
  complete_ = framing_.body == adapt::body_kind::none || (framing_.body == adapt::body_kind::length && left_ == 0);
  if (complete_ && !fresh_raw_.empty()) odd_ = true;
  return attempt_end::done;
}

/// Removes the framing from raw body bytes in place. False when the framing is broken.
bool attempt::decode(char* raw, std::size_t size, std::string_view& payload) {
  switch (framing_.body) {
    case adapt::body_kind::none:
      odd_ = odd_ || size != 0;
      payload = {};
      return true;
    case adapt::body_kind::until_close: payload = {raw, size}; return true;
    case adapt::body_kind::length: {
      auto const mine = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size));
      left_ -= mine;
      complete_ = left_ == 0;
      if (mine < size) odd_ = true;  // bytes behind the answer belong to nobody (faults F13)
      payload = {raw, mine};
      return true;
    }
    case adapt::body_kind::chunked: break;
  }
  std::string_view rest(raw, size);
  char* to = raw;
  std::size_t pieces = 0;
  payload = {};
  for (;;) {
    auto const step = chunks_.feed(rest);
    if (step.what == adapt::chunk_decoder::status::broken) return false;
    if (step.what == adapt::chunk_decoder::status::piece) {
      // Usually there is one piece and nothing moves.
      if (pieces++ == 0) {
        payload = step.payload;
        to = const_cast<char*>(step.payload.data()) + step.payload.size();
      } else {
        std::memmove(to, step.payload.data(), step.payload.size());
        to += step.payload.size();
        payload = {payload.data(), payload.size() + step.payload.size()};
      }
    }
    rest.remove_prefix(step.used);
    if (step.what == adapt::chunk_decoder::status::done) {
      complete_ = true;
      if (!rest.empty()) odd_ = true;
      return true;
    }
    if (step.what == adapt::chunk_decoder::status::more || rest.empty()) return true;
  }
}

attempt::piece attempt::next_payload() {
  piece next;
  if (complete_) {
    next.what = io_result::kind::eof;
    return next;
  }
  char* raw = home_.scratch();
  std::size_t size = 0;
  if (!fresh_raw_.empty()) {
    raw = const_cast<char*>(fresh_raw_.data());  // our own scratch memory
    size = fresh_raw_.size();
    fresh_raw_ = {};
  } else {
    auto const got = connection_->try_read(raw, home_.scratch_size());
    if (got.what == io_result::kind::eof && framing_.body == adapt::body_kind::until_close) {
      complete_ = true;
      odd_ = true;
      next.what = io_result::kind::eof;
      return next;
    }
    if (got.what == io_result::kind::eof) {
      next.what = io_result::kind::error;
      return next;
    }
    next.what = got.what;
    if (!got.ok()) return next;
    size = got.bytes;
  }
  next.what = decode(raw, size, next.payload) ? io_result::kind::ok : io_result::kind::error;
  return next;
}

net::task<attempt_end> attempt::read_whole(std::size_t limit_bytes, time_point by) {
  auto const fail_too_long = [this] {
    too_long_ = true;
    return fail(reason::malformed, phase::read_body, "the answer is larger than limits.response_body",
                static_cast<int>(head_.status));
  };
  if (framing_.body == adapt::body_kind::length && framing_.length > limit_bytes) co_return fail_too_long();
  for (;;) {
    auto const next = next_payload();
    if (next.what == io_result::kind::eof) break;
    if (next.what == io_result::kind::ok) {
      if (complete_ && whole_.empty()) {  // the usual case: head and body in one read, nothing is copied
        body_ = next.payload;
        co_return attempt_end::done;
      }
      if (whole_.size() + next.payload.size() > limit_bytes) co_return fail_too_long();
      bool held = true;
      if (whole_.empty() && framing_.body == adapt::body_kind::length)
        held = whole_.reserve(static_cast<std::size_t>(framing_.length));
      if (!held || !whole_.append(next.payload)) {
        auto const end =
            fail(reason::malformed, phase::read_body, "no memory is left to hold the answer (limits.replay_memory)",
                 static_cast<int>(head_.status));
        problem_.ours = true;
        co_return end;
      }
      continue;
    }
    if (next.what == io_result::kind::error)
      co_return fail(reason::malformed, phase::read_body,
                     framing_.body == adapt::body_kind::chunked ? "the chunked answer broke off or is malformed"
                                                                : "the answer broke off before its end",
                     static_cast<int>(head_.status));
    auto const step = co_await wait(by, phase::read_body);
    if (step == attempt_end::failed) problem_.detail = "the answer was not complete";
    if (step != attempt_end::done) co_return step;
  }
  body_ = whole_.view();
  co_return attempt_end::done;
}

void attempt::forget_head() {
  home_.return_fields(std::move(head_.fields));
  head_ = {};
  std::string().swap(head_bytes_);
}

void attempt::start_over() {
  connection_.reset();
  reused_ = heard_anything_ = sent_all_ = odd_ = complete_ = too_long_ = false;
  head_.fields.list.clear();
  head_bytes_.clear();
  framing_ = {};
  chunks_ = {};
  left_ = 0;
  whole_.release();
  body_ = fresh_raw_ = {};
  problem_ = {};
  waited_ = {};
}

void attempt::settle() {
  if (!connection_) return;
  if (complete_ && framing_.keep_alive && sent_all_ && !odd_)
    generation_.pool.give_back(upstream_, std::move(connection_), clock::now());
  connection_.reset();
}

}  // namespace tideover::proxy
