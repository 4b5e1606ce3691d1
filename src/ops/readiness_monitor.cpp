#include "tideover/ops/readiness_monitor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tideover/core/http_message.hpp"
#include "tideover/ops/control_get.hpp"
#include "tideover/ops/small_chat.hpp"

namespace tideover::ops {

using nlohmann::json;

namespace {

constexpr std::size_t answer_limit = 1u << 20;
constexpr auto judging_interval = std::chrono::seconds(1);
constexpr std::size_t most_records = 256;

std::int64_t unix_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool speaks_of_memory(std::string_view text) {
  constexpr std::string_view word = "memory";
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return to_lower(a) == b; }) != text.end();
}

double median(std::deque<double> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Files may have several names; each is a model of its own here.
std::string key_of(const policy::local_model& m) { return m.name + "@" + m.digest; }

bool is_one_of(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](const auto& n) { return policy::same_model(n, name); });
}

}  // namespace

readiness_monitor::readiness_monitor(surroundings around)
    : around_(std::move(around)), needed_(policy::named_models(*around_.configuration, settings())) {}

void readiness_monitor::take_over(const readiness_monitor& before) {
  std::scoped_lock const lock(mutex_, before.mutex_);
  by_files_ = before.by_files_;
  tested_at_ = before.tested_at_;
  said_ = before.said_;
  failed_in_a_row_ = before.failed_in_a_row_.load();
  last_failure_ = before.last_failure_;
  last_failure_at_ = before.last_failure_at_;
}

void readiness_monitor::tick(time_point now) {
  if (next_ == never) next_ = after(now, std::min<duration>(first_test_after, settings().readiness.interval));
  if (look_soon_.exchange(false))
    next_ = std::min(next_, last_look_ == time_point::min() ? now : after(last_look_, between_early_looks));
  if (now >= next_) start(false);
  if (now < next_judging_) return;
  next_judging_ = after(now, judging_interval);
  judge(now);
}

void readiness_monitor::check_now(std::function<void()> done) {
  around_.control->inbox()->post([this, done = std::move(done)]() mutable {
    waiting_.push_back(std::move(done));
    start(true);
  });
}

void readiness_monitor::start(bool asked_for) {
  if (checking_ != under_way::nothing) return;
  checking_ = asked_for ? under_way::asked_for : under_way::periodic;
  net::spawn(check(asked_for), [this, asked_for](std::exception_ptr) {
    checking_ = under_way::nothing;
    auto const now = clock::now();
    last_look_ = now;
    auto const pause = report().verdict.state == policy::ready_state::ready
                           ? settings().readiness.interval
                           : std::min<duration>(settings().readiness.interval, look_again_after);
    next_ = after(now, pause);
    judge(now);
    if (!asked_for && !waiting_.empty() && !around_.control->reactions().stopping()) return start(true);
    for (auto& done : std::exchange(waiting_, {})) done();
  });
}

/// The model that would stand in for a cloud model nobody knows.
std::string readiness_monitor::stand_in(const policy::local_catalog& catalog) const {
  policy::model_tables tables;
  tables.global = &around_.configuration->models;
  tables.context_limit = settings().context_tokens;
  auto const choice = policy::choose_model({.requested = "gpt"}, tables, catalog);
  return catalog.find(choice.name) != nullptr ? choice.name : std::string();
}

/// Models that are loaded and needed; and the first stand-in, if it is not loaded. That one is loaded for a periodic
/// test when its files were never tested or long ago, and never while another model is loaded that it might push out.
/// Whoever asks gets it tested whenever nothing can be pushed out, and else as if it were the first test of the hour:
/// what asks every few minutes, as monitoring does, must not take turns with those who use the other model.
std::vector<readiness_monitor::target> readiness_monitor::choose_targets(const policy::local_catalog& catalog,
                                                                         bool asked_for) const {
  std::vector<target> targets;
  auto const urls = around_.ways.size();
  auto const first = stand_in(catalog);
  // Another server than Ollama does not tell what is in its memory: a test of more than the model that comes first
  // might make it change models.
  auto names = settings().dialect == dialect::ollama ? needed_ : std::vector<std::string>();
  if (!first.empty() && !is_one_of(names, first)) names.push_back(first);
  for (const auto& name : names) {
    const auto* m = catalog.find(name);
    if (m == nullptr || !m->completion || m->remote || names_remote(m->name)) continue;
    auto const fits = policy::fits_by_url(catalog, name, urls);
    for (std::size_t i = 0; i < urls; ++i)
      if (fits[i] == policy::url_fit::loaded) targets.push_back({m->name, static_cast<std::uint16_t>(i), false});
    if (m->loaded || !policy::same_model(name, first)) continue;
    bool const others =
        std::any_of(catalog.models.begin(), catalog.models.end(), [](const auto& x) { return x.loaded; });
    if (!asked_for && others) continue;
    if (!asked_for || others) {
      std::lock_guard const lock(mutex_);
      auto const known = by_files_.find(key_of(*m));
      if (known != by_files_.end() && known->second.tested != time_point::min() &&
          clock::now() - known->second.tested < load_again_after)
        continue;
    }
    auto const where = std::find(fits.begin(), fits.end(), policy::url_fit::installed);
    if (where != fits.end()) targets.push_back({m->name, static_cast<std::uint16_t>(where - fits.begin()), true});
  }
  return targets;
}

