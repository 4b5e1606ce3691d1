// Another configuration while the daemon serves: all of it or nothing, and nobody's request is lost for it.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

/// Writes another file under the daemon and asks for a reload over TCP, with the token that every world here has.
struct reloading_world : world {
  world_options options;

  reloading_world() {
    options.admin_more = ", token: {env: TOKEN}";
    options.environment = {{"TOKEN", "opensesame"}, {"STATE_DIRECTORY", state.path()}};
  }
  void begin() { start(options); }
  void write(const std::string& text) { std::ofstream(daemon().folder().path() + "/tideover.yaml") << text; }
  http_answer ask_for_reload() {
    return post(daemon().admin_port(), "/api/reload", "{}",
                {{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}});
  }
  nlohmann::json reload() {
    write(yaml(options));
    auto const answer = ask_for_reload();
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json_of(answer);
  }
  nlohmann::json status() { return json_of(get(daemon().admin_port(), "/api/status")); }
  std::vector<nlohmann::json> journal() {
    std::vector<nlohmann::json> lines;
    std::ifstream file(state.path() + "/events.jsonl");
    for (std::string line; std::getline(file, line);) {
      auto read = nlohmann::json::parse(line, nullptr, false);
      if (read.is_object() && read.value("event", "") == "reload") lines.push_back(std::move(read));
    }
    return lines;
  }

  temporary_folder state;
};

TEST(AReload, IsInForceForTheNextRequestAndSaysWhatChanged) {
  reloading_world w;
  w.begin();
  raw_client kept(w.port());  // one connection through it all
  expect_cloud(kept.post("/v1/chat/completions", chat_body));
  w.options.workflows = "workflows: {default: {policy: local_only}, sales: {policy: cloud_first}}";
  auto const told = w.reload();
  EXPECT_EQ(told["ok"], true);
  EXPECT_EQ(told["restart_needed"], nlohmann::json::array());
  auto const changed = nlohmann::json::parse(R"([
    {"key":"workflows.default.policy","change":"changed","from":"cloud_first","to":"local_only"},
    {"key":"workflows.legal.policy","change":"removed","from":"local_only"},
    {"key":"workflows.sales.policy","change":"added","to":"cloud_first"}])");
  EXPECT_EQ(told["changed"], changed);
  auto const clouds = w.openai.requests().size();
  expect_local(kept.post("/v1/chat/completions", chat_body), "policy");
  EXPECT_EQ(kept.post("/w/legal/v1/chat/completions", chat_body).status, 400) << "there is no such workflow any more";
  EXPECT_EQ(w.openai.requests().size(), clouds);

  EXPECT_EQ(w.status()["config"]["last_reload"]["ok"], true);
  EXPECT_EQ(w.daemon().metric("tideover_config_last_reload_successful"), 1);
  EXPECT_TRUE(eventually([&] { return w.journal().size() == 1; }));
  EXPECT_EQ(w.journal().at(0)["changed"], changed);
  EXPECT_EQ(w.journal().at(0)["ok"], true);
}

TEST(AReload, OfTheSameFileChangesNothing) {
  reloading_world w;
  w.begin();
  EXPECT_EQ(w.reload()["changed"], nlohmann::json::array());
  expect_cloud(w.chat());
}

TEST(ABadFile, ChangesNothingAndIsReported) {
  reloading_world w;
  w.begin();
  w.write("workflows:\n  default: {policy: cloud_frist}\nlimts: {}\n");
  auto const answer = w.ask_for_reload();
  EXPECT_EQ(answer.status, 422);
  auto const told = json_of(answer);
  EXPECT_EQ(told["error"]["code"], "bad_configuration");
  ASSERT_EQ(told["problems"].size(), 2U) << told;
  EXPECT_EQ(told["problems"][0]["line"], 2);
  EXPECT_EQ(told["problems"][0]["column"], 21);
  EXPECT_EQ(told["problems"][0]["key"], "workflows.default.policy");
  EXPECT_NE(told["problems"][0]["message"].get<std::string>().find("did you mean cloud_first?"), std::string::npos);
  EXPECT_EQ(told["problems"][1]["key"], "limts");
  expect_cloud(w.chat());

  auto const last = w.status()["config"]["last_reload"];
  EXPECT_EQ(last["ok"], false);
  EXPECT_NE(last["problem"].get<std::string>().find("cloud_frist"), std::string::npos);
  EXPECT_EQ(w.daemon().metric("tideover_config_last_reload_successful"), 0);
  EXPECT_TRUE(eventually([&] { return w.journal().size() == 1; }));
  EXPECT_EQ(w.journal().at(0)["ok"], false);
  w.reload();
  EXPECT_EQ(w.daemon().metric("tideover_config_last_reload_successful"), 1);
}

