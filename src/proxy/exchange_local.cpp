// The local tier's side of an exchange: which model stands in, a place at its server, and the request in its words.
#include <algorithm>

#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/embeddings.hpp"
#include "tideover/core/ollama_name.hpp"
#include "tideover/policy/local_order.hpp"
#include "tideover/policy/local_replay.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;

/// Asks the local server what it has, for when nothing is known yet. The answer comes through the worker's mailbox.
net::task<void> exchange::wait_for_catalog(std::uint16_t upstream, time_point by) {
  auto const done = std::make_shared<net::event_source>();
  local(upstream).refresh([inbox = home_.loop().inbox(), loop = &home_.reactions(), done] {
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
  auto catalog = local(l.upstream).current();
  // On its own paths the caller names the model that is to serve.
  auto const refuses_listed = [&] {
    const auto* const listed = catalog->find(facts_.model);
    auto refused = listed != nullptr ? policy::refuse_listed(*listed, true) : std::nullopt;
    if (refused) local_refusal(l, std::move(*refused));
    return refused.has_value();
  };
  if (native && !policy::makes_work(route_.path)) {
    if (refuses_listed()) co_return attempt_end::failed;
    choose_url(l, *catalog);
    co_return attempt_end::done;
  }
  if (!catalog->known || catalog->models.empty()) {
    co_await wait_for_catalog(l.upstream, l.limits.connect);
    if (home_.reactions().stopping()) co_return attempt_end::stopped;
    if (down_.peer_closed()) co_return attempt_end::client_gone;
    catalog = local(l.upstream).current();
  }
  if (native) {
    if (refuses_listed()) co_return attempt_end::failed;
    const auto* const listed = catalog->find(facts_.model);
    local_model_ = listed != nullptr ? listed->name : facts_.model;
  } else {
    auto const chosen = choose_local_model(l, *catalog);
    if (chosen != attempt_end::done) co_return chosen;
    // The cloud is in trouble: whoever comes next shall find the model warm, whether or not this caller stays.
    auto const why = machine_->cloud_failure();
    if (why && *why != reason::policy) local(l.upstream).expect(local_model_);
  }
  auto step = co_await enter_local(l, *catalog);
  if (step != attempt_end::done || native) co_return step;
  step = co_await load_local_model(l);
  if (step != attempt_end::done) co_return step;
  co_return write_local_request(l, *local(l.upstream).current());
}

policy::model_tables exchange::model_tables(std::uint16_t upstream) const {
  return policy::tables_for(*route_.workflow, configuration(), upstream_settings(upstream));
}

/// Where no cloud may help in any case, the request itself is what has to change.
int exchange::local_fault_status() const { return machine_->cloud_failure() == reason::policy ? 400 : 503; }

/// A prompt that is too long is the request's affair, whoever finds out. `window` 0: the server only said so.
adapt::own_error exchange::too_long_for(std::uint64_t window) const {
  return policy::too_long_for(local_model_, local_need_.window.prompt_tokens, window);
}

/// Reads the request, once, and finds who stands in for the model it names.
attempt_end exchange::choose_local_model(leg& l, const policy::local_catalog& catalog) {
  auto const refused = [&](const auto& why) {
    return local_refusal(l, {local_fault_status(), why.code, why.message, why.field});
  };
  if (!is_generation(route_.what)) {
    local_model_ = policy::embedding_stand_in(facts_.model, *route_.workflow, configuration());
    const auto* const listed = catalog.find(local_model_);
    auto remote = listed != nullptr ? policy::refuse_listed(*listed, false) : std::nullopt;
    return remote ? local_refusal(l, std::move(*remote)) : attempt_end::done;
  }
  if (!asked_for_) {
    auto read = adapt::chat::parse_request(route_.what, body_);
    if (const auto* why = std::get_if<adapt::chat::refusal>(&read)) return refused(*why);
    auto& parsed = std::get<adapt::chat::parsed>(read);
    asked_for_ = std::make_unique<adapt::chat::request>(std::move(parsed.what));
    for (const auto& note : parsed.notes) record_.note_adaptation(note);
    local_need_ = policy::need_of(*asked_for_, facts_.model, *route_.workflow,
                                  splice_used_ ? splice_->prefill() : std::string_view());
  }
  auto const choice = policy::choose_model(local_need_, model_tables(l.upstream), catalog);
  if (!choice.name.empty()) {
    local_model_ = choice.name;
    return attempt_end::done;
  }
  local_model_.clear();
  return local_refusal(l, policy::no_stand_in(choice, local_need_, catalog, upstream_settings(l.upstream)));
}

/// Which URLs may serve. The list may be older than a model that the caller names by itself: its server will know.
std::vector<policy::url_fit> exchange::wished_urls(const policy::local_catalog& catalog, std::size_t urls) const {
  bool const own_path = route_.what == endpoint::ollama_native;
  if (local_model_.empty() || (own_path && catalog.find(local_model_) == nullptr)) return {};
  return policy::fits_by_url(catalog, local_model_, urls);
}

/// Is a prompt about to go to a model that its server has not listed? Then nobody knows yet where it runs.
bool exchange::asks_about_model(const leg& l) const {
  const auto& settings = upstream_settings(l.upstream);
  if (settings.tier != tier::local || settings.dialect != dialect::ollama || local_model_.empty()) return false;
  return local(l.upstream).current()->find_at(local_model_, l.place ? l.place->url() : 0) == nullptr;
}

/// Asks the very server, in the same place (POST /api/show): some models that it has run at ollama.com (OL §13).
net::task<attempt_end> exchange::ask_about_model(leg& l) {
  const auto& settings = upstream_settings(l.upstream);
  if (!is_ollama_name(local_model_)) co_return local_refusal(l, policy::model_not_installed(local_model_, settings));
  std::string const question = R"({"model":")" + local_model_ + "\"}";  // a name without anything to escape
  auto out = outgoing(l, true);
  out.head.target = "/api/show";
  out.head.length = question.size();
  out.head.body_rewritten = true;
  out.body = question;
  auto step = co_await l.call.open(out, l.limits.connect, l.limits.first_content);
  if (step == attempt_end::done)
    step = co_await l.call.read_whole(configuration().limits.response_body, l.limits.first_content);
  if (step != attempt_end::done) co_return step;
  auto refused = policy::refuse_shown(local_model_, l.call.head().status, l.call.body(), settings,
                                      route_.what == endpoint::ollama_native);
  record_.upstream_time += l.call.waited();
  l.call.settle();
  l.call.start_over();
  if (!refused) co_return attempt_end::done;
  local(l.upstream).refresh([] {});  // what is known of it is old
  co_return local_refusal(l, std::move(*refused));
}

/// The promise is broken already, by a model that was taken for local: nothing of the answer goes on, nobody is sent
/// there again, and somebody has to look.
attempt_end exchange::answered_remotely(leg& l) {
  const auto& settings = upstream_settings(l.upstream);
  local(l.upstream).note_remote(local_model_);
  home_.sink().answered_remotely(record_, settings, local_model_);
  local_error_ = policy::answered_remotely(local_model_, settings);
  return failed(l, reason::malformed, phase::read_body, "the model " + local_model_ + " ran at ollama.com");
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
  wish.urls = wished_urls(catalog, gate.urls());
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
  if (nowhere) co_return local_refusal(l, policy::model_not_installed(local_model_, settings));
  co_return local_refusal(
      l, {503, "local_queue_full", settings.title + " is busy: too many requests wait for it. Try again later.", {}});
}

/// For what takes no place at a server: the first URL that has the model, or just answers, and then the others like it.
void exchange::choose_url(leg& l, const policy::local_catalog& catalog) {
  auto const urls = upstream_settings(l.upstream).urls.size();
  if (!l.further_urls) {
    auto& order = l.further_urls.emplace();
    auto const answers = [&](std::size_t url) {
      return catalog.by_url.empty() ? catalog.tags_json != nullptr : catalog.by_url[url].tags_json != nullptr;
    };
    auto const standing = [&](std::size_t url) {
      return facts_.model.empty() ? answers(url) : catalog.find_at(facts_.model, url) != nullptr;
    };
    for (bool const wanted : {true, false})
      for (std::size_t url = 0; url < urls; ++url)
        if (standing(url) == wanted) order.push_back(static_cast<std::uint16_t>(url));
  }
  l.call.go_by(shared().way(l.upstream, l.further_urls->front()));
  l.further_urls->erase(l.further_urls->begin());
}

/// One URL's death is survived: nothing was sent there, so another one of the same server may have the request.
bool exchange::another_url(leg& l) {
  if (l.call.problem().at > phase::tls_handshake) return false;
  if (l.further_urls && !l.further_urls->empty()) {
    record_.upstream_time += l.call.waited();
    l.call.start_over();
    return true;
  }
  if (!l.place) return false;
  auto const dead = l.place->url();
  l.place->unreachable();
  l.place.reset();
  policy::place_wish wish;
  auto& gate = *shared().gates[l.upstream];
  wish.urls = wished_urls(*local(l.upstream).current(), gate.urls());
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
  auto& known = local(l.upstream);
  auto const url = l.place ? l.place->url() : std::uint16_t{0};
  auto const catalog = known.current();
  const auto* const model = catalog->find_at(local_model_, url);
  if (!model || model->loaded) co_return attempt_end::done;
  if (auto const left = known.load_ends_in(local_model_); left && after(clock::now(), *left) > l.limits.total) {
    local_wait_ = *left;
    co_return local_refusal(l, {503, "local_loading", "The local model " + local_model_ + " is still loading.", {}});
  }
  auto const done = std::make_shared<net::event_source>();
  known.load(local_model_, url, [inbox = home_.loop().inbox(), loop = &home_.reactions(), done] {
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
    local_wait_ = known.load_ends_in(local_model_);
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

  const auto& settings = upstream_settings(l.upstream);
  bool const native = settings.dialect == dialect::ollama;
  auto words = policy::words_for(local_need_, *route_.workflow, configuration(), settings, local_model_,
                                 catalog.find_at(local_model_, l.place ? l.place->url() : 0));
  if (!words.window.fits) return local_refusal(l, too_long_for(words.window.largest));
  auto& options = words.options;
  if (words.window.reloads)
    l.grows = local(l.upstream).grows(local_model_, l.place ? l.place->url() : std::uint16_t{0}, words.window.num_ctx);
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
  if (splice_used_) splice_->asked(replay_.prefill, echoes_prefill(l.upstream));
  l.translated = true;
  return attempt_end::done;
}

/// Does the model that was chosen go on with a begun answer? The file may say so; else the readiness test knows.
bool exchange::continues_prefill(std::uint16_t upstream) const {
  return policy::continues_prefill(model_tables(upstream), facts_.model, local_model_,
                                   local(upstream).continues_prefill(local_model_));
}

/// Does its server say what was begun once more, before it goes on? Nothing: not known.
std::optional<bool> exchange::echoes_prefill(std::uint16_t upstream) const {
  return policy::says_it_again(local(upstream).prefill_habit(local_model_));
}

}  // namespace tideover::proxy
