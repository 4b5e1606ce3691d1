// What a local server that was asked in its own words answers: translated, judged, and what it tells of the server.
#include <algorithm>
#include <chrono>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/chat/local_mark.hpp"
#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/embeddings.hpp"
#include "tideover/adapt/ollama/native_answer.hpp"
#include "tideover/policy/local_replay.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

/// What ids of a local answer are made from: the mark by which it is known later, and what is random in the request's
/// id.
std::string exchange::local_unique() const {
  constexpr std::size_t longest = 24;
  std::string unique(adapt::chat::local_mark);
  auto const& id = record_.request_id;
  return unique + id.substr(id.size() - std::min(id.size(), longest - unique.size()));
}

/// The whole answer of a local server; an error status is told in the caller's dialect.
net::task<attempt_end> exchange::read_local(leg& l) {
  l.form = answer_form::whole;
  auto const step = co_await l.call.read_whole(configuration().limits.response_body, l.limits.first_content);
  if (step == attempt_end::failed) {
    l.problem = l.call.problem();
    name_timer(l, l.limits.first_content_timer);
  }
  if (step == attempt_end::done && l.call.head().status / 100 != 2) co_return judge_local_error(l);
  co_return step;
}

net::task<attempt_end> exchange::judge_vectors(leg& l) {
  auto const step = co_await read_local(l);
  if (step != attempt_end::done) co_return step;
  if (upstream_settings(l.upstream).dialect == dialect::ollama && adapt::ollama::made_elsewhere(l.call.body()))
    co_return answered_remotely(l);
  auto list = adapt::write_embeddings(body_, l.call.body(), local_model_);
  l.call.settle();
  if (!list) co_return failed(l, reason::malformed, phase::read_body, "not the vectors that were asked for");
  l.whole_text = std::move(*list);
  co_return attempt_end::done;
}

/// The answer of a local server that was asked in its own words, up to the commit.
net::task<attempt_end> exchange::judge_local(leg& l) {
  if (route_.what == endpoint::embeddings) {
    auto const step = co_await judge_vectors(l);
    co_return step;
  }
  namespace answer = adapt::chat::answer;
  auto const from = upstream_settings(l.upstream).dialect;
  auto const unique = local_unique();
  auto const signature = adapt::chat::make_signature(unique);
  answer::writer_options options;
  options.unique = unique;
  options.created =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  options.model = local_model_;
  options.include_usage = asked_for_->include_usage;
  options.show_reasoning = asks(asked_for_->think);
  options.must_call = replay_.must_call;
  options.allowed_calls = replay_.allowed_calls;
  std::vector<std::string> text_tools;
  for (const auto& tool : asked_for_->tools)
    if (tool.takes_text) text_tools.push_back(tool.name);
  options.text_tools = text_tools;
  options.prompt_tokens = local_need_.window.prompt_tokens;
  options.signature = signature;
  options.encrypted_content = signature;
  options.request_id = record_.request_id;
  // The caller has its own beginning already, as it has with the cloud.
  if (echoes_prefill(l.upstream).value_or(true)) options.prefill = replay_.prefill;
  std::string const echo = route_.what == endpoint::responses ? answer::response_echo(body_) : std::string();
  options.echo = echo;

  if (l.call.head().status / 100 == 2 && facts_.stream) {
    l.form = answer_form::stream;
    l.into = splice_used_ ? std::make_unique<translation>(from, *splice_)
                          : std::make_unique<translation>(from, route_.what, options);
    auto const step = co_await hold_stream(l);
    if (l.into->made_elsewhere()) co_return answered_remotely(l);
    co_return step;
  }

  auto const step = co_await read_local(l);
  if (step != attempt_end::done) co_return step;

  auto const whole = answer::gather(answer::read_whole(from, l.call.body()));
  l.call.settle();
  if (whole.took) note_local_timing(l.upstream, *whole.took);
  if (whole.used) note_prompt_tokens(whole.used->prompt);
  if (whole.failed && whole.failed->type == answer::made_elsewhere_type) co_return answered_remotely(l);
  if (whole.failed) {
    auto const why = whole.failed->type == "malformed" ? reason::malformed : reason::error_in_200;
    co_return failed(l, why, phase::read_body, whole.failed->type);
  }
  if (replay_.must_call && !answer::called_as_told(whole.calls, replay_.allowed_calls)) co_return tool_call_missing(l);
  l.whole_text = answer::write_whole(route_.what, whole, options);
  auto const verdict = adapt::judge_answer(route_.what, dialect::openai, "application/json", l.whole_text);
  if (verdict.failure) co_return failed(l, *verdict.failure, phase::read_body, verdict.detail);
  co_return attempt_end::done;
}

