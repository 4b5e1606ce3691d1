#include "tideover/ops/warmth.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tideover/core/http_message.hpp"
#include "tideover/ops/control_get.hpp"

namespace tideover::ops {

namespace {

constexpr std::size_t answer_limit = 64u << 10;
constexpr std::size_t most_models = 64;  // names come from the file and the server's list, never from callers
constexpr const char* for_ever = "-1";
constexpr const char* while_expected = "10m";
constexpr const char* ollamas_default = "5m";

std::string key_of(std::string_view name) {
  std::string key(name);
  std::transform(key.begin(), key.end(), key.begin(), to_lower);
  if (key.ends_with(":latest")) key.resize(key.size() - 7);
  return key;
}

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
               std::vector<const proxy::upstream_route*> ways, local_catalog_watch& catalog)
    : control_(control), names_(names), ways_(std::move(ways)), catalog_(catalog) {
  for (const auto& name : settings.keep_warm) model_of(name).always = true;
}

warmth::warm_model& warmth::model_of(std::string_view name) {
  auto& m = models_[key_of(name)];
  if (m.name.empty()) m.name = name;
  m.urls.resize(ways_.size());
  return m;
}

void warmth::take_over(const warmth& before) {
  std::scoped_lock const lock(mutex_, before.mutex_);
  if (ways_.size() != before.ways_.size()) return;
  for (const auto& [key, was] : before.models_) {
    auto& m = model_of(was.name);
    m.expected = was.expected;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      auto& u = m.urls[i];
      const auto& then = was.urls[i];
      // A pin that may be under way counts as one: to release what is not pinned does no harm.
      bool const pins = then.pinned || (was.always && then.busy);
      u.ours = then.ours || pins;
      u.pinned = then.pinned && m.always;
      u.prolonged = then.prolonged;
      u.not_before = then.not_before;
      u.pause = then.pause;
    }
  }
}

void warmth::expect(std::string_view model) {
  std::lock_guard const lock(mutex_);
  if (models_.size() >= most_models && !models_.contains(key_of(model))) return;
  model_of(model).expected = clock::now();
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
    std::unique_lock lock(mutex_);
    auto& m = model_of(model);
    m.expected = clock::now();
    m.urls[url].waiting.push_back(std::move(done));
    if (m.urls[url].busy) return;
    lock.unlock();
    begin(m, url, m.always ? for_ever : while_expected, 0);
  });
}

std::optional<time_point> warmth::loading_since(std::string_view model) const {
  std::lock_guard const lock(mutex_);
  auto const it = models_.find(key_of(model));
  if (it == models_.end()) return std::nullopt;
  std::optional<time_point> since;
  for (const auto& u : it->second.urls)
    if (u.loading) since = std::min(since.value_or(u.began), u.began);
  return since;
}

bool warmth::quiet() const {
  std::lock_guard const lock(mutex_);
  return std::none_of(models_.begin(), models_.end(), [](const auto& m) {
    return std::any_of(m.second.urls.begin(), m.second.urls.end(), [](const at_url& u) { return u.busy; });
  });
}

/// On the control loop, without the mutex.
void warmth::begin(warm_model& m, std::uint16_t url, std::string keep_alive, std::uint64_t window) {
  {
    std::lock_guard const lock(mutex_);
    auto& u = m.urls[url];
    u.busy = true;
    u.loading = window == 0;
    u.began = clock::now();
    u.prolonged = u.began;
  }
  net::spawn(ask(m.name, url, std::move(keep_alive), window), [](std::exception_ptr) {});
}