net::task<void> readiness_monitor::check(bool asked_for) {
  auto const refresh = [this]() -> net::task<void> {
    auto const done = std::make_shared<net::event_source>();
    around_.catalog->refresh([this, done] { done->raise(around_.control->reactions(), net::signalled); });
    auto const by = after(clock::now(), 3 * local_catalog_watch::patience);
    (void)co_await around_.control->reactions().wait(by, net::on(*done, net::signalled));
  };
  co_await refresh();
  auto const targets = choose_targets(*around_.catalog->current(), asked_for);
  for (const auto& t : targets) {
    if (around_.control->reactions().stopping()) co_return;
    co_await test_one(t);
  }
  if (!targets.empty()) co_await refresh();
  std::lock_guard const lock(mutex_);
  tested_at_ = timestamp(unix_microseconds());
}

readiness_monitor::model_record& readiness_monitor::record_of(const policy::local_model& m) {
  auto& record = by_files_[key_of(m)];
  record.model = record.test.model = m.name;
  return record;
}

net::task<void> readiness_monitor::test_one(target what) {
  auto const catalog = around_.catalog->current();
  const auto* m = catalog->find_at(what.model, what.url);
  if (m == nullptr) co_return;
  auto const now = clock::now();
  std::optional<proxy::local_gate::visit> place;
  if (around_.gate != nullptr) {
    // Real answers that came lately tell more than a test, and cost nothing.
    {
      std::lock_guard const lock(mutex_);
      auto& record = record_of(*m);
      if (record.served != time_point::min() && now - record.served < settings().readiness.interval &&
          failed_in_a_row_ < policy::failures_that_count) {
        record.tested = now;
        co_return;
      }
    }
    policy::place_wish wish;
    wish.urgency = config::priority::low;
    wish.wait = false;
    wish.urls.assign(around_.ways.size(), policy::url_fit::absent);
    wish.urls[what.url] = policy::url_fit::loaded;
    if (around_.gate->waiting() != 0) co_return;
    place.emplace(around_.gate->enter(*around_.control, std::move(wish)));
    if (place->now() != proxy::local_gate::visit::state::admitted) co_return;
  }

  auto const deadline =
      after(now, after(time_point(settings().readiness.max_load_time), patience_beyond_load) - time_point());
  const auto& way = *around_.ways[what.url];
  auto const chat =
      write_small_chat(settings().dialect, *m,
                       json::array({{{"role", "user"}, {"content", "Count from one to twenty, in words."}}}), 48);
  auto const answer = co_await control_post(*around_.control, *around_.names, way.target, way.authority,
                                            way.base_path + chat.path, chat.body, answer_limit, deadline, key());
  policy::model_test test;
  test.model = m->name;
  small_answer said;
  if (answer.status == 200) said = read_small_answer(settings().dialect, answer.body, clock::now() - now);
  if (!said.readable) {
    test.problem = answer.status == 200 ? "its answer was not the protocol's" : said_by(answer);
    // Something before the server may quote what it was sent.
    if (settings().credential && settings().credential->stands_in(test.problem))
      test.problem = "status " + std::to_string(answer.status);
    test.out_of_memory = answer.status >= 500 && speaks_of_memory(test.problem);
  } else if (said.text.empty()) {
    test.problem = "its answer was empty";
  } else {
    test.answered = true;
    test.tokens_per_second = policy::tokens_per_second(said.timing);
  }
  // A deadline that the shutdown cut short says nothing about the model, nor does a server that is away or starting.
  if (around_.control->reactions().stopping() || (answer.status == 0 && !answer.connected)) co_return;
  if (policy::says_loading(answer.status, answer.body)) co_return;
  auto prefill = policy::prefill_habit::unknown;
  bool ask_prefill = test.answered;
  {
    std::lock_guard const lock(mutex_);
    ask_prefill = ask_prefill && record_of(*m).prefill == policy::prefill_habit::unknown;
  }
  if (ask_prefill) prefill = co_await try_prefill(what, *m, after(clock::now(), patience_beyond_load));
  if (place) place->leave();
  around_.catalog->note_fit(m->name, !test.out_of_memory);

  std::lock_guard const lock(mutex_);
  auto& record = record_of(*m);
  record.tested = clock::now();
  if (prefill != policy::prefill_habit::unknown) record.prefill = prefill;
  test.load = what.loads && test.answered ? said.timing.loading : record.test.load;
  if (record.speeds.size() >= 3) test.usual_tokens_per_second = median(record.speeds);
  if (test.tokens_per_second > 0) {
    record.speeds.push_back(test.tokens_per_second);
    if (record.speeds.size() > history) record.speeds.pop_front();
  }
  if (test.answered && clock::now() - last_failure_at_ >= look_again_after) failed_in_a_row_ = 0;
  record.test = std::move(test);
}

