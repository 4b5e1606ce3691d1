// The local tier's side of an exchange: which model stands in, a place at its server, and the request in its words.
#include <algorithm>

#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/embeddings.hpp"
#include "tideover/adapt/model_list.hpp"
#include "tideover/adapt/token_estimate.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;

namespace {

/// Only these make Ollama work; the others of its own API are looks at what it has.
bool works(std::string_view native_path) {
  return native_path == "/api/chat" || native_path == "/api/generate" || native_path == "/api/embed";
}

}  // namespace

/// Asks the local server what it has, for when nothing is known yet. The answer comes through the worker's mailbox.
net::task<void> exchange::wait_for_catalog(time_point by) {
  auto const done = std::make_shared<net::event_source>();
  shared().local->refresh([inbox = home_.loop().inbox(), loop = &home_.reactions(), done] {
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
  bool const native = route_.what == endpoint::ollama_native;
  if (native && !works(route_.path)) co_return attempt_end::done;
  auto catalog = shared().local->current();
  if (!catalog->known || catalog->models.empty()) {
    co_await wait_for_catalog(l.limits.connect);
    if (home_.reactions().stopping()) co_return attempt_end::stopped;
    if (down_.peer_closed()) co_return attempt_end::client_gone;
    catalog = shared().local->current();
  }
  if (!native) {
    auto const chosen = choose_local_model(l, *catalog);
    if (chosen != attempt_end::done) co_return chosen;
    // The cloud is in trouble: whoever comes next shall find the model warm, whether or not this caller stays.
    auto const why = machine_->cloud_failure();
    if (why && *why != reason::policy) shared().local->expect(local_model_);
  }
  auto step = co_await enter_local(l, *catalog);
  if (step != attempt_end::done || native) co_return step;
  step = co_await load_local_model(l);
  if (step != attempt_end::done) co_return step;
  co_return write_local_request(l, *shared().local->current());
}

policy::model_tables exchange::model_tables(std::uint16_t upstream) const {
  const auto& w = *route_.workflow;
  return {.workflow = w.name,
          .of_workflow = &w.models,
          .global = &configuration().models,
          .context_limit = upstream_settings(upstream).context_tokens};
}

/// Where no cloud may help in any case, the request itself is what has to change.
int exchange::local_fault_status() const { return machine_->cloud_failure() == reason::policy ? 400 : 503; }

adapt::own_error exchange::model_not_there(std::uint16_t upstream) const {
  const auto& settings = upstream_settings(upstream);
  bool const ollama = settings.dialect == dialect::ollama;
  return {503,
          "local_model_missing",
          ollama ? "The local model " + local_model_ + " is not installed. Run: ollama pull " + local_model_
                 : settings.title + " does not have the model " + local_model_ + ".",
          {}};
}

/// A prompt that is too long is the request's affair whoever finds out, in the words that clients of both vendors look
/// for. `window` 0: the server only said so.
adapt::own_error exchange::too_long_for(std::uint64_t window) const {
  std::string const model = local_model_.empty() ? "s" : " " + local_model_;
  std::string message = "prompt is too long for the local model" + model;
  if (window != 0)
    message = "prompt is too long: " + std::to_string(local_need_.window.prompt_tokens) + " tokens > " +
              std::to_string(window) + " maximum (as estimated, of the local model" + model + ")";
  return {400, "context_length_exceeded", std::move(message), {}};
}

/// Reads the request, once, and finds who stands in for the model it names.
attempt_end exchange::choose_local_model(leg& l, const policy::local_catalog& catalog) {
  auto const refused = [&](const auto& why) {
    return local_refusal(l, {local_fault_status(), why.code, why.message, why.field});
  };
  if (!is_generation(route_.what)) {
    local_model_ = policy::embedding_stand_in(facts_.model, *route_.workflow, configuration());
    return attempt_end::done;
  }
  if (!asked_for_) {
    auto read = adapt::chat::parse_request(route_.what, body_);
    if (const auto* why = std::get_if<adapt::chat::refusal>(&read)) return refused(*why);
    auto& parsed = std::get<adapt::chat::parsed>(read);
    asked_for_ = std::make_unique<adapt::chat::request>(std::move(parsed.what));
    for (const auto& note : parsed.notes) record_.note_adaptation(note);
    local_need_.requested = facts_.model;
    local_need_.tools = !asked_for_->tools.empty();
    local_need_.vision = asked_for_->has_images();
    local_need_.thinking = asks(asked_for_->think);
    local_need_.window.prompt_tokens = adapt::estimate_prompt(*asked_for_);
    if (auto const most = asked_for_->params.max_tokens; most && *most > 0)
      local_need_.window.max_output = static_cast<std::uint64_t>(*most);
    local_need_.window.prompt_tokens += adapt::estimate_text_tokens(route_.workflow->system_prompt.text);
    if (splice_used_) local_need_.window.prompt_tokens += adapt::estimate_text_tokens(splice_->prefill());
  }
  auto const choice = policy::choose_model(local_need_, model_tables(l.upstream), catalog);
  if (!choice.name.empty()) {
    local_model_ = choice.name;
    return attempt_end::done;
  }
  local_model_.clear();
  switch (choice.missing) {
    case policy::lack::window: return local_refusal(l, too_long_for(choice.largest_window));
    case policy::lack::unknown:
      if (catalog.loading)
        return local_refusal(
            l, {503, "local_loading", upstream_settings(l.upstream).title + " is still loading its model.", {}});
      return local_refusal(l,
                           {503,
                            "local_unavailable",
                            upstream_settings(l.upstream).title + " did not tell which models it has. Is it running?",
                            {}});
    case policy::lack::nothing:
    case policy::lack::model:
    case policy::lack::ability: break;
  }
  return local_refusal(
      l, {503, "local_model_missing", "No local model can stand in for " + facts_.model + ": " + choice.why, {}});
}

/// A place at one of the server's URLs. The time in the queue is nobody's silence: the leg's limits begin behind it.
net::task<attempt_end> exchange::enter_local(leg& l, const policy::local_catalog& catalog) {
  auto const& gates = shared().gates;
  if (l.place || l.upstream >= gates.size() || !gates[l.upstream]) co_return attempt_end::done;
  auto& gate = *gates[l.upstream];
  const auto& settings = upstream_settings(l.upstream);
  policy::place_wish wish;
  wish.caller = shared().health->mark_of(head_);
  wish.urgency = route_.workflow->priority;
  wish.start_by = l.limits.total;
  if (!local_model_.empty()) wish.urls = policy::fits_by_url(catalog, local_model_, gate.urls());
  auto const began = clock::now();
  auto visit = gate.enter(home_.loop(), std::move(wish));
  auto const how = co_await visit.wait(l.limits.total, &down_.source());
  auto const waited = clock::now() - began;
  record_.upstream_time += waited;
  home_.sink().queue_waited(settings, waited);
  using state = local_gate::visit::state;
  switch (how) {
    case state::admitted:
      l.call.go_by(shared().way(l.upstream, visit.url()));
      l.place.emplace(std::move(visit));
      l.limits = machine_->limits_for(l.upstream, clock::now());
      co_return attempt_end::done;
    case state::gone: co_return attempt_end::client_gone;
    case state::stopped: co_return attempt_end::stopped;
    case state::waiting:
    case state::refused: break;
  }
  if (how == state::refused) local_wait_ = visit.refusal().retry_after;
  bool const nowhere = how == state::refused && visit.refusal().why == policy::no_place::nowhere;
  if (nowhere) co_return local_refusal(l, model_not_there(l.upstream));
  co_return local_refusal(
      l, {503, "local_queue_full", settings.title + " is busy: too many requests wait for it. Try again later.", {}});
}

/// One URL's death is survived: nothing was sent there, so another one of the same server may have the request.
bool exchange::another_url(leg& l) {
  if (!l.place || l.call.problem().at > phase::tls_handshake) return false;
  auto const dead = l.place->url();
  l.place->unreachable();
  l.place.reset();
  policy::place_wish wish;
  auto& gate = *shared().gates[l.upstream];
  if (!local_model_.empty()) wish.urls = policy::fits_by_url(*shared().local->current(), local_model_, gate.urls());
  if (!gate.lives_elsewhere(wish, dead)) return false;
  record_.upstream_time += l.call.waited();
  l.call.start_over();
  return true;
}

/// A model that is not loaded is loaded by a connection of Tideover's own: a caller who leaves would abort the load
/// (OL §11), and the next one would find it no further.
net::task<attempt_end> exchange::load_local_model(leg& l) {
  if (upstream_settings(l.upstream).dialect != dialect::ollama || !is_generation(route_.what))
    co_return attempt_end::done;
  auto& local = *shared().local;
  auto const url = l.place ? l.place->url() : std::uint16_t{0};
  auto const catalog = local.current();
  const auto* const model = catalog->find_at(local_model_, url);
  if (!model || model->loaded) co_return attempt_end::done;
  if (auto const left = local.load_ends_in(local_model_); left && after(clock::now(), *left) > l.limits.total) {
    local_wait_ = *left;
    co_return local_refusal(l, {503, "local_loading", "The local model " + local_model_ + " is still loading.", {}});
  }
  auto const done = std::make_shared<net::event_source>();
  local.load(local_model_, url, [inbox = home_.loop().inbox(), loop = &home_.reactions(), done] {
    inbox->post([loop, done] { done->raise(*loop, net::signalled); });
  });
  auto const began = clock::now();
  auto const how = co_await home_.reactions().wait(l.limits.first_content, on(*done, net::signalled),
                                                   on(down_.source(), net::hangup));
  record_.upstream_time += clock::now() - began;
  if (how == net::woken::cancelled) co_return attempt_end::stopped;
  if (down_.peer_closed()) co_return attempt_end::client_gone;
  if (how == net::woken::timed_out) {
    failed(l, reason::timeout, phase::not_started, "the model " + local_model_ + " is still loading");
    name_timer(l, l.limits.first_content_timer);
    local_error_ = adapt::own_error{503, "local_loading", "The local model " + local_model_ + " is still loading.", {}};
    local_wait_ = local.load_ends_in(local_model_);
    co_return attempt_end::failed;
  }
  l.limits = machine_->limits_for(l.upstream, clock::now());
  co_return attempt_end::done;
}

/// The request in the words of the local server, from the untouched original.
attempt_end exchange::write_local_request(leg& l, const policy::local_catalog& catalog) {
  auto const refused = [&](const auto& why) {
    return local_refusal(l, {local_fault_status(), why.code, why.message, why.field});
  };
  if (!is_generation(route_.what)) {
    auto const speaks = upstream_settings(l.upstream).dialect;
    auto made = adapt::render_embeddings(speaks, body_, local_model_);
    if (const auto* why = std::get_if<adapt::chat::refusal>(&made)) return refused(*why);
    replay_ = std::move(std::get<adapt::chat::rendered>(made));
    for (const auto& note : replay_.notes) record_.note_adaptation(note);
    l.translated = speaks == dialect::ollama;
    return attempt_end::done;
  }

  const auto* const known = catalog.find_at(local_model_, l.place ? l.place->url() : 0);
  bool const native = upstream_settings(l.upstream).dialect == dialect::ollama;
  const auto& w = *route_.workflow;
  adapt::chat::render_options options;
  options.model = local_model_;
  if (known) options.can = {known->capabilities_known, known->tools, known->vision, known->thinking};
  if (native) {
    auto const window = policy::window_for(local_need_, model_tables(l.upstream), known);
    if (!window.fits) return local_refusal(l, too_long_for(window.largest));
    if (window.num_ctx != 0) options.num_ctx = window.num_ctx;
    // Where the window is known, an answer ends with it, before the beginning of the prompt would be forgotten.
    auto const size = window.num_ctx != 0 || !known ? window.num_ctx : known->loaded_context;
    auto const prompt = local_need_.window.prompt_tokens;
    if (size != 0) options.room_for_answer = std::max(size, prompt + policy::useful_answer) - prompt;
  }
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
    if (!continues_prefill(l.upstream))
      return local_refusal(
          l, {503, "not_continued", "It is not known that " + local_model_ + " goes on with a begun answer.", {}});
    if (auto const begun = splice_->prefill(); !begun.empty()) options.continuation = std::string(begun);
  }
  auto made = native ? adapt::chat::render_ollama_chat(*asked_for_, options)
                     : adapt::chat::render_openai_chat(*asked_for_, options);
  if (const auto* why = std::get_if<adapt::chat::refusal>(&made)) return refused(*why);
  replay_ = std::move(std::get<adapt::chat::rendered>(made));
  for (const auto& note : replay_.notes) record_.note_adaptation(note);
  if (splice_used_) splice_->asked(replay_.prefill, echoes_prefill());
  l.translated = true;
  return attempt_end::done;
}

/// Does the model that was chosen go on with a begun answer? The file may say so; else the readiness test knows.
bool exchange::continues_prefill(std::uint16_t upstream) const {
  auto const found = policy::find_rule(model_tables(upstream), facts_.model);
  if (found.rule != nullptr && found.rule->prefill != config::prefill::automatic &&
      policy::same_model(found.rule->local, local_model_))
    return found.rule->prefill == config::prefill::yes;
  return shared().local->continues_prefill(local_model_).value_or(false);
}

/// Does its server say what was begun once more, before it goes on? Nothing: not known.
std::optional<bool> exchange::echoes_prefill() const {
  return policy::says_it_again(shared().local->prefill_habit(local_model_));
}

net::task<void> exchange::list_local_models() {
  auto catalog = shared().local->current();
  if (!catalog->known) {
    co_await wait_for_catalog(machine_->limits().connect);
    if (down_.peer_closed()) {
      settled(attempt_end::client_gone);
      co_return;
    }
    catalog = shared().local->current();
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
