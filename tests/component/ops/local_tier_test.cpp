// The local tier's watchers against an Ollama that loads, hangs, runs on the CPU and goes away: driven from the test's
// thread, with a clock that the test moves. Real connections on loopback.
#include <nlohmann/json.hpp>

#include "component/ops/tier.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;
using policy::ready_check;
using policy::ready_state;

test::living_options with_one_model(bool loaded) {
  test::living_options how;
  how.installed[0].loaded = loaded;
  return how;
}

std::string fix_of(const readiness_report& r, ready_check c) {
  for (const auto& f : r.verdict.findings)
    if (f.check == c && !f.fix.empty()) return f.fix;
  return {};
}

TEST_F(Tier, AServerThatWorksIsReadyAndItsNumbersAreKnown) {
  begin();
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::ready) << readiness_table(r);
  ASSERT_EQ(r.models.size(), 1u);
  EXPECT_NEAR(r.models[0].tokens_per_second, 50, 0.1);
  EXPECT_DOUBLE_EQ(r.models[0].gpu_fraction, 1);
  EXPECT_EQ(r.models[0].context_tokens, 8192u);
  EXPECT_EQ(r.models[0].continues_prefill, true);
  EXPECT_EQ(tier_->prefill_habit("llama3.1:8b"), policy::prefill_habit::continues);
  EXPECT_FALSE(r.tested_at.empty());
  EXPECT_EQ(shared.gates[0]->busy(), 0u);
}

TEST_F(Tier, ATestNeverMakesALoadedModelLoadAgain) {
  begin();
  check();
  check();
  EXPECT_EQ(ollama->reloads(), 0);
  EXPECT_EQ(ollama->window_of("llama3.1:8b"), 8192);
}

TEST_F(Tier, ThePrefillIsTriedOncePerModel) {
  auto how = with_one_model(true);
  how.continues_prefill = false;
  begin(how);
  check();
  EXPECT_EQ(chats(), 2);
  EXPECT_EQ(tier_->continues_prefill("llama3.1:8b"), false);
  check();
  EXPECT_EQ(chats(), 3);
}

TEST_F(Tier, AServerThatSaysThePrefillOnceMoreContinuesIt) {
  auto how = with_one_model(true);
  how.echoes_prefill = true;
  begin(how);
  auto const r = check();
  EXPECT_EQ(tier_->continues_prefill("llama3.1:8b"), true);
  EXPECT_EQ(tier_->prefill_habit("llama3.1:8b"), policy::prefill_habit::echoes);
  EXPECT_EQ(r.models.at(0).continues_prefill, true);
  auto const asked = nlohmann::json::parse(server.requests_to("/api/chat").back().body);
  EXPECT_LE(asked["options"]["num_predict"], 6) << "else a new beginning would look the same";
}

TEST_F(Tier, TheFilesWordOnPrefillComesBeforeATest) {
  made->models[0].prefill = config::prefill::yes;
  auto how = with_one_model(true);
  how.continues_prefill = false;
  begin(how);
  check();
  EXPECT_EQ(tier_->continues_prefill("llama3.1:8b"), true);
  EXPECT_EQ(tier_->prefill_habit("llama3.1:8b"), policy::prefill_habit::begins_anew) << "what was found out stands";
}

TEST_F(Tier, AMissingModelIsDegradedOrDown) {
  made->models = {{"*", "phi4:14b"}};
  begin();
  auto r = check();
  EXPECT_EQ(r.verdict.state, ready_state::degraded);
  EXPECT_EQ(fix_of(r, ready_check::models), "ollama pull phi4:14b");
  ollama->change([](auto& how) { how.installed.clear(); });
  r = check();
  EXPECT_EQ(r.verdict.state, ready_state::down);
}

TEST_F(Tier, AModelOnTheCpuIsSeen) {
  test::living_options how;
  how.gpu_share = 0;
  begin(how);
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::degraded);
  EXPECT_EQ(r.verdict.of(ready_check::gpu), ready_state::degraded);
}

