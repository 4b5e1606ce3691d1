#include "tideover/ops/local_catalog.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tideover/ops/control_get.hpp"

namespace tideover::ops {

namespace {
constexpr std::size_t answer_limit = 4u << 20;

/// Files may have several names; each is a model of its own here.
std::string key_of(const policy::local_model& m) { return m.name + "@" + m.digest; }

}  // namespace

local_catalog_watch::local_catalog_watch(net::event_loop& control, net::resolver& names,
                                         std::vector<const proxy::upstream_route*> ways)
    : control_(control), names_(names), catalog_(std::make_shared<policy::local_catalog>()) {
  for (const auto* way : ways) servers_.emplace_back().way = way;
}

void local_catalog_watch::take_over(const local_catalog_watch& before) {
  std::scoped_lock const lock(mutex_, before.mutex_);
  if (servers_.size() != before.servers_.size()) return;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const auto* const mine = servers_[i].way;
    servers_[i] = before.servers_[i];
    servers_[i].way = mine;
  }
  by_files_ = before.by_files_;
  for (const auto& g : before.growing_) growing_.push_back({g.what});
  publish();
}

std::shared_ptr<const policy::local_catalog> local_catalog_watch::current() const {
  std::lock_guard const lock(mutex_);
  return catalog_;
}

std::string local_catalog_watch::problem() const {
  std::lock_guard const lock(mutex_);
  for (const auto& s : servers_)
    if (s.problem.empty()) return {};
  return servers_.empty() ? std::string() : servers_.front().problem;
}

std::vector<policy::api_fact> local_catalog_watch::servers(time_point now) const {
  std::lock_guard const lock(mutex_);
  std::vector<policy::api_fact> facts;
  for (const auto& s : servers_) {
    policy::api_fact fact;
    fact.url = s.way->settings->urls[s.way->url].to_string();
    fact.what = s.answered;
    fact.detail = s.problem;
    if (s.loading_since != never) fact.loading_for = now - s.loading_since;
    facts.push_back(std::move(fact));
  }
  return facts;
}

void local_catalog_watch::refresh(std::function<void()> done) {
  {
    std::lock_guard const lock(mutex_);
    waiting_.push_back(std::move(done));
  }
  control_.inbox()->post([this] { start(); });
}

std::shared_ptr<void> local_catalog_watch::grows(std::string_view model, std::uint16_t url, std::uint64_t window) {
  auto const mine = std::make_shared<growth>(std::string(model), url, window);
  std::lock_guard const lock(mutex_);
  growing_.push_back({mine});
  publish();
  // What the server says from now on tells whether it worked.
  return {mine.get(), [this, mine](growth*) {
            mine->over = true;
            control_.inbox()->post([this] { start(); });
          }};
}

void local_catalog_watch::tick(time_point now) {
  if (now >= next_) start();
}

void local_catalog_watch::start() {
  if (asking_ != 0) return;  // whoever waits hears of the answer that is under way
  asking_ = 1;               // nobody's end is the last one before all have begun
  {
    std::lock_guard const lock(mutex_);
    for (auto& g : growing_) g.asked_about = g.what->over;
  }
  for (auto& s : servers_) {
    ++asking_;
    net::spawn(ask(s), [this](std::exception_ptr) { ended(); });
  }
  ended();
}

void local_catalog_watch::ended() {
  if (--asking_ != 0) return;
  std::vector<std::function<void()>> waiting;
  {
    std::lock_guard const lock(mutex_);
    waiting.swap(waiting_);
    bool const troubled = std::any_of(servers_.begin(), servers_.end(), [](const server& s) {
      return s.details_missing || s.answered != policy::api_answer::answers;
    });
    std::erase_if(growing_, [](const grown& g) { return g.asked_about; });
    publish();
    bool const changed =
        std::any_of(growing_.begin(), growing_.end(), [](const grown& g) { return g.what->over.load(); });
    duration const pause = changed            ? duration{}
                           : !catalog_->known ? interval_while_unknown
                           : troubled         ? interval_while_troubled
                                              : interval;
    next_ = after(clock::now(), pause);
  }
  for (auto& done : waiting) done();
}

