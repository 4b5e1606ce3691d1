// Several local upstreams: an Ollama and a server of another make, each watched, each asked for what it has.
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"
#include "support/llama_server.hpp"
#include "support/run_program.hpp"

namespace tideover::test {
namespace {

/// The world's Ollama has llama3.1:8b; `gpu` is a llama-server with qwen3-0.6b. The cloud is away.
struct two_locals : world {
  explicit two_locals(living_options how = {}) : living(ollama, std::move(how)), llama(gpu) {
    options.models = R"(models: [{cloud: "*codex*", local: "qwen3-0.6b"}, {cloud: "*", local: "llama3.1:8b"}])";
    options.more_upstreams = "  gpu: {tier: local, dialect: openai, url: \"" + gpu.url() + "\"}\n";
    openai.stop();
  }
  /// The other way round: the server of another make is the world's own local upstream, and Ollama is `second`.
  world_options swapped(const std::string& more = "") const {
    auto made = options;
    made.local_dialect = "openai";
    made.ollama_url = gpu.url();
    made.more_upstreams = "  second: {tier: local, dialect: ollama, url: \"" + ollama.url() + "\"" + more + "}\n";
    return made;
  }

  /// Both servers have told what they have: from then on requests find the one that has their model.
  bool both_known() {
    return eventually(
        [&] { return json_of(get(daemon().admin_port(), "/api/status"))["local"]["models"].size() == 2; });
  }
  http_answer ask(const std::string& model) const {
    auto const message = nlohmann::json{{"role", "user"}, {"content", "Why tides?"}};
    return post(port(), "/v1/chat/completions",
                nlohmann::json{{"model", model}, {"messages", nlohmann::json::array({message})}}.dump());
  }
  program_result readiness() {
    return run_tideover({"readiness", "--json", "--socket", daemon().folder().file("admin.sock")});
  }

