// Before any upstream is asked: is the request acceptable, what does it want, and its body into one block.
#include <algorithm>
#include <cstring>

#include "tideover/adapt/chat/clean_history.hpp"
#include "tideover/adapt/chunked.hpp"
#include "tideover/adapt/web_origin.hpp"
#include "tideover/net/socket_address.hpp"
#include "tideover/policy/client_keys.hpp"
#include "tideover/policy/door.hpp"
#include "tideover/policy/plan.hpp"
#include "tideover/policy/reach.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;
using net::woken;
using policy::body_plan;

namespace {

constexpr std::size_t slowest_body_bytes_per_second = 1024;
// Memory for a body is taken when it comes, not when it is announced: announcing costs nothing (faults J6). Up to this
// size it is taken at once, so that the usual body is never moved.
constexpr std::size_t trusted_announcement_bytes = 256u << 10;

adapt::own_error refusal(int status, std::string_view code, std::string message) {
  return {status, std::string(code), std::move(message), {}};
}

std::string_view moved(std::string_view view, const char* from, const char* to) {
  return view.data() ? std::string_view(to + (view.data() - from), view.size()) : view;
}

}  // namespace

std::optional<adapt::own_error> exchange::admit() {
  const auto& hosts = shared().hosts;
  framing_ = adapt::judge_request(head_);
  auto const page = adapt::judge_page(head_, configuration().page_origins);
  if (auto refused = policy::refuse_head(head_, framing_, hosts, page)) return refused;
  allowed_page_ = page.origin;
  if (!allowed_page_.empty() && adapt::is_preflight(head_)) return std::nullopt;
  auto refused = check_client();  // before anything is said about workflows and paths
  route_ = policy::find_route(head_, configuration(), client_ ? std::string_view(client_->workflow) : "");
  if (refused) return refused;
  if (auto no_route = policy::refuse_route(route_, hosts)) return no_route;
  return policy::refuse_path_of(client_, route_);
}

std::optional<adapt::own_error> exchange::check_client() {
  auto const found = policy::find_client(head_.fields, configuration().clients);
  if (found.verdict == policy::key_verdict::wrong) {
    must_wait_ = shared().clients->wrong_key(net::peer_address(down_.descriptor()), clock::now());
    if (must_wait_)
      return refusal(429, "too_many_wrong_keys", "Too many wrong keys came from this address: wait a moment.");
  }
  if (found.verdict != policy::key_verdict::known) return policy::refuse_key(found.verdict);
  client_ = found.key;
  record_.client = client_->name;
  must_wait_ = shared().clients->take(*client_, clock::now());
  if (!must_wait_) return std::nullopt;
  return refusal(429, "requests_per_minute",
                 "The key `" + client_->name + "` may be used " + std::to_string(client_->requests_per_minute) +
                     " times a minute.");
}

/// Once, when the body is there and before anybody is asked.
void exchange::settle_reach() {
  const auto& view = *shared().contingency;
  kept_from_clouds_ = policy::kept_from_clouds(route_, [&](std::string_view name) { return view.active(name); });
  pass_ = policy::reach::of_exchange(route_.policy, kept_from_clouds_);
  record_.kept_inside = policy::reach::why_not(route_.policy, kept_from_clouds_);
}

/// Head and, where its length is known, the body get one block, usually of exactly the right size.
bool exchange::take_head(std::string_view raw, std::size_t body_bytes) {
  auto const head_bytes = head_.size_bytes;
  auto const now = std::min(body_bytes, std::max(trusted_announcement_bytes, raw.size()));
  if (!block_.reserve(head_bytes + now) || !block_.append(raw.substr(0, head_bytes))) return false;
  move_head(raw.data());
  return true;
}

/// The head's bytes were at `from` and are at the front of the block now.
void exchange::move_head(const char* from) {
  head_.rebase(from, block_.data());
  route_.path_and_query = moved(route_.path_and_query, from, block_.data());
  route_.path = moved(route_.path, from, block_.data());
  route_.authority = moved(route_.authority, from, block_.data());
}

/// Room for more of a body of `all` bytes with its head: twice of what has come, at most all of it.
bool exchange::make_room_for_body(std::size_t all) {
  if (block_.room() != 0) return true;
  const char* const before = block_.data();
  if (!block_.reserve(std::min(all, 2 * block_.size()))) return false;
  move_head(before);
  return true;
}