TEST(AReload, NeedsTheTokenOverTcp) {
  reloading_world w;
  w.begin();
  EXPECT_EQ(post(w.daemon().admin_port(), "/api/reload", "{}", {{"Content-Type", "application/json"}}).status, 401);
  EXPECT_EQ(get(w.daemon().admin_port(), "/api/reload").status, 405);
}

TEST(Sighup, ReloadsToo) {
  reloading_world w;
  w.begin();
  w.options.workflows = "workflows: {default: {policy: local_only}}";
  w.write(w.yaml(w.options));
  w.daemon().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return w.journal().size() == 1; }));
  EXPECT_EQ(w.journal().at(0)["who"], "SIGHUP");
  expect_local(w.chat(), "policy");
}

TEST(AStreamUnderWay, EndsAsItBegan) {
  reloading_world w;
  gate more;
  w.openai.once("/v1/chat/completions", stream_gated(openai::chat_events({}), 2, more));
  w.begin();
  raw_client caller(w.port());
  caller.request("POST", "/v1/chat/completions", chat_stream_body);
  ASSERT_EQ(caller.read_head().status, 200);
  ASSERT_TRUE(caller.next_event());
  // The cloud it comes from is no longer there, and neither is the model table.
  w.options.workflows = "workflows: {default: {policy: local_only}}";
  w.options.openai_url = "http://127.0.0.1:9";
  w.options.models = "models: [{cloud: \"*\", local: \"another:1b\"}]";
  w.reload();
  more.open();
  std::string last;
  while (auto const event = caller.next_event()) last = event->data;
  EXPECT_EQ(last, "[DONE]");
  EXPECT_EQ(caller.ended(), io::ok);
}

/// The worker's memory for heads grows while an exchange waits for an answer that it will read into it. The old piece
/// is so large that it goes back to the system at once: whoever still writes to it ends the process.
TEST(ALargerHead, MayBeAllowedWhileAnAnswerIsWaitedFor) {
  reloading_world w;
  gate answer;
  w.openai.once("/v1/chat/completions", [&](served_connection& c, const recorded_request&) {
    c.wait(answer);
    c.answer(200, openai::chat({}));
  });
  w.options.more = "limits: {request_head: 8MiB}\n";
  w.begin();
  raw_client caller(w.port());
  caller.request("POST", "/v1/chat/completions", chat_body);
  ASSERT_TRUE(w.openai.wait_for_requests(1));
  w.options.more = "limits: {request_head: 16MiB}\n";
  w.reload();
  answer.open();
  expect_cloud(caller.read_answer());
}

TEST(ARequestThatWaits, IsJudgedByTheRulesItCameUnder) {
  reloading_world w;
  gate answer;
  w.openai.once("/v1/chat/completions", [&](served_connection& c, const recorded_request&) {
    c.wait(answer);
    c.answer(500, openai::error("down", "server_error"));
  });
  w.begin();
  raw_client caller(w.port());
  caller.request("POST", "/v1/chat/completions", chat_body);
  ASSERT_TRUE(w.openai.wait_for_requests(1));
  w.options.workflows = "workflows: {default: {policy: cloud_only}}";
  w.reload();
  answer.open();
  expect_local(caller.read_answer(), "server_error");  // cloud_first, as it was when this came
}

