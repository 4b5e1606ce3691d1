#include "tideover/app/command_line.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "fake_world.hpp"

namespace tideover::app {
namespace {

using config::test::fake_world;

command_line_result parse(std::vector<const char*> words) {
  words.insert(words.begin(), "tideover");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

TEST(CommandLine, RunTakesEveryFlag) {
  const auto result =
      parse({"run",         "--config", "f.yaml",    "--listen", "127.0.0.1:1",  "--listen=[::1]:2", "--admin",
             "127.0.0.1:3", "--cloud",  "https://c", "--local",  "http://l",     "--local-model",    "m:8b",
             "--log-level", "debug",    "--workers", "4",        "--ready-file", "r.json",           "--demo"});
  ASSERT_FALSE(result.exit_code) << result.err;
  const auto& run = std::get<run_command>(result.command);
  EXPECT_EQ(run.flags.config_file, "f.yaml");
  EXPECT_EQ(run.flags.listen, (std::vector<std::string>{"127.0.0.1:1", "[::1]:2"}));
  EXPECT_EQ(run.flags.admin, "127.0.0.1:3");
  EXPECT_EQ(run.flags.cloud_url, "https://c");
  EXPECT_EQ(run.flags.local_url, "http://l");
  EXPECT_EQ(run.flags.local_model, "m:8b");
  EXPECT_EQ(run.flags.log_level, "debug");
  EXPECT_EQ(run.flags.workers, 4u);
  EXPECT_EQ(run.ready_file, "r.json");
  EXPECT_TRUE(run.demo);
}

TEST(CommandLine, ExplainTakesADescriptionOfARequest) {
  const auto result =
      parse({"explain",   "--workflow", "legal", "--model",       "gpt-4o",   "--path", "/v1/messages", "--method",
             "POST",      "--header",   "A: b",  "--header=C: d", "--client", "crm",    "--request",    "-",
             "--offline", "--socket",   "s",     "--config",      "f.yaml",   "--json"});
  ASSERT_FALSE(result.exit_code) << result.err;
  const auto& explain = std::get<explain_command>(result.command);
  EXPECT_EQ(explain.workflow, "legal");
  EXPECT_EQ(explain.model, "gpt-4o");
  EXPECT_EQ(explain.path, "/v1/messages");
  EXPECT_EQ(explain.method, "POST");
  EXPECT_EQ(explain.headers, (std::vector<std::string>{"A: b", "C: d"}));
  EXPECT_EQ(explain.client, "crm");
  EXPECT_EQ(explain.request_file, "-");
  EXPECT_TRUE(explain.offline && explain.json);
  EXPECT_EQ(explain.door.socket, "s");
  EXPECT_EQ(explain.door.config_file, "f.yaml");
  EXPECT_TRUE(std::holds_alternative<explain_command>(parse({"explain"}).command));
}

TEST(CommandLine, RunNeedsNoFlag) {
  const auto result = parse({"run"});
  ASSERT_FALSE(result.exit_code) << result.err;
  const auto& run = std::get<run_command>(result.command);
  EXPECT_FALSE(run.flags.config_file || run.flags.admin || run.flags.cloud_url || run.flags.local_url ||
               run.flags.local_model || run.flags.log_level || run.flags.workers);
  EXPECT_TRUE(run.flags.listen.empty());
  EXPECT_TRUE(run.ready_file.empty());
  EXPECT_FALSE(run.demo);
}

TEST(CommandLine, KnowsItsCommands) {
  EXPECT_TRUE(std::holds_alternative<check_command>(parse({"check"}).command));
  EXPECT_TRUE(std::holds_alternative<check_command>(parse({"validate"}).command));
  EXPECT_EQ(std::get<check_command>(parse({"check", "-c", "f"}).command).config_file, "f");
  EXPECT_TRUE(std::get<check_command>(parse({"check", "--json"}).command).json);
  EXPECT_TRUE(std::holds_alternative<schema_command>(parse({"schema"}).command));
  EXPECT_TRUE(std::get<env_command>(parse({"env", "--json"}).command).json);
  EXPECT_EQ(std::get<env_command>(parse({"env", "--config", "f"}).command).door.config_file, "f");
  EXPECT_TRUE(std::get<version_command>(parse({"version", "--json"}).command).json);
  EXPECT_TRUE(std::holds_alternative<schema_command>(parse({"schema", "--json"}).command));
  EXPECT_TRUE(std::get<reload_command>(parse({"reload", "--json"}).command).json);
  EXPECT_EQ(std::get<reload_command>(parse({"reload", "--socket", "/s"}).command).door.socket, "/s");
  EXPECT_EQ(std::get<completion_command>(parse({"completion", "zsh"}).command).shell, "zsh");
  EXPECT_EQ(std::get<man_command>(parse({"man"}).command).page, "tideover");
  EXPECT_EQ(std::get<man_command>(parse({"man", "tideover.yaml"}).command).page, "tideover.yaml");
  EXPECT_EQ(std::get<complete_command>(parse({"__complete", "run", "--", "-x", ""}).command).words,
            (std::vector<std::string>{"run", "--", "-x", ""}));
  const auto init = std::get<init_command>(parse({"init", "-y", "--force", "-o", "f", "--json"}).command);
  EXPECT_TRUE(init.yes && init.force && init.json);
  EXPECT_EQ(init.output, "f");
  EXPECT_FALSE(std::get<init_command>(parse({"init"}).command).output);
  EXPECT_TRUE(std::holds_alternative<version_command>(parse({"--version"}).command));
  EXPECT_TRUE(std::holds_alternative<version_command>(parse({"-V"}).command));
}

TEST(CommandLine, EveryCommandExplainsItself) {
  for (const auto& words : std::vector<std::vector<const char*>>{{"check"},
                                                                 {"contingency"},
                                                                 {"contingency", "on"},
                                                                 {"env"},
                                                                 {"init"},
                                                                 {"key", "new"},
                                                                 {"readiness"},
                                                                 {"reload"},
                                                                 {"run"},
                                                                 {"schema"},
                                                                 {"status"},
                                                                 {"completion"}}) {
    auto asked = words;
    asked.push_back("--help");
    const auto result = parse(asked);
    EXPECT_EQ(result.exit_code, exit_ok);
    EXPECT_NE(result.out.find("Examples:\n  "), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("Point your apps"), std::string::npos) << "the footer of another command";
  }
}

TEST(CommandLine, HelpIsAResultNotAnError) {
  for (const auto& words : std::vector<std::vector<const char*>>{{"--help"}, {"-h"}, {"help"}}) {
    const auto result = parse(words);
    EXPECT_EQ(result.exit_code, exit_ok);
    EXPECT_EQ(result.err, "");
    for (const auto part : {"run", "check", "schema", "env", "version", "OPENAI_BASE_URL=http://127.0.0.1:6837/v1",
                            "ANTHROPIC_BASE_URL=http://127.0.0.1:6837\n"})
      EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  }
  for (const auto& words : std::vector<std::vector<const char*>>{{"run", "--help"}, {"help", "run"}, {"run", "-h"}}) {
    const auto result = parse(words);
    EXPECT_EQ(result.exit_code, exit_ok);
    for (const auto part : {"--config FILE", "--listen HOST:PORT", "--admin HOST:PORT", "--cloud URL", "--local URL",
                            "--local-model NAME", "--log-level trace|debug|info|warn|error", "--workers N",
                            "--ready-file FILE", "--demo"})
      EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  }
}

TEST(CommandLine, MistakesAreUsageErrorsThatNameTheFix) {
  struct row {
    std::vector<const char*> words;
    std::string_view fragment;
  };
  for (const auto& [words, fragment] : std::initializer_list<row>{
           {{}, "no command given; `tideover run` starts the proxy"},
           {{"chek"}, "unknown command `chek`; did you mean `check`?"},
           {{"frobnicate"}, "unknown command `frobnicate`; see `tideover --help`"},
           {{"help", "rn"}, "did you mean `run`?"},
           {{"doctor"}, "`doctor` is not supported by this version"},
           {{"contingency", "onn"}, "unknown command `onn`; did you mean `tideover contingency on`?"},
           {{"completion"}, "SHELL"},
           {{"completion", "tcsh"}, "`tcsh` is not bash, zsh or fish"},
           {{"completion", "bahs"}, "did you mean `bash`?"},
           {{"contingency", "of"}, "did you mean `tideover contingency off`?"},
           {{"conti", "on"}, "did you mean `contingency`?"},
           {{"help", "stat"}, "did you mean `status`?"},
           {{"check", "--conf", "f"}, "did you mean `--config`?"},
           {{"env", "--workflow", "a b"}, "is no name of a workflow"},
           {{"contingency", "--json"}, "say `tideover contingency on`"},
           {{"env", "--shell", "csh"}, "`csh` is not sh, bash, zsh, fish or powershell"},
           {{"key", "new"}, "NAME"},
           {{"key", "new", "a", "--workflow", "a b"}, "is no name of a workflow"},
           {{"reload", "now"}, "nothing is known to do with `now`"},
           {{"init", "--outpt", "x"}, "did you mean `--output`?"},
           {{"contingency", "on"}, "--reason is missing"},
           {{"contingency"}, "say `tideover contingency on`, `off` or `status`"},
           {{"contingency", "on", "--reason", "x", "--for", "soon"}, "--for: `soon`"},
           {{"contingency", "on", "--workflw", "x"}, "did you mean `--workflow`"},
           {{"key", "new", "a b"}, "is no name for a key"},
           {{"key"}, "say `tideover key new NAME`"},
           {{"run", "--lisen", "x"}, "unknown option `--lisen`; did you mean `--listen`?"},
           {{"run", "--zzzzzzzz=secret"}, "unknown option `--zzzzzzzz`; see `tideover run --help`"},
           {{"run", "extra"}, "nothing is known to do with `extra`; see `tideover run --help`"},
           {{"check", "new.yaml"}, "did you mean `tideover check --config new.yaml`?"},
           {{"version", "new.yaml"}, "see `tideover version --help`"},
           {{"check", "--demo"}, "unknown option `--demo`; see `tideover check --help`"},
           {{"--json", "check"}, "put `--json` after the command"},
           {{"run", "--listen"}, "--listen"},
           {{"run", "--config"}, "--config"},
           {{"run", "--cloud", "a", "--cloud", "b"}, "--cloud"},
           {{"run", "--workers", "0"}, "--workers: `0` is not a number from 1 to 1024"},
           {{"run", "--workers", "1025"}, "--workers"},
           {{"run", "--workers", "many"}, "--workers"},
           {{"run", "--workers", "-1"}, "--workers"},
       }) {
    const auto result = parse(words);
    EXPECT_EQ(result.exit_code, exit_usage) << fragment;
    EXPECT_TRUE(std::holds_alternative<std::monostate>(result.command)) << fragment;
    EXPECT_TRUE(result.out.empty() || nlohmann::json::accept(result.out)) << result.out;
    EXPECT_TRUE(result.err.starts_with("tideover: ")) << result.err;
    EXPECT_NE(result.err.find(fragment), std::string::npos) << fragment << "\n" << result.err;
    EXPECT_EQ(result.err.find("secret"), std::string::npos) << result.err;
  }
}

TEST(CommandLine, WorkersMayBeFrom1To1024) {
  EXPECT_EQ(std::get<run_command>(parse({"run", "--workers", "1"}).command).flags.workers, 1u);
  EXPECT_EQ(std::get<run_command>(parse({"run", "--workers", "1024"}).command).flags.workers, 1024u);
}

struct printed {
  int code;
  std::string out, err;
};

printed check(const fake_world& world, const check_command& command = {}) {
  std::ostringstream out, err;
  const int code = run_check(command, world.view(), out, err);
  return {code, out.str(), err.str()};
}

TEST(Check, SaysWhatItRead) {
  fake_world world;
  auto result = check(world);
  EXPECT_EQ(result.code, exit_ok);
  EXPECT_EQ(result.out, "configuration OK: built-in defaults (3 upstreams, 1 workflow)\n");
  world.files["/f.yaml"] = {"workflows: {legal: {policy: local_only}}\n"};
  result = check(world, {.config_file = "/f.yaml"});
  EXPECT_EQ(result.code, exit_ok);
  EXPECT_EQ(result.out, "configuration OK: /f.yaml (3 upstreams, 2 workflows)\n");
  EXPECT_EQ(result.err, "");
}

TEST(Check, PrintsOneProblemALineAndFailsWith78) {
  fake_world world;
  world.files["/f.yaml"] = {"log: {level: loud}\nlimits: {drain: 5}\n"};
  const auto result = check(world, {.config_file = "/f.yaml"});
  EXPECT_EQ(result.code, exit_configuration);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(result.err.starts_with("/f.yaml:1:14: error: log.level: ")) << result.err;
  EXPECT_NE(result.err.find("\n/f.yaml:2:17: error: limits.drain: "), std::string::npos) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2);
  EXPECT_EQ(check(world, {.config_file = "/none.yaml"}).code, exit_configuration);
}

TEST(Check, LetsWarningsPassButNoWorldReadableSecret) {
  fake_world world;
  world.files["/f.yaml"] = {"limits: {replay_memory: 1MiB}\n"};
  auto result = check(world, {.config_file = "/f.yaml"});
  EXPECT_EQ(result.code, exit_ok);
  EXPECT_NE(result.err.find(": warning: "), std::string::npos);
  EXPECT_NE(result.out.find("configuration OK"), std::string::npos);
  world.files["/f.yaml"] = {
      "upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /s}}, ollama: {tier: local, url: "
      "http://h}}\n"};
  world.files["/s"] = {"key", 0600};
  EXPECT_EQ(check(world, {.config_file = "/f.yaml"}).code, exit_ok);
  world.files["/s"] = {"key", 0644};
  result = check(world, {.config_file = "/f.yaml"});
  EXPECT_EQ(result.code, exit_configuration);
  EXPECT_NE(result.err.find(": error: "), std::string::npos);
  EXPECT_EQ(result.out, "");
}

TEST(Check, PrintsJson) {
  fake_world world;
  world.files["/f\xff.yaml"] = {"log: {level: loud}\n"};
  const auto bad = check(world, {.config_file = "/f\xff.yaml", .json = true});
  EXPECT_EQ(bad.code, exit_configuration);
  auto document = nlohmann::json::parse(bad.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << bad.out;
  EXPECT_EQ(document["ok"], false);
  ASSERT_EQ(document["problems"].size(), 1u);
  EXPECT_EQ(document["problems"][0]["severity"], "error");
  EXPECT_EQ(document["problems"][0]["key"], "log.level");
  EXPECT_EQ(document["problems"][0]["line"], 1);
  EXPECT_EQ(document["problems"][0]["column"], 14);
  const auto good = check(world, {.config_file = {}, .json = true});
  EXPECT_EQ(good.code, exit_ok);
  document = nlohmann::json::parse(good.out, nullptr, false);
  EXPECT_EQ(document["ok"], true);
  EXPECT_EQ(document["upstreams"], 3);
  EXPECT_TRUE(document["file"].is_null());
}

TEST(Env, PrintsTheVariablesForTheConfiguredListener) {
  struct row {
    std::string_view listen;
    std::string_view base;
  };
  for (const auto& [listen, base] : std::initializer_list<row>{
           {"127.0.0.1:6837", "http://127.0.0.1:6837"},
           {"\"[::1]:7000\"", "http://[::1]:7000"},
           {"0.0.0.0:7000, allow_unauthenticated: true", "http://127.0.0.1:7000"},
           {"\"[::]:7000\", allow_unauthenticated: true", "http://[::1]:7000"},
           {"localhost:80", "http://localhost"},
           {"localhost:443, tls: {certificate: /c, key: /k}", "https://localhost"},
       }) {
    fake_world world;
    world.files["/c"] = {"CERT"};
    world.files["/k"] = {"KEY"};
    world.files["/f.yaml"] = {"listen: [{address: " + std::string(listen) + "}]\n"};
    std::ostringstream out, err;
    const daemon_door door{.socket = {}, .config_file = "/f.yaml"};
    EXPECT_EQ(run_env({.door = door}, world.view(), out, err), exit_ok) << err.str();
    const std::string mark = base.find('[') == std::string_view::npos ? "" : "'";  // to some shells a pattern
    EXPECT_EQ(out.str(), "export OPENAI_BASE_URL=" + mark + std::string(base) + "/v1" + mark +
                             "\nexport ANTHROPIC_BASE_URL=" + mark + std::string(base) + mark + "\n");
    std::ostringstream fish;
    EXPECT_EQ(run_env({.door = door, .shell = "fish"}, world.view(), fish, err), exit_ok);
    EXPECT_EQ(fish.str(), "set -gx OPENAI_BASE_URL " + mark + std::string(base) + "/v1" + mark +
                              "\nset -gx ANTHROPIC_BASE_URL " + mark + std::string(base) + mark + "\n");
    std::ostringstream json;
    EXPECT_EQ(run_env({.door = door, .json = true}, world.view(), json, err), exit_ok);
    EXPECT_EQ(nlohmann::json::parse(json.str())["ANTHROPIC_BASE_URL"], base);
  }
}

TEST(Env, SaysWhenThePortIsNotKnownYetOrTheFileIsBad) {
  fake_world world;
  world.variables["TIDEOVER_LISTEN"] = "127.0.0.1:0";
  world.variables["TIDEOVER_CONFIG"] = "/f.yaml";
  world.files["/f.yaml"] = {"admin: {socket: /nowhere/admin.sock}\n"};
  std::ostringstream out, err;
  EXPECT_EQ(run_env({}, world.view(), out, err), exit_failure);
  EXPECT_NE(err.str().find("--ready-file"), std::string::npos);
  world.variables["TIDEOVER_LISTEN"] = "x";
  EXPECT_EQ(run_env({}, world.view(), out, err), exit_configuration);
  EXPECT_EQ(out.str(), "");
}

TEST(Env, IsForAWorkflowAndForOtherShells) {
  fake_world world;
  world.files["/f.yaml"] = {"workflows: {legal: {policy: local_only}}\n"};
  const daemon_door door{.socket = {}, .config_file = "/f.yaml"};
  std::ostringstream out, err;
  EXPECT_EQ(run_env({.door = door, .shell = "powershell", .workflow = "legal"}, world.view(), out, err), exit_ok);
  EXPECT_EQ(out.str(),
            "$env:OPENAI_BASE_URL = 'http://127.0.0.1:6837/w/legal/v1'\n"
            "$env:ANTHROPIC_BASE_URL = 'http://127.0.0.1:6837/w/legal'\n");
  EXPECT_EQ(err.str(), "") << "nothing else is needed";
  std::ostringstream none;
  EXPECT_EQ(run_env({.door = door, .workflow = "lgal"}, world.view(), none, err), exit_failure);
  EXPECT_EQ(none.str(), "");
  EXPECT_NE(err.str().find("did you mean `legal`?"), std::string::npos) << err.str();
}

TEST(Env, TakesTheNearestListenerAndSaysWhatElseAppsNeed) {
  fake_world world;
  for (const auto file : {"/c", "/k", "/a"}) world.files[file] = {"x", 0600};
  const std::string far = "{address: \"0.0.0.0:7000\", tls: {certificate: /c, key: /k, client_ca: /a}}";
  const std::string keys =
      "clients: {required: true, keys: [{name: crm, sha256: "
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n";
  const daemon_door door{.socket = {}, .config_file = "/f.yaml"};
  world.files["/f.yaml"] = {"listen: [" + far + ", {address: \"127.0.0.1:7001\"}]\n" + keys};
  std::ostringstream out, err;
  EXPECT_EQ(run_env({.door = door}, world.view(), out, err), exit_ok) << err.str();
  EXPECT_TRUE(out.str().starts_with("export OPENAI_BASE_URL=http://127.0.0.1:7001/v1\n")) << out.str();
  EXPECT_NE(err.str().find("tideover key new"), std::string::npos) << err.str();
  EXPECT_EQ(err.str().find("TLS"), std::string::npos) << err.str();
  world.files["/f.yaml"] = {"listen: [" + far + "]\n"};
  std::ostringstream secure, notes;
  EXPECT_EQ(run_env({.door = door, .json = true}, world.view(), secure, notes), exit_ok) << notes.str();
  EXPECT_EQ(nlohmann::json::parse(secure.str()),
            nlohmann::json::parse(R"({"OPENAI_BASE_URL":"https://127.0.0.1:7000/v1",
                                      "ANTHROPIC_BASE_URL":"https://127.0.0.1:7000"})"));
  EXPECT_NE(notes.str().find("must be valid for 127.0.0.1"), std::string::npos) << notes.str();
  EXPECT_NE(notes.str().find("client_ca"), std::string::npos) << notes.str();
  EXPECT_EQ(notes.str().find("key new"), std::string::npos) << notes.str();
}

// The service has its keys; whoever asks where it listens need not.
TEST(Env, NeedsNoSecretsOfTheService) {
  for (const auto credential : {"{env: SERVICE_KEY}", "{file: /secret/key}", "{credential: openai}"}) {
    fake_world world;
    world.files["/secret/key"] = {"secret", 0600, false};
    world.files["/f.yaml"] = {
        "listen: [{address: 127.0.0.1:7001}]\nupstreams: {openai: {tier: cloud, url: https://h, "
        "credential: " +
        std::string(credential) + "}, ollama: {tier: local, url: http://h}}\n"};
    std::ostringstream out, err;
    EXPECT_EQ(run_env({.door = {.socket = {}, .config_file = "/f.yaml"}}, world.view(), out, err), exit_ok)
        << err.str();
    EXPECT_NE(out.str().find("http://127.0.0.1:7001/v1"), std::string::npos) << out.str();
    EXPECT_EQ(check(world, {.config_file = "/f.yaml"}).code, exit_configuration) << "the daemon needs them";
  }
}

TEST(Env, GuessesNothingThatAVariableWouldSay) {
  fake_world world;
  world.files["/f.yaml"] = {"listen: [{address: \"${WHERE}:7001\"}]\n"};
  for (const auto file : {"/f.yaml", "/none.yaml"}) {
    std::ostringstream out, err;
    EXPECT_EQ(run_env({.door = {.socket = {}, .config_file = file}}, world.view(), out, err), exit_configuration);
    EXPECT_EQ(out.str(), "");
    EXPECT_EQ(err.str().find("unknown"), std::string::npos) << err.str();
  }
}

TEST(Version, IsPrinted) {
  std::ostringstream text, json;
  EXPECT_EQ(run_version({}, text), exit_ok);
  EXPECT_TRUE(text.str().starts_with("tideover ")) << text.str();
  EXPECT_EQ(run_version({.json = true}, json), exit_ok);
  EXPECT_EQ("tideover " + nlohmann::json::parse(json.str())["version"].get<std::string>() + "\n", text.str());
}

TEST(SchemaCommand, PrintsTheSchema) {
  std::ostringstream out;
  EXPECT_EQ(run_schema(out), exit_ok);
  EXPECT_EQ(out.str(), config::json_schema());
}

}  // namespace
}  // namespace tideover::app