/// Tool choice is emulated (contract §7): a model that did not call, or called another tool than it had to, is told
/// once more, in plainer words.
attempt_end exchange::tool_call_missing(leg& l) {
  failed(l, reason::empty, phase::read_body, "the local model did not call the tool that it had to");
  local_error_ = adapt::own_error{503, "tool_choice_unmet",
                                  "The local model did not call the tool that tool_choice demands.", "tool_choice"};
  return attempt_end::failed;
}

/// An error status of the local server, in its own shape: told in the caller's dialect where it is about the request.
attempt_end exchange::judge_local_error(leg& l) {
  auto const status = l.call.head().status;
  auto const said = adapt::read_error_body(l.call.body());
  // Something before the server may quote what it was sent, our key with it.
  bool const tells_key = leak_of(l) != adapt::key_leak::none;
  l.call.settle();
  auto const mentions = [&](std::string_view words) { return said.message.find(words) != std::string::npos; };
  const auto& settings = upstream_settings(l.upstream);
  std::string const title = settings.title;
  auto why = status == 429 ? reason::rate_limited : reason::server_error;
  failed(l, why, phase::read_body, "status " + std::to_string(status));
  if (status == 404) {
    // All servers say which model they lack (OL §3). A 404 about something else is of a server, or a URL, that has no
    // such route: whoever installed the model then would be none the wiser.
    if (mentions("model"))
      local_error_ = policy::model_not_installed(local_model_, upstream_settings(l.upstream));
    else
      local_error_ = adapt::own_error{
          503, "local_unavailable", title + " does not know the route that was asked for. Is its url right?", {}};
  } else if (said.code == "exceed_context_size_error" || mentions("context length") || mentions("context size")) {
    local_error_ = too_long_for(0);
  } else if (status == 400 || status == 413 || status == 422) {
    local_error_ = adapt::own_error{local_fault_status(),
                                    "local_refused",
                                    title + " refused the request" + (tells_key ? "." : ": " + said.message),
                                    {}};
  } else if (policy::says_loading(static_cast<int>(status), said.message)) {
    local_error_ = adapt::own_error{503, "local_loading", title + " is still loading its model.", {}};
  } else if (status == 503 && mentions("server busy")) {
    local_error_ = adapt::own_error{503, "local_queue_full", title + " has too many requests waiting.", {}};
  }
  return attempt_end::failed;
}

/// How fast the server was, for its readiness.
void exchange::note_local_timing(std::uint16_t upstream, const adapt::chat::answer::timings& took) {
  policy::inference_timing timing;
  timing.tokens = took.eval_count;
  timing.generating = std::chrono::nanoseconds(took.eval_duration);
  timing.loading = std::chrono::nanoseconds(took.load_duration);
  local(upstream).note_timing(local_model_, timing);
}

/// No silent truncation (contract §7): a server that read far less than it was sent is told of, although it was asked
/// to refuse what does not fit. Estimates are up to three times too high, for some scripts and models.
void exchange::note_prompt_tokens(std::uint64_t read) {
  constexpr std::uint64_t too_few_to_tell = 1000;
  auto const sent = local_need_.window.prompt_tokens;
  if (read == 0 || sent < too_few_to_tell || read * 3 >= sent) return;
  record_.note_adaptation("the local server read only " + std::to_string(read) + " of about " + std::to_string(sent) +
                          " tokens of the prompt: it may have cut it");
}

}  // namespace tideover::proxy