TEST(ARequestThatIsStillComingIn, HearsOfAContingencyThatBeganAfterAReload) {
  reloading_world w;
  w.begin();
  raw_client slow(w.port());
  slow.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(chat_body.size()) + "\r\nExpect: 100-continue\r\n\r\n");
  std::string go_on;
  ASSERT_EQ(slow.raw().read_some(go_on), io::ok);  // its exchange has begun
  ASSERT_NE(go_on.find("100 Continue"), std::string::npos) << go_on;
  w.options.workflows = "workflows: {default: {policy: cloud_first}, sales: {policy: cloud_first}}";
  w.reload();
  raw_client admin(w.daemon().admin_port());
  admin.request("PUT", "/api/contingency", R"({"workflows":["default"],"reason":"outage"})",
                {{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}});
  ASSERT_EQ(admin.read_answer().status, 200);
  slow.send(chat_body);
  expect_local(slow.read_answer(), "contingency");
  EXPECT_EQ(w.openai.requests().size(), 0U);
}

TEST(ALocalOnlyRequestThatWaits, IsKeptFromTheCloudWhateverIsReloadedMeanwhile) {
  reloading_world w;
  gate answer;
  auto const fail_later = [&](served_connection& c, const recorded_request&) {
    c.wait(answer);
    c.answer(500, ollama::error(500, "out of memory"));
  };
  for (int i = 0; i < 3; ++i) w.ollama.once("/api/chat", fail_later);
  w.options.workflows = "workflows: {default: {policy: local_only}, legal: {policy: local_only}}";
  w.begin();
  raw_client caller(w.port());
  caller.request("POST", "/v1/chat/completions", chat_body);
  ASSERT_TRUE(w.ollama.wait_for_requests(1));
  ASSERT_TRUE(eventually([&] { return !w.local_generations().empty(); }));
  // Now everybody else may go there, and the workflow of this one is no more.
  w.options.workflows = "workflows: {default: {policy: cloud_first}}";
  w.reload();
  answer.open();
  auto const refused = caller.read_answer();
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.field("X-Tideover-Failover"), "policy");
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
}

TEST(ListenersThatCome, AndGo) {
  reloading_world w;
  w.options.listen = "listen: [{address: \"127.0.0.1:0\"}]";
  w.begin();
  raw_client old(w.port());
  expect_cloud(old.post("/v1/chat/completions", chat_body));
  auto const stays = w.port();
  w.options.listen = "listen: [{address: \"127.0.0.1:0\"}, {address: \"[::1]:0\"}]";
  w.reload();
  auto listeners = w.status()["listeners"]["proxy"];
  ASSERT_EQ(listeners.size(), 2U) << listeners;
  EXPECT_EQ(listeners[0], "127.0.0.1:" + std::to_string(stays)) << "the same socket goes on";
  expect_cloud(old.post("/v1/chat/completions", chat_body));
  w.options.listen = "listen: [{address: \"127.0.0.1:0\"}]";
  w.reload();
  listeners = w.status()["listeners"]["proxy"];
  ASSERT_EQ(listeners.size(), 1U);
  expect_cloud(old.post("/v1/chat/completions", chat_body));

  // Now the address goes at which `old` came in: it is told so, and not cut.
  w.options.listen = "listen: [{address: \"127.0.0.2:0\"}]";
  w.reload();
  std::string rest;
  EXPECT_EQ(old.read_to_end(rest), io::end);
  EXPECT_EQ(rest, "");
  EXPECT_TRUE(eventually([&] {
    try {
      raw_client const late(stays);
      return false;
    } catch (const std::exception&) {
      return true;  // nobody listens there any more
    }
  }));
}

TEST(APortInUse, ChangesNothing) {
  reloading_world w;
  scripted_upstream somebody;
  w.begin();
  auto const taken = "127.0.0.1:" + std::to_string(somebody.port());
  w.options.listen = "listen: [{address: \"127.0.0.1:0\"}, {address: \"" + taken + "\"}]";
  w.options.workflows = "workflows: {default: {policy: local_only}}";
  w.write(w.yaml(w.options));
  auto const answer = w.ask_for_reload();
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(json_of(answer)["error"]["code"], "cannot_apply");
  EXPECT_NE(answer.body.find("cannot listen on " + taken), std::string::npos);
  expect_cloud(w.chat());
}

TEST(TheAdminDoor, TakesAnotherTokenAndAnotherAddress) {
  reloading_world w;
  w.options.environment["OTHER"] = "anothertoken1";
  w.begin();
  w.options.admin_more = ", token: {env: OTHER}";
  w.reload();
  EXPECT_EQ(w.ask_for_reload().status, 401);
  EXPECT_EQ(post(w.daemon().admin_port(), "/api/reload", "{}",
                 {{"Content-Type", "application/json"}, {"Authorization", "Bearer anothertoken1"}})
                .status,
            200);
}