net::task<void> local_catalog_watch::ask(server& whom) {
  finding found;
  if (whom.way->settings->dialect == dialect::ollama)
    found = co_await ask_ollama(whom);
  else
    found = co_await ask_other(whom);
  std::lock_guard const lock(mutex_);
  whom.answered = found.answered;
  if (found.answered != policy::api_answer::loading)
    whom.loading_since = never;
  else if (whom.loading_since == never)
    whom.loading_since = clock::now();
  whom.problem = std::move(found.problem);
  // A server that is gone has nothing loaded when it comes back.
  if (found.answered == policy::api_answer::refused) whom.loaded_json.clear();
  // What was known stays known while the server is silent: the request itself will find out.
  if (found.catalog)
    whom.catalog = std::move(*found.catalog);
  else
    whom.catalog.tags_json = whom.catalog.ps_json = nullptr;
  whom.catalog.silent = found.answered == policy::api_answer::silent;
  whom.catalog.loading = !whom.catalog.known && found.answered == policy::api_answer::loading;
  publish();
}

net::task<local_catalog_watch::finding> local_catalog_watch::ask_ollama(server& whom) {
  auto const& way = *whom.way;
  finding found;
  auto const deadline = after(clock::now(), patience);
  auto tags = co_await control_get(control_, names_, way.target, way.authority, way.base_path + "/api/tags",
                                   answer_limit, deadline);
  found.problem = tags.problem;
  if (tags.status == 0) {
    found.answered = tags.connected ? policy::api_answer::silent : policy::api_answer::refused;
    co_return found;
  }
  if (tags.status == 200) found.catalog = policy::read_catalog(tags.body, whom.loaded_json);
  if (!found.catalog) {
    found.answered = policy::api_answer::odd;
    found.problem = tags.status == 200 ? "the answer to /api/tags is not Ollama's"
                                       : "status " + std::to_string(tags.status) + " for /api/tags";
    co_return found;
  }
  co_await ask_capabilities(whom, *found.catalog);
  auto const soon = after(clock::now(), patience_for_loaded);
  auto loaded =
      co_await control_get(control_, names_, way.target, way.authority, way.base_path + "/api/ps", answer_limit, soon);
  // 0.33 answers during a load and leaves the model out; others hang there (OL §12).
  if (loaded.status == 0 && loaded.connected) found.answered = policy::api_answer::loading;
  if (loaded.status == 200) {
    std::lock_guard const lock(mutex_);
    whom.loaded_json = std::move(loaded.body);
  }
  // While it hangs, what was loaded before is the best that is known.
  policy::read_loaded(whom.loaded_json, *found.catalog);
  found.catalog->tags_json = std::make_shared<const std::string>(std::move(tags.body));
  found.catalog->ps_json = std::make_shared<const std::string>(whom.loaded_json);
  co_return found;
}

/// llama.cpp's server, vLLM, LM Studio: one list of models, and perhaps a word on health.
net::task<local_catalog_watch::finding> local_catalog_watch::ask_other(server& whom) {
  auto const& way = *whom.way;
  finding found;
  auto const deadline = after(clock::now(), patience);
  auto list = co_await control_get(control_, names_, way.target, way.authority, way.base_path + "/v1/models",
                                   answer_limit, deadline, bearer_of(*way.settings));
  found.problem = list.problem;
  if (list.status == 0) {
    found.answered = list.connected ? policy::api_answer::silent : policy::api_answer::refused;
    co_return found;
  }
  if (policy::says_loading(list.status, list.body)) {
    found.answered = policy::api_answer::loading;
    co_return found;
  }
  if (list.status == 200) found.catalog = policy::read_openai_catalog(list.body);
  if (!found.catalog) {
    found.answered = policy::api_answer::odd;
    found.problem = list.status == 200 ? "the answer to /v1/models is no list of models"
                                       : "status " + std::to_string(list.status) + " for /v1/models";
    co_return found;
  }
  // The list may come although the model is not there yet, or not any more. Not every server knows this path.
  auto const soon = after(clock::now(), patience_for_details);
  auto const health = co_await control_get(control_, names_, way.target, way.authority, way.base_path + "/health",
                                           answer_limit, soon, bearer_of(*way.settings));
  if (policy::says_loading(health.status, health.body)) {
    found.answered = policy::api_answer::loading;
    found.catalog.reset();
  } else if (health.status >= 500) {
    found.answered = policy::api_answer::odd;
    found.problem = "status " + std::to_string(health.status) + " for /health";
  }
  co_return found;
}

