// What is said of a request before anybody is asked: who, in which order, by which rule, in which words, or why nobody.
#include "tideover/policy/explain.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tideover/adapt/chat/local_mark.hpp"
#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;
using namespace std::chrono_literals;

local_model model(std::string name, bool tools = false, bool vision = false) {
  local_model m;
  m.name = std::move(name);
  m.size_bytes = 5'000'000'000;
  m.trained_context = 8192;
  m.capabilities_known = m.completion = true;
  m.tools = tools;
  m.vision = vision;
  return m;
}

/// A house with a table of models, a key and an Ollama that has one small model.
struct Explain : testing::Test {
  config::snapshot configuration = house();
  contingency in_force;
  local_catalog installed{.known = true, .models = {model("llama3.1:8b")}};
  bool ask_models = true;
  std::map<std::uint16_t, explain_facts::refusal> refused;
  described_request asked;

  Explain() {
    configuration.models = {{"text-embedding-3-small", "text-embedding-3-small"}, {"*", "llama3.1:8b"}};
    configuration.workflows["legal"] = {.name = "legal", .policy = policy_kind::local_only};
    configuration.clients.keys.push_back({.name = "crm", .sha256 = sha256("tide-crm"), .workflow = "legal"});
    asked.body = R"({"model":"gpt-4o","messages":[{"role":"user","content":"A secret sentence."}]})";
  }
  explanation explain_it() {
    explain_facts facts{.configuration = configuration, .in_force = in_force, .now = time_point(1h)};
    if (ask_models) facts.catalog = [this](std::uint16_t) { return &installed; };
    facts.health = [this](std::uint16_t upstream, const request_head&,
                          std::string_view) -> std::optional<explain_facts::refusal> {
      auto const it = refused.find(upstream);
      return it == refused.end() ? std::nullopt : std::optional(it->second);
    };
    return policy::explain(asked, facts);
  }
  /// Who would be asked, in order, and who serves: `openai ollama -> openai`.
  std::string order(const explanation& e) const {
    std::string text;
    for (const auto& u : e.upstreams)
      if (u.when == turn::first || u.when == turn::next) text += configuration.upstreams[u.index].name + " ";
    return text + "-> " + (e.serves ? configuration.upstreams[e.upstreams[*e.serves].index].name : "nobody");
  }
  const explained_upstream& at(const explanation& e, std::uint16_t index) const {
    for (const auto& u : e.upstreams)
      if (u.index == index) return u;
    throw std::logic_error("every upstream is explained");
  }
  void workflow(std::string name) { asked.fields.emplace_back("X-Tideover-Workflow", std::move(name)); }
};

TEST_F(Explain, ThePolicyDecidesWhoIsAskedAndInWhichOrder) {
  struct {
    const char* workflow;
    const char* order;
    std::optional<reason> failover;
    bool may_leave;
  } const rows[] = {
      {"default", "openai ollama -> openai", {}, true},
      {"local_first", "ollama openai -> ollama", reason::policy, true},
      {"cloud_only", "openai -> openai", {}, true},
      {"legal", "ollama -> ollama", reason::policy, false},
  };
  for (const auto& row : rows) {
    asked.fields.clear();
    workflow(row.workflow);
    auto const e = explain_it();
    EXPECT_EQ(order(e), row.order) << row.workflow;
    EXPECT_EQ(e.failover, row.failover) << row.workflow;
    EXPECT_EQ(e.may_leave_the_house, row.may_leave) << row.workflow;
    EXPECT_EQ(e.upstreams.size(), 3u) << "every upstream is spoken of";
    EXPECT_EQ(at(e, anthropic).why_none,
              e.policy == policy_kind::local_only ? no_candidate::policy : no_candidate::other_dialect);
  }
}

