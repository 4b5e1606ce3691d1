#include "tideover/policy/readiness.hpp"

#include <gtest/gtest.h>

#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;
using check = ready_check;
using state = ready_state;

local_model model(std::string name) {
  local_model m;
  m.name = std::move(name);
  m.capabilities_known = m.completion = true;
  return m;
}

/// A tier that works: one server, one needed model, loaded, tested.
struct tier_that_works {
  tier_that_works() {
    auto m = model("llama3.1:8b");
    m.digest = std::string(64, 'a');
    m.loaded = true;
    m.loaded_context = 8192;
    m.loaded_bytes = 6'000'000'000;
    m.gpu_fraction = 1;
    catalog.known = true;
    catalog.models.push_back(m);
    facts.api.push_back({.url = "http://127.0.0.1:11434", .what = api_answer::answers});
    facts.catalog = &catalog;
    facts.needed = {"llama3.1:8b"};
    facts.tests.push_back({.model = "llama3.1:8b", .answered = true, .load = 3s, .tokens_per_second = 40});
  }
  tier_that_works(const tier_that_works&) = delete;
  local_catalog catalog;
  readiness_facts facts;

  readiness_verdict judged() const { return judge_readiness(facts); }
};

const readiness_finding* found(const readiness_verdict& v, check c, state s) {
  for (const auto& f : v.findings)
    if (f.check == c && f.state == s) return &f;
  return nullptr;
}

TEST(Readiness, ATierThatWorksIsReady) {
  tier_that_works t;
  auto const v = t.judged();
  EXPECT_EQ(v.state, state::ready);
  for (auto const c : {check::api, check::models, check::fits, check::inference, check::load_time,
                       check::tokens_per_second, check::gpu, check::context})
    EXPECT_EQ(v.of(c), state::ready) << token(c);
  EXPECT_EQ(v.of(check::prefill), state::unknown) << "not found out makes nothing worse";
}

TEST(Readiness, NothingKnownIsUnknown) {
  EXPECT_EQ(judge_readiness({}).state, state::unknown);
  readiness_facts facts;
  facts.api.push_back({.url = "u", .what = api_answer::answers});
  EXPECT_EQ(judge_readiness(facts).state, state::unknown) << "what is installed is not known";
}

TEST(Readiness, AServerThatIsNotUsableIsDownAndEachKindHasItsFix) {
  for (auto const what : {api_answer::refused, api_answer::silent, api_answer::odd}) {
    tier_that_works t;
    t.facts.api[0].what = what;
    auto const v = t.judged();
    EXPECT_EQ(v.state, state::down);
    const auto* f = found(v, check::api, state::down);
    ASSERT_NE(f, nullptr);
    EXPECT_FALSE(f->fix.empty());
  }
  tier_that_works stopped, hangs;
  stopped.facts.api[0].what = api_answer::refused;
  hangs.facts.api[0].what = api_answer::silent;
  EXPECT_NE(found(stopped.judged(), check::api, state::down)->fix.find("start"), std::string::npos);
  EXPECT_NE(found(hangs.judged(), check::api, state::down)->fix.find("restart"), std::string::npos);
}

TEST(Readiness, AServerThatLoadsIsNotDown) {
  tier_that_works t;
  t.facts.api[0].what = api_answer::loading;
  t.facts.api[0].loading_for = 20s;
  auto const v = t.judged();
  EXPECT_EQ(v.state, state::ready);
  EXPECT_NE(found(v, check::api, state::ready)->text.find("20 s"), std::string::npos);
}

TEST(Readiness, OneOfSeveralServersAwayIsDegraded) {
  tier_that_works t;
  t.facts.api.push_back({.url = "http://b", .what = api_answer::refused});
  EXPECT_EQ(t.judged().state, state::degraded);
}

TEST(Readiness, AMissingModelIsDegradedWhereAnotherCanStandInElseDown) {
  tier_that_works t;
  t.facts.needed = {"phi4:14b"};
  auto const with = t.judged();
  EXPECT_EQ(with.state, state::degraded);
  EXPECT_EQ(found(with, check::models, state::degraded)->fix, "ollama pull phi4:14b");
  t.catalog.models.clear();
  t.facts.tests.clear();
  auto const without = t.judged();
  EXPECT_EQ(without.state, state::down);
  EXPECT_EQ(found(without, check::models, state::down)->subject, "phi4:14b");
}