TEST(WhatIsKnownOfAnUpstream, SurvivesAReload) {
  reloading_world w;
  w.options.breaker = "{failures_to_open: 1, open_for: 60s}";
  w.begin();
  w.openai.once("/v1/chat/completions", reply(500, openai::error("down", "server_error")));
  expect_local(w.chat(), "server_error");
  expect_local(w.chat(), "breaker_open");
  w.options.workflows = "workflows: {default: {policy: cloud_first}, sales: {policy: cloud_first}}";
  w.reload();
  expect_local(w.chat(), "breaker_open");
  EXPECT_EQ(w.daemon().metric("tideover_breaker_state", {R"(upstream="openai")", R"(state="open")"}), 1);
}

TEST(WhatIsKnownOfALocalServer, SurvivesAReloadThatChangesSomethingAboutIt) {
  reloading_world w;
  w.begin();
  field_list const right{{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}};
  auto const tested = json_of(post(w.daemon().admin_port(), "/api/readiness", "{}", right));
  ASSERT_EQ(tested["checking"], false) << tested;
  auto const shows = w.ollama.requests_to("/api/show").size();
  ASSERT_GT(shows, 0U);
  w.options.local_more = ", concurrency: 3, readiness: {max_load_time: 5m}";
  ASSERT_FALSE(w.reload()["changed"].empty());
  auto const after = json_of(get(w.daemon().admin_port(), "/api/readiness"));
  EXPECT_EQ(after["upstreams"][0]["tested_at"], tested["upstreams"][0]["tested_at"]);
  EXPECT_EQ(after["state"], tested["state"]);
  w.openai.stop();
  expect_local(w.chat(), "connect");
  (void)post(w.daemon().admin_port(), "/api/readiness", "{}", right);  // asks the server what it has
  EXPECT_EQ(w.ollama.requests_to("/api/show").size(), shows) << "nothing was learnt anew";
}

TEST(ContingencyOfAnOperator, SurvivesAReloadAndThatOfTheFileFollowsIt) {
  reloading_world w;
  w.begin();
  EXPECT_EQ(raw_client(w.daemon().admin_port()).get("/api/contingency").status, 200);
  raw_client admin(w.daemon().admin_port());
  admin.request("PUT", "/api/contingency", R"({"workflows":["default"],"reason":"outage"})",
                {{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}});
  ASSERT_EQ(admin.read_answer().status, 200);
  expect_local(w.chat(), "contingency");
  w.options.workflows = "workflows: {default: {policy: cloud_first}, sales: {policy: cloud_first}}";
  w.options.more = "contingency: {workflows: [sales]}\n";
  w.reload();
  expect_local(w.chat(), "contingency");
  expect_local(w.chat({{"X-Tideover-Workflow", "sales"}}), "contingency");
  w.options.more.clear();
  w.reload();
  expect_local(w.chat(), "contingency");
  expect_cloud(w.chat({{"X-Tideover-Workflow", "sales"}}));
}

