// The commands that talk to a running daemon: what they print, where, and with which exit code.
#include <sys/resource.h>

#include <fstream>

#include "integration/world.hpp"
#include "support/run_program.hpp"
#include "support/socket_server.hpp"

namespace tideover::test {
namespace {

/// Until the local tier was looked at, the daemon counts as degraded.
void wait_for_local(world& w) {
  EXPECT_TRUE(eventually([&] { return get(w.daemon().admin_port(), "/readyz?tier=local").status == 200; }));
}

std::string socket_of(world& w) { return w.daemon().folder().file("admin.sock"); }

TEST(ContingencyCommand, SwitchesOnShowsAndLifts) {
  world w;
  w.start();
  auto const on = run_tideover({"contingency", "on", "--workflow", "default", "--for", "2h", "--reason",
                                "outage at the provider", "--socket", socket_of(w)});
  EXPECT_EQ(on.exit_code, 0) << on.err;
  EXPECT_NE(on.out.find("contingency is ON for default"), std::string::npos) << on.out;
  EXPECT_NE(on.out.find("outage at the provider"), std::string::npos);
  EXPECT_EQ(on.err, "");
  expect_local(w.chat(), "contingency");

  auto const shown = run_tideover({"contingency", "status", "--json", "--socket", socket_of(w)});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(shown.out)["sources"][0]["workflow"], "default");
  EXPECT_EQ(run_tideover({"status", "--socket", socket_of(w)}).exit_code, 11);

  auto const off = run_tideover({"contingency", "off", "--socket", socket_of(w)});
  EXPECT_EQ(off.exit_code, 0);
  EXPECT_NE(off.out.find("lifted for default\ncontingency is off"), std::string::npos) << off.out;
  expect_cloud(w.chat());
}

TEST(ContingencyCommand, NamesWhatTheEnvironmentImposes) {
  world w;
  world_options options;
  options.environment = {{"TIDEOVER_CONTINGENCY", "all"}};
  w.start(options);
  auto const off = run_tideover({"contingency", "off", "--socket", socket_of(w)});
  EXPECT_EQ(off.exit_code, 0);
  EXPECT_NE(off.out.find("unset TIDEOVER_CONTINGENCY"), std::string::npos) << off.out;
}

TEST(ContingencyCommand, AboutAnUnknownWorkflowSaysWhichExist) {
  world w;
  w.start();
  auto const wrong =
      run_tideover({"contingency", "on", "--workflow", "lgal", "--reason", "x", "--socket", socket_of(w)});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.err.find("did you mean `legal`"), std::string::npos) << wrong.err;
  EXPECT_EQ(wrong.out, "");
}

TEST(StatusCommand, ExitsWithZeroTenOrOne) {
  world w;
  world_options options;
  options.breaker = "{failures_to_open: 1}";
  w.start(options);
  wait_for_local(w);
  expect_cloud(w.chat());
  auto const fine = run_tideover({"status", "--socket", socket_of(w)});
  EXPECT_EQ(fine.exit_code, 0) << fine.out << fine.err;
  EXPECT_NE(fine.out.find("contingency is off"), std::string::npos);
  w.openai.stop();
  expect_local(w.chat(), "connect");
  auto const degraded = run_tideover({"status", "--socket", socket_of(w)});
  EXPECT_EQ(degraded.exit_code, 10);
  EXPECT_NE(degraded.out.find("breaker open (connect), is tried again in "), std::string::npos) << degraded.out;
  auto const json = run_tideover({"status", "--json", "--socket", socket_of(w)});
  EXPECT_EQ(json.exit_code, 10);
  EXPECT_EQ(nlohmann::json::parse(json.out)["health"], "degraded");
  w.daemon().stop();
  auto const gone = run_tideover({"status", "--socket", socket_of(w)});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_NE(gone.err.find("Tideover does not run"), std::string::npos) << gone.err;
  EXPECT_EQ(gone.out, "");
}