/// Asks it to go on with an answer that was begun. It does if it neither begins anew nor goes astray. A new beginning
/// and an echo are the same words; but an echo is not generated, and six tokens are too few for seven words.
net::task<policy::prefill_habit> readiness_monitor::try_prefill(const target& what, const policy::local_model& m,
                                                                time_point deadline) {
  constexpr std::string_view begun = "one two three four five six";
  constexpr std::string_view next = "seven";
  constexpr int most_tokens = 6;
  const auto& way = *around_.ways[what.url];
  auto const messages = json::array(
      {{{"role", "user"},
        {"content", "Write the numbers from one to ten in words, in one line, separated by blanks. Nothing else."}},
       {{"role", "assistant"}, {"content", begun}}});
  auto const chat = write_small_chat(settings().dialect, m, messages, most_tokens);
  auto const answer = co_await control_post(*around_.control, *around_.names, way.target, way.authority,
                                            way.base_path + chat.path, chat.body, answer_limit, deadline, key());
  auto habit = policy::prefill_habit::unknown;
  if (answer.status == 400) {
    habit = policy::prefill_habit::begins_anew;  // llama-server refuses a prefill beside thinking (OL §4)
  } else if (answer.status == 200) {
    auto const said = read_small_answer(settings().dialect, answer.body, {});
    if (said.readable) habit = policy::prefill_habit_of(begun, next, said.text);
  }
  co_return habit;
}

void readiness_monitor::note_timing(std::string_view model, const policy::inference_timing& timing) {
  auto const catalog = around_.catalog->current();
  const auto* m = catalog->find(model);
  if (m == nullptr) return;
  std::lock_guard const lock(mutex_);
  if (by_files_.size() >= most_records) return;
  auto& record = record_of(*m);
  record.served = clock::now();
  record.test.answered = true;
  record.test.from_traffic = true;
  record.test.problem.clear();
  record.test.out_of_memory = false;
  // A handful of tokens says little about speed.
  if (timing.tokens >= 16) record.test.tokens_per_second = policy::tokens_per_second(timing);
  // Ollama reports a few milliseconds where nothing had to be loaded.
  if (timing.loading >= std::chrono::seconds(1)) record.test.load = timing.loading;
}

void readiness_monitor::note_failure(std::string_view detail) {
  std::lock_guard const lock(mutex_);
  last_failure_ = detail;
  last_failure_at_ = clock::now();
  if (++failed_in_a_row_ == policy::failures_that_count) look_soon_ = true;
}

const readiness_monitor::model_record* readiness_monitor::known_record(const policy::local_catalog& catalog,
                                                                       std::string_view model) const {
  const auto* m = catalog.find(model);
  if (m == nullptr) return nullptr;
  auto const known = by_files_.find(key_of(*m));
  return known == by_files_.end() ? nullptr : &known->second;
}

std::optional<duration> readiness_monitor::usual_load(std::string_view model) const {
  auto const catalog = around_.catalog->current();
  std::lock_guard const lock(mutex_);
  const auto* record = known_record(*catalog, model);
  if (record == nullptr || record->test.load == duration::zero()) return std::nullopt;
  return record->test.load;
}

