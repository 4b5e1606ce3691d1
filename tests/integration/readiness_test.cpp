// What an operator learns of the local tier: by the command, its exit code, the log, /readyz and the metrics.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <functional>
#include <optional>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"
#include "support/llama_server.hpp"
#include "support/temporary_folder.hpp"

namespace tideover::test {
namespace {

struct told {
  int exit_code = -1;
  std::string out;
  nlohmann::json json;
};

/// `tideover readiness --once --json` with this local upstream.
told ask(const std::string& url, const std::string& model = "llama3.1:8b", const std::string& flags = "--json") {
  temporary_folder folder;
  auto const file = folder.write("tideover.yaml", "upstreams:\n  ollama: {tier: local, dialect: ollama, url: \"" + url +
                                                      "\"}\nmodels: [{cloud: \"*\", local: \"" + model + "\"}]\n");
  auto const command = std::string(TIDEOVER_BINARY) + " readiness --once " + flags + " -c " + file + " 2>&1";
  told result;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> block{};
  for (std::size_t n; (n = std::fread(block.data(), 1, block.size(), pipe)) != 0;) result.out.append(block.data(), n);
  int const status = ::pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.json = nlohmann::json::parse(result.out, nullptr, false);
  return result;
}

/// The state of a check, or of the worst entry of it.
std::string state_of(const told& t, const std::string& check) {
  std::string worst;
  for (const auto& c : t.json.value("checks", nlohmann::json::array()))
    if (c["check"] == check && (worst.empty() || c["state"] != "ready")) worst = c["state"];
  return worst;
}

TEST(ReadinessCommand, TellsEachTroubleByStateReasonAndExitCode) {
  struct {
    const char* what;
    void (*change)(living_options&);
    const char* model;
    int exit_code;
    const char* check;
    const char* state;
  } const rows[] = {
      {"all is well", [](living_options&) {}, "llama3.1:8b", 0, "inference", "ready"},
      {"the model is missing, another stands in", [](living_options&) {}, "phi4:14b", 1, "models", "degraded"},
      {"no model at all", [](living_options& how) { how.installed.clear(); }, "phi4:14b", 2, "models", "down"},
      {"CPU only", [](living_options& how) { how.gpu_share = 0; }, "llama3.1:8b", 1, "gpu", "degraded"},
      {"slow", [](living_options& how) { how.tokens_per_second = 1; }, "llama3.1:8b", 1, "tokens_per_second",
       "degraded"},
      {"loads for ever",
       [](living_options& how) {
         how.installed[0].loaded = false;
         how.load_seconds = 100;
       },
       "llama3.1:8b", 1, "load_time", "degraded"},
      {"crashes", [](living_options& how) { how.failure = "llama-server process has terminated"; }, "llama3.1:8b", 2,
       "inference", "down"},
      {"a cloud model in local clothes",
       [](living_options& how) { how.installed[0].name = "deepseek-v3.1:671b-cloud"; }, "phi4:14b", 2, "models",
       "down"},
  };
  for (const auto& row : rows) {
    scripted_upstream server;
    living_options how;
    row.change(how);
    living_ollama const ollama(server, how);
    auto const t = ask(server.url(), row.model);
    EXPECT_EQ(t.exit_code, row.exit_code) << row.what << t.out;
    EXPECT_EQ(state_of(t, row.check), row.state) << row.what << t.out;
    if (row.exit_code != 0) {
      EXPECT_FALSE(t.json["reasons"].empty()) << row.what;
    }
  }
}

TEST(ReadinessCommand, ToldFromAHungServerAStoppedOneHasAnotherFix) {
  scripted_upstream server;
  living_ollama const ollama(server);
  server.on("/api/tags", silence());
  auto const hangs = ask(server.url(), "llama3.1:8b", "");
  EXPECT_EQ(hangs.exit_code, 2) << hangs.out;
  EXPECT_NE(hangs.out.find("restart ollama"), std::string::npos) << hangs.out;
  server.stop();
  auto const stopped = ask(server.url(), "llama3.1:8b", "");
  EXPECT_EQ(stopped.exit_code, 2) << stopped.out;
  EXPECT_NE(stopped.out.find("[FAIL] api"), std::string::npos) << stopped.out;
  EXPECT_NE(stopped.out.find("start ollama"), std::string::npos) << stopped.out;
}

TEST(ReadinessCommand, ABadConfigurationIsNoStateOfTheTier) { EXPECT_EQ(ask("not a url").exit_code, 78); }

TEST(Readiness, IsInTheLogTheMetricsAndReadyz) {
  world w;
  living_ollama ollama(w.ollama);
  world_options options;
  options.models = "models: [{cloud: \"*\", local: \"phi4:14b\"}]";
  auto& daemon = w.start(options);
  auto const lines = daemon.wait_for_log("readiness", 1);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0]["state"], "degraded");
  EXPECT_EQ(lines[0]["level"], "warn");
  EXPECT_EQ(lines[0]["fix"], "ollama pull phi4:14b");
  auto const ready = get(daemon.admin_port(), "/readyz?tier=local");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.body, "degraded\n");
  EXPECT_EQ(daemon.metric("tideover_local_ready", {"check=\"models\""}), 0);
  EXPECT_EQ(daemon.metric("tideover_local_ready", {"check=\"api\""}), 1);
  EXPECT_EQ(daemon.metric("tideover_local_queue_length"), 0);
}