/// The models that are still to be asked for, and who asks.
struct local_catalog_watch::questions {
  std::vector<std::string> names;  // of models
  std::vector<std::string> keys;
  std::size_t next = 0;
  int asking = 0;
  time_point deadline{};
  net::event_source done;
};

/// Each model is asked for once, and again when its files change: the listing leaves out what a model's own template
/// can do, and servers before 0.30 list nothing (OL §12).
net::task<void> local_catalog_watch::ask_capabilities(server& whom, policy::local_catalog& found) {
  auto const open = std::make_shared<questions>();
  std::map<std::string, policy::shown_model> kept;
  for (const auto& m : found.models) {
    auto key = key_of(m);
    if (auto known = whom.shown.extract(key)) {
      kept.insert(std::move(known));
    } else {
      open->names.push_back(m.name);
      open->keys.push_back(std::move(key));
    }
  }
  whom.shown = std::move(kept);
  if (!open->names.empty()) {
    open->deadline = after(clock::now(), patience_for_details);
    open->asking = std::min(details_at_once, static_cast<int>(open->names.size()));
    for (int i = open->asking; i > 0; --i)
      net::spawn(ask_in_turn(whom, open), [this, open](std::exception_ptr) {
        if (--open->asking == 0) open->done.raise(control_.reactions(), net::signalled);
      });
    // They end by their deadline, or with everything else.
    while (open->asking != 0) {
      auto const how = co_await control_.reactions().wait(never, net::on(open->done, net::signalled));
      if (how == net::woken::cancelled) break;
    }
  }
  whom.details_missing = open->next < open->names.size();
  for (auto& m : found.models)
    if (auto const known = whom.shown.find(key_of(m)); known != whom.shown.end()) policy::apply_show(known->second, m);
}

net::task<void> local_catalog_watch::ask_in_turn(server& whom, std::shared_ptr<questions> open) {
  auto const& way = *whom.way;
  while (open->next < open->names.size() && clock::now() < open->deadline && !control_.reactions().stopping()) {
    auto const mine = open->next++;
    auto const body =
        nlohmann::json{{"model", open->names[mine]}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    auto const answer = co_await control_post(control_, names_, way.target, way.authority, way.base_path + "/api/show",
                                              body, answer_limit, open->deadline);
    // Whoever fails is asked for again next time; until then the listing stands.
    if (answer.status != 200) continue;
    if (auto told = policy::read_show(answer.body)) whom.shown[open->keys[mine]] = std::move(*told);
  }
}

/// With the mutex held.
void local_catalog_watch::publish() {
  std::vector<policy::local_catalog> all;
  for (std::size_t url = 0; url < servers_.size(); ++url) {
    auto& copy = all.emplace_back(servers_[url].catalog);
    for (auto& m : copy.models) {
      auto const known = by_files_.find(key_of(m));
      if (known == by_files_.end()) continue;
      m.usual_context = known->second.usual_context;
      m.fits = known->second.fits;
      m.remote = m.remote || known->second.remote;
    }
    for (const auto& g : growing_)
      if (auto* m = g.what->url == url ? copy.find(g.what->model) : nullptr) {
        m->loaded = true;
        m->loaded_context = std::max(m->loaded_context, g.what->window);
      }
  }
  catalog_ = std::make_shared<policy::local_catalog>(policy::merge_catalogs(std::move(all)));
}

void local_catalog_watch::note_usual_context(std::string_view model) {
  std::lock_guard const lock(mutex_);
  const auto* m = catalog_->find(model);
  if (m == nullptr || m->loaded_context == 0) return;
  by_files_[key_of(*m)].usual_context = m->loaded_context;
  publish();
}

void local_catalog_watch::note_fit(std::string_view model, bool fits) {
  std::lock_guard const lock(mutex_);
  const auto* m = catalog_->find(model);
  if (m == nullptr || m->fits == fits) return;
  by_files_[key_of(*m)].fits = fits;
  publish();
}

void local_catalog_watch::note_remote(std::string_view model) {
  {
    std::lock_guard const lock(mutex_);
    // Of several servers with different files under this name, any may have been it.
    for (const auto& s : servers_)
      if (const auto* m = s.catalog.find(model)) by_files_[key_of(*m)].remote = true;
    publish();
  }
  control_.inbox()->post([this] { start(); });
}

}  // namespace tideover::ops