TEST_F(Explain, SaysWhatNamedTheWorkflowAndWhosePolicyHolds) {
  struct {
    const char* path;
    const char* field;  // null: none
    const char* client;
    const char* workflow;
    named_by by;
    const char* policy_of;
  } const rows[] = {
      {"/v1/chat/completions", nullptr, nullptr, "default", named_by::nothing, "default"},
      {"/w/cloud_only/v1/chat/completions", nullptr, nullptr, "cloud_only", named_by::path, "cloud_only"},
      {"/v1/chat/completions", "local_first", nullptr, "local_first", named_by::field, "local_first"},
      {"/w/cloud_only/v1/chat/completions", "legal", nullptr, "legal", named_by::field, "legal"},
      {"/w/legal/v1/chat/completions", "cloud_only", nullptr, "legal", named_by::path, "legal"},
      {"/w/legal/v1/chat/completions", "legal", nullptr, "legal", named_by::path, "legal"},
      {"/w/cloud_only/v1/chat/completions", nullptr, "crm", "legal", named_by::key, "legal"},
  };
  for (const auto& row : rows) {
    asked.target = row.path;
    asked.fields.clear();
    asked.client.reset();
    if (row.field) workflow(row.field);
    if (row.client) asked.client = row.client;
    auto const e = explain_it();
    ASSERT_NE(e.workflow, nullptr) << row.path;
    EXPECT_EQ(e.workflow->name, row.workflow) << row.path;
    EXPECT_EQ(e.workflow_by, row.by) << row.path;
    EXPECT_EQ(e.policy_of->name, row.policy_of) << row.path;
    EXPECT_EQ(e.path, "/v1/chat/completions");
  }
}

TEST_F(Explain, AKeyBoundToALooserWorkflowIsTightenedByTheCaller) {
  configuration.clients.keys[0].workflow = "cloud_only";
  asked.client = "crm";
  workflow("legal");
  auto const e = explain_it();
  EXPECT_EQ(e.workflow->name, "cloud_only");
  ASSERT_EQ(e.also.size(), 1u);
  EXPECT_EQ(e.also[0]->name, "legal");
  EXPECT_EQ(e.policy, policy_kind::local_only);
  EXPECT_EQ(e.policy_of->name, "legal");
  EXPECT_EQ(order(e), "ollama -> ollama");
}

TEST_F(Explain, ContingencyOfAnyNamedWorkflowCountsWithItsSource) {
  contingency_decision decision;
  decision.workflow = "cloud_only";
  in_force.decide(decision);
  asked.target = "/w/cloud_first/v1/chat/completions";
  workflow("cloud_only");
  auto const e = explain_it();
  EXPECT_TRUE(e.in_contingency);
  ASSERT_EQ(e.causes.size(), 1u);
  EXPECT_EQ(e.causes[0].source, contingency_source::operators);
  EXPECT_EQ(order(e), "ollama -> ollama");
  EXPECT_EQ(e.failover, reason::contingency);
  EXPECT_EQ(at(e, openai).when, turn::skipped);
  EXPECT_EQ(at(e, openai).skipped_for, reason::contingency);
  EXPECT_FALSE(e.may_leave_the_house);
}

/// With a bound key three workflows may be named; only the stricter of the caller's two used to count.
TEST_F(Explain, ContingencyOfAThirdNamedWorkflowCountsToo) {
  configuration.clients.keys[0].workflow = "cloud_first";
  asked.client = "crm";
  asked.target = "/w/local_first/v1/chat/completions";
  workflow("cloud_only");
  EXPECT_TRUE(explain_it().may_leave_the_house);
  contingency_decision decision;
  decision.workflow = "cloud_only";
  in_force.decide(decision);
  auto const e = explain_it();
  EXPECT_TRUE(e.in_contingency);
  EXPECT_EQ(e.causes.size(), 1u);
  EXPECT_FALSE(e.may_leave_the_house);
}

TEST_F(Explain, WhatIsRefusedAsksNobody) {
  struct {
    const char* method;
    const char* path;
    const char* field;
    int status;
    const char* code;
  } const rows[] = {
      {"POST", "/api/pull", nullptr, 403, "forbidden_path"},
      {"POST", "/v2/chat", nullptr, 404, "unknown_path"},
      {"GET", "/v1/chat/completions/../x", nullptr, 400, "bad_target"},
      {"DELETE", "/v1/messages", nullptr, 405, "method_not_allowed"},
      {"BREW", "/v1/messages", nullptr, 501, "bad_request"},
      {"POST", "/v1/chat/completions", "lgal", 400, "unknown_workflow"},
      {"POST", "/v1/chat/completions", "", 400, "unknown_workflow"},
      {"POST", "/w/lgal/v1/chat/completions", nullptr, 400, "unknown_workflow"},
  };
  for (const auto& row : rows) {
    asked.method = row.method;
    asked.target = row.path;
    asked.fields.clear();
    if (row.field) workflow(row.field);
    auto const e = explain_it();
    ASSERT_TRUE(e.refused) << row.path;
    EXPECT_EQ(e.refused->status, row.status) << row.path;
    EXPECT_EQ(e.refused->code, row.code) << row.path;
    EXPECT_TRUE(e.upstreams.empty());
    EXPECT_FALSE(e.serves);
  }
}