TEST(Readiness, WhereNoModelIsNamedAnyThatGeneratesTextWillDo) {
  tier_that_works t;
  t.facts.needed.clear();
  EXPECT_EQ(t.judged().state, state::ready);
  t.catalog.models[0].completion = false;
  auto const v = t.judged();
  EXPECT_EQ(v.state, state::down);
  EXPECT_EQ(found(v, check::models, state::down)->fix, "ollama pull llama3.1:8b");
}

TEST(Readiness, AModelThatOllamaRunsInItsCloudIsNotLocal) {
  tier_that_works t;
  auto stub = model("gpt-oss:120b-cloud");
  auto disguised = model("deepseek:latest");
  disguised.remote = true;
  t.catalog.models.push_back(stub);
  t.catalog.models.push_back(disguised);
  for (std::string const name : {"gpt-oss:120b-cloud", "deepseek"}) {
    t.facts.needed = {name};
    auto const v = t.judged();
    EXPECT_EQ(v.state, state::degraded) << name;
    EXPECT_NE(found(v, check::models, state::degraded)->text.find("ollama.com"), std::string::npos);
    EXPECT_NE(found(v, check::models, state::degraded)->fix.find("OLLAMA_NO_CLOUD"), std::string::npos);
  }
  t.catalog.models.erase(t.catalog.models.begin());
  t.facts.tests.clear();
  EXPECT_EQ(t.judged().state, state::down) << "nothing else can stand in";
}

TEST(Readiness, ATestWithoutAnAnswerIsDownOrDegradedWhereAnotherModelAnswers) {
  tier_that_works t;
  t.facts.tests[0] = {.model = "llama3.1:8b", .problem = "status 500: boom"};
  EXPECT_EQ(t.judged().state, state::down);
  t.facts.tests.push_back({.model = "phi4:14b", .answered = true});
  EXPECT_EQ(t.judged().state, state::degraded);
}

TEST(Readiness, AModelThatDoesNotFitSaysSo) {
  tier_that_works t;
  t.facts.tests[0] = {.model = "llama3.1:8b", .problem = "out of memory", .out_of_memory = true};
  auto const v = t.judged();
  EXPECT_EQ(v.of(check::fits), state::degraded);
  EXPECT_EQ(v.state, state::down) << "the only tested model does not answer";
}

TEST(Readiness, LimitsAreKeptOrItIsDegraded) {
  struct {
    const char* what;
    void (*change)(tier_that_works&);
    check where;
  } const rows[] = {
      {"slow", [](tier_that_works& t) { t.facts.tests[0].tokens_per_second = 4.9; }, check::tokens_per_second},
      {"slower than it was", [](tier_that_works& t) { t.facts.tests[0].usual_tokens_per_second = 81; },
       check::tokens_per_second},
      {"loads long", [](tier_that_works& t) { t.facts.tests[0].load = 61s; }, check::load_time},
      {"CPU only", [](tier_that_works& t) { t.catalog.models[0].gpu_fraction = 0; }, check::gpu},
      {"half on the CPU", [](tier_that_works& t) { t.catalog.models[0].gpu_fraction = 0.49; }, check::gpu},
      {"tiny window", [](tier_that_works& t) { t.catalog.models[0].loaded_context = 2048; }, check::context},
  };
  for (const auto& row : rows) {
    tier_that_works t;
    row.change(t);
    auto const v = t.judged();
    EXPECT_EQ(v.state, state::degraded) << row.what;
    const auto* f = found(v, row.where, state::degraded);
    ASSERT_NE(f, nullptr) << row.what;
    EXPECT_FALSE(f->fix.empty()) << row.what;
  }
  tier_that_works at_the_limits;
  at_the_limits.facts.tests[0].tokens_per_second = 5;
  at_the_limits.facts.tests[0].usual_tokens_per_second = 10;
  at_the_limits.facts.tests[0].load = 60s;
  at_the_limits.catalog.models[0].gpu_fraction = 0.5;
  at_the_limits.catalog.models[0].loaded_context = 4096;
  EXPECT_EQ(at_the_limits.judged().state, state::ready);
}

TEST(Readiness, WhatNobodyNeedsIsNotJudged) {
  tier_that_works t;
  auto other = model("someone-elses:70b");
  other.loaded = true;
  other.loaded_bytes = 1;
  other.gpu_fraction = 0;
  t.catalog.models.push_back(other);
  EXPECT_EQ(t.judged().state, state::ready);
}

