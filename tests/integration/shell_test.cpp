// Completion as it happens in a shell: bash loads the script that the program prints and asks it, and a person presses
// the tab key on a terminal. Also what an installation brings.
#include <algorithm>

#include "integration/world.hpp"
#include "support/run_program.hpp"
#include "support/terminal.hpp"

namespace tideover::test {
namespace {

/// What bash would offer at the end of these words, one a line. `tideover` is the binary under test.
std::string bash_offers(const std::vector<std::string>& words, const std::string& folder) {
  std::string list;
  for (const auto& w : words) list += " '" + w + "'";
  auto const script =
      "cd '" + folder + "' && ln -sf '" + tideover_binary() +
      "' tideover && PATH=$PWD:$PATH && source <(tideover completion bash) && complete -p tideover >&2 && "
      "COMP_WORDS=(tideover" +
      list + ") COMP_CWORD=" + std::to_string(words.size()) + " && _tideover && printf '%s\\n' \"${COMPREPLY[@]}\"";
  auto const said = run_words({"/bin/bash", "--norc", "--noprofile", "-c", script});
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_NE(said.err.find("complete -F _tideover tideover"), std::string::npos) << said.err;
  return said.out;
}

TEST(BashCompletion, OffersCommandsOptionsAndValues) {
  temporary_folder const folder;
  auto const& at = folder.path();
  EXPECT_EQ(bash_offers({"st"}, at), "status\n");
  EXPECT_EQ(bash_offers({"contingency", ""}, at), "on\noff\nstatus\n");
  EXPECT_EQ(bash_offers({"run", "--log-level", ""}, at), "trace\ndebug\ninfo\nwarn\nerror\n");
  EXPECT_EQ(bash_offers({"run", "--log-level", "=", "w"}, at), "warn\n");
  EXPECT_EQ(bash_offers({"completion", ""}, at), "bash\nzsh\nfish\n");
  EXPECT_NE(bash_offers({"check", "--"}, at).find("--config\n"), std::string::npos);
  EXPECT_EQ(bash_offers({"frobnicate", "--x"}, at), "\n");
}

TEST(BashCompletion, OffersFilesAndWorkflows) {
  temporary_folder const folder;
  folder.write("one.yaml", "workflows: {legal: {policy: local_only}}\n");
  folder.write("one and.yaml", "");
  auto files = bash_offers({"check", "--config", "one"}, folder.path());
  EXPECT_NE(files.find("one.yaml\n"), std::string::npos) << files;
  EXPECT_NE(files.find("one and.yaml\n"), std::string::npos) << files;
  EXPECT_EQ(bash_offers({"check", "--config", "=", "one."}, folder.path()), "one.yaml\n");
  EXPECT_EQ(bash_offers({"contingency", "on", "--config", "one.yaml", "--workflow", "l"}, folder.path()), "legal\n");
}

TEST(BashCompletion, FillsInAtTheTabKey) {
  temporary_folder const folder;
  folder.write("conf.yaml", "log: {level: info}\n");
  terminal shell({"/bin/bash", "--norc", "--noprofile", "-i"},
                 {{"PATH", "/usr/bin:/bin"}, {"HOME", folder.path()}, {"TERM", "dumb"}, {"PS1", "ready> "}});
  ASSERT_TRUE(shell.shows("ready> ")) << shell.everything();
  shell.type("cd '" + folder.path() + "'; ln -s '" + tideover_binary() + "' tideover; PATH=$PWD:$PATH\r");
  ASSERT_TRUE(shell.shows("ready> ")) << shell.everything();
  shell.type("source <(tideover completion bash); echo loa''ded\r");
  ASSERT_TRUE(shell.shows("loaded")) << shell.everything();
  ASSERT_TRUE(shell.shows("ready> ")) << shell.everything();
  shell.type("tideover che\t--conf\tcon\t\r");  // tideover check --config conf.yaml
  ASSERT_TRUE(shell.shows("configuration OK: conf.yaml")) << shell.everything();
  shell.type("exit\r");
  EXPECT_EQ(shell.exit_code(), 0);
}

TEST(Installation, BringsManualSchemaAndCompletions) {
  temporary_folder const folder;
  auto const done = run_words({TIDEOVER_CMAKE, "--install", TIDEOVER_BUILD_FOLDER, "--prefix", folder.path()});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(read_file(folder.file("share/tideover/config.schema.json")), run_tideover({"schema"}).out);
  EXPECT_EQ(read_file(folder.file("share/man/man1/tideover.1")), run_tideover({"man"}).out);
  EXPECT_EQ(read_file(folder.file("share/man/man5/tideover.yaml.5")), run_tideover({"man", "tideover.yaml"}).out);
  EXPECT_EQ(read_file(folder.file("share/bash-completion/completions/tideover")),
            run_tideover({"completion", "bash"}).out);
  EXPECT_EQ(read_file(folder.file("share/fish/vendor_completions.d/tideover.fish")),
            run_tideover({"completion", "fish"}).out);
  EXPECT_TRUE(read_file(folder.file("share/man/man1/tideover.1")).starts_with(".TH TIDEOVER 1 "));
  auto const version = run_words({folder.file("bin/tideover"), "version"});
  EXPECT_EQ(version.out, run_tideover({"version"}).out);
}

TEST(EnvCommand, IsWhatAShellTakes) {
  temporary_folder const folder;
  folder.write("t.yaml", "listen: [{address: \"[::1]:7000\"}]\n");
  auto const said =
      run_words({"/bin/bash", "-c",
                 "cd '" + folder.path() + "' && eval \"$('" + tideover_binary() +
                     "' env -c t.yaml)\" && printf '%s %s' \"$OPENAI_BASE_URL\" \"$ANTHROPIC_BASE_URL\""});
  EXPECT_EQ(said.out, "http://[::1]:7000/v1 http://[::1]:7000") << said.err;
}

TEST(EnvCommand, AsksTheRunningDaemonForAPortThatOnlyItKnows) {
  world w;
  w.start();
  auto const socket = w.daemon().folder().file("admin.sock");
  auto const base = "http://127.0.0.1:" + std::to_string(w.port());
  auto const told = run_tideover({"env", "--socket", socket});
  EXPECT_EQ(told.exit_code, 0) << told.err;
  EXPECT_EQ(told.out, "export OPENAI_BASE_URL=" + base + "/v1\nexport ANTHROPIC_BASE_URL=" + base + "\n");
  temporary_folder const folder;
  auto const file =
      folder.write("t.yaml", "listen: [{address: \"127.0.0.1:0\"}]\nadmin: {socket: \"" + socket + "\"}\n");
  EXPECT_EQ(run_tideover({"env", "--config", file}).out, told.out);
  w.daemon().stop();
  auto const gone = run_tideover({"env", "--config", file});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_NE(gone.err.find("Start it"), std::string::npos) << gone.err;
}

TEST(EnvCommand, AskedOfTheDaemonKnowsItsTlsItsWorkflowsAndItsKeys) {
  test_ca const ca;
  world w;
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + ca.good().certificate_file +
                   "\", key: \"" + ca.good().key_file + "\"}}]";
  options.more =
      "clients: {required: true, keys: [{name: crm, sha256: "
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}";
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.anthropic_more = options.openai_more;
  options.environment = {{"OPENAI_KEY", "sk-configured"}};
  w.start(options);
  auto const told = run_tideover(
      {"env", "--shell", "bash", "--workflow", "legal", "--socket", w.daemon().folder().file("admin.sock")});
  EXPECT_EQ(told.exit_code, 0) << told.err;
  auto const base = "https://127.0.0.1:" + std::to_string(w.port()) + "/w/legal";
  EXPECT_EQ(told.out, "export OPENAI_BASE_URL=" + base + "/v1\nexport ANTHROPIC_BASE_URL=" + base + "\n");
  EXPECT_NE(told.err.find("tideover key new"), std::string::npos) << told.err;
  EXPECT_NE(told.err.find("must be valid for 127.0.0.1"), std::string::npos) << told.err;
}

}  // namespace
}  // namespace tideover::test
