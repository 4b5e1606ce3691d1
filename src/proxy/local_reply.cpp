// Answers that Tideover makes itself: errors in the caller's dialect, the kept error of the cloud, small JSON.
#include <algorithm>
#include <chrono>

#include "tideover/adapt/token_estimate.hpp"
#include "tideover/adapt/web_origin.hpp"
#include "tideover/policy/final_error.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

adapt::answer_marks exchange::marks(tier who, std::string_view upstream, std::string_view model) const {
  adapt::answer_marks m;
  m.tier = who;
  m.upstream = upstream;
  m.model = model;
  auto const why = machine_ ? machine_->cloud_failure() : std::nullopt;
  if (why) m.failover = token(*why);
  m.request_id = record_.request_id;
  m.error_code = record_.error_code;
  m.show = configuration().response_headers;
  m.allowed_origin = allowed_page_;
  m.depends_on_origin = !configuration().page_origins.empty();
  return m;
}

net::task<after_exchange> exchange::refuse_unreadable(int status) {
  body_unread_ = true;
  adapt::own_error error;
  error.status = status;
  error.code = "bad_request";
  switch (status) {
    case 408:
      error.code = "request_timeout";
      error.message = "The head of the request did not come in time.";
      break;
    case 414: error.message = "The request target is too long."; break;
    case 431: error.message = "The head of the request is too large (limits.request_head)."; break;
    case 505: error.message = "This HTTP version is not supported: use HTTP/1.1."; break;
    default: error.message = "This is not a well-formed HTTP/1.1 request."; break;
  }
  co_await reply_error(std::move(error));
  co_return then_;
}

net::task<after_exchange> exchange::refuse_entry(policy::welcome said) {
  body_unread_ = true;
  adapt::own_error error;
  error.status = 503;
  if (said == policy::welcome::too_many_from_address) {
    error.code = "too_many_connections_from_address";
    error.message = "Too many connections from one address (limits.connections_per_address).";
  } else {
    error.code = "too_many_connections";
    error.message = "Too many connections (limits.connections).";
  }
  co_await reply_error(std::move(error));
  co_return then_;
}

net::task<after_exchange> exchange::refuse_plain_http() {
  body_unread_ = true;
  adapt::own_error error{
      400, "tls_needed", "This listener speaks TLS, and the request came without: use https://.", {}};
  co_await reply_error(std::move(error));
  co_return then_;
}

/// The queue of the local tier, or how long the cloud is left alone where nobody else was there: what is known.
unsigned exchange::retry_after_seconds() const {
  constexpr unsigned usual = 5;
  auto const wait = local_wait_ ? local_wait_ : machine_ && machine_->attempts() == 0 ? refused_for_ : std::nullopt;
  if (!wait) return usual;
  auto const left = std::chrono::ceil<std::chrono::seconds>(*wait).count();
  return static_cast<unsigned>(std::clamp<std::int64_t>(left, 1, 600));
}

net::task<void> exchange::reply_error(adapt::own_error error, std::string_view allow) {
  record_.error_code = error.code;
  record_.status = error.status;
  record_.tier = tier::none;
  if (record_.detail.empty()) record_.detail = error.message;
  if (early_head_) {
    // Status 200 is with the caller already: the error is the stream's last word.
    record_.status = 200;
    if (out_.must_flush()) (void)co_await out_.flush();
    co_await send_error_event(error);
    finish(outcome::failed);
    co_return;
  }
  // Nobody knew a workflow yet when the request could not even be read.
  auto const body = adapt::write_error_body(adapt::error_dialect(route_.what, route_.caller_speaks_anthropic), error,
                                            record_.request_id);
  adapt::own_response own;
  own.status = static_cast<unsigned>(error.status);
  own.length = body.size();
  own.keep_alive = may_keep_alive();
  own.client_version = client_version_;
  own.allow = allow;
  if (must_wait_)
    own.retry_after_seconds =
        std::max<int>(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(*must_wait_).count()));
  if (error.status >= 500) {
    // SDKs repeat 5xx by themselves; both tiers were asked already, so a storm would help nobody.
    own.should_retry = false;
    if (error.waiting_helps) own.retry_after_seconds = retry_after_seconds();
  }
  if (!own.keep_alive) then_ = body_unread_ ? after_exchange::linger : after_exchange::close;
  auto& text = home_.head_text();
  adapt::write_own_head(text, own, marks(tier::none, {}, {}));
  bool const sent = co_await send_own(text, body);
  if (sent) finish(machine_ && error.status >= 500 ? outcome::failed : outcome::refused);
}

/// Head and body of Tideover's own in one write. False when the caller did not take them: the exchange is then over.
net::task<bool> exchange::send_own(std::string_view head, std::string_view body) {
  if (is_head_) body = {};
  note_sent(body.size());
  head_sent_ = true;
  record_.first_byte = clock::now() - started_;
  iovec const pieces[] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  bool sent = out_.send({pieces, body.empty() ? 1u : 2u});
  if (sent && out_.must_flush()) sent = co_await out_.flush();
  if (!sent) settled(attempt_end::client_gone);
  co_return sent;
}

