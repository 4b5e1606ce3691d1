// Every command with every failure that it can have: with --json one document on standard output, beside it a sentence
// for people that names the fix, and the exit code of the contract.
#include <sys/stat.h>
#include <unistd.h>

#include "integration/world.hpp"
#include "support/run_program.hpp"
#include "support/socket_server.hpp"

namespace tideover::test {
namespace {

using words = std::vector<std::string>;

std::string shown(const words& list) {
  std::string text = "tideover";
  for (const auto& w : list) text += " " + w;
  return text;
}

words joined(words first, const words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// Is it one document and nothing else, with an error of this code? Is there a sentence that names the fix?
void expect_failure(const words& said, const program_result& told, int exit_code, const std::string& code,
                    const std::string& fix) {
  SCOPED_TRACE(shown(said) + "\n" + told.out + told.err);
  EXPECT_EQ(told.exit_code, exit_code);
  auto const document = nlohmann::json::parse(told.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << "not one JSON document";
  EXPECT_EQ(document.value("ok", true), false);
  ASSERT_TRUE(document.contains("error"));
  EXPECT_EQ(document["error"].value("code", ""), code);
  EXPECT_FALSE(document["error"].value("message", "").empty());
  if (exit_code == 78 && document.contains("problems")) {
    EXPECT_FALSE(document["problems"].empty());
    for (const auto& p : document["problems"])
      EXPECT_NE(told.err.find(p["message"].get<std::string>()), std::string::npos);
  } else {
    EXPECT_NE(told.err.find("tideover: " + document["error"].value("message", "?") + "\n"), std::string::npos)
        << "people are told something else";
  }
  EXPECT_NE(told.err.find(fix), std::string::npos) << "no word of: " << fix;
}

const std::vector<words> commands_of_the_daemon{
    {"status"},
    {"status", "--watch"},
    {"contingency", "status"},
    {"contingency", "on", "--reason", "x"},
    {"contingency", "off"},
    {"reload"},
    {"explain"},
    {"env"},
};

TEST(Failures, WithoutADaemonOrWithAnythingElseInItsPlace) {
  temporary_folder const folder;
  folder.write("file", "no socket");
  socket_server const page(folder.file("page"), 200, "<html>hello</html>", "text/html");
  socket_server const broken(folder.file("broken"), 502, "<html>Bad Gateway</html>", "text/html");
  socket_server const other(folder.file("other"), 200, R"({"hello":"world"})");
  socket_server const list(folder.file("list"), 200, "[]");
  socket_server const other_error(folder.file("other_error"), 500, R"({"error":"oops"})");
  socket_server const older(folder.file("older"), 404, R"({"error":{"code":"not_found","message":"Nothing here."}})");
  socket_server const busy(folder.file("busy"), 503,
                           R"({"error":{"code":"too_many_listeners","message":"As many as may: try again later."}})");
  struct row {
    std::string socket, code, fix;
  };
  for (const auto& r : std::initializer_list<row>{
           {folder.file("none"), "daemon_not_running", "systemctl start tideover"},
           {folder.file("file"), "daemon_not_running", "name it with --socket"},
           {"/nowhere/at/all", "daemon_not_running", "tideover run"},
           {"/" + std::string(200, 'x'), "bad_socket", "name the daemon's socket with --socket"},
           {page.path(), "not_tideover", "name the daemon's socket with --socket"},
           {broken.path(), "not_tideover", "name the daemon's socket with --socket"},
           {other.path(), "not_tideover", "name the daemon's socket with --socket"},
           {list.path(), "not_tideover", "name the daemon's socket with --socket"},
           {other_error.path(), "not_tideover", "name the daemon's socket with --socket"},
           {older.path(), "daemon_of_another_version", "systemctl restart tideover"},
           {busy.path(), "too_many_listeners", "try again later"},
       })
    for (const auto& command : commands_of_the_daemon) {
      auto const said = joined(command, {"--json", "--socket", r.socket});
      expect_failure(said, run_tideover(said), 1, r.code, r.fix);
    }
}

TEST(Failures, WhereTheSocketIsClosedToThisUser) {
  temporary_folder const folder;
  world w;
  w.start();
  auto const socket = w.daemon().folder().file("admin.sock");
  words as_nobody;
  if (::geteuid() == 0) {
    as_nobody = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    if (run_words(joined(as_nobody, {tideover_binary(), "version"})).exit_code != 0)
      GTEST_SKIP() << "nobody may not run " << tideover_binary();
  } else {
    ::chmod(socket.c_str(), 0);
  }
  for (const auto& command : commands_of_the_daemon) {
    auto const said = joined(command, {"--json", "--socket", socket});
    expect_failure(said, run_words(joined(joined(as_nobody, {tideover_binary()}), said)), 1, "permission_denied",
                   "sudo");
  }
}

TEST(Failures, ThatTheDaemonTells) {
  world w;
  w.start();
  auto const socket = w.daemon().folder().file("admin.sock");
  struct row {
    words said;
    int exit_code;
    std::string code, fix;
  };
  for (const auto& r : std::initializer_list<row>{
           {{"contingency", "on", "--reason", "x", "--workflow", "lgal"}, 1, "bad_order", "did you mean `legal`"},
           {{"contingency", "on", "--reason", " "}, 1, "bad_order", "say why"},
           {{"contingency", "on", "--reason", "x", "--for", "400d"}, 1, "bad_order", "at most 366d"},
           {{"explain", "--client", "nobody"}, 2, "bad_request_description", "clients"},
           {{"env", "--workflow", "lgal"}, 1, "bad_order", "did you mean `legal`"},
       }) {
    auto const said = joined(r.said, {"--json", "--socket", socket});
    expect_failure(said, run_tideover(said), r.exit_code, r.code, r.fix);
  }
  w.daemon().folder().write("tideover.yaml", "log: {levle: info}\n");
  words const reload{"reload", "--json", "--socket", socket};
  auto const told = run_tideover(reload);
  expect_failure(reload, told, 78, "bad_configuration", "did you mean `level`?");
  EXPECT_EQ(nlohmann::json::parse(told.out)["problems"][0]["key"], "log.levle");
  // The same problem is the same in every command.
  auto const check = run_tideover({"check", "--json", "--config", w.daemon().folder().file("tideover.yaml")});
  EXPECT_EQ(nlohmann::json::parse(check.out), nlohmann::json::parse(told.out));
}

TEST(Failures, OfTheConfiguration) {
  temporary_folder const folder;
  auto const bad = folder.write("bad.yaml", "log: {levle: info}\nlimits: {drain: 5}\n");
  for (const auto& file : {bad, folder.file("none.yaml"), folder.path()})
    for (const auto& command : std::initializer_list<words>{
             {"check"}, {"validate"}, {"env"}, {"explain", "--offline"}, {"readiness", "--once"}}) {
      auto const said = joined(command, {"--json", "--config", file});
      auto const told = run_tideover(said);
      expect_failure(said, told, 78, "bad_configuration", file == bad ? "did you mean `level`?" : "read");
      EXPECT_EQ(nlohmann::json::parse(told.out)["problems"].size(), file == bad ? 2U : 1U) << told.out;
    }
}

TEST(Failures, OfFilesNamesAndPlaces) {
  temporary_folder const folder;
  auto const file = folder.write("t.yaml",
                                 "clients: {keys: [{name: crm, sha256: "
                                 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n"
                                 "workflows: {legal: {policy: local_only}}\n");
  auto const free_port =
      folder.write("free.yaml", "listen: [{address: \"127.0.0.1:0\"}]\nadmin: {socket: /nowhere/s}\n");
  struct row {
    words said;
    int exit_code;
    std::string code, fix;
    environment_of_program environment{};
  };
  for (const auto& r : std::initializer_list<row>{
           {{"init", "--yes", "--output", file}, 1, "file_exists", "--force"},
           {{"init", "--yes", "--output", "/proc/nowhere/t.yaml"}, 1, "cannot_write", "--output"},
           {{"init", "--yes", "--output", folder.file("new.yaml")},
            78,
            "bad_configuration",
            "$OLLAMA_HOST",
            {{"OLLAMA_HOST", "http://8.8.8.8:11434"}}},
           {{"key", "new", "crm", "--config", file}, 1, "bad_order", "choose another name"},
           {{"key", "new", "erp", "--workflow", "lgal", "--config", file}, 1, "bad_order", "did you mean `legal`"},
           {{"env", "--workflow", "lgal", "--config", file}, 1, "bad_order", "did you mean `legal`"},
           {{"env", "--config", free_port}, 1, "daemon_not_running", "--ready-file"},
           {{"explain", "--request", folder.file("none"), "--offline"}, 1, "cannot_read", "name a file"},
           {{"explain", "--header", "nonsense", "--offline"}, 2, "bad_request_description", "'Name: value'"},
           {{"explain", "--header", "a: 1", "--header", "A: 2"}, 2, "bad_request_description", "give it once"},
           {{"explain", "--client", "cmr", "--offline", "--config", file},
            2,
            "bad_request_description",
            "clients.keys"},
       }) {
    auto const said = joined(r.said, {"--json"});
    expect_failure(said, run_tideover(said, r.environment), r.exit_code, r.code, r.fix);
  }
}

TEST(Failures, OfTheCommandLine) {
  struct row {
    words said;
    std::string fix;
  };
  for (const auto& r : std::initializer_list<row>{
           {{"--json"}, "--help"},
           {{"statsu", "--json"}, "did you mean `status`?"},
           {{"doctor", "--json"}, "--help"},
           {{"--json", "status"}, "after the command"},
           {{"run", "--json"}, "tideover run --help"},
           {{"completion", "--json"}, "SHELL"},
           {{"man", "--json"}, "tideover man --help"},
           {{"contingency", "--json"}, "tideover contingency on"},
           {{"contingency", "onn", "--json"}, "did you mean `tideover contingency on`?"},
           {{"contingency", "on", "--json"}, "--reason"},
           {{"contingency", "on", "--reason", "x", "--for", "soon", "--json"}, "--for"},
           {{"key", "--json"}, "tideover key new NAME"},
           {{"key", "new", "--json"}, "NAME"},
           {{"key", "new", "a b", "--json"}, "letters, digits"},
           {{"key", "new", "crm", "--workflow", "a b", "--json"}, "letters, digits"},
           {{"env", "--json", "--workflow", "a b"}, "letters, digits"},
           {{"env", "--json", "--shell", "csh"}, "fish"},
           {{"check", "new.yaml", "--json"}, "--config new.yaml"},
           {{"status", "--json", "--socket"}, "--help"},
       })
    expect_failure(r.said, run_tideover(r.said), 2, "usage", r.fix);
  for (const auto* command : {"status", "explain", "reload", "readiness", "init", "check", "env", "schema", "version"})
    for (const words& said : {words{command, "--frobnicate", "--json"}, words{command, "--json", "--frobnicate"}})
      expect_failure(said, run_tideover(said), 2, "usage", std::string("tideover ") + command + " --help");
}

TEST(Failures, OfADiskThatIsFull) {
  world w;
  w.start();
  auto const socket = w.daemon().folder().file("admin.sock");
  temporary_folder const folder;
  for (const auto& said : std::initializer_list<words>{
           {"status", "--socket", socket},
           {"contingency", "status", "--socket", socket},
           {"reload", "--socket", socket},
           {"explain", "--socket", socket},
           {"readiness", "--socket", socket},
           {"env", "--socket", socket},
           {"init", "--yes", "--output", folder.file("t.yaml")},
           {"check"},
           {"key", "new", "crm"},
           {"schema"},
           {"completion", "bash"},
           {"man"},
           {"version"},
           {"--help"},
           {"run", "--help"},
       })
    for (const words& more : {words{}, words{"--json"}}) {
      if (!more.empty() && (said[0] == "completion" || said[0] == "man" || said.back() == "--help")) continue;
      auto const told =
          run_words(joined({"/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/full", tideover_binary()}, joined(said, more)));
      EXPECT_EQ(told.exit_code, 1) << shown(said);
      EXPECT_NE(told.err.find("tideover: the output cannot be written: No space left on device: make room"),
                std::string::npos)
          << shown(said) << told.err;
      ::unlink(folder.file("t.yaml").c_str());
    }
}

}  // namespace
}  // namespace tideover::test
