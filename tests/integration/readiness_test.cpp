// What an operator learns of the local tier: by the command, its exit code, the log, /readyz and the metrics.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"
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