net::task<void> warmth::ask(std::string name, std::uint16_t url, std::string keep_alive, std::uint64_t window) {
  const auto& way = *ways_[url];
  auto const began = clock::now();
  auto const answer =
      co_await control_post(control_, names_, way.target, way.authority, way.base_path + "/api/chat",
                            body_of(name, keep_alive, window), answer_limit, after(began, longest_load));
  auto const took = clock::now() - began;
  bool const worked = answer.status == 200;
  if (window == 0 && !control_.reactions().stopping()) {
    // Whoever waited for the load wants to know its window.
    auto const done = std::make_shared<net::event_source>();
    catalog_.refresh([this, done] { done->raise(control_.reactions(), net::signalled); });
    auto const by = after(clock::now(), 2 * local_catalog_watch::patience);
    (void)co_await control_.reactions().wait(by, net::on(*done, net::signalled));
    if (worked) catalog_.note_usual_context(name);
  }
  std::vector<std::function<void()>> waiting;
  {
    std::lock_guard const lock(mutex_);
    auto& u = model_of(name).urls[url];
    u.busy = u.loading = false;
    waiting.swap(u.waiting);
    if (worked) {
      u.ours = u.ours || window == 0;
      u.pinned = keep_alive == for_ever;
      // One that does not stay (two that push each other out, a server that does not say what it holds) must not be
      // loaded without end.
      if (window == 0) {
        u.pause = std::clamp<duration>(u.pause * 2, first_pause, longest_pause);
        u.not_before = after(clock::now(), u.pause);
      }
    } else {
      u.pause = std::clamp<duration>(u.pause * 2, first_pause, longest_pause);
      u.not_before = after(clock::now(), u.pause);
    }
  }
  for (auto& done : waiting) done();
  if (on_loaded && window == 0 && !control_.reactions().stopping())
    on_loaded(name, worked ? std::optional<duration>(took) : std::nullopt,
              answer.status == 0 ? answer.problem
              : worked           ? ""
                                 : "status " + std::to_string(answer.status));
}

void warmth::care_for(warm_model& m, const policy::local_catalog& catalog, time_point now, bool wanted) {
  bool loaded_somewhere = false, loading_somewhere = false;
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    const auto* known = catalog.find_at(m.name, i);
    loaded_somewhere = loaded_somewhere || (known != nullptr && known->loaded);
    loading_somewhere = loading_somewhere || m.urls[i].loading;
  }
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    auto& u = m.urls[i];
    auto const url = static_cast<std::uint16_t>(i);
    const auto* known = catalog.find_at(m.name, i);
    if (u.busy || known == nullptr || known->remote || names_remote(m.name)) continue;
    if (known->loaded && now - u.began >= longest_pause) u.pause = {};  // it stayed
    if (!known->loaded) {
      u.ours = u.pinned = false;
      // One warm server is enough for what is only expected.
      if (!wanted || now < u.not_before || (!m.always && (loaded_somewhere || loading_somewhere))) continue;
      loading_somewhere = true;
      begin(m, url, m.always ? for_ever : while_expected, 0);
    } else if (known->loaded_context == 0) {
      continue;  // without its window, any word to the server might load it anew
    } else if (m.always) {
      if (!u.pinned && now >= u.not_before) begin(m, url, for_ever, known->loaded_context);
    } else if (u.ours && wanted) {
      if (now - u.prolonged >= prolong_every) begin(m, url, while_expected, known->loaded_context);
    } else if (u.ours) {
      u.ours = false;
      begin(m, url, ollamas_default, known->loaded_context);
    }
  }
}

void warmth::tick(time_point now, bool trouble) {
  auto const catalog = catalog_.current();
  if (!catalog->known) return;
  // Models are never removed, so that their places stay; begin() takes the mutex by itself.
  std::vector<std::pair<warm_model*, bool>> list;
  {
    std::lock_guard const lock(mutex_);
    for (auto& [key, m] : models_) {
      bool const expected = m.expected != time_point::min() && now - m.expected < calm_after;
      if (trouble && expected) m.expected = now;
      list.emplace_back(&m, m.always || expected);
    }
  }
  for (auto& [m, wanted] : list) care_for(*m, *catalog, now, wanted);
}

}  // namespace tideover::ops