TEST_F(Explain, TheDoorRefusesForeignHostsPagesAndKeys) {
  asked.fields = {{"Host", "evil.example"}};
  EXPECT_EQ(explain_it().refused->code, "host_not_allowed");
  asked.fields = {{"Host", "localhost"}, {"Origin", "https://evil.example"}};
  EXPECT_EQ(explain_it().refused->code, "origin_not_allowed");
  configuration.clients.required = true;
  asked.fields.clear();
  EXPECT_EQ(explain_it().refused->code, "client_key_missing");
  asked.fields = {{"Authorization", "Bearer guessed"}};
  EXPECT_EQ(explain_it().refused->code, "client_key_wrong");
  asked.fields = {{"Authorization", "Bearer tide-crm"}};
  auto const e = explain_it();
  EXPECT_FALSE(e.refused);
  ASSERT_NE(e.client, nullptr);
  EXPECT_EQ(e.client->name, "crm");
  EXPECT_EQ(e.workflow_by, named_by::key);
}

TEST_F(Explain, AKeyThatIsHeldToModelsIsRefusedAsInTheExchange) {
  configuration.clients.keys[0].models = {"gpt-4o-mini"};
  asked.client = "crm";
  asked.body = R"({"model":"gpt-4o","messages":[{"role":"user","content":"x"}]})";
  auto const e = explain_it();
  ASSERT_TRUE(e.refused);
  EXPECT_EQ(e.refused->code, "model_not_allowed");
  EXPECT_TRUE(e.upstreams.empty());
  asked.body = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]})";
  EXPECT_FALSE(explain_it().refused);
  asked.method = "GET";
  asked.target = "/v1/files";
  asked.body = {};
  EXPECT_EQ(explain_it().refused->code, "path_not_allowed");
}

TEST_F(Explain, AModelOfOllamasOwnCloudIsRefusedOnItsOwnPaths) {
  asked.target = "/api/chat";
  asked.body = R"({"Model":"gpt-oss:120b-cloud","messages":[]})";
  EXPECT_EQ(explain_it().refused->code, "cloud_model_refused");
  asked.body = R"({"model":"llama3.1:8b","messages":[]})";
  auto const e = explain_it();
  EXPECT_EQ(order(e), "ollama -> ollama");
  EXPECT_TRUE(at(e, ollama).local->as_it_came);
}

TEST_F(Explain, NamesTheFieldThatForbidsAReplay) {
  asked.target = "/v1/responses";
  asked.body = R"({"model":"gpt-4o","input":"x","previous_response_id":"resp_1"})";
  auto const e = explain_it();
  EXPECT_FALSE(e.replayable);
  EXPECT_EQ(e.not_replayable, "previous_response_id");
  EXPECT_FALSE(e.not_replayable_why.empty());
  EXPECT_EQ(order(e), "openai -> openai");
  EXPECT_EQ(at(e, ollama).when, turn::never);
  EXPECT_TRUE(at(e, ollama).not_replayable);
  EXPECT_EQ(e.if_all_fail->code, "not_replayable");
  EXPECT_EQ(e.if_all_fail->param, "previous_response_id");

  refused[openai] = {reason::breaker_open, 7s};
  auto const open = explain_it();
  EXPECT_EQ(order(open), "-> nobody");
  EXPECT_EQ(open.failover, reason::breaker_open);
}

TEST_F(Explain, EmbeddingsStayWithTheirModel) {
  asked.target = "/v1/embeddings";
  installed.models = {model("text-embedding-3-small"), model("llama3.1:8b")};
  asked.body = R"({"model":"text-embedding-3-small","input":"x"})";
  auto same = explain_it();
  EXPECT_EQ(order(same), "openai ollama -> openai");
  EXPECT_EQ(at(same, ollama).local->model, "text-embedding-3-small");
  EXPECT_EQ(at(same, ollama).local->rule, "models[0]");
  EXPECT_EQ(at(same, ollama).local->path, "/api/embed");

  asked.body = R"({"model":"text-embedding-3-large","input":"x"})";
  auto const other = explain_it();
  EXPECT_EQ(order(other), "openai -> openai");
  EXPECT_EQ(at(other, ollama).why_none, no_candidate::other_vectors);
  EXPECT_EQ(other.if_all_fail->code, "no_same_embedding_model");

  configuration.workflows["default"].any_embedding_model = true;
  EXPECT_EQ(at(explain_it(), ollama).local->model, "llama3.1:8b");
}

