// The local tier's watchers against a local server that is no Ollama: one list of models, health, loading at start.
#include <nlohmann/json.hpp>

#include "component/ops/tier.hpp"

namespace tideover::ops {
namespace {

using policy::ready_check;
using policy::ready_state;

struct OtherServer : Tier {
  OtherServer() { made->models = {{"*", "qwen3-0.6b"}}; }
  std::vector<test::recorded_request> completions() const { return server.requests_to("/v1/chat/completions"); }
  std::size_t asked_as_ollama() const {
    std::size_t n = 0;
    for (const auto& r : server.requests()) n += r.path().starts_with("/api/") ? 1 : 0;
    return n;
  }
};

TEST_F(OtherServer, IsAskedInItsOwnWordsAndIsReady) {
  begin_other();
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::ready) << readiness_table(r);
  ASSERT_EQ(tier_->current()->models.size(), 1u);
  EXPECT_TRUE(tier_->current()->models[0].loaded);
  EXPECT_EQ(tier_->current()->models[0].trained_context, 40960u);
  ASSERT_EQ(r.models.size(), 1u);
  EXPECT_NEAR(r.models[0].tokens_per_second, 25, 0.1);
  EXPECT_FALSE(r.models[0].gpu_known);
  EXPECT_EQ(r.verdict.of(ready_check::gpu), ready_state::unknown);
  EXPECT_EQ(r.verdict.of(ready_check::inference), ready_state::ready);
  EXPECT_EQ(tier_->continues_prefill("qwen3-0.6b"), true);
  ASSERT_FALSE(completions().empty());
  auto const sent = nlohmann::json::parse(completions()[0].body);
  EXPECT_EQ(sent["chat_template_kwargs"]["enable_thinking"], false);
  EXPECT_FALSE(sent.contains("options"));
  EXPECT_EQ(asked_as_ollama(), 0u);
  EXPECT_EQ(shared.gates[0]->busy(), 0u);
}

TEST_F(OtherServer, ThatLoadsIsNeitherKnownNorDown) {
  begin_other({.loading = true});
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::unknown) << readiness_table(r);
  EXPECT_EQ(r.verdict.of(ready_check::api), ready_state::ready);
  EXPECT_NE(readiness_table(r).find("loading a model"), std::string::npos) << readiness_table(r);
  EXPECT_FALSE(tier_->current()->known);
  EXPECT_TRUE(tier_->current()->loading);
  llama->loading(false);
  ASSERT_TRUE(known());
  EXPECT_FALSE(tier_->current()->loading);
  EXPECT_EQ(check().verdict.state, ready_state::ready);
}

TEST_F(OtherServer, ThatListsItsModelWhileItLoadsIsNotTakenAtItsWord) {
  begin_other({.loading = true});
  server.on("/v1/models", test::reply(200, R"({"data":[{"id":"qwen3-0.6b","meta":null}]})"));
  check();
  EXPECT_FALSE(tier_->current()->known);
  EXPECT_TRUE(tier_->current()->loading);
}

TEST_F(OtherServer, ThatStartsAgainKeepsItsModelAndIsNotCalledBroken) {
  begin_other();
  check();
  llama->loading(true);
  auto const r = check();
  EXPECT_TRUE(tier_->current()->known);
  EXPECT_FALSE(tier_->current()->loading);
  EXPECT_EQ(r.verdict.state, ready_state::ready) << readiness_table(r);
}

TEST_F(OtherServer, WithoutAPathForHealthIsHealthyWhenItLists) {
  begin_other({.knows_health = false});
  EXPECT_EQ(check().verdict.state, ready_state::ready);
}

TEST_F(OtherServer, WhoseEngineIsDeadIsDown) {
  begin_other();
  server.on("/health", test::reply(503, ""));
  auto const r = check();
  EXPECT_EQ(r.verdict.of(ready_check::api), ready_state::down);
  EXPECT_NE(readiness_reasons(r).find("/health"), std::string::npos) << readiness_reasons(r);
}

TEST_F(OtherServer, IsGivenTheUpstreamsOwnKey) {
  made->upstreams[0].credential = secret("k-local");
  begin_other({.key = "k-local"});
  EXPECT_EQ(check().verdict.state, ready_state::ready);
  EXPECT_EQ(readiness_document(tier_->readiness().report()).dump().find("k-local"), std::string::npos);
}

TEST_F(OtherServer, ThatDemandsAKeyNobodyConfiguredIsOddAndSaysWhy) {
  begin_other({.key = "k-local"});
  auto const r = check();
  EXPECT_EQ(r.verdict.state, ready_state::down);
  EXPECT_NE(readiness_reasons(r).find("401"), std::string::npos) << readiness_reasons(r);
}

TEST_F(OtherServer, IsTestedWithTheModelThatComesFirstAndNoOther) {
  made->models = {{"o*", "second"}, {"*", "qwen3-0.6b"}};
  begin_other();
  server.on("/v1/models", test::reply(200, R"({"data":[{"id":"second"},{"id":"qwen3-0.6b"}]})"));
  check();
  ASSERT_FALSE(completions().empty());
  for (const auto& r : completions()) EXPECT_EQ(nlohmann::json::parse(r.body)["model"], "qwen3-0.6b");
}

TEST_F(OtherServer, IsNeverWarmed) {
  begin_other();
  ASSERT_TRUE(known());
  tier_->expect("qwen3-0.6b");
  trouble = true;
  bool done = false;
  tier_->load("qwen3-0.6b", 0, [&] { done = true; });
  EXPECT_TRUE(done) << "there is nothing to wait for";
  look();
  EXPECT_TRUE(completions().empty());
}

}  // namespace
}  // namespace tideover::ops