/// Two tables that differ in everything that an answer shows. Whoever was served under both at once would show a mix.
TEST(ManyReloadsUnderManyStreams, NobodyIsLostAndNobodyIsServedByAMix) {
  char const* const rounds = std::getenv("TIDEOVER_RELOADS");
  int const reloads = rounds ? std::atoi(rounds) : 40;
  int const callers = rounds ? 100 : 24;
  reloading_world w;
  serve_ollama(w.ollama, {ollama::model{}, ollama::model{.name = "phi4:14b", .digest = std::string(64, 'b')}});
  auto const first = w.options;
  auto second = w.options;
  second.models = "models: [{cloud: \"*\", local: \"phi4:14b\"}]";
  second.workflows = "workflows: {default: {policy: local_only}}";
  second.listen = "listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}]";
  w.options.local_more = second.local_more = ", concurrency: 64, queue: {limit: 1000}";
  auto first_now = w.options;
  w.begin();

  std::atomic<bool> over{false};
  std::atomic<int> served{0}, by_cloud{0}, by_local{0};
  std::vector<std::string> wrong;
  std::mutex guard;
  auto const note = [&](const std::string& what) {
    std::lock_guard const lock(guard);
    wrong.push_back(what);
  };
  std::vector<std::thread> all;
  for (int i = 0; i < callers; ++i)
    all.emplace_back([&, i] {
      bool const streams = i % 2 == 0;
      while (!over) {
        raw_client caller(w.port());
        for (int n = 0; n < 20 && !over; ++n) {
          auto const answer = caller.post("/v1/chat/completions", streams ? chat_stream_body : chat_body);
          if (answer.status != 200 || !answer.complete()) {
            note("status " + std::to_string(answer.status) + " " + answer.body);
            break;
          }
          ++served;
          auto const tier = answer.field("X-Tideover-Tier");
          auto const model = answer.field("X-Tideover-Model");
          auto const text = text_of(answer.body);
          if (tier == "cloud" && text == cloud_text)
            ++by_cloud;
          else if (tier == "local" && text == local_text && model == "phi4:14b" &&
                   answer.field("X-Tideover-Failover") == "policy")
            ++by_local;
          else
            note("a mix: " + tier + " " + model + " " + answer.field("X-Tideover-Failover") + " " + text);
          if (answer.field("Connection") == "close") break;
        }
      }
    });
  for (int i = 0; i < reloads; ++i) {
    w.options = i % 2 == 0 ? second : first_now;
    w.reload();
    int const before = served;
    EXPECT_TRUE(eventually([&] { return served > before + callers / 4; }));
  }
  over = true;
  for (auto& t : all) t.join();
  EXPECT_TRUE(wrong.empty()) << wrong.size() << " of " << served << ", such as " << wrong.front();
  EXPECT_GT(by_cloud, 0);
  EXPECT_GT(by_local, 0);
  RecordProperty("served", served);
  std::printf("%d reloads, %d requests (%d by the cloud, %d local)\n", reloads, served.load(), by_cloud.load(),
              by_local.load());
}

/// An editor that truncates before it writes, or a hand that slipped: `local_only` must not become `cloud_first`.
TEST(AFileThatSaysNothingAnyMore, BringsNoDefaultsIntoForce) {
  for (const char* text : {"", " \n\n", "# all of it is a comment now\n", "---\n"}) {
    SCOPED_TRACE(text);
    reloading_world w;
    w.options.workflows = "workflows: {default: {policy: local_only}}";
    w.begin();
    w.write(text);
    auto const answer = w.ask_for_reload();
    EXPECT_EQ(answer.status, 422);
    EXPECT_NE(answer.body.find("says nothing any more"), std::string::npos) << answer.body;
    expect_local(w.chat(), "policy");
    EXPECT_EQ(w.openai.connections(), 0U);
    EXPECT_TRUE(eventually([&] { return w.journal().size() == 1; }));
    EXPECT_EQ(w.journal().at(0)["ok"], false);
  }
}

TEST(AFileThatIsGone, BringsNoDefaultsIntoForce) {
  temporary_folder const home;
  std::filesystem::create_directory(home.file("tideover"));
  reloading_world w;
  w.options.workflows = "workflows: {default: {policy: local_only}}";
  auto const file = home.write("tideover/tideover.yaml", w.yaml(w.options));
  auto environment = w.options.environment;
  environment["XDG_CONFIG_HOME"] = home.path();
  daemon_process d({.yaml = "", .environment = environment, .arguments = {}});
  ASSERT_TRUE(d.serves()) << d.all_output();
  std::filesystem::remove(file);
  auto const answer = post(d.admin_port(), "/api/reload", "{}",
                           {{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}});
  EXPECT_EQ(answer.status, 422) << answer.body;
  expect_local(post(d.port(), "/v1/chat/completions", chat_body), "policy");
}

TEST(AnEmptyFile, IsLoudAtTheStartAndEmptyOnPurposeIsNot) {
  for (const char* text : {"# nothing\n", "{}\n"}) {
    SCOPED_TRACE(text);
    daemon_process d(
        {.yaml = text, .environment = {}, .arguments = {"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}});
    ASSERT_TRUE(d.serves()) << d.all_output();
    EXPECT_EQ(d.standard_error().find("says nothing") != std::string::npos, text[0] == '#') << d.standard_error();
  }
}

}  // namespace
}  // namespace tideover::test
