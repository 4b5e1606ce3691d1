#include "tideover/ops/local_catalog.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tideover/ops/control_get.hpp"

namespace tideover::ops {

namespace {
constexpr std::size_t answer_limit = 4u << 20;
constexpr std::size_t most_shown = 256;  // answers of /api/show that are kept

/// Files may have several names; each is a model of its own here.
std::string key_of(const policy::local_model& m) { return m.name + "@" + m.digest; }

}  // namespace

local_catalog_watch::local_catalog_watch(net::event_loop& control, net::resolver& names,
                                         std::vector<const proxy::upstream_route*> ways)
    : control_(control), names_(names), catalog_(std::make_shared<policy::local_catalog>()) {
  for (const auto* way : ways) servers_.emplace_back().way = way;
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

void local_catalog_watch::tick(time_point now) {
  if (now >= next_) start();
}

void local_catalog_watch::start() {
  if (asking_ != 0) return;  // whoever waits hears of the answer that is under way
  asking_ = 1;               // nobody's end is the last one before all have begun
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
    bool const troubled = std::any_of(servers_.begin(), servers_.end(),
                                      [](const server& s) { return s.answered != policy::api_answer::answers; });
    duration const pause = !catalog_->known ? interval_while_unknown : troubled ? interval_while_troubled : interval;
    next_ = after(clock::now(), pause);
  }
  for (auto& done : waiting) done();
}

net::task<void> local_catalog_watch::ask(server& whom) {
  auto const deadline = after(clock::now(), patience);
  auto const& way = *whom.way;
  auto tags = co_await control_get(control_, names_, way.target, way.authority, way.base_path + "/api/tags",
                                   answer_limit, deadline);
  std::optional<policy::local_catalog> found;
  auto answered = policy::api_answer::answers;
  std::string problem = tags.problem;
  if (tags.status == 200) {
    found = policy::read_catalog(tags.body, whom.loaded_json);
    if (!found) {
      problem = "the answer to /api/tags is not Ollama's";
      answered = policy::api_answer::odd;
    }
  } else if (tags.status != 0) {
    problem = "status " + std::to_string(tags.status) + " for /api/tags";
    answered = policy::api_answer::odd;
  } else {
    answered = tags.connected ? policy::api_answer::silent : policy::api_answer::refused;
  }
  bool ps_hangs = false;
  if (found) {
    co_await ask_capabilities(whom, *found, deadline);
    auto const soon = after(clock::now(), patience_for_loaded);
    auto loaded = co_await control_get(control_, names_, way.target, way.authority, way.base_path + "/api/ps",
                                       answer_limit, soon);
    ps_hangs = loaded.status == 0 && loaded.connected;
    if (loaded.status == 200) {
      std::lock_guard const lock(mutex_);
      whom.loaded_json = std::move(loaded.body);
    }
    // While it hangs, what was loaded before is the best that is known.
    policy::read_loaded(whom.loaded_json, *found);
  }
  std::lock_guard const lock(mutex_);
  whom.answered = ps_hangs ? policy::api_answer::loading : answered;
  if (!ps_hangs)
    whom.loading_since = never;
  else if (whom.loading_since == never)
    whom.loading_since = clock::now();
  whom.problem = std::move(problem);
  // A server that is gone has nothing loaded when it comes back.
  if (answered == policy::api_answer::refused) whom.loaded_json.clear();
  // What was known stays known while the server is silent: the request itself will find out.
  if (found) whom.catalog = std::move(*found);
  publish();
}

/// Servers before 0.30 list no capabilities; each model is asked for once (OL §12).
net::task<void> local_catalog_watch::ask_capabilities(server& whom, policy::local_catalog& found, time_point deadline) {
  auto const& way = *whom.way;
  for (auto& m : found.models) {
    if (m.capabilities_known) continue;
    auto const known = shown_.find(key_of(m));
    if (known != shown_.end()) {
      policy::read_show(known->second, m);
      continue;
    }
    if (shown_.size() >= most_shown || clock::now() >= deadline) continue;
    auto const body = nlohmann::json{{"model", m.name}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    auto answer = co_await control_post(control_, names_, way.target, way.authority, way.base_path + "/api/show", body,
                                        answer_limit, deadline);
    if (answer.status == 200 && policy::read_show(answer.body, m)) shown_[key_of(m)] = std::move(answer.body);
  }
}

/// With the mutex held.
void local_catalog_watch::publish() {
  std::vector<policy::local_catalog> all;
  for (const auto& s : servers_) {
    auto& copy = all.emplace_back(s.catalog);
    for (auto& m : copy.models) {
      auto const known = by_files_.find(key_of(m));
      if (known == by_files_.end()) continue;
      m.usual_context = known->second.usual_context;
      m.fits = known->second.fits;
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

}  // namespace tideover::ops
