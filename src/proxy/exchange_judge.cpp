// One leg up to the point where its answer may be committed: asked, read as far as it takes, and judged.
#include <algorithm>
#include <chrono>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/key_leak.hpp"
#include "tideover/adapt/ollama/native_answer.hpp"
#include "tideover/adapt/token_estimate.hpp"
#include "tideover/config/values.hpp"
#include "tideover/policy/classify.hpp"
#include "tideover/proxy/exchange.hpp"

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

}  // namespace

/// What this candidate is sent. `held`: with the body that was kept, so that it may be sent again; else that follows in
/// the caller's framing (exchange_stream_through.cpp).
outgoing_request exchange::outgoing(const leg& l, bool held) const {
  const auto& settings = upstream_settings(l.upstream);
  const auto& way = shared().upstreams[l.call.way()];
  bool const rewritten = settings.tier == tier::local && !replay_.body.empty();
  outgoing_request out;
  out.original = &head_;
  out.head.method = head_.method;
  out.head.base_path = way.base_path;
  out.head.target = rewritten ? std::string_view(replay_.path) : route_.path_and_query;
  out.head.authority = way.authority;
  out.head.tier = settings.tier;
  out.head.dialect = settings.dialect;
  if (settings.credential) out.head.credential = settings.credential->reveal_for_wire();
  out.head.caller_key_is_ours = client_ != nullptr;
  out.head.judged = is_judged(route_.what) || route_.what == endpoint::models;
  if (!held) {
    out.head.body = framing_.body;
    out.head.length = framing_.length;
    out.body_follows = true;
    return out;
  }
  if (rewritten)
    out.body = replay_.body;
  else if (settings.tier == tier::cloud && !cloud_body_.empty())
    out.body = cloud_body_;
  else
    out.body = body_;
  bool const without_body = framing_.body == adapt::body_kind::none;
  out.head.body = without_body ? adapt::body_kind::none : adapt::body_kind::length;
  out.head.length = out.body.size();
  out.head.body_rewritten = out.body.data() != body_.data();
  out.may_repeat = true;
  return out;
}

attempt_end exchange::failed(leg& l, reason why, phase at, std::string detail) const {
  l.problem = {};
  l.problem.why = why;
  l.problem.at = at;
  l.problem.status = static_cast<int>(l.call.head().status);
  l.problem.detail = std::move(detail);
  return attempt_end::failed;
}

/// A limit as the configuration has it: `first_content (30s)`.
std::string exchange::timer_text(const leg& l, timer which) const {
  const auto& t = upstream_settings(l.upstream).timeouts;
  duration span{};
  switch (which) {
    case timer::none: return {};
    case timer::connect: span = t.connect; break;
    case timer::first_content: span = t.first_content; break;
    case timer::response: span = t.response; break;
    case timer::reasoning: span = t.reasoning; break;
    case timer::idle: span = t.idle; break;
    case timer::total: span = t.total; break;
    case timer::deadline: span = route_.workflow->deadline; break;
  }
  return std::string(token(which)) + " (" + config::duration_text(span) + ")";
}

/// Says which limit it was that a leg ran into.
void exchange::name_timer(leg& l, timer which) const {
  auto& what = l.problem;
  if (what.why != reason::timeout && what.why != reason::connect_timeout && !what.late) return;
  what.detail = timer_text(l, which) + (what.detail.empty() ? "" : ": " + what.detail);
}

std::optional<failure> exchange::status_failure(leg& l, std::string_view body) const {
  const auto& settings = upstream_settings(l.upstream);
  auto const status = l.call.head().status;
  policy::credential_source key{.configured = settings.credential.has_value()};
  if (status == 401 || status == 403) key.outage = l.permit.key_refused();
  return policy::classify_status(l.call.head(), body, settings.dialect, key, unix_seconds());
}

