// How a request is asked of a local server: what it needs, what the rendering is told, what stands against it.
#include "tideover/policy/local_replay.hpp"

#include <gtest/gtest.h>

#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;

struct LocalReplay : testing::Test {
  config::snapshot configuration = house();
  config::workflow& w = configuration.workflows["local_only"];
  const config::upstream& server = configuration.upstreams[ollama];
  local_model model;
  LocalReplay() {
    model.name = "llama3.1:8b";
    model.capabilities_known = model.completion = model.loaded = true;
    model.loaded_context = 4096;
    model.trained_context = 8192;
  }
  static adapt::chat::request asked(std::string_view body) {
    auto read = adapt::chat::parse_request(endpoint::chat_completions, body);
    return std::get<adapt::chat::parsed>(read).what;
  }
};

TEST_F(LocalReplay, NeedsAreThoseOfTheRequestAndOfWhatTheWorkflowAdds) {
  auto const plain = asked(R"({"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Why tides?"}]})");
  auto const need = need_of(plain, "m", w);
  EXPECT_FALSE(need.tools || need.vision || need.thinking);
  EXPECT_EQ(need.window.max_output, 7u);
  EXPECT_GT(need.window.prompt_tokens, 0u);
  w.system_prompt.text = "Answer in three sentences.";
  auto const longer = need_of(plain, "m", w);
  EXPECT_GT(longer.window.prompt_tokens, need.window.prompt_tokens);
  EXPECT_GT(need_of(plain, "m", w, "The moon pulls").window.prompt_tokens, longer.window.prompt_tokens);
  auto const rich =
      need_of(asked(R"({"model":"m","reasoning_effort":"high","messages":[{"role":"user","content":"x"}],)"
                    R"("tools":[{"type":"function","function":{"name":"f"}}]})"),
              "m", w);
  EXPECT_TRUE(rich.tools && rich.thinking);
}

TEST_F(LocalReplay, AnAnswerEndsWithTheWindowThatIsKnown) {
  model_need need;
  need.window.prompt_tokens = 1000;
  auto const loaded = words_for(need, w, configuration, server, "llama3.1:8b", &model);
  EXPECT_TRUE(loaded.window.fits);
  EXPECT_EQ(loaded.options.num_ctx, 4096u);
  EXPECT_EQ(loaded.options.room_for_answer, 3096u);
  auto const unknown = words_for(need, w, configuration, server, "llama3.1:8b", nullptr);
  EXPECT_FALSE(unknown.options.num_ctx);
  EXPECT_FALSE(unknown.options.room_for_answer);
  need.window.prompt_tokens = 9000;
  auto const long_one = words_for(need, w, configuration, server, "llama3.1:8b", &model);
  EXPECT_FALSE(long_one.window.fits);
  EXPECT_EQ(long_one.window.largest, 8192u);
}

TEST_F(LocalReplay, OtherServersAreAskedForNoWindow) {
  auto other = server;
  other.dialect = dialect::openai;
  model_need need;
  need.window.prompt_tokens = 1'000'000;
  auto const words = words_for(need, w, configuration, other, "m", &model);
  EXPECT_TRUE(words.window.fits);
  EXPECT_FALSE(words.options.num_ctx);
}

TEST_F(LocalReplay, AMissingModelIsNamedWithTheCommandThatInstallsIt) {
  EXPECT_NE(model_not_installed("phi4:14b", server).message.find("Run: ollama pull phi4:14b"), std::string::npos);
  auto other = server;
  other.dialect = dialect::openai;
  other.title = "llama-server";
  EXPECT_EQ(model_not_installed("phi4:14b", other).message, "llama-server does not have the model phi4:14b.");
}

TEST_F(LocalReplay, EveryLackHasItsCode) {
  local_catalog catalog;
  model_need need;
  need.requested = "gpt-4o";
  const auto code = [&](lack missing) {
    model_choice none;
    none.missing = missing;
    none.largest_window = 4096;
    return no_stand_in(none, need, catalog, server).code;
  };
  EXPECT_EQ(code(lack::model), "local_model_missing");
  EXPECT_EQ(code(lack::ability), "local_model_missing");
  EXPECT_EQ(code(lack::window), "context_length_exceeded");
  EXPECT_EQ(code(lack::unknown), "local_unavailable");
  catalog.loading = true;
  EXPECT_EQ(code(lack::unknown), "local_loading");
}

TEST_F(LocalReplay, TheFileIsBelievedBeforeWhatWasFoundOut) {
  w.models = {{"gpt-4o", "llama3.1:8b", config::prefill::no}, {"*", "llama3.1:8b"}};
  auto const tables = tables_for(w, configuration, server);
  EXPECT_FALSE(continues_prefill(tables, "gpt-4o", "llama3.1:8b", true));
  EXPECT_TRUE(continues_prefill(tables, "gpt-4o", "phi4:14b", true)) << "the rule is about another model";
  EXPECT_TRUE(continues_prefill(tables, "o3", "llama3.1:8b", true));
  EXPECT_FALSE(continues_prefill(tables, "o3", "llama3.1:8b", std::nullopt));
}

TEST_F(LocalReplay, NoPromptGoesToAModelThatIsNotKnownToRunThere) {
  EXPECT_FALSE(refuse_listed(model, true));
  model.remote = true;
  EXPECT_EQ(refuse_listed(model, true)->code, "cloud_model_refused");
  model.remote = false;
  model.name = "x: cloud";
  EXPECT_EQ(refuse_listed(model, true)->code, "cloud_model_refused");

  auto const shown = [&](unsigned status, std::string_view body, bool own_path = true) {
    auto const refused = refuse_shown("m:1b", status, body, server, own_path);
    return refused ? std::to_string(refused->status) + " " + refused->code : "-";
  };
  EXPECT_EQ(shown(200, R"({"capabilities":["completion"]})"), "-");
  EXPECT_EQ(shown(200, R"({"remote_host":"https://ollama.com:443"})"), "403 cloud_model_refused");
  EXPECT_EQ(shown(200, R"({"remote_model":"gpt-oss:120b"})"), "403 cloud_model_refused");
  EXPECT_EQ(refuse_listed(model, false)->code, "local_model_missing");
  EXPECT_EQ(shown(200, R"({"remote_model":"gpt-oss:120b"})", false), "503 local_model_missing");
  EXPECT_EQ(shown(404, "{}"), "404 model_not_found");
  EXPECT_EQ(shown(404, "{}", false), "503 local_model_missing");
  for (unsigned const status : {200u, 204u, 302u, 400u, 401u, 403u, 500u})
    EXPECT_EQ(shown(status, "no object"), "503 local_unavailable") << status;
}

TEST_F(LocalReplay, AModelIsFoundUnderEveryNameThatOllamaTakesForIt) {
  local_catalog catalog;
  model.name = "innocent:latest";
  catalog.models.push_back(model);
  for (auto const* name : {"innocent", "INNOCENT:Latest", "innocent:local", "innocent:latest:LOCAL", "library/innocent",
                           "http://registry.ollama.ai/library/innocent"})
    EXPECT_NE(catalog.find(name), nullptr) << name;
  for (auto const* name : {"innocent:1b", "mine/innocent", ":local", "local", ""})
    EXPECT_EQ(catalog.find(name), nullptr) << name;
}

}  // namespace
}  // namespace tideover::policy