// What each state looks like is a matter of tests/unit/app; this is that the daemon tells them.
TEST(StatusCommand, ShowsWhatIsInTheWayAsItComes) {
  world w;
  world_options options;
  w.start(options);
  wait_for_local(w);
  auto const shows = [&](const std::string& text) {
    std::string last;
    return eventually([&] {
      last = run_tideover({"status", "--socket", socket_of(w)}).out;
      return last.find(text) != std::string::npos;
    })
               ? testing::AssertionSuccess()
               : testing::AssertionFailure() << "no `" << text << "` in\n"
                                             << last;
  };
  EXPECT_TRUE(shows("OK           the cloud answers, and the local tier is ready to stand in\n"));
  w.openai.on("/v1/chat/completions",
              reply(429, openai::error("Slow", "requests", "rate_limit_exceeded"), {{"Retry-After", "300"}}));
  expect_local(w.chat({{"Authorization", "Bearer a"}}), "rate_limited");
  EXPECT_TRUE(shows("gpt-4o-mini: rests (rate_limited), is tried again in 4 min "));
  EXPECT_TRUE(shows(", for 1 key\n"));

  w.daemon().folder().write("tideover.yaml", "log: {levle: info}\n");
  EXPECT_EQ(run_tideover({"reload", "--socket", socket_of(w)}).exit_code, 78);
  EXPECT_TRUE(shows("reload       FAILED "));
  rlimit const full{.rlim_cur = 1, .rlim_max = RLIM_INFINITY};  // of files: what a full disk does
  ASSERT_EQ(::prlimit(w.daemon().pid(), RLIMIT_FSIZE, &full, nullptr), 0);
  EXPECT_EQ(run_tideover({"contingency", "on", "--reason", "x", "--socket", socket_of(w)}).exit_code, 0);
  EXPECT_TRUE(shows("CONTINGENCY  no cloud is asked for everything: the local tier answers\n"));
  EXPECT_TRUE(shows("journal      NOT WRITTEN: "));
  EXPECT_TRUE(shows("This would not survive a restart: "));
  w.ollama.stop();
  EXPECT_EQ(run_tideover({"readiness", "--socket", socket_of(w)}).exit_code, 2);
  EXPECT_TRUE(shows("CONTINGENCY  no cloud is asked for everything, and the local tier is down: requests fail\n"));
  EXPECT_TRUE(shows("local        Ollama     DOWN  "));
}

TEST(StatusCommand, TakesTheSocketFromTheConfiguration) {
  world w;
  temporary_folder const folder;
  w.start();
  wait_for_local(w);
  auto const file = folder.write("t.yaml", "admin: {socket: \"" + socket_of(w) + "\"}\n");
  EXPECT_EQ(run_tideover({"status", "--config", file}).exit_code, 0);
}