TEST_F(Tier, AMachineWithoutAGpuThatTellsNoSharesIsNotDegraded) {
  test::living_options how;
  how.ps_tells_sizes = false;
  begin(how);
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::ready) << readiness_table(r);
  EXPECT_EQ(r.verdict.of(ready_check::gpu), ready_state::unknown);
  ASSERT_EQ(r.models.size(), 1u);
  EXPECT_FALSE(r.models[0].gpu_known) << "no share in metrics and JSON";
  EXPECT_EQ(r.models[0].context_tokens, 8192u);
}

TEST_F(Tier, ASlowModelIsSeen) {
  test::living_options how;
  how.tokens_per_second = 2;
  begin(how);
  auto const r = check();
  EXPECT_EQ(r.verdict.of(ready_check::tokens_per_second), ready_state::degraded);
}

TEST_F(Tier, AModelThatBecameSlowIsSeenByItsOwnHistory) {
  begin();
  for (int i = 0; i < 3; ++i) check();
  ollama->change([](auto& how) { how.tokens_per_second = 20; });
  auto const r = check();
  EXPECT_EQ(r.verdict.of(ready_check::tokens_per_second), ready_state::degraded) << readiness_table(r);
}

TEST_F(Tier, ALongLoadIsSeen) {
  auto how = with_one_model(false);
  how.load_seconds = 90;
  begin(how);
  auto const r = check();
  EXPECT_EQ(r.verdict.of(ready_check::load_time), ready_state::degraded);
  EXPECT_EQ(ollama->loads(), 1);
}

TEST_F(Tier, ALoadThatFailsForMemoryIsToldWithTheServersWords) {
  test::living_options how;
  how.failure = "model requires more system memory (9.1 GiB) than is available (3.2 GiB)";
  begin(how);
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::down);
  EXPECT_EQ(r.verdict.of(ready_check::fits), ready_state::degraded);
  EXPECT_NE(readiness_reasons(r).find("9.1 GiB"), std::string::npos);
  EXPECT_FALSE(tier_->current()->find("llama3.1:8b")->fits);
}

TEST_F(Tier, AStoppedServerIsToldFromAHungOne) {
  begin();
  server.stop();
  auto r = check();
  EXPECT_EQ(r.verdict.state, ready_state::down);
  EXPECT_NE(fix_of(r, ready_check::api).find("start ollama"), std::string::npos);
  server.start();
  server.on("/api/tags", test::silence());
  r = check();
  EXPECT_EQ(r.verdict.state, ready_state::down);
  EXPECT_NE(fix_of(r, ready_check::api).find("restart ollama"), std::string::npos);
}

TEST_F(Tier, ACloudModelInLocalClothesIsNeverTested) {
  test::living_options how;
  how.installed[0].name = "gpt-oss:120b-cloud";
  made->models = {{"*", "gpt-oss:120b-cloud"}};
  begin(how);
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::down);
  EXPECT_EQ(chats(), 0) << "not a word may leave for ollama.com";
}

TEST_F(Tier, AnOldServerIsAskedForCapabilitiesOncePerModel) {
  test::living_options how;
  how.capabilities_in_tags = false;
  begin(how);
  ASSERT_TRUE(known());
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->capabilities_known);
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->tools);
  EXPECT_EQ(tier_->current()->find("llama3.1:8b")->trained_context, 131072u);
  check();
  EXPECT_EQ(server.requests_to("/api/show").size(), 1u);
}

TEST_F(Tier, WhatTheListingLeavesOutIsAskedForOnceAndAgainForOtherFiles) {
  test::living_options how;
  how.installed[0].capabilities = {"tools", "thinking", "completion"};
  how.installed[0].own_template = true;
  for (int i = 0; i < 9; ++i) {
    test::ollama::model other;
    other.name = "other:" + std::to_string(i) + "b";
    how.installed.push_back(other);
  }
  begin(how);
  ASSERT_TRUE(known());
  auto const listed = nlohmann::json::parse(test::ollama::tags(how.installed))["models"][0]["capabilities"];
  EXPECT_EQ(listed, nlohmann::json{"completion"});
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->tools);
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->thinking);
  EXPECT_EQ(shows(), 10u);
  look();
  EXPECT_EQ(shows(), 10u) << "what is known is not asked for again";
  ollama->change([](auto& h) { h.installed.resize(1), h.installed[0].digest = std::string(64, 'b'); });
  look();
  EXPECT_EQ(shows(), 11u) << "other files may have another template";
}

