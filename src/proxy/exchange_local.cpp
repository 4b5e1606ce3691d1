// The local tier's side of an exchange: which model stands in, and the body it gets.
#include <algorithm>
#include <chrono>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/chat/local_mark.hpp"
#include "tideover/adapt/model_list.hpp"
#include "tideover/adapt/ollama/replay_body.hpp"
#include "tideover/adapt/token_estimate.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;

namespace {

/// Said once, however often it happened and however often the request was written.
void note_adaptation(std::string& all, std::string_view note) {
  constexpr std::size_t longest = 2000;  // of a log line's field
  if (all.find(note) != std::string::npos || all.size() + note.size() > longest) return;
  if (!all.empty()) all += "; ";
  all += note;
}

}  // namespace

/// Asks the local server what it has, for when nothing is known yet. The answer comes through the worker's mailbox.
net::task<void> exchange::wait_for_catalog(time_point by) {
  auto const done = std::make_shared<net::event_source>();
  home_.shared().local->refresh([inbox = home_.loop().inbox(), loop = &home_.reactions(), done] {
    inbox->post([loop, done] { done->raise(*loop, net::signalled); });
  });
  (void)co_await home_.reactions().wait(by, on(*done, net::signalled), on(down_.source(), net::hangup));
}

/// The local tier cannot serve this request, and why: for the log and, if nobody else can either, for the caller.
attempt_end exchange::local_refusal(leg& l, adapt::own_error why) {
  local_error_ = std::move(why);
  return failed(l, reason::server_error, phase::not_started, local_error_->message);
}

net::task<attempt_end> exchange::prepare_local(leg& l) {
  if (route_.what == endpoint::ollama_native) co_return attempt_end::done;
  auto catalog = home_.shared().local->current();
  if (!catalog->known || catalog->models.empty()) {
    co_await wait_for_catalog(l.limits.connect);
    if (home_.reactions().stopping()) co_return attempt_end::stopped;
    if (down_.peer_closed()) co_return attempt_end::client_gone;
    catalog = home_.shared().local->current();
  }
  co_return write_local_request(l, *catalog);
}

/// Which model, and the request in the words of the local server, from the untouched original.
attempt_end exchange::write_local_request(leg& l, const policy::local_catalog& catalog) {
  bool const generates = is_generation(route_.what);
  policy::model_need need;
  need.requested = facts_.model;
  need.tools = facts_.has_tools;
  need.vision = facts_.has_images;
  auto const choice = policy::choose_model(need, configuration().models, catalog);
  if (choice.name.empty()) {
    if (!catalog.known)
      return local_refusal(
          l, {503, "local_unavailable", "The local server did not tell which models it has. Is Ollama running?", {}});
    return local_refusal(
        l, {503, "local_model_missing", "No local model can stand in for " + facts_.model + ": " + choice.why, {}});
  }
  local_model_ = choice.name;
  const auto* const known = catalog.find(local_model_);
  if (!known && catalog.known && !catalog.models.empty())
    return local_refusal(l, {503,
                             "local_model_missing",
                             "The local model " + local_model_ + " is not installed. Run: ollama pull " + local_model_,
                             {}});
  int const status = local_fault_status();
  auto const refused = [&](const auto& why) { return local_refusal(l, {status, why.code, why.message, why.field}); };
  if (!generates) {
    auto made = adapt::ollama::make_replay_body(route_.what, body_, {.model = local_model_});
    if (const auto* why = std::get_if<adapt::ollama::replay_refusal>(&made)) return refused(*why);
    replay_ = {};
    replay_.path = route_.path_and_query;
    replay_.body = std::move(std::get<adapt::ollama::replay_body>(made).body);
    return attempt_end::done;
  }

  if (!asked_for_) {
    auto read = adapt::chat::parse_request(route_.what, body_);
    if (const auto* why = std::get_if<adapt::chat::refusal>(&read)) return refused(*why);
    auto& parsed = std::get<adapt::chat::parsed>(read);
    asked_for_ = std::make_unique<adapt::chat::request>(std::move(parsed.what));
    for (const auto& note : parsed.notes) note_adaptation(record_.adapted, note);
  }
  const auto& w = *route_.workflow;
  adapt::chat::render_options options;
  options.model = local_model_;
  if (known) options.can = {known->capabilities_known, known->tools, known->vision, known->thinking};
  options.workflow_prompt = {static_cast<adapt::chat::system_prompt::placing>(w.system_prompt.where),
                             w.system_prompt.text};
  options.defaults = {.temperature = w.parameters.temperature,
                      .top_p = w.parameters.top_p,
                      .min_p = w.parameters.min_p,
                      .frequency_penalty = w.parameters.frequency_penalty,
                      .presence_penalty = w.parameters.presence_penalty,
                      .repeat_penalty = w.parameters.repeat_penalty,
                      .top_k = w.parameters.top_k,
                      .seed = w.parameters.seed,
                      .max_tokens = w.parameters.max_tokens};
  options.insist_on_call = insist_on_call_;
  if (splice_used_) {
    if (!continues_prefill())
      return local_refusal(
          l, {503, "not_continued", "It is not known that " + local_model_ + " goes on with a begun answer.", {}});
    if (auto const begun = splice_->prefill(); !begun.empty()) options.continuation = std::string(begun);
  }
  bool const native = upstream_settings(l.upstream).dialect == dialect::ollama;
  auto made = native ? adapt::chat::render_ollama_chat(*asked_for_, options)
                     : adapt::chat::render_openai_chat(*asked_for_, options);
  if (const auto* why = std::get_if<adapt::chat::refusal>(&made)) return refused(*why);
  replay_ = std::move(std::get<adapt::chat::rendered>(made));
  for (const auto& note : replay_.notes) note_adaptation(record_.adapted, note);
  l.translated = true;
  return attempt_end::done;
}

