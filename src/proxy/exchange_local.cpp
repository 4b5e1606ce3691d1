// The local tier's side of an exchange: which model stands in, and the body it gets.
#include <algorithm>

#include "tideover/adapt/model_list.hpp"
#include "tideover/adapt/ollama/replay_body.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;

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
  policy::model_need need;
  need.requested = facts_.model;
  need.tools = facts_.has_tools;
  need.vision = facts_.has_images;
  auto const choice = policy::choose_model(need, configuration().models, *catalog);
  if (choice.name.empty()) {
    if (!catalog->known)
      co_return local_refusal(
          l, {503, "local_unavailable", "The local server did not tell which models it has. Is Ollama running?", {}});
    co_return local_refusal(
        l, {503, "local_model_missing", "No local model can stand in for " + facts_.model + ": " + choice.why, {}});
  }
  local_model_ = choice.name;
  adapt::ollama::replay_options options;
  options.model = local_model_;
  if (const auto* known = catalog->find(local_model_)) {
    options.model_thinks = known->capabilities_known && known->thinking;
    options.model_has_tools = !known->capabilities_known || known->tools;
  } else if (catalog->known && !catalog->models.empty()) {
    co_return local_refusal(l,
                            {503,
                             "local_model_missing",
                             "The local model " + local_model_ + " is not installed. Run: ollama pull " + local_model_,
                             {}});
  }
  auto made = adapt::ollama::make_replay_body(route_.what, body_, options);
  if (auto* refusal = std::get_if<adapt::ollama::replay_refusal>(&made)) {
    // Where no cloud may help in any case, the request itself is what has to change.
    bool const lasting = machine_->cloud_failure() == reason::policy;
    co_return local_refusal(l, {lasting ? 400 : 503, refusal->code, refusal->message, refusal->field});
  }
  replay_body_ = std::move(std::get<adapt::ollama::replay_body>(made).body);
  co_return attempt_end::done;
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
      co_await reply_error({404, "model_not_found", "No local model has this name, and the cloud is away.", "model"});
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
