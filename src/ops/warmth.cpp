#include "tideover/ops/warmth.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tideover/ops/control_get.hpp"

namespace tideover::ops {

namespace {

constexpr std::size_t answer_limit = 64u << 10;
constexpr std::size_t most_models = 64;  // names come from the file and the server's list, never from callers
constexpr const char* for_ever = "-1";
constexpr const char* while_expected = "10m";
constexpr const char* ollamas_default = "5m";

/// A chat without messages only loads (OL §11). Options only where the model is loaded: the window that it has.
std::string body_of(const std::string& model, const std::string& keep_alive, std::uint64_t window) {
  nlohmann::json body{{"model", model}, {"messages", nlohmann::json::array()}, {"stream", false}};
  if (keep_alive == for_ever)
    body["keep_alive"] = -1;
  else
    body["keep_alive"] = keep_alive;
  if (window != 0) body["options"] = {{"num_ctx", window}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

warmth::warmth(net::event_loop& control, net::resolver& names, const config::upstream& settings,
               std::vector<const proxy::upstream_route*> ways, local_catalog_watch& catalog,
               std::shared_ptr<model_stays> stays)
    : control_(control),
      names_(names),
      ways_(std::move(ways)),
      catalog_(catalog),
      stays_(std::move(stays)),
      parted_(ways_.size()) {
  for (const auto* way : ways_) urls_.push_back(way->settings->urls[way->url].to_string());
  std::lock_guard const lock(stays_->mutex());
  for (const auto& name : settings.keep_warm) model_of(name).always = true;
  // What another configuration expects, has loaded or is loading there is this one's to keep or to release.
  for (const auto& url : urls_)
    for (const auto& stay : stays_->all_at(url)) model_of(stay->name);
}

warmth::warm_model& warmth::model_of(std::string_view name) {
  auto& m = models_[model_stays::key_of(name)];
  if (m.name.empty()) {
    m.name = name;
    for (const auto& url : urls_) m.urls.push_back({.stay = stays_->at(url, name), .waiting = {}});
  }
  return m;
}

void warmth::expect(std::string_view model) {
  std::lock_guard const lock(stays_->mutex());
  if (models_.size() >= most_models && !models_.contains(model_stays::key_of(model))) return;
  for (auto& u : model_of(model).urls) u.stay->expected = clock::now();
}

void warmth::load(std::string model, std::uint16_t url, std::function<void()> done) {
  control_.inbox()->post([this, model = std::move(model), url, done = std::move(done)]() mutable {
    auto const catalog = catalog_.current();
    const auto* known = catalog->find_at(model, url);
    // Never what is not installed there, and never what leaves the house.
    if (url >= ways_.size() || known == nullptr || known->loaded || known->remote || names_remote(model)) {
      done();
      return;
    }
    std::unique_lock lock(stays_->mutex());
    auto& m = model_of(model);
    for (auto& u : m.urls) u.stay->expected = clock::now();
    auto& u = m.urls[url];
    u.waiting.push_back(std::move(done));
    if (u.hears) return;
    bool const busy = u.stay->busy;
    // Loaded on behalf of another configuration: only this one's catalog does not know yet.
    bool const there = !busy && u.stay->ours && u.looked < u.stay->began;
    if (there) u.hears = true;
    lock.unlock();
    if (busy)
      hear(m, url);
    else if (there)
      net::spawn(look(m, url, {.loaded_it = true, .worked = true, .problem = {}}), [](std::exception_ptr) {});
    else
      begin(m, url, m.always && !parted_[url] ? for_ever : while_expected, 0);
  });
}

std::optional<time_point> warmth::loading_since(std::string_view model) const {
  std::lock_guard const lock(stays_->mutex());
  auto const it = models_.find(model_stays::key_of(model));
  if (it == models_.end()) return std::nullopt;
  std::optional<time_point> since;
  for (const auto& u : it->second.urls)
    if (u.stay->loading) since = std::min(since.value_or(u.stay->began), u.stay->began);
  return since;
}

bool warmth::quiet() const {
  if (owes()) return false;
  std::lock_guard const lock(stays_->mutex());
  return std::none_of(models_.begin(), models_.end(), [](const auto& m) {
    return std::any_of(m.second.urls.begin(), m.second.urls.end(), [](const at_url& u) { return u.hears; });
  });
}

/// On the control loop, without the mutex.
void warmth::begin(warm_model& m, std::uint16_t url, std::string keep_alive, std::uint64_t window) {
  auto const& stay = m.urls[url].stay;
  auto const now = clock::now();
  {
    std::lock_guard const lock(stays_->mutex());
    stay->busy = true;
    stay->loading = window == 0;
    stay->began = stay->prolonged = now;
  }
  hear(m, url);
  auto const by = after(now, parted_[url] && window != 0 ? duration(longest_release) : longest_load);
  net::spawn(ask(stay, url, std::move(keep_alive), window, by), [](std::exception_ptr) {});
}

/// Whoever began it.
void warmth::hear(warm_model& m, std::uint16_t url) {
  std::lock_guard const lock(stays_->mutex());
  m.urls[url].hears = true;
  m.urls[url].stay->hearing.push_back(
      [this, &m, url](const model_stay::ending& how) { net::spawn(look(m, url, how), [](std::exception_ptr) {}); });
}

net::task<void> warmth::ask(std::shared_ptr<model_stay> stay, std::uint16_t url, std::string keep_alive,
                            std::uint64_t window, time_point by) {
  const auto& way = *ways_[url];
  auto const began = clock::now();
  auto const answer = co_await control_post(control_, names_, way.target, way.authority, way.base_path + "/api/chat",
                                            body_of(stay->name, keep_alive, window), answer_limit, by);
  model_stay::ending how;
  how.loaded_it = window == 0;
  how.worked = answer.status == 200;
  how.took = clock::now() - began;
  if (!how.worked) how.problem = answer.status == 0 ? answer.problem : "status " + std::to_string(answer.status);
  std::vector<std::function<void(const model_stay::ending&)>> hearing;
  {
    std::lock_guard const lock(stays_->mutex());
    stay->busy = stay->loading = false;
    hearing.swap(stay->hearing);
    if (how.worked) {
      stay->ours = stay->ours || how.loaded_it;
      stay->pinned = keep_alive == for_ever;
    }
    // One that does not stay (two that push each other out, a server that does not say what it holds) must not be
    // loaded without end.
    if (!how.worked || how.loaded_it) {
      stay->pause = std::clamp<duration>(stay->pause * 2, first_pause, longest_pause);
      stay->not_before = after(clock::now(), stay->pause);
    }
  }
  for (auto& tell : hearing) tell(how);
}

/// What came of it: whoever waited for a load wants to know its window.
net::task<void> warmth::look(warm_model& m, std::uint16_t url, model_stay::ending how) {
  bool const here = !control_.reactions().stopping();
  m.urls[url].looked = clock::now();
  if (how.loaded_it && here) {
    auto const done = std::make_shared<net::event_source>();
    catalog_.refresh([this, done] { done->raise(control_.reactions(), net::signalled); });
    auto const by = after(clock::now(), 2 * local_catalog_watch::patience);
    (void)co_await control_.reactions().wait(by, net::on(*done, net::signalled));
    if (how.worked) catalog_.note_usual_context(m.name);
  }
  std::vector<std::function<void()>> waiting;
  {
    std::lock_guard const lock(stays_->mutex());
    m.urls[url].hears = false;
    waiting.swap(m.urls[url].waiting);
  }
  for (auto& done : waiting) done();
  if (on_loaded && how.loaded_it && !control_.reactions().stopping())
    on_loaded(m.name, how.worked ? std::optional<duration>(how.took) : std::nullopt, how.problem);
}

void warmth::care_for(warm_model& m, const policy::local_catalog& catalog, time_point now, bool wanted) {
  bool loaded_somewhere = false, loading_somewhere = false;
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    const auto* known = catalog.find_at(m.name, i);
    // A load at a server that fell silent is nothing to wait for elsewhere.
    bool const silent = i < catalog.by_url.size() && catalog.by_url[i].silent;
    loading_somewhere = loading_somewhere || (m.urls[i].stay->loading && !silent);
    loaded_somewhere = loaded_somewhere || (known != nullptr && known->loaded && !silent);
  }
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    auto const url = static_cast<std::uint16_t>(i);
    auto& stay = *m.urls[i].stay;
    if (m.urls[i].hears) continue;
    if (stay.busy) {
      hear(m, url);  // another configuration's
      continue;
    }
    if (parted_[i]) {
      part_from(m, url, catalog);
      continue;
    }
    const auto* known = catalog.find_at(m.name, i);
    if (known == nullptr || known->remote || names_remote(m.name)) continue;
    if (known->loaded && now - stay.began >= longest_pause) stay.pause = {};  // it stayed
    if (!known->loaded) {
      stay.ours = stay.pinned = false;
      // One warm server is enough for what is only expected.
      if (!wanted || now < stay.not_before || (!m.always && (loaded_somewhere || loading_somewhere))) continue;
      loading_somewhere = true;
      begin(m, url, m.always ? for_ever : while_expected, 0);
    } else if (known->loaded_context == 0) {
      continue;  // without its window, any word to the server might load it anew
    } else if (m.always) {
      if (!stay.pinned && now >= stay.not_before) begin(m, url, for_ever, known->loaded_context);
    } else if (!stay.ours && !stay.pinned) {
      continue;  // somebody else's
    } else if (wanted) {
      if (now - stay.prolonged >= prolong_every) begin(m, url, while_expected, known->loaded_context);
    } else {
      stay.ours = stay.pinned = false;
      begin(m, url, ollamas_default, known->loaded_context);
    }
  }
}

/// Once: what cannot be said now, or fails, is not tried again.
void warmth::part_from(warm_model& m, std::uint16_t url, const policy::local_catalog& catalog) {
  if (parted_[url] == parting::handed_over) return;
  auto& stay = *m.urls[url].stay;
  bool const ends = parted_[url] == parting::process_ends;
  // What is only expected leaves the server's memory by itself, and shall be there after a restart.
  bool const release = stay.pinned || (stay.ours && !ends);
  stay.ours = stay.pinned = false;
  const auto* known = catalog.find_at(m.name, url);
  if (!release || known == nullptr || !known->loaded || known->loaded_context == 0) return;
  begin(m, url, ends ? while_expected : ollamas_default, known->loaded_context);
}

void warmth::part(const std::function<parting(const std::string&)>& how) {
  std::lock_guard const lock(stays_->mutex());
  for (std::size_t i = 0; i < urls_.size(); ++i) parted_[i] = how(urls_[i]);
}

bool warmth::owes() const {
  std::lock_guard const lock(stays_->mutex());
  for (std::size_t i = 0; i < urls_.size(); ++i) {
    if (!parted_[i] || parted_[i] == parting::handed_over) continue;
    bool const ends = parted_[i] == parting::process_ends;
    for (const auto& [key, m] : models_) {
      const auto& stay = *m.urls[i].stay;
      if (stay.pinned || (stay.ours && !ends) || (stay.busy && !stay.loading)) return true;
    }
  }
  return false;
}

void warmth::tick(time_point now, bool trouble) {
  auto const catalog = catalog_.current();
  bool const parts = !parted_.empty() && parted_.front().has_value();
  if (!catalog->known && !parts) return;
  // Models are never removed, so that their places stay; begin() takes the mutex by itself.
  std::vector<std::pair<warm_model*, bool>> list;
  {
    std::lock_guard const lock(stays_->mutex());
    for (auto& [key, m] : models_) {
      bool expected = false;
      for (auto& u : m.urls) {
        bool const here = u.stay->expected != time_point::min() && now - u.stay->expected < calm_after;
        if (trouble && here) u.stay->expected = now;
        expected = expected || here;
      }
      list.emplace_back(&m, m.always || expected);
    }
  }
  for (auto& [m, wanted] : list) care_for(*m, *catalog, now, wanted);
}

}  // namespace tideover::ops