TEST(Demo, TellsAStoryInWhichEveryStepHappensAndServesOn) {
  daemon_process demo(
      {.yaml = "", .environment = {}, .arguments = {"--demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}});
  ASSERT_TRUE(demo.serves()) << demo.all_output();  // it says so only once the story went well
  auto const said = demo.standard_output();
  EXPECT_NE(said.find("Every step happened."), std::string::npos) << said;
  EXPECT_NE(said.find("X-Tideover-Failover: connect"), std::string::npos) << said;
  EXPECT_EQ(said.find("FAILED"), std::string::npos) << said;
  auto const served_on = post(demo.port(), "/v1/chat/completions", chat_body);
  EXPECT_EQ(served_on.field("x-tideover-upstream"), "stand-in-cloud");
  EXPECT_NE(text_of(served_on.body).find("stand-in cloud"), std::string::npos) << served_on.body;
  EXPECT_EQ(demo.stop(), 0);
}

TEST(ReloadCommand, PutsAGoodFileIntoForceAndShowsWhatIsWrongWithABadOne) {
  world w;
  world_options options;
  w.start(options);
  expect_cloud(w.chat());
  auto const same = run_tideover({"reload", "--socket", socket_of(w)});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_NE(same.out.find(": nothing changed\n"), std::string::npos) << same.out;

  options.workflows = "workflows: {default: {policy: local_only}, legal: {policy: local_only}}";
  w.daemon().folder().write("tideover.yaml", w.yaml(options));
  auto const changed = run_tideover({"reload", "--socket", socket_of(w)});
  EXPECT_EQ(changed.exit_code, 0) << changed.err;
  EXPECT_NE(changed.out.find("  workflows.default.policy: cloud_first -> local_only\n"), std::string::npos)
      << changed.out;
  expect_local(w.chat(), "policy");

  options.workflows = "workflows: {default: {polcy: cloud_first}}";
  w.daemon().folder().write("tideover.yaml", w.yaml(options));
  auto const bad = run_tideover({"reload", "--socket", socket_of(w)});
  EXPECT_EQ(bad.exit_code, 78);
  EXPECT_EQ(bad.out, "");
  EXPECT_NE(bad.err.find("error: workflows.default.polcy: unknown key; did you mean `policy`?\n"), std::string::npos)
      << bad.err;
  auto const checked = run_tideover({"check", "--config", w.daemon().folder().file("tideover.yaml")},
                                    {{"TMPDIR", w.daemon().folder().path()}});
  EXPECT_TRUE(bad.err.starts_with(checked.err)) << bad.err << "\nbut check says\n" << checked.err;
  expect_local(w.chat(), "policy");
}

// What the daemon may say to POST /api/reload, said by a stand-in: the real one says the rarer of it hardly ever.
TEST(ReloadCommand, ShowsWhatChanged) {
  temporary_folder const folder;
  socket_server const daemon(folder.file("s"), 200,
                             R"({"ok":true,"source":"/etc/tideover/tideover.yaml","changed":[{"key":"workflows.legal)"
                             R"(.policy","change":"changed","from":"cloud_first","to":"local_only"}],)"
                             R"("restart_needed":["workers"]})");
  auto const told = run_tideover({"reload", "--socket", daemon.path()});
  EXPECT_EQ(told.exit_code, 0) << told.err;
  EXPECT_EQ(told.out,
            "reloaded /etc/tideover/tideover.yaml: 1 change\n  workflows.legal.policy: cloud_first -> local_only\n"
            "In force only after a restart (systemctl restart tideover): workers\n");
  EXPECT_EQ(told.err, "");
  ASSERT_EQ(daemon.requests().size(), 1U);
  EXPECT_TRUE(daemon.requests()[0].starts_with("POST /api/reload HTTP/1.1\r\n")) << daemon.requests()[0];
  EXPECT_NE(daemon.requests()[0].find("Content-Type: application/json\r\n"), std::string::npos);
  auto const json = run_tideover({"reload", "--json", "--socket", daemon.path()});
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(json.out)["changed"][0]["to"], "local_only");
}

TEST(ReloadCommand, ShowsProblemsAsCheckDoes) {
  temporary_folder const folder;
  socket_server const daemon(folder.file("s"), 422,
                             R"({"error":{"code":"bad_configuration","message":"2 problems"},"problems":[)"
                             R"({"file":"/f.yaml","line":3,"column":5,"key":"log.levle","message":"unknown key"},)"
                             R"({"key":"$TIDEOVER_LISTEN","message":"no address"}]})");
  auto const told = run_tideover({"reload", "--socket", daemon.path()});
  EXPECT_EQ(told.exit_code, 78);
  EXPECT_EQ(told.out, "");
  EXPECT_TRUE(told.err.starts_with(
      "/f.yaml:3:5: error: log.levle: unknown key\nerror: $TIDEOVER_LISTEN: no address\ntideover: nothing changed"))
      << told.err;
  auto const json = run_tideover({"reload", "--json", "--socket", daemon.path()});
  EXPECT_EQ(json.exit_code, 78);
  EXPECT_EQ(nlohmann::json::parse(json.out)["problems"].size(), 2U);
}

