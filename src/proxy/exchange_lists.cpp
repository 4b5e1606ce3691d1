// Lists of local models, made from what is known of all local servers; nobody is asked for an answer.
#include <algorithm>
#include <atomic>

#include "tideover/adapt/model_list.hpp"
#include "tideover/policy/local_replay.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;

/// What all local upstreams have, each name once: whoever asks for one of them is served by one that has it.
net::task<void> exchange::list_local_models() {
  auto const upstream = machine_->upstream();
  if (!local(upstream).current()->known) {
    co_await wait_for_catalog(upstream, machine_->limits().connect);
    if (down_.peer_closed()) {
      settled(attempt_end::client_gone);
      co_return;
    }
  }
  bool known = false;
  std::vector<adapt::listed_model> models;
  for (const auto* one : shared().local) {
    if (one == nullptr) continue;
    auto const catalog = one->current();
    known = known || catalog->known;
    for (const auto& m : catalog->models)
      if (!m.remote && std::none_of(models.begin(), models.end(), [&](const auto& l) { return l.id == m.name; }))
        models.push_back({m.name, 0});
  }
  if (!known) {
    nobody_tells(upstream);
    co_return;
  }

  auto const id = policy::listed_model_of(route_.path);
  auto const one = std::find_if(models.begin(), models.end(), [&](const auto& m) { return m.id == id; });
  if (!id.empty() && one == models.end()) {
    machine_->committed();
    record_.why = machine_->cloud_failure();
    co_await reply_error(policy::unknown_in_list());
    co_return;
  }
  auto body = one != models.end() ? adapt::write_model(*one, route_.caller_speaks_anthropic)
                                  : adapt::write_model_list(models, route_.caller_speaks_anthropic);
  const auto& settings = upstream_settings(upstream);
  record_.upstream = settings.name;
  machine_->committed();
  co_await reply_json(200, std::move(body), marks(tier::local, settings.name, {}));
}

void exchange::nobody_tells(std::uint16_t upstream) {
  failure silent;
  silent.why = reason::connect;
  if (record_.detail.empty()) record_.detail = upstream_settings(upstream).name + ": the local server did not answer";
  machine_->failed(silent, clock::now());
}

bool exchange::is_ollama(std::uint16_t upstream) const {
  return shared().local[upstream] != nullptr && upstream_settings(upstream).dialect == dialect::ollama;
}

/// Ollama's lists of models, where there are several servers: whoever asks for one of what is listed is served by one
/// that has it. The list of a single server passes as it came.
bool exchange::joins_native_lists() const {
  if (route_.what != endpoint::ollama_native || (route_.path != "/api/tags" && route_.path != "/api/ps")) return false;
  std::size_t servers = 0;
  for (std::uint16_t i = 0; i < configuration().upstreams.size(); ++i)
    if (is_ollama(i)) servers += upstream_settings(i).urls.size();
  return servers > 1;
}

/// All at the same time; each has its own limits.
net::task<void> exchange::refresh_ollamas(time_point by) {
  struct answers {
    std::atomic<std::size_t> missing = 0;
    net::event_source all;
  };
  auto const told = std::make_shared<answers>();
  std::vector<std::uint16_t> asked;
  for (std::uint16_t i = 0; i < configuration().upstreams.size(); ++i)
    if (is_ollama(i)) asked.push_back(i);
  told->missing = asked.size();
  for (auto const i : asked)
    local(i).refresh([inbox = home_.loop().inbox(), loop = &home_.reactions(), told] {
      if (told->missing.fetch_sub(1) == 1) inbox->post([loop, told] { told->all.raise(*loop, net::signalled); });
    });
  (void)co_await home_.reactions().wait(by, on(told->all, net::signalled), on(down_.source(), net::hangup));
}

net::task<void> exchange::list_native_models() {
  auto const began = clock::now();
  co_await refresh_ollamas(machine_->limits().first_content);
  record_.upstream_time += clock::now() - began;
  if (home_.reactions().stopping() || down_.peer_closed()) {
    settled(down_.peer_closed() ? attempt_end::client_gone : attempt_end::stopped);
    co_return;
  }
  bool const loaded = route_.path == "/api/ps";
  std::vector<std::shared_ptr<const std::string>> lists;
  std::string_view first;
  for (std::uint16_t i = 0; i < configuration().upstreams.size(); ++i) {
    if (!is_ollama(i)) continue;
    auto const catalog = local(i).current();
    auto const take = [&](const policy::local_catalog& one) {
      if (!one.tags_json) return;  // it does not answer
      if (first.empty()) first = upstream_settings(i).name;
      lists.push_back(loaded ? one.ps_json : one.tags_json);
    };
    if (catalog->by_url.empty())
      take(*catalog);
    else
      std::for_each(catalog->by_url.begin(), catalog->by_url.end(), take);
  }
  if (lists.empty()) {
    nobody_tells(machine_->upstream());
    co_return;
  }
  auto body = policy::join_lists(lists);
  record_.upstream = first;
  machine_->committed();
  co_await reply_json(200, std::move(body), marks(tier::local, first, {}));
}

}  // namespace tideover::proxy