/// Where no cloud may help in any case, the request itself is what has to change.
int exchange::local_fault_status() const { return machine_->cloud_failure() == reason::policy ? 400 : 503; }

/// Does the model that was chosen go on with a begun answer? The file may say so; else the readiness test knows.
bool exchange::continues_prefill() const {
  for (const auto* table : {&route_.workflow->models, &configuration().models})
    for (const auto& rule : *table)
      if (rule.local == local_model_ && policy::glob_matches(rule.cloud, facts_.model)) {
        if (rule.prefill != config::prefill::automatic) return rule.prefill == config::prefill::yes;
        return home_.shared().local->continues_prefill(local_model_).value_or(false);
      }
  return home_.shared().local->continues_prefill(local_model_).value_or(false);
}

/// What ids of a local answer are made from: the mark by which it is known later, and what is random in the request's
/// id.
std::string exchange::local_unique() const {
  constexpr std::size_t longest = 24;
  std::string unique(adapt::chat::local_mark);
  auto const& id = record_.request_id;
  return unique + id.substr(id.size() - std::min(id.size(), longest - unique.size()));
}

/// The answer of a local server that was asked in its own words, up to the commit.
net::task<attempt_end> exchange::judge_local(leg& l) {
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
  options.prompt_tokens = adapt::estimate_tokens(body_).value_or(0);
  options.signature = signature;
  options.encrypted_content = signature;
  options.request_id = record_.request_id;
  std::string const echo = route_.what == endpoint::responses ? answer::response_echo(body_) : std::string();
  options.echo = echo;

  if (l.call.head().status / 100 == 2 && facts_.stream) {
    l.form = answer_form::stream;
    l.into = splice_used_ ? std::make_unique<translation>(from, *splice_)
                          : std::make_unique<translation>(from, route_.what, options);
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
  if (l.call.head().status / 100 != 2) co_return judge_local_error(l);

  auto const whole = answer::gather(answer::read_whole(from, l.call.body()));
  l.call.settle();
  if (whole.failed) {
    auto const why = whole.failed->type == "malformed" ? reason::malformed : reason::error_in_200;
    co_return failed(l, why, phase::read_body, whole.failed->type);
  }
  if (replay_.must_call && whole.calls.empty()) co_return tool_call_missing(l);
  l.whole_text = answer::write_whole(route_.what, whole, options);
  auto const verdict = adapt::judge_answer(route_.what, dialect::openai, "application/json", l.whole_text);
  if (verdict.failure) co_return failed(l, *verdict.failure, phase::read_body, verdict.detail);
  co_return attempt_end::done;
}

/// Tool choice is emulated (contract §7): a model that did not call is told once more, in plainer words.
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
  l.call.settle();
  auto const mentions = [&](std::string_view words) { return said.message.find(words) != std::string::npos; };
  std::string const title = upstream_settings(l.upstream).title;
  auto why = status == 429 ? reason::rate_limited : reason::server_error;
  failed(l, why, phase::read_body, "status " + std::to_string(status));
  if (status == 404) {
    local_error_ =
        adapt::own_error{503,
                         "local_model_missing",
                         "The local model " + local_model_ + " is not installed. Run: ollama pull " + local_model_,
                         {}};
  } else if (said.code == "exceed_context_size_error" || mentions("context length") || mentions("context size")) {
    local_error_ = adapt::own_error{
        400, "context_length_exceeded", "The prompt is too long for the local model " + local_model_ + ".", {}};
  } else if (status == 400 || status == 413 || status == 422) {
    local_error_ =
        adapt::own_error{local_fault_status(), "local_refused", title + " refused the request: " + said.message, {}};
  } else if (status == 503 && mentions("server busy")) {
    local_error_ = adapt::own_error{503, "local_queue_full", title + " has too many requests waiting.", {}};
  }
  return attempt_end::failed;
}

net::task<void> exchange::list_local_models() {
  auto catalog = home_.shared().local->current();
  if (!catalog->known) {
    co_await wait_for_catalog(machine_->limits().connect);
    if (down_.peer_closed()) {
      settled(attempt_end::client_gone);
      co_return;
    }
    catalog = home_.shared().local->current();
  }
  auto const upstream = machine_->upstream();
  if (!catalog->known) {
    failure silent;
    silent.why = reason::connect;
    if (record_.detail.empty()) record_.detail = upstream_settings(upstream).name + ": the local server did not answer";
    machine_->failed(silent, clock::now());
    co_return;
  }
  std::vector<adapt::listed_model> models;
  for (const auto& m : catalog->models)
    if (!m.remote) models.push_back({m.name, 0});

  constexpr std::string_view list_path = "/v1/models";
  std::string body;
  if (route_.path.size() > list_path.size() + 1) {
    auto const id = route_.path.substr(list_path.size() + 1);
    auto const found = std::find_if(models.begin(), models.end(), [&](const auto& m) { return m.id == id; });
    if (found == models.end()) {
      machine_->committed();
      record_.why = machine_->cloud_failure();
      adapt::own_error unknown{404, "model_not_found", "No local model has this name, and the cloud is away.", "model"};
      co_await reply_error(std::move(unknown));
      co_return;
    }
    body = adapt::write_model(*found, route_.caller_speaks_anthropic);
  } else {
    body = adapt::write_model_list(models, route_.caller_speaks_anthropic);
  }
  const auto& settings = upstream_settings(upstream);
  record_.upstream = settings.name;
  machine_->committed();
  co_await reply_json(200, std::move(body), marks(tier::local, settings.name, {}));
}

}  // namespace tideover::proxy