net::task<void> exchange::reply_json(int status, std::string body, adapt::answer_marks m,
                                     std::string_view extra_lines) {
  record_.status = status;
  record_.tier = m.tier;
  adapt::own_response own;
  own.status = static_cast<unsigned>(status);
  own.length = body.size();
  own.keep_alive = may_keep_alive();
  own.client_version = client_version_;
  own.extra_lines = extra_lines;
  if (!own.keep_alive) then_ = after_exchange::close;
  auto& text = home_.head_text();
  adapt::write_own_head(text, own, m);
  bool const sent = co_await send_own(text, body);
  if (sent) finish(served());
}

/// A browser asks whether an allowed page may send what it wants to send: any method and any field, since keys, routes
/// and policies judge the request itself.
net::task<void> exchange::answer_preflight() {
  auto const lines = adapt::preflight_lines(head_.fields);
  record_.status = 204;
  adapt::own_response own;
  own.status = 204;
  own.keep_alive = may_keep_alive();
  own.client_version = client_version_;
  own.extra_lines = lines;
  if (!own.keep_alive) then_ = body_unread_ ? after_exchange::linger : after_exchange::close;
  auto& text = home_.head_text();
  adapt::write_own_head(text, own, marks(tier::none, {}, {}));
  bool const sent = co_await send_own(text, {});
  if (sent) finish(outcome::answered);
}

namespace {

/// Of several local upstreams' errors the one that tells a caller most: what is wrong with the request comes before
/// what heals by waiting, this before what somebody has to install, and this before a server that is just away.
int tells(const std::optional<adapt::own_error>& e) {
  if (!e) return 0;
  if (e->code == "local_unavailable") return 1;
  if (e->code == "local_model_missing") return 2;
  return e->code == "local_loading" || e->code == "local_queue_full" ? 3 : 4;
}

}  // namespace

void exchange::keep_local_error() {
  if (tells(local_error_) > tells(earlier_local_error_)) earlier_local_error_ = std::move(local_error_);
  local_error_.reset();
}

adapt::own_error exchange::final_error() const {
  bool const left_alone = refused_for_ && machine_->attempts() == 0;
  const auto& why_not_local = tells(earlier_local_error_) > tells(local_error_) ? earlier_local_error_ : local_error_;
  return policy::final_error({.machine = *machine_,
                              .asked = route_,
                              .body = facts_,
                              .configuration = configuration(),
                              .local_error = why_not_local ? &*why_not_local : nullptr,
                              .left_alone_for = left_alone ? std::optional(retry_after_seconds()) : std::nullopt});
}

net::task<void> exchange::reply_kept_cloud_error() {
  auto& kept = *cloud_error_;
  const auto& settings = upstream_settings(kept.upstream);
  record_.tier = settings.tier;
  record_.upstream = settings.name;
  record_.status = static_cast<int>(kept.head.status);
  adapt::downstream_response answer;
  answer.status = kept.head.status;
  answer.reason_phrase = kept.head.reason_phrase;
  answer.length = kept.body.size();
  answer.keep_alive = may_keep_alive();
  answer.client_version = client_version_;
  answer.to_head_request = is_head_;
  written_ = adapt::framing_for(answer);
  if (!written_.keep_alive) then_ = body_unread_ ? after_exchange::linger : after_exchange::close;
  kept.head.fields.list.push_back({field_id::unknown, "x-should-retry", "false"});
  auto& text = home_.head_text();
  adapt::write_response_head(text, kept.head, answer, marks(settings.tier, settings.name, {}));
  bool const sent = co_await send_own(text, kept.body);
  if (sent) finish(outcome::failed);
}

/// An upstream's error whose words are not for the caller: its status passes. It says no more of the upstream's health
/// than it would if it had been passed on.
net::task<void> exchange::reply_withheld(leg& l) {
  const auto& settings = upstream_settings(l.upstream);
  auto const status = static_cast<int>(l.call.head().status);
  if (status == 429) {
    if (auto const what = status_failure(l, {})) must_wait_ = what->retry_after;
  }
  tell_health_of_passed_on(l);
  l.call.settle();
  machine_->committed();
  record_.upstream = settings.name;
  adapt::own_error error;
  error.status = status >= 400 ? status : 502;  // 304: the caller asked for what it has
  error.code = "error_withheld";
  error.message = settings.title + " answered with status " + std::to_string(status) +
                  ", and what it said is kept back because it " + std::string(words(l.leak)) + ".";
  co_await reply_error(std::move(error));
}

net::task<void> exchange::reply_final() {
  auto error = final_error();
  using ending = policy::failover::ending;
  record_.why = machine_->cloud_failure();
  if (route_.what == endpoint::count_tokens) {
    if (auto const tokens = adapt::estimate_tokens(body_)) {
      co_await reply_json(200, "{\"input_tokens\":" + std::to_string(*tokens) + "}", marks(tier::none, {}, {}),
                          "X-Tideover-Estimate: true\r\n");
      co_return;
    }
  }
  if (cloud_error_ && machine_->end() != ending::not_replayable && !early_head_) {
    record_.error_code = error.code;
    co_await reply_kept_cloud_error();
    co_return;
  }
  co_await reply_error(std::move(error));
}

}  // namespace tideover::proxy