TEST(ReloadCommand, ShowsTheWarningsOfAGoodFile) {
  temporary_folder const folder;
  socket_server const daemon(folder.file("s"), 200,
                             R"({"ok":true,"source":"/f","changed":[],"restart_needed":[],"problems":[{"severity":)"
                             R"("warning","file":"/f","line":1,"column":2,"key":"a","message":"is odd"}]})");
  auto const told = run_tideover({"reload", "--socket", daemon.path()});
  EXPECT_EQ(told.exit_code, 0);
  EXPECT_EQ(told.out, "reloaded /f: nothing changed\n");
  EXPECT_EQ(told.err, "/f:1:2: warning: a: is odd\n");
}

TEST(ReloadCommand, IsNotTakenInByWhatIsNoDaemon) {
  temporary_folder const folder;
  socket_server const other(folder.file("s"), 200, "<html>hello</html>");
  auto const told = run_tideover({"reload", "--socket", other.path()});
  EXPECT_EQ(told.exit_code, 1);
  EXPECT_EQ(told.out, "");
  EXPECT_FALSE(told.err.empty());
}

TEST(ReloadCommand, PassesOnARefusal) {
  temporary_folder const folder;
  {
    socket_server const daemon(folder.file("a"), 422, R"({"error":{"code":"bad_configuration","message":"is bad"}})");
    auto const told = run_tideover({"reload", "--socket", daemon.path()});
    EXPECT_EQ(told.exit_code, 78);
    EXPECT_EQ(told.err,
              "tideover: is bad\ntideover: nothing changed: the daemon goes on with the configuration it has\n");
  }
  {
    socket_server const daemon(folder.file("b"), 409,
                               R"({"error":{"code":"cannot_apply","message":"127.0.0.1:1 is taken"}})");
    auto const told = run_tideover({"reload", "--socket", daemon.path()});
    EXPECT_EQ(told.exit_code, 1);
    EXPECT_EQ(told.out, "");
    EXPECT_TRUE(told.err.starts_with("tideover: 127.0.0.1:1 is taken\ntideover: nothing changed")) << told.err;
  }
  auto const gone = run_tideover({"reload", "--socket", folder.file("none")});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_NE(gone.err.find("Tideover does not run"), std::string::npos) << gone.err;
}

TEST(KeyCommand, ChecksNameAndWorkflowAgainstTheConfiguration) {
  temporary_folder const folder;
  auto const file = folder.write("t.yaml",
                                 "clients: {keys: [{name: crm, sha256: "
                                 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n"
                                 "workflows: {legal: {policy: local_only}}\n");
  auto const taken = run_tideover({"key", "new", "crm", "--config", file});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_EQ(taken.out, "");
  EXPECT_NE(taken.err.find("choose another name"), std::string::npos) << taken.err;
  auto const unknown = run_tideover({"key", "new", "erp", "--workflow", "lgal", "--config", file});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.err.find("did you mean `legal`?"), std::string::npos) << unknown.err;
  auto const made = run_tideover({"key", "new", "erp", "--workflow", "legal", "--config", file});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_NE(made.err.find("tideover reload"), std::string::npos) << made.err;
}

TEST(KeyCommand, PrintsAKeyOnceAndItsHash) {
  auto const made = run_tideover({"key", "new", "crm", "--workflow", "default"});
  EXPECT_EQ(made.exit_code, 0);
  EXPECT_EQ(made.out.size(), 5U + 43U + 1U) << made.out;
  EXPECT_EQ(made.err.find(made.out.substr(0, 48)), std::string::npos);
  EXPECT_NE(made.err.find("name: crm, sha256: \""), std::string::npos);
  EXPECT_NE(made.out, run_tideover({"key", "new", "crm"}).out);
}

}  // namespace
}  // namespace tideover::test