  world_options options;
  scripted_upstream gpu;
  living_ollama living;
  llama_server llama;
};

void expect_served(const http_answer& answer, const char* upstream, const char* model) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  EXPECT_EQ(answer.field("x-tideover-upstream"), upstream);
  EXPECT_EQ(answer.field("x-tideover-model"), model);
  EXPECT_EQ(text_of(answer.body), local_text);
}

TEST(TwoLocalServers, AreBothWatchedListedAndTested) {
  two_locals w;
  w.start(w.options);
  ASSERT_TRUE(w.both_known());
  auto const list = get(w.port(), "/v1/models").body;
  EXPECT_NE(list.find("llama3.1:8b"), std::string::npos) << list;
  EXPECT_NE(list.find("qwen3-0.6b"), std::string::npos) << list;

  auto const checked = w.readiness();
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  auto const told = nlohmann::json::parse(checked.out);
  ASSERT_EQ(told["upstreams"].size(), 2u);
  EXPECT_EQ(told["upstreams"][0]["upstream"], "ollama");
  EXPECT_EQ(told["upstreams"][1]["upstream"], "gpu");
  for (const auto& one : told["upstreams"]) EXPECT_EQ(one["state"], "ready") << one;
  EXPECT_NE(checked.out.find("is at gpu instead"), std::string::npos) << checked.out;
  for (auto const* upstream : {"upstream=\"ollama\"", "upstream=\"gpu\""}) {
    EXPECT_EQ(w.daemon().metric("tideover_local_ready", {upstream, "check=\"inference\""}), 1) << upstream;
    EXPECT_EQ(w.daemon().metric("tideover_upstream_up", {upstream}), 1) << upstream;
  }
  for (auto const* model : {"model=\"llama3.1:8b\"", "model=\"qwen3-0.6b\""})
    EXPECT_GT(w.daemon().metric("tideover_local_tokens_per_second", {model}), 0) << model;
}

TEST(TwoLocalServers, AreAskedForWhatTheyHave) {
  two_locals w;
  w.start(w.options);
  ASSERT_TRUE(w.both_known());
  expect_served(w.ask("gpt-4o"), "ollama", "llama3.1:8b");
  expect_served(w.ask("gpt-5-codex"), "gpu", "qwen3-0.6b");
  for (const auto& r : w.gpu.requests())
    EXPECT_FALSE(r.path().starts_with("/api/")) << "Ollama's own routes are Ollama's alone: " << r.head;
}

TEST(TwoLocalServers, StandInForEachOther) {
  two_locals w;
  w.start(w.options);
  ASSERT_TRUE(w.both_known());
  w.living.change([](auto& how) { how.failure = "llama-server process has terminated"; });
  expect_served(w.ask("gpt-4o"), "gpu", "qwen3-0.6b");
  w.ollama.stop();
  expect_served(w.ask("gpt-4o"), "gpu", "qwen3-0.6b");
  auto checked = w.readiness();
  EXPECT_EQ(checked.exit_code, 1) << "one of two is away: " << checked.out;
  EXPECT_EQ(get(w.daemon().admin_port(), "/readyz?tier=local").body, "degraded\n");
  w.gpu.stop();
  checked = w.readiness();
  EXPECT_EQ(checked.exit_code, 2) << checked.out;
  auto const nobody = w.ask("gpt-4o");
  EXPECT_EQ(nobody.status, 503);
  EXPECT_EQ(nobody.field("x-tideover-error"), "local_unavailable") << nobody.body;
}

TEST(TwoLocalServers, TellOfEachStepFromOneToTheOther) {
  two_locals w;
  w.options.workflows =
      "workflows: {default: {policy: cloud_first}, legal: {policy: local_only}, near: {policy: local_first}}";
  w.start(w.options);
  ASSERT_TRUE(w.both_known());
  w.living.change([](auto& how) { how.failure = "llama-server process has terminated"; });
  auto const count = [&](const char* from, const char* to, const char* reason) {
    auto const label = [](const char* name, const char* value) { return std::string(name) + "=\"" + value + "\""; };
    return w.daemon().metric("tideover_failovers_total",
                             {label("from", from), label("to", to), label("reason", reason)});
  };
  auto const told = [&](std::size_t at, const char* message, const char* from, const char* to, const char* reason) {
    auto const lines = w.daemon().wait_for_log("failover", at + 1);
    ASSERT_GT(lines.size(), at);
    EXPECT_EQ(lines[at]["msg"], message);
    EXPECT_EQ(lines[at]["from"], from);
    EXPECT_EQ(lines[at]["to"], to);
    EXPECT_EQ(lines[at]["reason"], reason);
    EXPECT_NE(lines[at].value("detail", "").find(from), std::string::npos) << lines[at];
  };

  // The cloud cannot be reached, nor does the first local server work.
  auto const both = w.ask("gpt-4o");
  expect_served(both, "gpu", "qwen3-0.6b");
  EXPECT_EQ(both.field("x-tideover-failover"), "connect");
  told(0, "Cloud unavailable, falling back to Ollama", "openai", "ollama", "connect");
  told(1, "Ollama unavailable, falling back to gpu", "ollama", "gpu", "server_error");
  EXPECT_EQ(count("openai", "ollama", "connect"), 1);
  EXPECT_EQ(count("ollama", "gpu", "server_error"), 1);

  // No cloud may be asked.
  auto const kept = post(w.port(), "/w/legal/v1/chat/completions", chat_body);
  expect_served(kept, "gpu", "qwen3-0.6b");
  EXPECT_EQ(kept.field("x-tideover-failover"), "policy");
  told(2, "Ollama unavailable, falling back to gpu", "ollama", "gpu", "server_error");
  EXPECT_EQ(count("ollama", "gpu", "server_error"), 2);
  EXPECT_EQ(w.daemon().wait_for_log("failover", 3).size(), 3U);
  auto const line = w.daemon().wait_for_log("request", 2).back();
  EXPECT_EQ(line["outcome"], "failed_over");
  EXPECT_EQ(line["reason"], "policy");
  EXPECT_EQ(line["from"], "ollama");
  EXPECT_EQ(line["to"], "gpu");
}

TEST(ALocalTierThatIsAskedFirst, AndFailsIsLeftForTheCloudWithoutAWordAgainstThat) {
  world w;
  world_options options;
  options.workflows = "workflows: {default: {policy: cloud_first}, near: {policy: local_first}}";
  w.start(options);
  auto const near = [&] { return post(w.port(), "/w/near/v1/chat/completions", chat_body); };
  expect_local(near(), "policy");
  w.ollama.stop();
  auto const answer = near();
  expect_cloud(answer);
  EXPECT_FALSE(answer.has("x-tideover-failover")) << "the cloud served: nothing stood in its way";
  auto const told = w.daemon().wait_for_log("failover", 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["msg"], "Ollama unavailable, falling back to OpenAI");
  EXPECT_EQ(told[0]["from"], "ollama");
  EXPECT_EQ(told[0]["to"], "openai");
  EXPECT_EQ(told[0]["reason"], "connect");
  EXPECT_EQ(w.daemon().metric("tideover_failovers_total",
                              {"workflow=\"near\"", "from=\"ollama\"", "to=\"openai\"", "reason=\"connect\""}),
            1);
  auto const line = w.daemon().wait_for_log("request", 2).back();
  EXPECT_EQ(line["outcome"], "failed_over");
  EXPECT_EQ(line["reason"], "connect") << "why not the first choice";
}

TEST(TwoLocalServers, ThatCannotServeAreToldOfByTheErrorThatHelpsMost) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  two_locals w(how);
  w.options.local_more = ", concurrency: 1, queue: {limit: 1}";
  w.start(w.options);
  ASSERT_TRUE(w.both_known());
  w.gpu.stop();
  auto inside = std::async(std::launch::async, [&] { return w.ask("gpt-4o"); });
  ASSERT_TRUE(eventually([&] { return w.living.order().size() == 1; }));
  auto waits = std::async(std::launch::async, [&] { return w.ask("gpt-4o"); });
  ASSERT_TRUE(
      eventually([&] { return w.daemon().metric("tideover_local_queue_length", {"upstream=\"ollama\""}) == 1; }));
  auto const third = w.ask("gpt-4o");
  EXPECT_EQ(third.status, 503);
  EXPECT_EQ(third.field("x-tideover-error"), "local_queue_full")
      << "and not that the other one is away: " << third.body;
  EXPECT_TRUE(third.has("retry-after"));
  opened.open();
  EXPECT_EQ(inside.get().status, 200);
  EXPECT_EQ(waits.get().status, 200);
}

