#include "tideover/proxy/exchange.hpp"

#include <chrono>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/policy/classify.hpp"

namespace tideover::proxy {

namespace {

constexpr std::size_t hold_limit_bytes = 64u << 10;  // of a stream that has said nothing usable (contract §5)

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool is_event_stream(std::string_view content_type) {
  constexpr std::string_view wanted = "text/event-stream";
  return content_type.size() >= wanted.size() && iequals(content_type.substr(0, wanted.size()), wanted);
}

bool is_encoded(const response_head& head) {
  auto const coding = head.fields.value_of(field_id::content_encoding);
  return !coding.empty() && !iequals(coding, "identity");
}

/// Would the caller understand this coding? Compared as a token of its Accept-Encoding; absent means no.
bool caller_accepts(const request_head& head, std::string_view coding) {
  auto accepted = head.fields.value_of(field_id::accept_encoding);
  while (!accepted.empty()) {
    auto const comma = accepted.find(',');
    auto token = accepted.substr(0, comma);
    accepted.remove_prefix(comma == std::string_view::npos ? accepted.size() : comma + 1);
    bool const refused = token.find(";q=0") != std::string_view::npos && token.find(";q=0.") == std::string_view::npos;
    token = token.substr(0, token.find(';'));
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
    if (!refused && (token == "*" || iequals(token, coding))) return true;
  }
  return false;
}

failure make_failure(reason why, phase at, int status, std::string detail) {
  failure f;
  f.why = why;
  f.at = at;
  f.status = status;
  f.detail = std::move(detail);
  return f;
}

}  // namespace

exchange::exchange(worker& home, net::stream& down, std::string& left_over)
    : home_(home),
      down_(down),
      left_over_(left_over),
      out_(down, *home.shared().memory, home.shared().configuration->limits.write_stall),
      started_(clock::now()),
      block_(*home.shared().memory),
      chunked_body_(*home.shared().memory) {
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
  if (machine_) {
    record_.attempts = machine_->attempts();
    if (!record_.why) record_.why = machine_->cloud_failure();
  }
  home_.sink().finished(record_);
}

/// Ends the exchange for outcomes that are nobody's failure. False when the step was done or failed.
bool exchange::settled(attempt_end step) {
  if (step == attempt_end::done || step == attempt_end::failed) return false;
  if (machine_) machine_->client_gone();
  asked_.abandon();
  then_ = after_exchange::abort;
  finish(step == attempt_end::client_gone ? outcome::client_gone : head_sent_ ? outcome::cut : outcome::failed);
  return true;
}

/// The machine's next step. Where it may ask an upstream, the permit to do so is taken in the same breath.
policy::failover::step exchange::next_step() {
  struct admitting final : policy::health_view {
    explicit admitting(exchange& e) : mine(e) {}
    std::optional<reason> refuses(std::uint16_t upstream) const override {
      auto& health = *mine.home_.shared().health;
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

net::task<void> exchange::ask_candidates() {
  policy::exchange_plan plan;
  plan.candidates = policy::candidates_for(route_, configuration(), facts_.model);
  plan.started = started_;
  plan.deadline = after(started_, route_.workflow->deadline);
  plan.replayable = !is_generation(route_.what) || (facts_.is_json_object && facts_.not_replayable.empty());
  plan.in_contingency = home_.shared().contingency->active(route_.workflow->name);
  plan.local_by_policy =
      route_.workflow->policy == policy_kind::local_only || route_.workflow->policy == policy_kind::local_first;
  plan.streaming = facts_.stream;
  plan.wants_reasoning = facts_.wants_reasoning;
  machine_.emplace(plan, configuration());

  for (;;) {
    switch (next_step()) {
      case policy::failover::step::attempt: {
        auto const upstream = machine_->upstream();
        if (auto const left = machine_->left_upstream(); left && record_.from.empty()) {
          record_.from = upstream_settings(*left).name;
          record_.why = machine_->cloud_failure();
          home_.sink().failed_over(record_, upstream_settings(upstream));
        }
        co_await ask(upstream);
        break;
      }
      case policy::failover::step::give_up: co_await reply_final(); co_return;
      case policy::failover::step::finished: co_return;
    }
    if (finished_) co_return;
  }
}

outgoing_request exchange::outgoing(std::uint16_t upstream) const {
  const auto& settings = upstream_settings(upstream);
  const auto& way = home_.shared().upstreams[upstream];
  outgoing_request out;
  out.original = &head_;
  out.head.method = head_.method;
  out.head.target = route_.path_and_query;
  out.head.authority = way.authority;
  out.head.tier = settings.tier;
  out.head.dialect = settings.dialect;
  if (settings.credential) out.head.credential = settings.credential->reveal_for_wire();
  bool const rewritten = settings.tier == tier::local && !replay_body_.empty();
  out.body = rewritten ? std::string_view(replay_body_) : body_;
  bool const without_body = framing_.body == adapt::body_kind::none;
  out.head.body = without_body ? adapt::body_kind::none : adapt::body_kind::length;
  out.head.length = out.body.size();
  out.head.judged = is_judged(route_.what) || route_.what == endpoint::models;
  out.head.body_rewritten = rewritten;
  out.may_repeat = true;  // the body is held
  return out;
}

void exchange::attempt_failed(std::uint16_t upstream, failure what) {
  if (record_.detail.empty() || upstream_settings(upstream).tier == tier::cloud) {
    record_.detail = upstream_settings(upstream).name + ": ";
    if (!what.detail.empty())
      record_.detail += what.detail;
    else
      record_.detail += what.status != 0 ? "status " + std::to_string(what.status) : std::string(token(what.why));
  }
  asked_.failed(what);
  machine_->failed(what, clock::now());
}

/// An answer that is passed on unjudged shows all the same whether the upstream works. 408 and 409 do not count here:
/// on paths without a local equivalent they are between the caller and the cloud.
void exchange::tell_health_of_passed_on(const response_head& head, std::uint16_t upstream) {
  auto const status = head.status;
  if (status / 100 == 2) return asked_.committed();
  const auto& settings = upstream_settings(upstream);
  if (status >= 500 || status == 429 || status == 402)
    if (auto const what =
            policy::classify_status(head, {}, settings.dialect, {settings.credential.has_value()}, unix_seconds()))
      return asked_.failed(*what);
  asked_.request_at_fault();
}

net::task<void> exchange::ask(std::uint16_t upstream) {
  auto const limits = machine_->limits();
  const auto& settings = upstream_settings(upstream);
  if (settings.tier == tier::local) {
    if (route_.what == endpoint::models) {
      co_await list_local_models();
      co_return;
    }
    bool const ready = co_await prepare_local();
    if (finished_) co_return;
    if (!ready) {
      attempt_failed(upstream, make_failure(reason::server_error, phase::not_started, 0, local_error_->message));
      co_return;
    }
  }
  // The base path of an upstream's URL stands before every target.
  auto out = outgoing(upstream);
  std::string target;
  if (const auto& base = home_.shared().upstreams[upstream].base_path; !base.empty()) {
    target = base;
    target += out.head.target;
    out.head.target = target;
  }
  attempt a(home_, down_, upstream);
  auto const step = co_await a.open(out, limits.connect, limits.first_content);
  if (step == attempt_end::failed) {
    record_.upstream_time += a.waited();
    attempt_failed(upstream, a.problem());
  } else if (!settled(step)) {
    co_await judge_and_commit(a, upstream);
    record_.upstream_time += a.waited();
  }
}

net::task<void> exchange::judge_and_commit(attempt& a, std::uint16_t upstream) {
  const auto& settings = upstream_settings(upstream);
  auto const limits = machine_->limits();
  auto const& head = a.head();
  int const status = static_cast<int>(head.status);
  bool const success = status / 100 == 2;
  if (!is_judged(route_.what) && route_.what != endpoint::models) {
    co_await relay_raw(a, upstream);
    co_return;
  }
  bool const encoded = is_encoded(head);
  if (encoded && !caller_accepts(head_, head.fields.value_of(field_id::content_encoding))) {
    attempt_failed(upstream, make_failure(reason::malformed, phase::await_head, status,
                                          "the answer is compressed although the caller accepts no such coding"));
    co_return;
  }
  if (success && facts_.stream && is_event_stream(head.fields.value_of(field_id::content_type))) {
    if (encoded) {
      co_await relay_raw(a, upstream);  // what cannot be read is judged by status, head and framing only
    } else {
      co_await take_stream(a, upstream);
    }
    co_return;
  }

  auto const step = co_await a.read_whole(configuration().limits.response_body, limits.first_content);
  if (step == attempt_end::failed) {
    attempt_failed(upstream, a.problem());
    co_return;
  }
  if (settled(step)) co_return;

  if (!success) {
    auto what = policy::classify_status(head, encoded ? std::string_view{} : a.body(), settings.dialect,
                                        {settings.credential.has_value()}, unix_seconds());
    if (!what && settings.tier == tier::local && status == 404) {
      local_error_ =
          adapt::own_error{503,
                           "local_model_missing",
                           "The local model " + local_model_ + " is not installed. Run: ollama pull " + local_model_,
                           {}};
      what = make_failure(reason::server_error, phase::read_body, status, local_error_->message);
    }
    if (what) {
      // A redirect is never passed on (contract §4): it would send the caller and its key elsewhere.
      if (settings.tier == tier::cloud && status >= 400) keep_cloud_error(a, upstream);
      a.settle();
      attempt_failed(upstream, std::move(*what));
      co_return;
    }
    co_await send_whole(a, upstream);
    co_return;
  }
  if (is_judged(route_.what) && !encoded && !is_head_) {
    auto verdict =
        adapt::judge_answer(route_.what, settings.dialect, head.fields.value_of(field_id::content_type), a.body());
    if (verdict.failure) {
      a.settle();
      attempt_failed(upstream, make_failure(*verdict.failure, phase::read_body, status, std::move(verdict.detail)));
      co_return;
    }
    record_.model_served = std::move(verdict.model);
  }
  co_await send_whole(a, upstream);
}

/// Holds a stream back until it says something usable; until then another candidate can take over unseen.
net::task<void> exchange::take_stream(attempt& a, std::uint16_t upstream) {
  const auto& settings = upstream_settings(upstream);
  auto const limits = machine_->limits();
  int const status = static_cast<int>(a.head().status);
  adapt::stream_inspector inspector(route_.what, settings.dialect);
  adapt::sse_boundary boundary;
  byte_buffer held(*home_.shared().memory);
  std::size_t inspected = 0;
  using state = adapt::stream_inspector::state;

  for (;;) {
    auto const next = a.next_payload();
    if (next.what == net::io_result::kind::ok) {
      if (!held.append(next.payload)) {
        auto full = make_failure(reason::malformed, phase::await_content, status,
                                 "no memory is left to hold the stream (limits.replay_memory)");
        full.ours = true;
        attempt_failed(upstream, std::move(full));
        co_return;
      }
      auto const whole = boundary.complete(held.view());
      if (whole > inspected) {
        inspector.inspect(held.view().substr(inspected, whole - inspected));
        inspected = whole;
      }
      if (inspector.current() == state::usable || inspector.current() == state::finished) break;
      if (inspector.current() == state::failed) break;
      if (held.size() > hold_limit_bytes) break;
      continue;
    }
    if (next.what == net::io_result::kind::again) {
      auto const step = co_await a.wait_for_more(limits.first_content, phase::await_content);
      if (step == attempt_end::failed) {
        auto late = a.problem();
        late.status = status;
        late.detail = "the stream said nothing usable in time";
        attempt_failed(upstream, std::move(late));
        co_return;
      }
      if (settled(step)) co_return;
      continue;
    }
    bool const ended = next.what == net::io_result::kind::eof;
    if (ended && inspector.said_nothing()) {
      attempt_failed(upstream, make_failure(reason::empty, phase::await_content, status, "the stream said nothing"));
      co_return;
    }
    if (ended && inspector.finish_reason_seen()) break;  // silent but for its finish: tokens were spent, it is complete
    attempt_failed(upstream, make_failure(reason::malformed, phase::await_content, status,
                                          ended ? "the stream ended before it said anything usable"
                                                : "the stream broke off before it said anything usable"));
    co_return;
  }

  if (inspector.current() == state::failed) {
    auto const said = inspector.error();
    auto const why = adapt::judge_error_in_200(said);
    if (why) {
      attempt_failed(upstream, make_failure(*why, phase::await_content, status,
                                            said.type + (said.code.empty() ? "" : " " + said.code)));
      co_return;
    }
  }
  if (inspector.current() == state::finished && inspector.said_nothing()) {
    attempt_failed(upstream, make_failure(reason::empty, phase::await_content, status, "the stream said nothing"));
    co_return;
  }
  record_.model_served = inspector.model();
  home_.sink().first_content(settings, clock::now() - started_);
  co_await relay_stream(a, upstream, inspector, boundary, held);
}

void exchange::keep_cloud_error(const attempt& a, std::uint16_t upstream) {
  cloud_error_ = std::make_unique<kept_error>();
  auto& kept = *cloud_error_;
  kept.upstream = upstream;
  kept.body = a.body();
  // The views are rebuilt on a copy of name and value bytes: the attempt and its head go away.
  const auto& from = a.head();
  std::size_t bytes = from.reason_phrase.size();
  for (const auto& f : from.fields.list) bytes += f.name.size() + f.value.size();
  kept.head_bytes.reserve(bytes);
  auto const keep = [&](std::string_view text) {
    auto const at = kept.head_bytes.size();
    kept.head_bytes += text;
    return std::string_view(kept.head_bytes.data() + at, text.size());
  };
  kept.head.status = from.status;
  kept.head.version = from.version;
  kept.head.reason_phrase = keep(from.reason_phrase);
  for (const auto& f : from.fields.list) {
    if (iequals(f.name, "x-should-retry")) continue;  // spoke of the cloud alone, while both tiers failed
    kept.head.fields.list.push_back({f.id, keep(f.name), keep(f.value)});
  }
}

}  // namespace tideover::proxy