void readiness_monitor::note_load(std::string_view model, duration took) {
  auto const catalog = around_.catalog->current();
  const auto* m = catalog->find(model);
  if (m == nullptr) return;
  std::lock_guard const lock(mutex_);
  record_of(*m).test.load = took;
}

std::optional<bool> readiness_monitor::continues_prefill(std::string_view model) const {
  auto const decided = [&](const std::vector<config::model_rule>& rules) -> std::optional<bool> {
    for (const auto& rule : rules)
      if (policy::same_model(rule.local, model) && rule.prefill != config::prefill::automatic)
        return rule.prefill == config::prefill::yes;
    return std::nullopt;
  };
  if (auto const said = decided(around_.configuration->models)) return said;
  for (const auto& [name, workflow] : around_.configuration->workflows)
    if (auto const said = decided(workflow.models)) return said;
  return policy::goes_on(prefill_habit(model));
}

policy::prefill_habit readiness_monitor::prefill_habit(std::string_view model) const {
  auto const catalog = around_.catalog->current();
  std::lock_guard const lock(mutex_);
  const auto* record = known_record(*catalog, model);
  return record == nullptr ? policy::prefill_habit::unknown : record->prefill;
}

policy::readiness_facts readiness_monitor::facts(const policy::local_catalog& catalog, time_point now) const {
  policy::readiness_facts f;
  f.api = around_.catalog->servers(now);
  f.catalog = &catalog;
  f.needed = needed_;
  if (around_.elsewhere) {
    for (const auto& [upstream, theirs] : around_.elsewhere())
      for (const auto& name : needed_) {
        const auto* m = theirs->find(name);
        if (m != nullptr && m->completion && !m->remote && !is_one_of(settings().keep_warm, name))
          f.elsewhere.push_back({name, upstream});
      }
  }
  f.limits = settings().readiness;
  f.dialect = settings().dialect;
  f.failed_in_a_row = failed_in_a_row_;
  f.last_failure = last_failure_;
  for (const auto& [files, record] : by_files_) {
    if (record.tested == time_point::min() && record.served == time_point::min()) continue;
    const auto* m = catalog.find(record.model);
    if (m == nullptr || key_of(*m) != files) continue;  // removed, or other files now
    auto test = record.test;
    test.continues_prefill = policy::goes_on(record.prefill);
    f.tests.push_back(std::move(test));
  }
  return f;
}

readiness_report readiness_monitor::report() const {
  auto const catalog = around_.catalog->current();
  readiness_report r;
  r.upstream = settings().name;
  r.checking = checking_ != under_way::nothing;
  {
    std::lock_guard const lock(mutex_);
    auto const f = facts(*catalog, clock::now());
    r.verdict = policy::judge_readiness(f);
    r.tested_at = tested_at_;
    for (const auto& m : catalog->models) {
      auto const tested = std::find_if(f.tests.begin(), f.tests.end(),
                                       [&](const auto& t) { return policy::same_model(t.model, m.name); });
      if (tested == f.tests.end() && !is_one_of(needed_, m.name)) continue;
      auto& numbers = r.models.emplace_back();
      numbers.model = m.name;
      numbers.loaded = m.loaded;
      numbers.gpu_known = m.loaded && m.loaded_bytes != 0;
      numbers.gpu_fraction = m.gpu_fraction;
      numbers.context_tokens = m.loaded_context;
      if (tested == f.tests.end()) continue;
      numbers.tokens_per_second = tested->tokens_per_second;
      numbers.load_seconds = std::chrono::duration<double>(tested->load).count();
    }
  }
  for (auto& m : r.models) m.continues_prefill = continues_prefill(m.model);
  return r;
}

/// Says so when the state, or which things are out of order, has changed. Numbers that move are no change.
void readiness_monitor::judge(time_point now) {
  (void)now;
  if (!on_change) return;
  auto const r = report();
  std::string state(token(r.verdict.state));
  for (const auto& f : r.verdict.findings)
    if (f.state == policy::ready_state::degraded || f.state == policy::ready_state::down)
      state.append("|").append(token(f.check)).append(" ").append(f.subject);
  if (state == said_ || (said_.empty() && r.verdict.state == policy::ready_state::unknown)) return;
  said_ = std::move(state);
  on_change(r);
}

}  // namespace tideover::ops