TEST_F(Tier, WhereDetailsAreRefusedTheListingStandsAndTheyAreAskedForNextTime) {
  test::living_options how;
  how.installed[0].capabilities = {"completion", "vision"};
  begin(how);
  server.on("/api/show", test::reply(500, R"({"error":"no"})"));
  ASSERT_TRUE(known());
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->vision);
  EXPECT_EQ(shows(), 1u);
  server.on("/api/show", test::reply(200, R"({"capabilities":["completion","tools"]})"));
  look();
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->tools);
}

TEST_F(Tier, DetailsThatDoNotComeHoldNobodyUpForLong) {
  begin();
  server.on("/api/show", test::silence());
  ASSERT_TRUE(known());
  EXPECT_TRUE(tier_->current()->find("llama3.1:8b")->loaded) << "and what is loaded is known all the same";
}

TEST_F(Tier, NothingIsTestedWhileTheTierIsBusyAndRealAnswersCountInstead) {
  made->upstreams[0].concurrency = 1;
  begin();
  ASSERT_TRUE(known());
  auto real = shared.gates[0]->enter(loop, {.urls = {}});
  check();
  EXPECT_EQ(chats(), 0);
  tier_->note_timing("llama3.1:8b", {.tokens = 100, .generating = 10s, .loading = 2s});
  auto const r = tier_->readiness().report();
  EXPECT_EQ(r.verdict.of(ready_check::inference), ready_state::ready);
  EXPECT_NEAR(r.models.at(0).tokens_per_second, 10, 0.01);
  EXPECT_DOUBLE_EQ(r.models[0].load_seconds, 2);
  real.leave();
  check();
  EXPECT_EQ(chats(), 0) << "an answer a moment ago tells more than a test";
}

TEST_F(Tier, APeriodicCheckLoadsTheStandInOnceAndNotWhileAnotherModelIsLoaded) {
  test::living_options how;
  how.installed[0].loaded = false;
  test::ollama::model other;
  other.name = "other:1b";
  how.installed.push_back(other);
  begin(how);
  ASSERT_TRUE(known());
  ahead = 31s;
  EXPECT_TRUE(until([&] { return tier_->readiness().report().tested_at != ""; }));
  EXPECT_EQ(chats(), 0) << "it might push the other one out";
  ollama->unload("other:1b");
  ahead = 10min;
  EXPECT_TRUE(
      until([&] { return tier_->readiness().report().verdict.of(ready_check::inference) == ready_state::ready; }));
  EXPECT_EQ(ollama->loads(), 1);
}

TEST_F(Tier, AChangeIsSaidOnceAndSoIsItsEnd) {
  begin();
  std::vector<ready_state> said;
  tier_->readiness().on_change = [&](const readiness_report& r) {
    said.push_back(r.verdict.state);
    auto const line = readiness_line(r, "Ollama", 0, line_format::json);
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  };
  EXPECT_TRUE(until([&] { return said.size() == 1; }));
  check();
  check();
  server.stop();
  check();
  server.start();
  check();
  EXPECT_EQ(said, (std::vector{ready_state::ready, ready_state::down, ready_state::ready}));
}

TEST_F(Tier, ALoadIsOurOwnConnectionsAndTellsTheWindow) {
  auto how = with_one_model(false);
  how.load_until.emplace();
  begin(how);
  ASSERT_TRUE(known());
  bool loaded = false;
  tier_->load("llama3.1:8b", 0, [&] { loaded = true; });
  ASSERT_TRUE(until([&] { return ollama->is_loading(); }));
  EXPECT_FALSE(loaded);
  EXPECT_TRUE(tier_->load_ends_in("llama3.1:8b"));
  bool second = false;
  tier_->load("llama3.1:8b", 0, [&] { second = true; });
  how.load_until->open();
  ASSERT_TRUE(until([&] { return loaded && second; }));
  EXPECT_EQ(ollama->loads(), 1) << "who comes meanwhile waits for the same load";
  auto const* m = tier_->current()->find("llama3.1:8b");
  EXPECT_EQ(m->loaded_context, 8192u);
  EXPECT_EQ(m->usual_context, 8192u);
  EXPECT_FALSE(tier_->load_ends_in("llama3.1:8b"));
  auto const request = nlohmann::json::parse(server.requests_to("/api/chat").at(0).body);
  EXPECT_TRUE(request["messages"].empty());
  EXPECT_FALSE(request.contains("options")) << "the server's own window is the one that nobody has to load again for";
}