world_options of_another_make() {
  world_options options;
  options.local_dialect = "openai";
  options.models = "models: [{cloud: \"*\", local: \"qwen3-0.6b\"}]";
  return options;
}

TEST(AnotherLocalServer, ListsItsModelsAnswersInFullAndIsReady) {
  world w;
  llama_server const server(w.ollama);
  w.openai.stop();
  auto& daemon = w.start(of_another_make());
  auto const list = get(w.port(), "/v1/models");
  EXPECT_EQ(list.status, 200) << list.body;
  EXPECT_NE(list.body.find("qwen3-0.6b"), std::string::npos) << list.body;
  auto const answer = w.chat();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(text_of(answer.body), local_text) << "thinking is switched off, else nothing would be said";
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  EXPECT_EQ(text_of(w.chat_stream().body), local_text);
  EXPECT_TRUE(eventually([&] { return get(daemon.admin_port(), "/readyz?tier=local").status == 200; }));
}

TEST(AnotherLocalServer, ThatLoadsSaysSoToCallers) {
  world w;
  llama_server server(w.ollama, {.loading = true});
  w.openai.stop();
  w.start(of_another_make());
  auto answer = w.chat();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("x-tideover-error"), "local_loading") << answer.body;
  EXPECT_FALSE(answer.field("retry-after").empty());
  server.loading(false);
  EXPECT_TRUE(eventually([&] { return w.chat().status == 200; }));
  server.loading(true);
  answer = w.chat();
  EXPECT_EQ(answer.field("x-tideover-error"), "local_loading") << "known before, and starting again: " << answer.body;
}

TEST(LocalFailure, IsToldWithTheServersNameAndWithAdviceThatFits) {
  struct {
    const char* what;
    const char* dialect;
    std::function<void(scripted_upstream&)> change;
    std::vector<std::string> said, not_said;
  } const rows[] = {
      {"away", "ollama", [](auto& s) { s.stop(); }, {"ollama list", "Is it running?"}, {"log"}},
      {"away, another make", "openai", [](auto& s) { s.stop(); }, {"Is it running?"}, {"ollama list", "log"}},
      {"crashes",
       "ollama",
       [](auto& s) { s.on("/api/chat", reply(500, R"({"error":"the runner has stopped: secret prompt"})")); },
       {"status 500", "Its log says more."},
       {"ollama list", "secret prompt", "Is it running?"}},
      {"crashes, another make",
       "openai",
       [](auto& s) { s.on("/v1/chat/completions", reply(500, R"({"error":{"message":"secret prompt"}})")); },
       {"status 500", "Its log says more."},
       {"ollama list", "secret prompt", "Is it running?"}},
      {"no protocol",
       "ollama",
       [](auto& s) { s.on("/api/chat", reply(200, std::string(html_page), {}, "text/html")); },
       {"malformed"},
       {"ollama list", "Is it running?", "log"}},
  };
  for (const auto& row : rows) {
    world w;
    std::optional<llama_server> other;
    auto options = world_options();
    if (row.dialect == std::string("openai")) {
      other.emplace(w.ollama);
      options = of_another_make();
    }
    w.openai.stop();
    w.start(options);
    EXPECT_EQ(w.chat().status, 200) << row.what;
    row.change(w.ollama);
    auto const answer = w.chat();
    EXPECT_EQ(answer.status, 503) << row.what;
    EXPECT_EQ(answer.field("x-tideover-error"), "local_unavailable") << row.what;
    for (const auto& words : row.said) EXPECT_NE(answer.body.find(words), std::string::npos) << row.what << answer.body;
    for (const auto& words : row.not_said)
      EXPECT_EQ(answer.body.find(words), std::string::npos) << row.what << answer.body;
  }
}

TEST(Readiness, ALocalTierThatIsAwayIsNotReady) {
  world w;
  w.ollama.stop();
  auto& daemon = w.start();
  EXPECT_TRUE(eventually([&] { return get(daemon.admin_port(), "/readyz?tier=local").body == "down\n"; }));
  EXPECT_EQ(get(daemon.admin_port(), "/readyz?tier=local").status, 503);
  EXPECT_EQ(get(daemon.admin_port(), "/readyz").status, 200);
}

}  // namespace
}  // namespace tideover::test