TEST_F(Explain, TellsWhichRuleNamedTheModelOrWhyItWasChosen) {
  EXPECT_EQ(at(explain_it(), ollama).local->why, "models[1]: * -> llama3.1:8b");
  configuration.workflows["legal"].models = {{"gpt-4o*", "phi4:14b"}};
  installed.models.push_back(model("phi4:14b"));
  workflow("legal");
  auto const e = explain_it();
  EXPECT_EQ(at(e, ollama).local->rule, "workflows.legal.models[0]");
  EXPECT_EQ(at(e, ollama).local->model, "phi4:14b");

  configuration.workflows["legal"].models.clear();
  configuration.models.clear();
  auto const chosen = explain_it();
  EXPECT_EQ(at(chosen, ollama).local->rule, "");
  EXPECT_EQ(at(chosen, ollama).local->model, "llama3.1:8b");
  EXPECT_EQ(at(chosen, ollama).local->why, "recommended, installed model");
  EXPECT_EQ(at(chosen, ollama).local->considered.size(), 2u);
}

TEST_F(Explain, KnownLocalTroubleIsTheAnswerUnlessACloudMayHelp) {
  installed.models.clear();
  configuration.models.clear();
  auto const helped = explain_it();
  EXPECT_EQ(order(helped), "openai ollama -> openai");
  EXPECT_EQ(helped.if_all_fail->code, "local_model_missing");
  workflow("legal");
  auto const alone = explain_it();
  EXPECT_EQ(order(alone), "ollama -> nobody");
  EXPECT_EQ(alone.if_all_fail->code, "local_model_missing");
  EXPECT_EQ(alone.failover, reason::policy);
  asked.fields.clear();
  workflow("local_first");
  auto const after = explain_it();
  EXPECT_EQ(order(after), "ollama openai -> openai");
  EXPECT_FALSE(after.failover) << "the cloud serves: nothing kept the request from it";
}

TEST_F(Explain, WhatAModelCannotDoIsSaid) {
  struct {
    const char* name;
    std::string body;
    const char* code;  // empty: it can
  } const rows[] = {
      {"plain", asked.body, ""},
      {"tools",
       R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]})",
       "local_model_missing"},
      {"images",
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]})",
       "local_model_missing"},
      {"length", R"({"model":"m","messages":[{"role":"user","content":")" + std::string(200'000, 'x') + R"("}]})",
       "context_length_exceeded"},
      {"parameter", R"({"model":"m","n":2,"messages":[{"role":"user","content":"x"}]})", "unsupported_parameter"},
  };
  workflow("legal");
  for (const auto& row : rows) {
    asked.body = row.body;
    auto const e = explain_it();
    auto const& local = *at(e, ollama).local;
    if (*row.code == '\0') {
      EXPECT_FALSE(local.refused) << row.name;
      continue;
    }
    ASSERT_TRUE(local.refused) << row.name;
    EXPECT_EQ(local.refused->code, row.code) << row.name << ": " << local.refused->message;
    EXPECT_EQ(order(e), "ollama -> nobody") << row.name;
    EXPECT_EQ(e.if_all_fail->code, row.code) << row.name;
  }
  // A fault of the request is its own where no cloud may help in any case, and a 503 where one might have.
  EXPECT_EQ(at(explain_it(), ollama).local->refused->status, 400);
  asked.fields.clear();
  EXPECT_EQ(at(explain_it(), ollama).local->refused->status, 503);
}