TEST_F(Tier, ALoadThatFailsEndsTheWaitToo) {
  auto how = with_one_model(false);
  how.failure = "llama-server process has terminated";
  begin(how);
  ASSERT_TRUE(known());
  bool ended = false;
  tier_->load("llama3.1:8b", 0, [&] { ended = true; });
  EXPECT_TRUE(until([&] { return ended; }));
  for (std::string const name : {"not-installed:1b", "gpt-oss:120b-cloud"}) {
    ended = false;
    tier_->load(name, 0, [&] { ended = true; });
    EXPECT_TRUE(until([&] { return ended; }));
  }
  EXPECT_EQ(chats(), 1) << "what is not there or not local is never asked for";
}

TEST_F(Tier, AnExpectedModelIsLoadedKeptWhileTheTroubleLastsAndThenReleased) {
  begin(with_one_model(false));
  ASSERT_TRUE(known());
  EXPECT_FALSE(ollama->is_loaded("llama3.1:8b")) << "without any trouble nothing is loaded";
  tier_->expect("llama3.1:8b");
  ASSERT_TRUE(until([&] { return ollama->is_loaded("llama3.1:8b") && tier_->current()->find("llama3.1:8b")->loaded; }));
  EXPECT_EQ(ollama->keep_alive_of("llama3.1:8b"), R"("10m")");
  trouble = true;
  ahead = 6min;
  auto const before = chats();
  ASSERT_TRUE(until([&] { return chats() > before; })) << "prolonged";
  ahead = 14min;
  ASSERT_TRUE(until([&] { return chats() > before + 1; })) << "trouble without traffic keeps it too";
  EXPECT_EQ(ollama->keep_alive_of("llama3.1:8b"), R"("10m")");
  trouble = false;
  ahead = 30min;
  ASSERT_TRUE(until([&] { return ollama->keep_alive_of("llama3.1:8b") == R"("5m")"; })) << "released";
  EXPECT_EQ(ollama->reloads(), 0) << "prolonging asks for the loaded window";
  EXPECT_EQ(ollama->loads(), 1);
}

TEST_F(Tier, WhatIsKeptWarmIsLoadedAtOnceAndForEver) {
  made->upstreams[0].keep_warm = {"llama3.1:8b"};
  begin(with_one_model(false));
  ASSERT_TRUE(until([&] { return ollama->keep_alive_of("llama3.1:8b") == "-1"; }));
  ASSERT_TRUE(until([&] { return tier_->current()->find("llama3.1:8b")->loaded; }));
  auto const asked = chats();
  ollama->unload("llama3.1:8b");
  ahead = 1min;
  ASSERT_TRUE(until([&] { return chats() > asked && ollama->keep_alive_of("llama3.1:8b") == "-1"; }))
      << "and loaded again when it was pushed out";
}

TEST_F(Tier, ModelsThatPushEachOtherOutAreNotLoadedInTurnsWithoutAPause) {
  made->upstreams[0].keep_warm = {"llama3.1:8b", "phi4:14b"};
  test::living_options how = with_one_model(false);
  how.installed.push_back({.name = "phi4:14b", .digest = std::string(64, 'b'), .loaded = false});
  how.holds = 1;
  begin(how);
  ASSERT_TRUE(until([&] { return ollama->loads() >= 2; }));
  // A hundred turns of the loop, with everything that they bring.
  int turns = 0;
  ASSERT_TRUE(until([&] { return ++turns > 100; }));
  EXPECT_EQ(ollama->loads(), 2) << "one each";
  ahead = 20s;
  ASSERT_TRUE(until([&] { return ollama->loads() > 2; })) << "tried again a little later";
  turns = 0;
  ASSERT_TRUE(until([&] { return ++turns > 100; }));
  EXPECT_LE(ollama->loads(), 4);
}