net::task<attempt_end> exchange::try_leg(leg& l) {
  auto step = co_await ask(l);
  // A server that lacks the model it was known to have was started anew, or somebody removed it: another may do.
  if (step == attempt_end::failed && l.translated && local_error_ && local_error_->code == "local_model_missing" &&
      !looked_again_) {
    looked_again_ = true;
    co_await wait_for_catalog(l.upstream, l.limits.connect);
    if (home_.reactions().stopping()) co_return attempt_end::stopped;
    if (down_.peer_closed()) co_return attempt_end::client_gone;
    if (local(l.upstream).current()->find(local_model_) == nullptr) {
      l.place.reset();  // the next model may live elsewhere
      ask_anew(l);
      step = co_await ask(l);
    }
  }
  // A local model that did not call the tool it had to is asked once more, in plainer words.
  if (step == attempt_end::failed && replay_.must_call && l.translated && l.problem.why == reason::empty &&
      !insist_on_call_) {
    insist_on_call_ = true;
    ask_anew(l);
    step = co_await ask(l);
  }
  co_return step;
}

/// The same local server once more, as if nothing had been.
void exchange::ask_anew(leg& l) {
  record_.upstream_time += l.call.waited();
  l.call.start_over();
  l.stream.reset();
  l.into.reset();
  local_error_.reset();
}

net::task<attempt_end> exchange::ask(leg& l) {
  bool const local = upstream_settings(l.upstream).tier == tier::local;
  attempt_end step;
  do {
    if (local) {
      step = co_await prepare_local(l);
      if (step != attempt_end::done) co_return step;
    }
    if (asks_about_model(l)) {
      step = co_await ask_about_model(l);
      if (step == attempt_end::failed && local_error_) co_return step;
      if (step != attempt_end::done) continue;
    }
    auto const out = outgoing(l, true);
    step = co_await l.call.open(out, l.limits.connect, l.limits.first_content);
  } while (step == attempt_end::failed && local && another_url(l));
  if (step == attempt_end::failed) {
    l.problem = l.call.problem();
    name_timer(l, l.problem.at <= phase::tls_handshake ? l.limits.connect_timer : l.limits.first_content_timer);
  }
  if (step != attempt_end::done) co_return step;
  if (l.translated)
    step = co_await judge_local(l);
  else
    step = co_await judge(l);
  co_return step;
}

/// Would passing this answer on show the caller a key of ours? Asked of errors, whose body is there or has none.
adapt::key_leak exchange::leak_of(const leg& l) const {
  const auto& key = upstream_settings(l.upstream).credential;
  return key ? adapt::find_key(*key, l.call.head(), l.call.body()) : adapt::key_leak::none;
}

/// Answers that pass unjudged are not looked at, but for redirects, and errors of an upstream that was asked with a key
/// of ours: these are read before anything of them passes, and go out as they came, or not at all.
net::task<attempt_end> exchange::keep_back_what_misleads(leg& l) {
  l.form = answer_form::raw;
  auto const status = l.call.head().status;
  if (policy::is_redirect(status, head_)) {
    failed(l, reason::redirect, phase::await_head, "status " + std::to_string(status));
    l.call.abandon();
    co_return attempt_end::failed;
  }
  if (!upstream_settings(l.upstream).credential || status < 300) co_return attempt_end::done;
  l.leak = leak_of(l);
  if (l.leak == adapt::key_leak::none) {
    auto const by = after(clock::now(), upstream_settings(l.upstream).timeouts.response);
    auto const step = co_await l.call.read_whole(adapt::most_searched_bytes, by);
    if (step == attempt_end::failed && !l.call.too_long()) {
      l.problem = l.call.problem();
      name_timer(l, timer::response);
      co_return attempt_end::failed;
    }
    if (step != attempt_end::done && step != attempt_end::failed) co_return step;
    l.leak = step == attempt_end::done ? leak_of(l) : adapt::key_leak::too_long;
  }
  l.form = l.leak == adapt::key_leak::none ? answer_form::whole : answer_form::withheld;
  co_return attempt_end::done;
}