TEST_F(Explain, NamesEveryChangeButNoWordOfThePrompt) {
  configuration.workflows["legal"].system_prompt = {.text = "Be brief."};
  asked.body =
      R"({"model":"gpt-4o","user":"secret-user","store":true,"messages":[{"role":"developer","content":"secret words"}]})";
  workflow("legal");
  auto const e = explain_it();
  auto const& local = *at(e, ollama).local;
  EXPECT_EQ(local.path, "/api/chat");
  EXPECT_GT(local.prompt_tokens, 0u);
  std::string all;
  for (const auto& note : local.notes) all += note + "\n";
  for (auto const* part : {"role developer became system", "dropped user", "dropped store", "system prompt was added"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " in\n" << all;
  EXPECT_EQ(all.find("secret"), std::string::npos) << all;
}

TEST_F(Explain, AsksForAWindowThatHoldsThePrompt) {
  asked.body = R"({"model":"m","messages":[{"role":"user","content":")" + std::string(16'000, 'x') + R"("}]})";
  auto& m = installed.models[0];
  m.trained_context = 131072;
  m.loaded = true;
  m.loaded_context = 4096;
  auto const first = explain_it();
  auto const& local = *at(first, ollama).local;
  EXPECT_TRUE(local.window.reloads);
  EXPECT_GT(local.window.num_ctx, 4096u);
  EXPECT_TRUE(local.loaded);
  m.loaded_context = 65536;
  auto const second = explain_it();
  EXPECT_FALSE(at(second, ollama).local->window.reloads);
  EXPECT_EQ(at(second, ollama).local->window.num_ctx, 65536u);
}

TEST_F(Explain, ABreakerOrARestSendsTheRequestHome) {
  for (auto const why : {reason::breaker_open, reason::rate_limited, reason::quota}) {
    refused[openai] = {why, 7s};
    auto const e = explain_it();
    EXPECT_EQ(order(e), "ollama -> ollama");
    EXPECT_EQ(e.failover, why);
    EXPECT_EQ(at(e, openai).when, turn::skipped);
    EXPECT_EQ(at(e, openai).skipped_until, duration(7s));
  }
  workflow("cloud_only");
  auto const e = explain_it();
  EXPECT_EQ(order(e), "-> nobody");
  EXPECT_EQ(e.if_all_fail->code, "cloud_unavailable");
  EXPECT_NE(e.if_all_fail->message.find("try again in 7 s"), std::string::npos) << e.if_all_fail->message;
}

TEST_F(Explain, TellsWhichLimitHoldsAndWhereItComesFrom) {
  struct {
    const char* body;
    timer content;
    duration span;
  } const rows[] = {
      {R"({"model":"m","messages":[]})", timer::response, 120s},
      {R"({"model":"m","stream":true,"messages":[]})", timer::first_content, 30s},
      {R"({"model":"m","stream":true,"reasoning_effort":"high","messages":[]})", timer::reasoning, 300s},
  };
  for (const auto& row : rows) {
    asked.body = row.body;
    auto const e = explain_it();
    auto const& limits = at(e, openai).limits;
    ASSERT_EQ(limits.size(), 4u);
    EXPECT_EQ(limits[0].which, timer::connect);
    EXPECT_EQ(limits[1].which, row.content) << row.body;
    EXPECT_EQ(limits[1].span, row.span) << row.body;
  }
  configuration.workflows["default"].deadline = 10s;
  auto const e = explain_it();
  EXPECT_EQ(at(e, openai).limits[1].which, timer::deadline);
  EXPECT_EQ(at(e, openai).limits[3].span, duration(10s));
}

TEST_F(Explain, AHedgeNeedsSomebodyWhoMayHaveTheRequest) {
  configuration.workflows["default"].hedge_after = 8s;
  EXPECT_EQ(at(explain_it(), openai).hedge_after, duration(8s));
  asked.target = "/v1/responses";
  asked.body = R"({"model":"gpt-4o","input":"x","background":true})";
  EXPECT_FALSE(at(explain_it(), openai).hedge_after);
  asked.target = "/v1/files";
  asked.body.clear();
  EXPECT_FALSE(at(explain_it(), openai).hedge_after);
}

TEST_F(Explain, RetriesAreForFirstRequestsToClouds) {
  configuration.upstreams[openai].retry.attempts = 2;
  EXPECT_EQ(at(explain_it(), openai).retries, 2u);
  EXPECT_EQ(at(explain_it(), ollama).retries, 0u);
  asked.fields = {{"x-stainless-retry-count", "1"}};
  EXPECT_EQ(at(explain_it(), openai).retries, 0u) << "the SDK repeats by itself";
}

TEST_F(Explain, PathsOfTheCloudAloneHaveNoLocalCandidate) {
  asked.target = "/v1/files";
  asked.method = "GET";
  asked.body.clear();
  auto const e = explain_it();
  EXPECT_EQ(order(e), "openai -> openai");
  EXPECT_EQ(at(e, ollama).why_none, no_candidate::path);
  EXPECT_EQ(e.if_all_fail->code, "cloud_unavailable");
  EXPECT_FALSE(e.streams_through);
  asked.method = "POST";
  asked.body.assign(100u << 10, 'x');
  EXPECT_TRUE(explain_it().streams_through);
  workflow("legal");
  auto const kept = explain_it();
  EXPECT_EQ(order(kept), "-> nobody");
  EXPECT_EQ(kept.if_all_fail->code, "no_upstream");
}

TEST_F(Explain, CountingTokensEndsInAnEstimate) {
  asked.target = "/v1/messages/count_tokens";
  asked.body = R"({"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"Why tides?"}]})";
  auto const e = explain_it();
  EXPECT_EQ(order(e), "anthropic -> anthropic");
  EXPECT_GT(e.estimate.value_or(0), 0u);
  workflow("legal");
  EXPECT_EQ(order(explain_it()), "-> nobody");
}