TEST_F(Tier, AnotherConfigurationsWatchGoesOnWithWhatWasLearnt) {
  begin(with_one_model(true));
  EXPECT_EQ(check().verdict.state, policy::ready_state::ready);
  tier_->note_timing("llama3.1:8b", {.tokens = 100, .generating = 1s, .loading = 9s});
  auto const habit = tier_->prefill_habit("llama3.1:8b");
  ASSERT_NE(habit, policy::prefill_habit::unknown);
  auto const tested_at = tier_->readiness().report().tested_at;
  auto const details = shows();

  // Nobody answers any more: whatever the next one knows, it was told.
  server.stop();
  auto next = std::make_shared<config::snapshot>(*made);
  next->upstreams[0].readiness.max_load_time = 5min;
  auto others = shared;
  others.configuration = next;
  others.upstreams = proxy::list_routes(*next);
  local_watch after(loop, others, 0, stays);
  ASSERT_TRUE(after.watches_what(*tier_));
  after.take_over(*tier_);
  ASSERT_TRUE(after.current()->known);
  const auto* m = after.current()->find("llama3.1:8b");
  ASSERT_NE(m, nullptr);
  EXPECT_TRUE(m->loaded);
  EXPECT_TRUE(m->tools);
  EXPECT_EQ(m->loaded_context, tier_->current()->find("llama3.1:8b")->loaded_context);
  EXPECT_EQ(after.prefill_habit("llama3.1:8b"), habit);
  EXPECT_EQ(after.readiness().usual_load("llama3.1:8b"), duration(9s));
  EXPECT_EQ(after.readiness().report().verdict.state, policy::ready_state::ready);
  EXPECT_EQ(after.readiness().report().tested_at, tested_at);
  EXPECT_EQ(shows(), details);

  // Not of a server elsewhere, nor of another kind.
  next->upstreams[0].urls[0].port = 1;
  EXPECT_FALSE(after.watches_what(*tier_));
  next->upstreams[0] = made->upstreams[0];
  next->upstreams[0].dialect = dialect::openai;
  EXPECT_FALSE(after.watches_what(*tier_));
}

TEST_F(Tier, WhatIsKeptWarmNoMoreIsReleasedAndWhatStillIsStaysPinned) {
  made->upstreams[0].keep_warm = {"llama3.1:8b"};
  begin(with_one_model(true));
  ASSERT_TRUE(until([&] { return ollama->keep_alive_of("llama3.1:8b") == "-1" && tier_->quiet(); }));
  auto const with = [&](std::vector<std::string> models) {
    auto next = std::make_shared<config::snapshot>(*made);
    next->upstreams[0].keep_warm = std::move(models);
    auto others = shared;
    others.configuration = next;
    return others;
  };
  auto const go_on_with = [&](local_watch& next) {
    EXPECT_TRUE(until([&] {
      next.tick(clock::now(), false);
      return chats() > 1 && next.quiet();
    }));
  };
  {
    auto const same = with({"llama3.1:8b"});
    local_watch next(loop, same, 0, stays);
    next.take_over(*tier_);
    bool looked = false;
    next.refresh([&] { looked = true; });
    ASSERT_TRUE(until([&] {
      next.tick(clock::now(), false);
      return looked && next.quiet();
    }));
    EXPECT_EQ(chats(), 1) << "it is pinned already";
  }
  auto const none = with({});
  local_watch next(loop, none, 0, stays);
  next.take_over(*tier_);
  // The old one has no say any more: it is ticked by until(), and sees its model pinned.
  go_on_with(next);
  EXPECT_EQ(ollama->keep_alive_of("llama3.1:8b"), R"("5m")");
}

TEST_F(Tier, WhatSomebodyElseLoadedIsPinnedWithoutALoad) {
  made->upstreams[0].keep_warm = {"llama3.1:8b"};
  begin();
  ASSERT_TRUE(until([&] { return ollama->keep_alive_of("llama3.1:8b") == "-1"; }));
  EXPECT_EQ(ollama->loads() + ollama->reloads(), 0);
}

TEST_F(Tier, AModelThatIsLoadingIsNotLoadedAndTheServerAnswers) {
  auto how = with_one_model(false);
  how.load_until.emplace();
  begin(how);
  ASSERT_TRUE(known());
  tier_->load("llama3.1:8b", 0, [] {});
  ASSERT_TRUE(until([&] { return ollama->is_loading(); }));
  look();
  EXPECT_FALSE(tier_->current()->find("llama3.1:8b")->loaded);
  EXPECT_EQ(tier_->readiness().report().verdict.of(ready_check::api), ready_state::ready);
  EXPECT_TRUE(tier_->load_ends_in("llama3.1:8b")) << "our own load is known without /api/ps";
  how.load_until->open();
  ASSERT_TRUE(until([&] { return tier_->current()->find("llama3.1:8b")->loaded; }));
}

