// What must never leave the house, and what must never be told: contingency, policies, keys, models.
#include "integration/world.hpp"

namespace tideover::test {
namespace {

constexpr auto canary = "sk-canary-3f9a77";

/// Nothing that is ours to write may hold a key.
void expect_no_canary(world& w, const std::vector<http_answer>& answers) {
  for (auto const& r : w.ollama.requests()) {
    EXPECT_EQ(r.head.find("canary"), std::string::npos) << r.head;
    EXPECT_EQ(r.body.find("canary"), std::string::npos) << r.body;
  }
  for (auto const& answer : answers) {
    EXPECT_EQ(answer.head.raw.find("canary"), std::string::npos) << answer.head.raw;
    EXPECT_EQ(answer.body.find("canary"), std::string::npos) << answer.body;
  }
  EXPECT_EQ(w.daemon().metrics().find("canary"), std::string::npos);
  EXPECT_EQ(w.daemon().all_output().find("canary"), std::string::npos) << w.daemon().all_output();
}

const field_list every_key{{"Authorization", std::string("Bearer ") + canary},
                           {"x-api-key", canary},
                           {"api-key", canary},
                           {"OpenAI-Organization", "org-canary"},
                           {"OpenAI-Project", "proj-canary"},
                           {"anthropic-beta", "canary-beta"},
                           {"Cookie", "session=canary"},
                           {"Origin", "http://localhost"},
                           {"Referer", "http://canary.test/"},
                           {"X-Forwarded-For", "canary"},
                           {"X-Stainless-Lang", "canary"}};

TEST(Keys, OfACallerNeverReachOllamaTheLogMetricsOrErrors) {
  world w;
  w.start();
  w.openai.stop();
  w.anthropic.stop();
  std::vector<http_answer> answers;
  for (auto const& row : dialects()) {
    answers.push_back(post(w.port(), row.path, row.whole, every_key));
    answers.push_back(post(w.port(), row.path, row.stream, every_key));
    EXPECT_EQ(answers.back().status, 200);
  }
  answers.push_back(get(w.port(), "/api/tags", every_key));
  answers.push_back(get(w.port(), "/v1/models", every_key));
  answers.push_back(get(w.port(), "/no/such/path", every_key));
  answers.push_back(post(w.port(), "/v1/chat/completions", "not json", every_key));
  w.ollama.stop();
  answers.push_back(post(w.port(), "/v1/chat/completions", chat_body, every_key));
  EXPECT_EQ(answers.back().status, 503);
  raw_client broken(w.port());
  broken.send(std::string("POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer ") + canary + "\r\n\r\n");
  answers.push_back(broken.read_answer());
  EXPECT_EQ(answers.back().status, 400);
  expect_no_canary(w, answers);
}

TEST(Keys, OfACallerGoToTheCloudOfItsDialectOnly) {
  world w;
  w.start();
  post(w.port(), "/v1/chat/completions", chat_body, {{"Authorization", std::string("Bearer ") + canary}});
  post(w.port(), "/v1/messages", message_body, {{"x-api-key", canary}, {"anthropic-version", "2023-06-01"}});
  EXPECT_EQ(w.openai.requests().at(0).field("authorization"), std::string("Bearer ") + canary);
  EXPECT_EQ(w.anthropic.requests().at(0).field("x-api-key"), canary);
  EXPECT_EQ(w.openai.requests().size(), 1U);
  EXPECT_EQ(w.anthropic.requests().size(), 1U);
  expect_no_canary(w, {});
}

TEST(Keys, ThatAreConfiguredReplaceTheCallersAndGoToTheirUpstreamOnly) {
  world w;
  world_options options;
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.anthropic_more = ", credential: {file: \"${KEY_FOLDER}/anthropic.key\"}";
  temporary_folder const keys;
  keys.write("anthropic.key", "sk-configured-anthropic\n");
  options.environment = {{"OPENAI_KEY", "sk-configured-openai"}, {"KEY_FOLDER", keys.path()}};
  w.start(options);
  post(w.port(), "/v1/chat/completions", chat_body, every_key);
  post(w.port(), "/v1/messages", message_body, every_key);
  auto const openai_saw = w.openai.requests().at(0);
  EXPECT_EQ(openai_saw.field("authorization"), "Bearer sk-configured-openai");
  EXPECT_FALSE(openai_saw.field("x-api-key"));
  EXPECT_FALSE(openai_saw.field("api-key"));
  EXPECT_EQ(openai_saw.head.find("sk-canary"), std::string::npos);
  auto const anthropic_saw = w.anthropic.requests().at(0);
  EXPECT_EQ(anthropic_saw.field("x-api-key"), "sk-configured-anthropic");
  EXPECT_FALSE(anthropic_saw.field("authorization"));
  EXPECT_EQ(anthropic_saw.head.find("sk-canary"), std::string::npos);
  w.openai.stop();
  expect_local(post(w.port(), "/v1/chat/completions", chat_body, every_key), "connect");
  for (auto const& r : w.ollama.requests()) EXPECT_EQ(r.head.find("sk-configured"), std::string::npos);
  EXPECT_EQ(w.daemon().all_output().find("sk-configured"), std::string::npos);
  EXPECT_EQ(w.daemon().metrics().find("sk-configured"), std::string::npos);
}

TEST(Prompts, StandInNoLogLine) {
  world w;
  w.start();
  w.chat();
  w.openai.stop();
  w.chat();
  (void)w.daemon().wait_for_log("request", 2);
  auto const output = w.daemon().all_output();
  EXPECT_EQ(output.find("Why tides"), std::string::npos);
  EXPECT_EQ(output.find("answers this"), std::string::npos);
}

TEST(ToOllama, GoesNoFieldThatNamesTheCallerAndTheHostIsOllamas) {
  world w;
  w.start();
  w.openai.stop();
  post(w.port(), "/v1/chat/completions", chat_body, every_key);
  auto const seen = w.local_generations().at(0);
  EXPECT_EQ(seen.field("host"), "127.0.0.1:" + std::to_string(w.ollama.port()));
  EXPECT_EQ(seen.field("content-type"), "application/json");
  for (auto const* gone : {"authorization", "x-api-key", "api-key", "openai-organization", "openai-project",
                           "anthropic-beta", "cookie", "origin", "referer", "x-forwarded-for", "x-stainless-lang"})
    EXPECT_FALSE(seen.field(gone)) << gone;
}

TEST(Contingency, OfTheEnvironmentOpensNoConnectionToAnyCloud) {
  for (auto const* value : {"1", "on", "true", "all", "default,legal"}) {
    SCOPED_TRACE(value);
    world w;
    world_options options;
    options.environment["TIDEOVER_CONTINGENCY"] = value;
    w.start(options);
    for (auto const& row : dialects()) {
      expect_local(post(w.port(), row.path, row.whole), "contingency");
      expect_local(post(w.port(), row.path, row.stream), "contingency");
    }
    EXPECT_EQ(get(w.port(), "/v1/models").status, 200);
    auto const files = post(w.port(), "/v1/files", "x");
    EXPECT_EQ(files.status, 503);
    EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
    EXPECT_EQ(w.daemon().metric("tideover_contingency_active", {"source=\"environment\""}) > 0, true);
  }
}

TEST(Contingency, ThatIsOffChangesNothing) {
  for (auto const* value : {"0", "off", "false", "no", ""}) {
    SCOPED_TRACE(value);
    world w;
    world_options options;
    options.environment["TIDEOVER_CONTINGENCY"] = value;
    w.start(options);
    expect_cloud(w.chat());
  }
}

TEST(Contingency, OfTheFileHoldsForItsWorkflowsOnly) {
  world w;
  world_options options;
  options.workflows = "workflows: {default: {policy: cloud_first}, sales: {policy: cloud_first}}";
  options.more = "contingency: {workflows: [sales]}";
  w.start(options);
  expect_cloud(w.chat());
  expect_local(w.chat({{"X-Tideover-Workflow", "sales"}}), "contingency");
  expect_local(post(w.port(), "/w/sales/v1/chat/completions", chat_body), "contingency");
}

TEST(LocalOnly, IsKeptWhenTheLocalTierFailsAndCloudIsWell) {
  world w;
  w.start();
  for (auto const& row : dialects()) {
    expect_local(post(w.port(), std::string("/w/legal") + row.path, row.whole), "policy");
    expect_local(post(w.port(), row.path, row.stream, {{"X-Tideover-Workflow", "legal"}}), "policy");
  }
  w.ollama.stop();
  for (auto const& row : dialects()) {
    auto const answer = post(w.port(), row.path, row.whole, {{"X-Tideover-Workflow", "legal"}});
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.field("x-tideover-error"), "local_unavailable");
  }
  EXPECT_GE(post(w.port(), "/w/legal/v1/files", "x").status, 403);
  EXPECT_GE(post(w.port(), "/w/legal/v1/embeddings", R"({"model":"e","input":"x"})").status, 403);
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
}

TEST(LocalOnly, CannotBeLoosenedByACaller) {
  world w;
  w.start();
  expect_local(post(w.port(), "/w/legal/v1/chat/completions", chat_body, {{"X-Tideover-Workflow", "default"}}),
               "policy");
  expect_local(post(w.port(), "/w/default/v1/chat/completions", chat_body, {{"X-Tideover-Workflow", "legal"}}),
               "policy");
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(Workflows, ThatNobodyKnowsAreRefused) {
  world w;
  w.start();
  for (auto const& answer : {w.chat({{"X-Tideover-Workflow", "nobody"}}), w.chat({{"X-Tideover-Workflow", ""}}),
                             w.chat({{"X-Tideover-Workflow", "legal"}, {"X-Tideover-Workflow", "default"}}),
                             post(w.port(), "/w/nobody/v1/chat/completions", chat_body),
                             post(w.port(), "/w//v1/chat/completions", chat_body)}) {
    EXPECT_EQ(answer.status, 400) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-tier"), "none");
  }
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(Policies, DecideWhoIsAskedFirst) {
  world w;
  world_options options;
  options.workflows =
      "workflows: {default: {policy: cloud_first}, near: {policy: local_first}, far: {policy: cloud_only}}";
  w.start(options);
  expect_local(w.chat({{"X-Tideover-Workflow", "near"}}), "policy");
  w.ollama.stop();
  auto const near = w.chat({{"X-Tideover-Workflow", "near"}});
  EXPECT_EQ(near.status, 200);
  EXPECT_EQ(near.field("x-tideover-tier"), "cloud");
  w.openai.stop();
  w.ollama.start();
  EXPECT_EQ(w.chat({{"X-Tideover-Workflow", "far"}}).status, 503);
}

TEST(ModelChoice, FollowsTheTableOfTheFile) {
  world w;
  auto code = ollama::model{};
  code.name = "qwen2.5-coder:7b";
  serve_ollama(w.ollama, {ollama::model{}, code});
  world_options options;
  options.models =
      "models: [{cloud: \"*codex*\", local: \"qwen2.5-coder:7b\"}, {cloud: \"*\", local: \"llama3.1:8b\"}]";
  options.environment["TIDEOVER_CONTINGENCY"] = "1";
  w.start(options);
  struct row {
    const char* asked;
    const char* served;
  };
  for (auto const& r : {row{"gpt-5-codex-mini", "qwen2.5-coder:7b"}, row{"gpt-4o", "llama3.1:8b"}}) {
    auto const answer =
        post(w.port(), "/v1/chat/completions",
             std::string(R"({"model":")") + r.asked + R"(","messages":[{"role":"user","content":"x"}]})");
    EXPECT_EQ(answer.field("x-tideover-model"), r.served);
    EXPECT_EQ(json_of(answer).value("model", ""), r.served);
    EXPECT_EQ(nlohmann::json::parse(w.local_generations().back().body).value("model", ""), r.served);
  }
}

TEST(ModelChoice, WithoutATableTakesWhatIsInstalledAndFit) {
  world w;
  auto const model = [](const char* name, std::vector<std::string> capabilities, std::uint64_t size, bool loaded) {
    ollama::model m;
    m.name = name;
    m.capabilities = std::move(capabilities);
    m.size = size;
    m.loaded = loaded;
    return m;
  };
  serve_ollama(w.ollama, {model("nomic-embed-text:latest", {"embedding"}, 300'000'000, true),
                          model("tiny:1b", {"completion"}, 900'000'000, false),
                          model("big:70b-cloud", {"completion", "tools"}, 300, true),
                          model("phi4:14b", {"completion", "tools"}, 9'000'000'000, true)});
  world_options options;
  options.models = "";
  options.environment["TIDEOVER_CONTINGENCY"] = "1";
  w.start(options);
  auto const answer = w.chat();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-model"), "phi4:14b");
}

TEST(Adaptation, ACallerNeverGetsItsOwnBeginningBack) {
  world w;
  serve_ollama(w.ollama, {ollama::model{}}, {" local", " model"}, true);
  w.start();
  for (auto const* path : {"/v1/messages", "/v1/chat/completions"})
    for (bool const stream : {false, true}) {
      nlohmann::json body{{"model", "cloud-model"}, {"max_tokens", 20}, {"stream", stream}};
      body["messages"] = {{{"role", "user"}, {"content", "Who?"}}, {{"role", "assistant"}, {"content", "I, the"}}};
      auto const answer = post(w.port(), std::string("/w/legal") + path, body.dump());
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(text_of(answer.body), " local model") << path << (stream ? " streamed" : " whole");
    }
}

TEST(Adaptation, MakesTheBodyFitForOllama) {
  world w;
  world_options options;
  options.environment["TIDEOVER_CONTINGENCY"] = "1";
  w.start(options);
  auto const answer =
      post(w.port(), "/v1/chat/completions",
           R"({"model":"o4-mini","max_completion_tokens":77,"reasoning_effort":"high","user":"u-17","store":true,
      "messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Why "},{"type":"text","text":"tides?"}]}]})");
  expect_local(answer, "contingency");
  auto const body = nlohmann::json::parse(w.local_generations().at(0).body);
  EXPECT_EQ(body.value("model", ""), "llama3.1:8b");
  EXPECT_EQ(body["options"].value("num_predict", 0), 77);
  EXPECT_EQ(body.value("truncate", true), false) << "nothing is dropped in silence";
  EXPECT_EQ(body["messages"][0].value("role", ""), "system");
  EXPECT_TRUE(body["messages"][1]["content"].is_string());
  EXPECT_FALSE(body.contains("user"));
  EXPECT_FALSE(body.contains("think") && body["think"] != false) << "the model does not think";
}

}  // namespace
}  // namespace tideover::test