/// An answer of Ollama's own API names whoever made it if that was not Ollama: in its first members, and on each line
/// of a stream. So the first line is read, or as much as may be held, before the caller gets anything.
net::task<attempt_end> exchange::look_where_made(leg& l) {
  for (;;) {
    auto const next = l.call.next_payload();
    if (next.what == net::io_result::kind::ok) {
      l.early += next.payload;
      if (l.call.complete() || l.early.size() >= hold_limit_bytes || l.early.find('\n') != std::string::npos) break;
      continue;
    }
    if (next.what == net::io_result::kind::eof) break;
    if (next.what == net::io_result::kind::error) {
      failed(l, reason::malformed, phase::await_content, "the answer broke off before it said anything");
      co_return attempt_end::failed;
    }
    auto const silent = after(clock::now(), l.limits.idle);
    auto const step = co_await l.call.wait_for_more(std::min(silent, l.limits.total));
    if (step == attempt_end::late) {
      failed(l, reason::timeout, phase::await_content, "the answer stalled");
      name_timer(l, silent < l.limits.total ? timer::idle : l.limits.total_timer);
      co_return attempt_end::failed;
    }
    if (step != attempt_end::done) co_return step;
  }
  for (std::string_view rest = l.early; !rest.empty();) {
    auto const line = rest.substr(0, rest.find('\n'));
    if (adapt::ollama::made_elsewhere(line)) co_return answered_remotely(l);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  co_return attempt_end::done;
}

net::task<attempt_end> exchange::judge(leg& l) {
  const auto& settings = upstream_settings(l.upstream);
  auto const& head = l.call.head();
  int const status = static_cast<int>(head.status);
  bool const success = status / 100 == 2;
  l.form = answer_form::raw;
  if (passes_unjudged()) {
    auto step = co_await keep_back_what_misleads(l);
    if (step == attempt_end::done && success && !local_model_.empty()) step = co_await look_where_made(l);
    co_return step;
  }
  bool const encoded = adapt::is_encoded(head.fields);
  // What cannot be read is judged by status, head and framing; an answer that the caller cannot read is none.
  bool const unreadable = encoded && !caller_accepts(head_, head.fields.value_of(field_id::content_encoding));
  if (unreadable && (success || !status_failure(l, {})))
    co_return failed(l, reason::malformed, phase::await_head,
                     "the answer is compressed although the caller accepts no such coding");
  if (success && facts_.stream && is_event_stream(head.fields.value_of(field_id::content_type))) {
    if (encoded) co_return attempt_end::done;
    l.form = answer_form::stream;
    auto const step = co_await hold_stream(l);
    co_return step;
  }

  l.form = answer_form::whole;
  auto const step = co_await l.call.read_whole(configuration().limits.response_body, l.limits.first_content);
  if (step == attempt_end::failed) {
    l.problem = l.call.problem();
    name_timer(l, l.limits.first_content_timer);
  }
  if (step != attempt_end::done) co_return step;

  if (status == 304 && !policy::is_redirect(304, head_)) co_return attempt_end::done;
  if (!success) {
    auto what = status_failure(l, encoded ? std::string_view{} : l.call.body());
    auto const leak = leak_of(l);
    bool const tells_key = leak != adapt::key_leak::none;
    if (tells_key && !what) {
      failed(l, reason::malformed, phase::read_body, "the error " + std::string(words(leak)));
      what = l.problem;
    }
    if (what) {
      // A redirect is never passed on (contract §4): it would send the caller and its key elsewhere.
      if (settings.tier == tier::cloud && status >= 400 && !tells_key) keep_cloud_error(l.call, l.upstream);
      l.problem = std::move(*what);
      l.call.settle();
      co_return attempt_end::failed;
    }
    co_return attempt_end::done;
  }
  if (is_judged(route_.what) && !encoded && !is_head_) {
    auto verdict =
        adapt::judge_answer(route_.what, settings.dialect, head.fields.value_of(field_id::content_type), l.call.body());
    if (verdict.failure) {
      failed(l, *verdict.failure, phase::read_body, std::move(verdict.detail));
      l.call.settle();
      co_return attempt_end::failed;
    }
    l.model = std::move(verdict.model);
  }
  co_return attempt_end::done;
}

/// Holds a stream back until it says something usable; until then another candidate can take over unseen. A workflow
/// may want it held longer: `hold_for` after that, or to its proven end (`on_cut: hold`).
net::task<attempt_end> exchange::hold_stream(leg& l) {
  using state = adapt::stream_inspector::state;
  const auto& settings = upstream_settings(l.upstream);
  const auto& w = *route_.workflow;
  // A tool call that is demanded can only be asked for again while the caller has seen nothing.
  bool const to_the_end = w.on_cut == config::on_cut::hold || (l.translated && replay_.must_call);
  // What was translated is in the words of the vendor, without a local server's oddities.
  auto& s = l.stream.emplace(route_.what, l.translated ? dialect::openai : settings.dialect, *shared().memory);
  if (w.on_cut == config::on_cut::continue_it && settings.tier == tier::cloud) {
    adapt::chat::answer::splice_options options;
    options.include_usage = facts_.include_usage;
    options.prompt_tokens = adapt::estimate_tokens(body_).value_or(0);
    options.request_id = record_.request_id;
    splice_ = std::make_unique<adapt::chat::answer::splice>(route_.what, options);
  }
  std::optional<time_point> usable_since;

  for (;;) {
    auto const next = l.next();
    if (next.what == net::io_result::kind::ok) {
      if (!s.held.append(next.payload)) {
        failed(l, reason::malformed, phase::await_content,
               "no memory is left to hold the stream (limits.replay_memory)");
        l.problem.ours = true;
        co_return attempt_end::failed;
      }
      auto const whole = s.boundary.complete(s.held.view());
      if (whole > s.inspected) {
        s.inspector.inspect(s.held.view().substr(s.inspected, whole - s.inspected));
        s.inspected = whole;
      }
      auto const now = s.inspector.current();
      if (now == state::finished || now == state::failed) break;
      if (now == state::usable && !usable_since) {
        usable_since = clock::now();
        home_.sink().first_content(settings, *usable_since - started_);
      }
      if (to_the_end) {
        if (s.held.size() <= configuration().limits.response_body) continue;
        co_return failed(l, reason::malformed, phase::await_content,
                         "the stream is larger than limits.response_body, which bounds what is held");
      }
      if (usable_since && (w.hold_for == duration{} || s.held.size() > hold_limit_bytes)) break;
      if (!usable_since && s.held.size() > hold_limit_bytes) break;
      continue;
    }
    if (next.what == net::io_result::kind::again) {
      auto by = l.limits.first_content;
      auto which = l.limits.first_content_timer;
      bool enough = false;  // time to commit what is held
      if (usable_since) {
        auto const silent = after(clock::now(), l.limits.idle);
        by = std::min(silent, l.limits.total);
        which = by == silent ? timer::idle : l.limits.total_timer;
        auto const commit_at = after(*usable_since, w.hold_for);
        if (!to_the_end && commit_at <= by) {
          by = commit_at;
          enough = true;
        }
      }
      auto const step = co_await l.call.wait_for_more(by);
      if (step == attempt_end::done) continue;
      if (step == attempt_end::late && enough) break;
      if (step != attempt_end::late) co_return step;
      // A stall after content is a cut, held or not (contract §4).
      failed(l, usable_since ? reason::cut : reason::timeout, phase::await_content,
             timer_text(l, which) +
                 (usable_since ? ": the stream stalled while it was held" : ": the stream said nothing usable"));
      co_return attempt_end::failed;
    }
    bool const ended = next.what == net::io_result::kind::eof;
    if (l.into && l.into->call_missing()) co_return tool_call_missing(l);
    if (ended && s.inspector.said_nothing())
      co_return failed(l, reason::empty, phase::await_content, "the stream said nothing");
    // Complete in substance: tokens were spent, or all was said but the last line.
    if (ended && !l.translated && s.inspector.finish_reason_seen()) break;
    auto const why = usable_since ? reason::cut : reason::malformed;
    co_return failed(l, why, phase::await_content,
                     std::string(ended ? "the stream ended before " : "the stream broke off before ") +
                         (usable_since ? "its end, while it was held" : "it said anything usable"));
  }

  if (s.inspector.current() == state::failed) {
    auto const said = s.inspector.error();
    if (auto const why = adapt::judge_error_in_200(said))
      co_return failed(l, *why, phase::await_content, "error" + adapt::words_for_log(said));
  }
  if (s.inspector.current() == state::finished && s.inspector.said_nothing())
    co_return failed(l, reason::empty, phase::await_content, "the stream said nothing");
  l.model = s.inspector.model();
  if (!usable_since) home_.sink().first_content(settings, clock::now() - started_);
  co_return attempt_end::done;
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