TEST_F(Explain, SaysWhichHeadersDoNotCross) {
  configuration.upstreams[openai].credential = secret("sk-of-the-house");
  asked.fields = {{"Authorization", "Bearer sk-mine"},
                  {"Cookie", "a=b"},
                  {"OpenAI-Organization", "org"},
                  {"Content-Type", "application/json"}};
  auto const e = explain_it();
  EXPECT_EQ(at(e, openai).fields.dropped, std::vector<std::string>{"Cookie"});
  EXPECT_EQ(at(e, openai).fields.replaced, std::vector<std::string>{"Authorization"});
  EXPECT_EQ(at(e, ollama).fields.dropped, (std::vector<std::string>{"Authorization", "Cookie", "OpenAI-Organization"}));
}

TEST_F(Explain, WhatALocalModelLeftIsTakenOutForTheCloudOrRefused) {
  asked.target = "/v1/responses";
  auto const id = adapt::chat::make_id("rs_", "1");
  asked.body = R"({"model":"gpt-4o","input":[{"type":"reasoning","id":")" + id +
               R"(","summary":[]},{"role":"user","content":"x"}]})";
  auto const e = explain_it();
  EXPECT_FALSE(e.refused);
  EXPECT_FALSE(at(e, openai).cleaned.empty());
  asked.body = R"({"model":"gpt-4o","input":"x","previous_response_id":")" + adapt::chat::make_id("resp_", "1") + "\"}";
  auto const of_local_answer = explain_it();
  ASSERT_TRUE(of_local_answer.refused);
  EXPECT_EQ(of_local_answer.refused->code, "previous_response_not_found");
  EXPECT_EQ(of_local_answer.refused->status, 400);
}

TEST_F(Explain, WithoutKnowledgeOfModelsTheTableStillNamesOne) {
  ask_models = false;
  auto const e = explain_it();
  auto const& local = *at(e, ollama).local;
  EXPECT_EQ(local.model, "llama3.1:8b");
  EXPECT_FALSE(local.known);
  EXPECT_FALSE(local.refused);
  configuration.models.clear();
  auto const nothing = explain_it();
  EXPECT_EQ(at(nothing, ollama).local->refused->code, "local_unavailable");
}

TEST_F(Explain, OtherLocalServersAreAskedInTheirOwnWords) {
  configuration.upstreams[ollama].dialect = dialect::openai;
  auto const e = explain_it();
  auto const& local = *at(e, ollama).local;
  EXPECT_EQ(local.path, "/v1/chat/completions");
  EXPECT_FALSE(local.asks_for_window);
}

TEST_F(Explain, OfSeveralUrlsTheOneThatIsReadyIsLookedAt) {
  auto& u = configuration.upstreams[ollama];
  u.urls.push_back(u.urls.front());
  local_catalog first = installed, second = installed;
  second.models[0].loaded = true;
  second.models[0].loaded_context = 8192;
  first.models[0].loaded = false;
  installed = merge_catalogs({first, second});
  auto const e = explain_it();
  auto const& local = *at(e, ollama).local;
  EXPECT_TRUE(local.loaded);
  EXPECT_EQ(local.window.num_ctx, 8192u);
}

TEST_F(Explain, AModelThatNoUrlHasIsNotWaitedFor) {
  asked.target = "/v1/embeddings";
  asked.body = R"({"model":"text-embedding-3-small","input":"x"})";
  auto const e = explain_it();
  auto const& local = *at(e, ollama).local;
  ASSERT_TRUE(local.refused);
  EXPECT_EQ(local.refused->code, "local_model_missing");
  EXPECT_NE(local.refused->message.find("ollama pull text-embedding-3-small"), std::string::npos);
}

}  // namespace
}  // namespace tideover::policy