TEST(Readiness, AnUnknownShareOfTheGpuIsNotTheCpuAlone) {
  tier_that_works t;
  t.catalog.models[0].loaded_bytes = 0;
  t.catalog.models[0].gpu_fraction = 0;
  auto v = t.judged();
  EXPECT_EQ(v.state, state::ready);
  EXPECT_EQ(v.of(check::gpu), state::unknown);
  EXPECT_NE(found(v, check::gpu, state::unknown), nullptr);
  EXPECT_EQ(v.of(check::context), state::ready) << "the window is known all the same";
  t.catalog.models[0].loaded_bytes = 1;
  EXPECT_EQ(t.judged().of(check::gpu), state::degraded);
}

TEST(Readiness, OtherServersGetNoAdviceThatOnlyOllamaUnderstands) {
  struct {
    const char* what;
    void (*change)(tier_that_works&);
  } const rows[] = {
      {"refused", [](tier_that_works& t) { t.facts.api[0].what = api_answer::refused; }},
      {"silent", [](tier_that_works& t) { t.facts.api[0].what = api_answer::silent; }},
      {"odd", [](tier_that_works& t) { t.facts.api[0].what = api_answer::odd; }},
      {"missing", [](tier_that_works& t) { t.facts.needed = {"other"}; }},
      {"nothing", [](tier_that_works& t) { t.facts.needed.clear(), t.catalog.models.clear(); }},
      {"fails", [](tier_that_works& t) { t.facts.tests[0].answered = false; }},
      {"no memory", [](tier_that_works& t) { t.facts.tests[0].out_of_memory = true; }},
      {"slow", [](tier_that_works& t) { t.facts.tests[0].tokens_per_second = 1; }},
      {"slower", [](tier_that_works& t) { t.facts.tests[0].usual_tokens_per_second = 1000; }},
      {"small window", [](tier_that_works& t) { t.catalog.models[0].loaded_context = 512; }},
  };
  for (const auto& row : rows) {
    tier_that_works t;
    row.change(t);
    bool ollama_named = false;
    for (const auto& f : t.judged().findings)
      ollama_named = ollama_named || (f.fix + f.text).find("ollama") != std::string::npos ||
                     (f.fix + f.text).find("Ollama") != std::string::npos ||
                     (f.fix + f.text).find("OLLAMA") != std::string::npos || f.fix.find("/api/") != std::string::npos;
    EXPECT_TRUE(ollama_named) << row.what;
    t.facts.dialect = dialect::openai;
    t.catalog.models.resize(std::min<std::size_t>(t.catalog.models.size(), 1));
    for (auto& m : t.catalog.models) m.loaded_bytes = 0;
    auto const v = t.judged();
    EXPECT_NE(v.state, state::ready) << row.what;
    for (const auto& f : v.findings) {
      auto const all = f.text + " " + f.fix;
      for (std::string_view const word : {"ollama", "Ollama", "OLLAMA", "/api/"})
        EXPECT_EQ(all.find(word), std::string::npos) << row.what << ": " << all;
      if (f.state == state::degraded || f.state == state::down) {
        EXPECT_FALSE(f.fix.empty()) << row.what;
      }
    }
  }
}

TEST(Readiness, NotContinuingAPrefillIsAFactAndNoFault) {
  tier_that_works t;
  t.facts.tests[0].continues_prefill = false;
  EXPECT_EQ(t.judged().state, state::ready);
  EXPECT_EQ(t.judged().of(check::prefill), state::ready);
}

TEST(Readiness, TellsAContinuationFromAnEchoAndFromANewBeginning) {
  using enum prefill_habit;
  auto const habit = [](std::string_view answer) { return prefill_habit_of("one two", "three", answer); };
  EXPECT_EQ(habit(" three"), continues);
  EXPECT_EQ(habit("\nThree"), continues);
  EXPECT_EQ(habit("one two three"), echoes);
  EXPECT_EQ(habit("one two, Three four"), echoes);
  EXPECT_EQ(habit("one two"), begins_anew) << "all that few tokens allow";
  EXPECT_EQ(habit("One two three"), begins_anew) << "an echo is the same byte for byte";
  EXPECT_EQ(habit("one two thr"), begins_anew);
  EXPECT_EQ(habit(""), begins_anew);
  EXPECT_EQ(habit("Sure! one two three"), begins_anew);
  EXPECT_EQ(goes_on(unknown), std::nullopt);
  EXPECT_EQ(goes_on(echoes), true);
  EXPECT_EQ(goes_on(begins_anew), false);
  EXPECT_EQ(says_it_again(echoes), true);
  EXPECT_EQ(says_it_again(continues), false);
  EXPECT_EQ(says_it_again(begins_anew), std::nullopt);
}