TEST(TwoLocalServers, TheSecondOneIsWarmedByItsOwnWatch) {
  living_options how;
  how.installed[0].loaded = false;
  gate loaded;
  how.load_until = loaded;
  two_locals w(how);
  w.start(w.swapped(", keep_warm: [\"llama3.1:8b\"]"));
  ASSERT_TRUE(eventually([&] { return w.living.is_loading(); }));
  loaded.open();
  ASSERT_TRUE(eventually([&] { return w.living.keep_alive_of("llama3.1:8b") == "-1"; }));
  ASSERT_TRUE(w.both_known());
  expect_served(w.ask("gpt-4o"), "second", "llama3.1:8b");
  EXPECT_EQ(w.living.loads(), 1);
  EXPECT_EQ(w.living.reloads(), 0);
}

TEST(TwoLocalServers, MayComeByReload) {
  two_locals w;
  auto const second = w.options.more_upstreams;
  w.options.more_upstreams.clear();
  w.start(w.options);
  expect_served(w.ask("gpt-5-codex"), "ollama", "llama3.1:8b");
  auto const reload = [&] {
    std::ofstream(w.daemon().folder().file("tideover.yaml")) << w.yaml(w.options);
    raw_client client(w.daemon().folder().file("admin.sock"));
    auto const answer = client.post("/api/reload", "{}", {{"Content-Type", "application/json"}});
    EXPECT_EQ(answer.status, 200) << answer.body;
  };
  w.options.more_upstreams = second;
  reload();
  ASSERT_TRUE(w.both_known());
  expect_served(w.ask("gpt-5-codex"), "gpu", "qwen3-0.6b");
  EXPECT_EQ(nlohmann::json::parse(w.readiness().out)["upstreams"].size(), 2u);
  // What is known of the local tier is kept where only a cloud comes in behind it.
  w.options.more_upstreams = second + "  spare: {tier: cloud, dialect: openai, url: \"" + w.openai.url() + "\"}\n";
  reload();
  expect_served(w.ask("gpt-5-codex"), "gpu", "qwen3-0.6b");
  expect_served(w.ask("gpt-4o"), "ollama", "llama3.1:8b");
}

TEST(TwoLocalServers, OllamasOwnRoutesGoToAnOllama) {
  two_locals w;
  w.start(w.swapped());
  auto const answer = post(w.port(), "/api/chat",
                           R"({"model":"llama3.1:8b","stream":false,"messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-upstream"), "second");
}

}  // namespace
}  // namespace tideover::test