TEST_F(Tier, WhereItHangsDuringALoadTheCatalogStaysAndTheServerCountsAsLoading) {
  auto how = with_one_model(false);
  how.ps_hangs_while_loading = true;
  how.load_until.emplace();
  begin(how);
  ASSERT_TRUE(known());
  tier_->load("llama3.1:8b", 0, [] {});
  ASSERT_TRUE(until([&] { return ollama->is_loading(); }));
  bool asked = false;
  tier_->refresh([&] { asked = true; });
  ASSERT_TRUE(until([&] { return asked; }));
  EXPECT_NE(tier_->current()->find("llama3.1:8b"), nullptr);
  auto const r = tier_->readiness().report();
  EXPECT_EQ(r.verdict.of(ready_check::api), ready_state::ready);
  EXPECT_NE(readiness_table(r).find("loading a model"), std::string::npos) << readiness_table(r);
  how.load_until->open();
}

TEST_F(Tier, AWindowThatARequestMakesLargerIsTheLoadedOneForAllWhoComeMeanwhile) {
  begin();
  ASSERT_TRUE(known());
  auto const window = [&] { return tier_->current()->find("llama3.1:8b")->loaded_context; };
  auto growing = tier_->grows("llama3.1:8b", 0, 65536);
  EXPECT_EQ(window(), 65536u);
  look();
  EXPECT_EQ(window(), 65536u) << "the server still tells of the old one";
  ollama->change([](auto& how) { how.gpu_share = 0.5; });
  growing.reset();
  EXPECT_EQ(window(), 65536u) << "until the server was asked again";
  ASSERT_TRUE(until([&] { return window() == 8192u; })) << "where it did not work, the server's word counts";
  EXPECT_DOUBLE_EQ(tier_->current()->find("llama3.1:8b")->gpu_fraction, 0.5);
}

TEST(ReadinessReport, IsJsonATableAndAnExitCode) {
  readiness_report r;
  r.upstream = "ollama";
  r.verdict.state = ready_state::degraded;
  r.verdict.findings = {{ready_check::api, ready_state::ready, "http://x", "answers", ""},
                        {ready_check::gpu, ready_state::degraded, "m\x1b[2J", "runs on the CPU alone", "look at it"}};
  auto const json = readiness_document(r);
  EXPECT_EQ(json["state"], "degraded");
  EXPECT_EQ(json["checks"][1]["fix"], "look at it");
  EXPECT_EQ(json["reasons"].size(), 1u);
  EXPECT_TRUE(json["tested_at"].is_null());
  auto const tier = make_tier_report({r});
  auto const back = read_readiness(readiness_document(tier).dump());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, ready_state::degraded);
  EXPECT_EQ(readiness_table(*back), readiness_table(r)) << "one upstream is the tier";
  for (auto const* text : {"", "[]", "{}", R"({"state":"fine"})", R"({"state":"ready","upstreams":[]})"})
    EXPECT_FALSE(read_readiness(text)) << text;
  auto const table = readiness_table(r);
  EXPECT_EQ(table.find('\x1b'), std::string::npos) << "names come from a server";
  EXPECT_NE(table.find("[WARN] gpu"), std::string::npos) << table;
  EXPECT_NE(table.find("fix: look at it"), std::string::npos);
  EXPECT_EQ(readiness_exit_code(ready_state::ready), 0);
  EXPECT_EQ(readiness_exit_code(ready_state::degraded), 1);
  EXPECT_EQ(readiness_exit_code(ready_state::down), 2);
  EXPECT_EQ(readiness_exit_code(ready_state::unknown), 3);
  auto const line = readiness_line(r, "Ollama", 0, line_format::text);
  EXPECT_NE(line.find("WARN  Ollama is not fully ready to stand in"), std::string::npos) << line;
}

}  // namespace
}  // namespace tideover::ops