net::task<attempt_end> exchange::say_continue() {
  if (!framing_.expect_continue) co_return attempt_end::done;
  framing_.expect_continue = false;
  if (!out_.send(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"))) co_return attempt_end::client_gone;
  if (out_.must_flush()) {
    bool const out = co_await out_.flush();
    if (!out) co_return attempt_end::client_gone;
  }
  co_return attempt_end::done;
}

/// A body may be large and the line slow. What is not acceptable is standing still, nor a trickle that only keeps a
/// connection busy.
time_point exchange::body_deadline(time_point began, std::size_t received) const {
  auto const patience = configuration().limits.head_timeout;
  auto const at_slowest = std::chrono::seconds(received / slowest_body_bytes_per_second);
  return std::min(after(clock::now(), patience), after(began, 2 * patience + at_slowest));
}

net::task<attempt_end> exchange::read_body() {
  auto const head_bytes = head_.size_bytes;
  auto const all = head_bytes + static_cast<std::size_t>(framing_.length);
  if (block_.size() < all) {
    auto const step = co_await say_continue();
    if (step != attempt_end::done) co_return step;
  }
  auto const began = clock::now();
  while (block_.size() < all) {
    if (!make_room_for_body(all)) {
      body_problem_ = refusal(503, "replay_memory_exhausted",
                              "Too many large requests are held at the moment (limits.replay_memory).");
      co_return attempt_end::failed;
    }
    auto const got = down_.try_read(block_.end(), std::min(block_.room(), all - block_.size()));
    if (got.ok()) {
      block_.grew(got.bytes);
      continue;
    }
    if (!got.again()) co_return attempt_end::client_gone;
    auto const paused = clock::now();
    auto const how = co_await home_.reactions().wait(body_deadline(began, block_.size() - head_bytes),
                                                     on(down_.source(), net::readable));
    record_.caller_time += clock::now() - paused;
    if (how == woken::cancelled) co_return attempt_end::stopped;
    if (how == woken::timed_out) co_return attempt_end::failed;
  }
  body_ = block_.view().substr(head_bytes);
  co_return attempt_end::done;
}

/// The length is not known, so the body gets a block of its own that grows up to the limit.
net::task<attempt_end> exchange::read_chunked_body() {
  adapt::chunk_decoder chunks;
  std::string_view raw = early_body_;
  auto const began = clock::now();
  auto const limit = configuration().limits.request_body;
  for (;;) {
    while (!raw.empty() || chunks.done()) {
      if (chunks.done()) {
        left_over_.assign(raw);
        early_body_ = {};
        body_ = chunked_body_.view();
        co_return attempt_end::done;
      }
      auto const step = chunks.feed(raw);
      raw.remove_prefix(step.used);
      if (step.what == adapt::chunk_decoder::status::broken) {
        body_problem_ = refusal(400, "bad_request", "The chunked body is malformed.");
        co_return attempt_end::failed;
      }
      if (step.what == adapt::chunk_decoder::status::piece) {
        if (chunked_body_.size() + step.payload.size() > limit) {
          body_problem_ = policy::body_too_large();
          co_return attempt_end::failed;
        }
        if (!chunked_body_.append(step.payload)) {
          body_problem_ = refusal(503, "replay_memory_exhausted",
                                  "Too many large requests are held at the moment (limits.replay_memory).");
          co_return attempt_end::failed;
        }
      }
      if (step.what == adapt::chunk_decoder::status::more) break;
    }
    auto step = co_await say_continue();
    if (step != attempt_end::done) co_return step;
    auto const got = down_.try_read(home_.scratch(), home_.scratch_size());
    if (got.ok()) {
      raw = {home_.scratch(), got.bytes};
      continue;
    }
    if (!got.again()) co_return attempt_end::client_gone;
    raw = {};
    auto const paused = clock::now();
    auto const how =
        co_await home_.reactions().wait(body_deadline(began, chunked_body_.size()), on(down_.source(), net::readable));
    record_.caller_time += clock::now() - paused;
    if (how == woken::cancelled) co_return attempt_end::stopped;
    if (how == woken::timed_out) co_return attempt_end::failed;
  }
}

/// A refused request's body that came whole with its head is passed over, so that the next request may come. False: it
/// did not, and nobody waits for it.
bool exchange::skip_body(std::string_view behind) {
  if (framing_.body == adapt::body_kind::length) {
    if (behind.size() < framing_.length) return false;
    record_.bytes_in = framing_.length;
    left_over_.assign(behind.substr(static_cast<std::size_t>(framing_.length)));
    return true;
  }
  adapt::chunk_decoder chunks;
  std::uint64_t body_bytes = 0;
  while (!chunks.done()) {
    auto const step = chunks.feed(behind);
    behind.remove_prefix(step.used);
    if (step.what == adapt::chunk_decoder::status::piece)
      body_bytes += step.payload.size();
    else if (step.what != adapt::chunk_decoder::status::done)
      return false;
  }
  record_.bytes_in = body_bytes;
  left_over_.assign(behind);
  return true;
}

void exchange::note_request() {
  record_.method = head_.method;
  record_.path = route_.path.empty() ? head_.target.substr(0, head_.target.find('?')) : route_.path;
  record_.what = route_.what;
  if (route_.workflow) record_.workflow = route_.workflow->name;
  client_version_ = head_.version;
  is_head_ = head_.method == "HEAD";
  // traceparent: version "-" 32 hex digits of trace id "-" … (W3C Trace Context §3.2)
  auto const trace = head_.fields.value_of("traceparent");
  if (trace.size() >= 55 && trace[2] == '-' && trace[35] == '-' &&
      std::all_of(trace.begin() + 3, trace.begin() + 35,
                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
    record_.trace_id = trace.substr(3, 32);
  record_.sdk_retry = policy::sdk_repeats(head_.fields);
}

net::task<after_exchange> exchange::run(std::string_view raw, request_head&& head) {
  head_ = std::move(head);
  // Awaited by itself, so that its frame is gone before an answer streams for minutes.
  auto const next = co_await take_request(raw);
  switch (next) {
    case taken::over: break;
    case taken::stream_through: co_await stream_through(); break;
    case taken::ask: co_await ask_candidates(); break;
  }
  co_return then_;
}

net::task<exchange::taken> exchange::take_request(std::string_view raw) {
  auto refused = admit();
  note_request();
  auto const behind = raw.substr(head_.size_bytes);
  auto const plan = refused ? body_plan::nothing : policy::plan_body(route_.what, framing_);
  auto const& limits = configuration().limits;
  bool const has_body =
      framing_.body != adapt::body_kind::none && !(framing_.body == adapt::body_kind::length && framing_.length == 0);

  if (!refused) refused = policy::refuse_length(plan, framing_, limits.request_body);

  bool const known = plan == body_plan::hold && framing_.body == adapt::body_kind::length;
  if (!refused && !take_head(raw, known ? static_cast<std::size_t>(framing_.length) : 0))
    refused = refusal(503, "replay_memory_exhausted",
                      "Too many large requests are held at the moment (limits.replay_memory).");
  if (refused) {
    // Bytes of a body that was not read must not be taken for the next request. Nor what stands behind a request that
    // was not well formed: who knows where it ends?
    if (framing_.refuse_status != 0 || refused->status == 400 || (has_body && !skip_body(behind)))
      body_unread_ = true;
    else if (!has_body)
      left_over_.assign(behind);
    std::string const allow(framing_.refuse_status == 405 ? adapt::allowed_methods : route_.allow);
    co_await reply_error(std::move(*refused), allow);
    co_return taken::over;
  }

  if (!allowed_page_.empty() && adapt::is_preflight(head_)) {
    body_unread_ = has_body;  // browsers send none
    if (!has_body) left_over_.assign(behind);
    co_await answer_preflight();
    co_return taken::over;
  }

  attempt_end step = attempt_end::done;
  if (known) {
    auto const length = static_cast<std::size_t>(framing_.length);
    auto const mine = behind.substr(0, length);
    (void)block_.append(mine);  // it fits: it came with the head, in scratch memory
    left_over_.assign(behind.substr(mine.size()));
    step = co_await read_body();
    record_.bytes_in = block_.size() - head_.size_bytes;
  } else if (plan == body_plan::nothing) {
    left_over_.assign(behind);
  } else {
    early_body_.assign(behind);
    if (plan == body_plan::hold) {
      step = co_await read_chunked_body();
      record_.bytes_in = chunked_body_.size();
    }
  }
  if (step == attempt_end::failed) {
    body_unread_ = true;
    if (!body_problem_) body_problem_ = refusal(408, "request_timeout", "The body of the request stopped coming in.");
    co_await reply_error(std::move(*body_problem_));
    co_return taken::over;
  }
  if (settled(step)) co_return taken::over;

  if (plan == body_plan::stream_through) {
    body_unread_ = true;  // until the pump has taken all of it
    co_return taken::stream_through;
  }
  auto native = policy::read_native_body(route_, body_);
  if (native.refused) {
    record_.model_requested = std::move(native.model);
    settle_reach();
    co_await reply_error(std::move(*native.refused));
    co_return taken::over;
  }
  if (auto others = policy::refuse_models_of(client_, route_, body_)) {
    if (is_judged(route_.what)) record_.model_requested = adapt::scan_request(route_.what, body_).model;
    co_await reply_error(std::move(*others));
    co_return taken::over;
  }
  facts_ = policy::facts_of(route_, body_);
  record_.model_requested = facts_.model;
  record_.stream = facts_.stream;
  if (is_judged(route_.what)) {
    // What a local model left in the conversation is not the cloud's to read.
    auto cleaned = adapt::chat::clean_history(route_.what, body_);
    if (cleaned.what == adapt::chat::cleaned::kind::refused) {
      adapt::own_error why{400, std::move(cleaned.why.code), std::move(cleaned.why.message), cleaned.why.field};
      co_await reply_error(std::move(why));
      co_return taken::over;
    }
    if (cleaned.what == adapt::chat::cleaned::kind::changed) cloud_body_ = std::move(cleaned.body);
  }
  co_return taken::ask;
}

}  // namespace tideover::proxy