TEST(Readiness, EveryWordHasAToken) {
  for (auto const c : all_ready_checks) EXPECT_FALSE(token(c).empty());
  for (auto const s : {state::ready, state::unknown, state::degraded, state::down}) EXPECT_FALSE(token(s).empty());
  EXPECT_DOUBLE_EQ(tokens_per_second({.tokens = 10, .generating = 2s}), 5);
  EXPECT_DOUBLE_EQ(tokens_per_second({.tokens = 10}), 0);
}

TEST(Readiness, AModelThatAnotherLocalUpstreamHasIsNotMissing) {
  tier_that_works t;
  t.facts.needed = {"llama3.1:8b", "qwen3-0.6b", "phi4:14b"};
  t.facts.elsewhere = {{"qwen3-0.6b", "gpu"}};
  auto const v = t.judged();
  EXPECT_EQ(v.state, state::degraded);
  const auto* there = found(v, check::models, state::ready);
  ASSERT_NE(there, nullptr);
  const auto* missing = found(v, check::models, state::degraded);
  ASSERT_NE(missing, nullptr);
  EXPECT_EQ(missing->subject, "phi4:14b");
  t.facts.needed.pop_back();
  EXPECT_EQ(t.judged().state, state::ready);
}

TEST(Readiness, ATierOfSeveralIsDownWhenAllAre) {
  struct {
    std::vector<state> upstreams;
    state tier;
  } const rows[] = {
      {{}, state::down},
      {{state::ready}, state::ready},
      {{state::degraded}, state::degraded},
      {{state::unknown}, state::unknown},
      {{state::ready, state::ready}, state::ready},
      {{state::ready, state::unknown}, state::ready},
      {{state::ready, state::degraded}, state::degraded},
      {{state::down, state::ready}, state::degraded},
      {{state::down, state::unknown}, state::unknown},
      {{state::down, state::down}, state::down},
  };
  for (const auto& row : rows) EXPECT_EQ(tier_state(row.upstreams), row.tier) << row.upstreams.size();
}

TEST(FailuresOfRealRequests, ShowFromTheThirdOnInARow) {
  tier_that_works t;
  auto& f = t.facts;
  f.last_failure = "closed before any byte of an answer";
  f.failed_in_a_row = failures_that_count - 1;
  EXPECT_EQ(t.judged().state, ready_state::ready);
  f.failed_in_a_row = failures_that_count;
  auto const verdict = t.judged();
  EXPECT_EQ(verdict.state, ready_state::degraded);
  EXPECT_EQ(verdict.of(ready_check::inference), ready_state::degraded);
}

TEST(FailuresOfRealRequests, TellOfTheServerOnlyWhereTheyDo) {
  auto const tells = [](reason why, phase at = phase::read_body, int status = 0, bool ours = false) {
    failure f;
    f.why = why;
    f.at = at;
    f.status = status;
    f.ours = ours;
    return tells_of_local_server(f);
  };
  for (auto const why : {reason::dns, reason::connect, reason::connect_timeout, reason::tls, reason::timeout,
                         reason::malformed, reason::error_in_200, reason::cut, reason::server_error})
    EXPECT_TRUE(tells(why)) << token(why);
  for (auto const why : {reason::rate_limited, reason::empty, reason::hedged, reason::policy, reason::redirect})
    EXPECT_FALSE(tells(why)) << token(why);
  EXPECT_TRUE(tells(reason::server_error, phase::read_body, 500));
  EXPECT_FALSE(tells(reason::server_error, phase::read_body, 404)) << "a model is missing";
  EXPECT_FALSE(tells(reason::server_error, phase::not_started)) << "nothing was asked";
  EXPECT_FALSE(tells(reason::connect, phase::connect, 0, true)) << "our own shortage";
}

}  // namespace
}  // namespace tideover::policy
