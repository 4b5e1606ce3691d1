// What an operator learns of the local tier: by the command, its exit code, the log, /readyz and the metrics.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <future>
#include <optional>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"
#include "support/llama_server.hpp"
#include "support/run_program.hpp"
#include "support/temporary_folder.hpp"

namespace tideover::test {
namespace {

struct told {
  int exit_code = -1;
  std::string out, err;
  nlohmann::json json;
  const nlohmann::json& upstream(std::size_t i = 0) const { return json["upstreams"].at(i); }
};

told ask(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "readiness");
  auto const result = run_tideover(arguments);
  return {result.exit_code, result.out, result.err, nlohmann::json::parse(result.out, nullptr, false)};
}

/// `tideover readiness --once` with this local upstream.
told ask_once(const std::string& url, const std::string& model = "llama3.1:8b", bool as_json = true) {
  temporary_folder folder;
  auto const file = folder.write("tideover.yaml", "upstreams:\n  ollama: {tier: local, dialect: ollama, url: \"" + url +
                                                      "\"}\nmodels: [{cloud: \"*\", local: \"" + model + "\"}]\n");
  std::vector<std::string> arguments{"--once", "-c", file};
  if (as_json) arguments.push_back("--json");
  return ask(arguments);
}

std::string socket_of(world& w) { return w.daemon().folder().file("admin.sock"); }
told ask_daemon_of(world& w) { return ask({"--json", "--socket", socket_of(w)}); }

/// The worst entry of a check.
nlohmann::json worst(const told& t, const std::string& check) {
  nlohmann::json found;
  for (const auto& c : t.json.is_object() ? t.upstream()["checks"] : nlohmann::json::array())
    if (c["check"] == check && (found.is_null() || c["state"] != "ready")) found = c;
  return found;
}

struct trouble {
  const char* what;
  std::function<void(living_options&)> change;
  const char* model;
  int exit_code;
  const char* check;
  const char* state;
  const char* fix;  // words of it
};

const std::vector<trouble>& troubles() {
  static const std::vector<trouble> rows{
      {"all is well", [](auto&) {}, "llama3.1:8b", 0, "inference", "ready", ""},
      {"the model is missing, another stands in", [](auto&) {}, "phi4:14b", 1, "models", "degraded",
       "ollama pull phi4:14b"},
      {"no model at all", [](auto& how) { how.installed.clear(); }, "phi4:14b", 2, "models", "down",
       "ollama pull phi4:14b"},
      {"CPU only", [](auto& how) { how.gpu_share = 0; }, "llama3.1:8b", 1, "gpu", "degraded", "journalctl -u ollama"},
      {"slow", [](auto& how) { how.tokens_per_second = 1; }, "llama3.1:8b", 1, "tokens_per_second", "degraded",
       "ollama ps"},
      {"loads for ever",
       [](auto& how) {
         how.installed[0].loaded = false;
         how.load_seconds = 100;
       },
       "llama3.1:8b", 1, "load_time", "degraded", "keep_warm: [llama3.1:8b]"},
      {"crashes", [](auto& how) { how.failure = "llama-server process has terminated"; }, "llama3.1:8b", 2, "inference",
       "down", "ollama run llama3.1:8b"},
      {"a cloud model in local clothes", [](auto& how) { how.installed[0].name = "deepseek-v3.1:671b-cloud"; },
       "phi4:14b", 2, "models", "down", "ollama pull phi4:14b"},
      {"a cloud model by its source", [](auto& how) { how.installed[0].name = "gpt-oss:cloud"; }, "phi4:14b", 2,
       "models", "down", "ollama pull phi4:14b"},
      {"a cloud model under a name of its own", [](auto& how) { how.installed[0].remote_host = "https://ollama.com"; },
       "llama3.1:8b", 2, "models", "down", "OLLAMA_NO_CLOUD=1"},
  };
  return rows;
}

void expect_told(const told& t, const trouble& row, const char* how) {
  auto const about = std::string(row.what) + ", " + how + ": " + t.out + t.err;
  EXPECT_EQ(t.exit_code, row.exit_code) << about;
  ASSERT_TRUE(t.json.is_object()) << about;
  auto const found = worst(t, row.check);
  ASSERT_FALSE(found.is_null()) << about;
  EXPECT_EQ(found["state"], row.state) << about;
  if (row.exit_code == 0) return;
  EXPECT_FALSE(t.json["reasons"].empty()) << about;
  EXPECT_NE(found.value("fix", "").find(row.fix), std::string::npos) << about;
}

TEST(ReadinessCommand, TellsEachTroubleByStateReasonFixAndExitCode) {
  for (const auto& row : troubles()) {
    scripted_upstream server;
    living_options how;
    row.change(how);
    living_ollama const ollama(server, how);
    expect_told(ask_once(server.url(), row.model), row, "alone");
  }
}

TEST(ReadinessCommand, HasARunningDaemonTellTheSame) {
  for (const auto& row : troubles()) {
    world w;
    living_options how;
    row.change(how);
    living_ollama const ollama(w.ollama, how);
    world_options options;
    options.models = std::string("models: [{cloud: \"*\", local: \"") + row.model + "\"}]";
    w.start(options);
    auto const t = ask_daemon_of(w);
    expect_told(t, row, "by the daemon");
    EXPECT_EQ(t.err, "") << row.what;
    auto const readyz = get(w.daemon().admin_port(), "/readyz?tier=local");
    EXPECT_EQ(readyz.status, row.exit_code < 2 ? 200 : 503) << row.what;
    auto const last = json_of(get(w.daemon().admin_port(), "/api/readiness"));
    EXPECT_EQ(last["state"], t.json["state"]) << row.what;
    EXPECT_EQ(last["upstreams"][0]["tested_at"], t.upstream()["tested_at"]) << "GET tells of the last check";
    EXPECT_EQ(json_of(get(w.daemon().admin_port(), "/api/status"))["readiness"]["upstreams"][0]["checks"],
              t.upstream()["checks"])
        << row.what;
  }
}

void expect_fixes_of_silence_and_refusal(scripted_upstream& server, const std::function<told()>& ask) {
  server.on("/api/tags", silence());
  auto const hangs = ask();
  EXPECT_EQ(hangs.exit_code, 2) << hangs.out;
  EXPECT_NE(hangs.out.find("restart ollama"), std::string::npos) << hangs.out;
  server.stop();
  auto const stopped = ask();
  EXPECT_EQ(stopped.exit_code, 2) << stopped.out;
  EXPECT_NE(stopped.out.find("[FAIL] api"), std::string::npos) << stopped.out;
  EXPECT_NE(stopped.out.find("start ollama"), std::string::npos) << stopped.out;
}

TEST(ReadinessCommand, ToldFromAHungServerAStoppedOneHasAnotherFix) {
  scripted_upstream server;
  living_ollama const ollama(server);
  expect_fixes_of_silence_and_refusal(server, [&] { return ask_once(server.url(), "llama3.1:8b", false); });
}

TEST(ReadinessCommand, ToldByTheDaemonAHungServerIsNoStoppedOneEither) {
  world w;
  living_ollama const ollama(w.ollama);
  w.start();
  expect_fixes_of_silence_and_refusal(w.ollama, [&] { return ask({"--socket", socket_of(w)}); });
}

TEST(ReadinessCommand, WithoutADaemonChecksByItselfAndSaysSo) {
  scripted_upstream server;
  living_ollama const ollama(server);
  temporary_folder folder;
  auto const file =
      folder.write("tideover.yaml", "upstreams:\n  ollama: {tier: local, dialect: ollama, url: \"" + server.url() +
                                        "\"}\nadmin: {socket: \"" + folder.file("admin.sock") + "\"}\n");
  auto const t = ask({"--json", "-c", file});
  EXPECT_EQ(t.exit_code, 0) << t.out << t.err;
  EXPECT_EQ(t.json["state"], "ready");
  EXPECT_NE(t.err.find("made here, without it"), std::string::npos) << t.err;
}

TEST(ReadinessApi, TwoWhoAskAtOnceShareOneCheck) {
  world w;
  living_options how;
  gate opened;
  how.generate_until = opened;
  living_ollama const ollama(w.ollama, how);
  w.start();
  raw_client first(socket_of(w));
  first.request("POST", "/api/readiness", "{}", {{"Content-Type", "application/json"}});
  ASSERT_TRUE(eventually([&] { return ollama.order().size() == 1; }));
  EXPECT_EQ(json_of(get(w.daemon().admin_port(), "/api/readiness"))["checking"], true);
  raw_client second(socket_of(w));
  second.request("POST", "/api/readiness", "{}", {{"Content-Type", "application/json"}});
  raw_client hasty(socket_of(w));
  auto const told_now = hasty.post("/api/readiness", R"({"wait":"50ms"})", {{"Content-Type", "application/json"}});
  EXPECT_EQ(told_now.status, 200) << told_now.body;
  EXPECT_EQ(json_of(told_now)["checking"], true) << "whoever has no patience is told what is known";
  opened.open();
  auto const a = first.read_answer(), b = second.read_answer();
  EXPECT_EQ(json_of(a)["state"], "ready") << a.body;
  EXPECT_EQ(json_of(b)["state"], "ready") << b.body;
  EXPECT_EQ(json_of(b)["checking"], false);
  EXPECT_EQ(ollama.generations(), 2) << "one test and one try of a prefill, for all three";
}

TEST(ReadinessApi, AnEndOfTheDaemonIsNotHeldUpByACheck) {
  world w;
  living_options how;
  how.generate_until.emplace();  // never opens
  living_ollama const ollama(w.ollama, how);
  auto& daemon = w.start();
  raw_client asker(socket_of(w));
  asker.request("POST", "/api/readiness", "{}", {{"Content-Type", "application/json"}});
  ASSERT_TRUE(eventually([&] { return ollama.order().size() == 1; }));
  EXPECT_EQ(daemon.stop(), 0);
}

TEST(ReadinessApi, ItsTestTakesAPlaceAndDisturbsNobody) {
  world w;
  living_options how;
  gate opened;
  how.generate_until = opened;
  living_ollama const ollama(w.ollama, how);
  world_options options;
  options.local_more = ", concurrency: 1";
  options.workflows = "workflows: {default: {policy: local_only}}";
  w.start(options);
  auto caller = std::async(std::launch::async, [&] { return w.chat(); });
  ASSERT_TRUE(eventually([&] { return ollama.order().size() == 1; }));
  auto const meanwhile = ask_daemon_of(w);
  EXPECT_EQ(ollama.order().size(), 1u) << "a full house is not tested: " << meanwhile.out;
  opened.open();
  EXPECT_EQ(caller.get().status, 200);
  EXPECT_EQ(ask_daemon_of(w).exit_code, 0);
  EXPECT_EQ(ollama.most_at_once(), 1);
}

TEST(ReadinessApi, ARegularAskerDoesNotPushOutWhatOthersLoadedEveryTime) {
  world w;
  living_options how;
  how.installed[0].loaded = false;
  ollama::model other;
  other.name = "other:1b";
  how.installed.push_back(other);
  living_ollama ollama(w.ollama, how);
  w.start();
  EXPECT_EQ(ask_daemon_of(w).exit_code, 0);
  EXPECT_EQ(ollama.loads(), 1) << "what was never tested is tested";
  ollama.unload("llama3.1:8b");
  EXPECT_EQ(ask_daemon_of(w).exit_code, 0);
  EXPECT_EQ(ollama.loads(), 1);
}

TEST(ReadinessApi, IsOrderedStrictlyAndNotByEverybody) {
  world w;
  w.start();
  raw_client client(socket_of(w));
  field_list const json{{"Content-Type", "application/json"}};
  for (auto const* body : {R"({"wait":"1d"})", R"({"wait":30})", R"({"wait":"0s"})", R"({"now":true})"}) {
    auto const answer = client.post("/api/readiness", body, json);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(json_of(answer)["error"]["code"], "bad_order") << answer.body;
  }
  EXPECT_EQ(post(w.daemon().admin_port(), "/api/readiness", "{}", json).status, 403) << "a check costs time of the GPU";
}

TEST(Readiness, ChangesAreInTheJournalAndTheEventFeed) {
  world w;
  living_ollama const ollama(w.ollama);
  auto& daemon = w.start();
  ASSERT_EQ(ask_daemon_of(w).exit_code, 0);
  raw_client listener(socket_of(w));
  listener.request("GET", "/api/events");
  ASSERT_EQ(listener.read_head().status, 200);
  w.ollama.stop();
  EXPECT_EQ(ask_daemon_of(w).exit_code, 2);
  std::optional<nlohmann::json> down;
  while (!down) {
    auto const event = listener.next_event();
    if (!event) break;
    auto const data = nlohmann::json::parse(event->data, nullptr, false);
    if (event->name == "readiness" && data["state"] == "down") down = data;
  }
  ASSERT_TRUE(down);
  EXPECT_FALSE((*down)["reasons"].empty());
  nlohmann::json kept;
  ASSERT_TRUE(eventually([&] {
    std::ifstream lines(daemon.folder().file("state/events.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      auto const entry = nlohmann::json::parse(line, nullptr, false);
      if (entry.value("event", "") == "readiness" && entry.value("state", "") == "down") kept = entry;
    }
    return !kept.is_null();
  }));
  EXPECT_EQ(kept["upstream"], "ollama");
  EXPECT_NE(kept["why"].get<std::string>().find("cannot be connected to"), std::string::npos) << kept;
  EXPECT_NE(kept["fix"].get<std::string>().find("start ollama"), std::string::npos) << kept;
}

TEST(ReadinessCommand, ABadConfigurationIsNoStateOfTheTier) { EXPECT_EQ(ask_once("not a url").exit_code, 78); }

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

/// A server that lists its models and closes every real request: callers know, so must whoever looks at the status.
TEST(RequestsThatFail, MakeTheLocalTierDegradedUntilOneSucceeds) {
  world w;
  auto const health = [&] { return json_of(get(w.daemon().admin_port(), "/api/status")).value("health", ""); };
  w.start();
  expect_local(post(w.port(), "/w/legal/v1/chat/completions", chat_body), "policy");
  EXPECT_TRUE(eventually([&] { return health() == "ok"; }));
  w.ollama.on("/api/chat", hang_up());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(post(w.port(), "/w/legal/v1/chat/completions", chat_body).status, 503);
  EXPECT_EQ(health(), "ok") << "twice is an accident";
  EXPECT_EQ(post(w.port(), "/w/legal/v1/chat/completions", chat_body).status, 503);
  EXPECT_TRUE(eventually([&] { return health() == "degraded"; }));
  // And it is looked at soon, not in five minutes: then it is known that nothing works.
  EXPECT_TRUE(eventually([&] { return get(w.daemon().admin_port(), "/readyz?tier=local").status == 503; }));
  auto const told = json_of(get(w.daemon().admin_port(), "/api/readiness"));
  EXPECT_NE(told.dump().find("real requests fail"), std::string::npos) << told;
  serve_ollama(w.ollama);
  expect_local(post(w.port(), "/w/legal/v1/chat/completions", chat_body), "policy");
  EXPECT_TRUE(eventually([&] { return health() == "ok"; })) << get(w.daemon().admin_port(), "/api/readiness").body;
}

TEST(RequestsThatFail, SayNothingOfTheServerWhereTheyAreAtFault) {
  world w;
  world_options options;
  options.models = "models: [{cloud: \"absent*\", local: \"phi4:14b\"}, {cloud: \"*\", local: \"llama3.1:8b\"}]";
  w.start(options);
  expect_local(post(w.port(), "/w/legal/v1/chat/completions", chat_body), "policy");
  w.ollama.on("/api/chat", reply(400, R"({"error":"no"})"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(post(w.port(), "/w/legal/v1/chat/completions", chat_body).status, 400);
  auto const told = json_of(get(w.daemon().admin_port(), "/api/readiness"));
  EXPECT_EQ(told.dump().find("real requests fail"), std::string::npos) << told;
}

}  // namespace
}  // namespace tideover::test
