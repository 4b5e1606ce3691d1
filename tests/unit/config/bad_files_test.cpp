// Wrong files and what the operator is told: the place, the path, and the fix.
#include <gtest/gtest.h>

#include "bad_files.hpp"
#include "fake_world.hpp"

namespace tideover::config {
namespace {

using test::fake_world;

fake_world usual_world() {
  fake_world world;
  world.variables = {{"CREDENTIALS_DIRECTORY", "/run/credentials"}};
  for (const auto& [name, value] : test::variables_of_bad_files) world.variables[std::string(name)] = value;
  for (const auto& [name, text] : test::beside_bad_files) world.files[std::string(name)] = {std::string(text), 0600};
  world.files["unreadable"] = {"", 0600, false};
  world.files["/etc/secret"] = {"s3cret\n", 0600};
  world.files["/run/credentials/openai"] = {"cred\n", 0644};
  return world;
}

TEST(BadFiles, AreRefusedWithPlacePathAndFix) {
  const auto world = usual_world();
  for (const auto& bad : test::bad_files) {
    const auto result = world.load_text(bad.yaml);
    EXPECT_FALSE(result.ok()) << bad.yaml;
    const std::string start = "t.yaml:" + std::string(bad.where) +
                              ": error: " + (bad.path.empty() ? std::string() : std::string(bad.path) + ": ");
    bool found = false;
    for (const auto& p : result.problems) {
      const auto text = p.to_string();
      found |= text.starts_with(start) && text.find(bad.fragment) != std::string::npos;
      EXPECT_EQ(text.find("hunter2"), std::string::npos) << "a secret was repeated: " << text;
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    }
    EXPECT_TRUE(found) << bad.yaml << "expected " << start << "… " << bad.fragment << "\ngot\n" << test::all_of(result);
    EXPECT_EQ(test::errors_in(result), 1u) << bad.yaml << "one mistake, one error; got\n" << test::all_of(result);
  }
}

TEST(BadFiles, AllProblemsAreReportedAtOnceInOrderOfTheFile) {
  const auto result = usual_world().load_text(
      "log: {level: loud}\n"
      "hosts: [\"a b\"]\n"
      "limits:\n"
      "  drain: 5\n"
      "  dran: 5s\n"
      "  connections: 0\n"
      "listen:\n"
      "  - address: 0.0.0.0:1\n"
      "workflows: {w: {policy: nope, polcy: x}}\n");
  std::string places;
  for (const auto& p : result.problems) places += std::to_string(p.line) + ":" + std::to_string(p.column) + " ";
  EXPECT_EQ(places, "1:14 2:9 4:10 5:3 6:16 8:14 9:25 9:31 ") << test::all_of(result);
}

TEST(BadFiles, ATierThatCannotBeReadCausesNoFurtherComplaints) {
  const auto result = usual_world().load_text(
      "upstreams: {ollama: {tier: locl, url: http://127.0.0.1:1}}\nworkflows: {w: {policy: local_only}}\n");
  EXPECT_EQ(result.problems.size(), 1u) << test::all_of(result);
}

TEST(BadFiles, AVariablesValueIsNeverRepeated) {
  const auto world = usual_world();
  for (const auto yaml :
       {"listen: [{address: \"${ADDR}\"}]\n", "log: {level: \"${ADDR}\"}\n", "limits: {drain: \"${ADDR}\"}\n",
        "limits: {connections: \"${ADDR}\"}\n", "upstreams: {o: {tier: local, url: \"${ADDR}\"}}\n",
        "contingency: {workflows: [\"${ADDR}\"]}\n", "upstreams: {o: {tier: local, url: \"http://${ADDR} \"}}\n",
        "upstreams: {o: {tier: local, url: http://h, credential: {env: \"${ADDR}\"}}}\n"}) {
    const auto result = world.load_text(yaml);
    EXPECT_FALSE(result.ok()) << yaml;
    EXPECT_EQ(test::all_of(result).find("hunter2"), std::string::npos) << test::all_of(result);
  }
}

TEST(BadFiles, AliasBombsEndInOneError) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) yaml += (k ? ", *a" : "*a") + std::to_string(i - 1) + " ";
    yaml += "]\n";
  }
  const auto result = usual_world().load_text(yaml);
  ASSERT_EQ(result.problems.size(), 1u) << test::all_of(result);
  EXPECT_NE(result.problems[0].message.find("too large"), std::string::npos);
}

TEST(Warnings, DoNotStopTheStart) {
  struct row {
    std::string_view yaml;
    std::string_view expected;
  };
  const auto world = usual_world();
  for (const auto& [yaml, expected] : std::initializer_list<row>{
           {"upstreams: {ollama: {tier: local, url: http://h/v1}}\n",
            "t.yaml:1:40: warning: upstreams.ollama.url: ends in /v1"},
           {"upstreams: {openai: {tier: cloud, url: https://h}}\n",
            "warning: workflows.default.policy: cloud_first without an upstream with `tier: local`"},
           {"upstreams: {ollama: {tier: local, url: http://h}}\nworkflows: {w: {policy: local_first}}\n",
            "t.yaml:2:25: warning: workflows.w.policy: local_first without an upstream with `tier: cloud`"},
           {"workflows: {w: {policy: cloud_only}}\ncontingency: {workflows: [w]}\n",
            "t.yaml:1:25: warning: workflows.w.policy: cloud_only in contingency"},
           {"models: [{cloud: \"*\", local: a}, {cloud: b, local: c}]\n",
            "t.yaml:1:34: warning: models[1]: is never reached"},
           {"limits: {replay_memory: 1MiB}\n", "t.yaml:1:25: warning: limits.replay_memory: 1MiB is less than"},
       }) {
    const auto result = world.load_text(yaml);
    EXPECT_TRUE(result.ok()) << yaml << test::all_of(result);
    ASSERT_EQ(result.problems.size(), 1u) << yaml << test::all_of(result);
    EXPECT_NE(test::all_of(result).find(expected), std::string::npos) << test::all_of(result);
  }
}

TEST(Warnings, AWorldReadableSecretIsAnErrorOnlyForCheck) {
  auto world = usual_world();
  const std::string yaml =
      "upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /etc/secret}}, ollama: "
      "{tier: local, url: http://h}}\n";
  struct row {
    unsigned mode;
    bool warned;
  };
  for (const auto& [mode, warned] : std::initializer_list<row>{
           {0600, false}, {0640, false}, {0400, false}, {0644, true}, {0604, true}, {0666, true}, {0602, false}}) {
    world.files["/etc/secret"].mode = mode;
    const auto result = world.load_text(yaml);
    ASSERT_TRUE(result.ok()) << test::all_of(result);
    ASSERT_EQ(result.problems.size(), warned ? 1u : 0u) << std::oct << mode << test::all_of(result);
    if (!warned) continue;
    EXPECT_EQ(result.problems[0].level, severity::warning);
    EXPECT_TRUE(result.problems[0].error_in_check);
    EXPECT_NE(result.problems[0].message.find("chmod o-rwx"), std::string::npos);
  }
  // systemd's own folder is closed to others, whatever the file in it says.
  const auto result = world.load_text(
      "upstreams: {openai: {tier: cloud, url: https://h, credential: {credential: openai}}, ollama: {tier: local, url: "
      "http://h}}\n");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_TRUE(result.problems.empty()) << test::all_of(result);
  EXPECT_EQ(result.snapshot->upstreams[0].credential->reveal_for_wire(), "cred");
}

TEST(AFile, ThatSaysNothingIsValidAndLoud) {
  const auto world = usual_world();
  for (const char* text : {"", "\n", "# a comment\n", "---\n"}) {
    const auto result = world.load_text(text);
    ASSERT_TRUE(result.ok()) << text;
    EXPECT_TRUE(result.snapshot->source_says_nothing) << text;
    ASSERT_EQ(result.problems.size(), 1u) << text;
    EXPECT_NE(result.problems[0].to_string().find("t.yaml: warning: the file says nothing"), std::string::npos)
        << result.problems[0].to_string();
  }
  const auto on_purpose = world.load_text("{}\n");
  EXPECT_TRUE(on_purpose.ok() && on_purpose.problems.empty() && !on_purpose.snapshot->source_says_nothing);
}

TEST(AFile, IsReadAgainWhileSomebodyMayBeWritingIt) {
  using namespace std::chrono_literals;
  const file_facts then{1, 10, 5000s};
  EXPECT_FALSE(may_be_half_written(then, then, "log: {}\n", 5000s)) << "it ends as files do";
  EXPECT_TRUE(may_be_half_written(then, then, "", 5000s));
  EXPECT_TRUE(may_be_half_written(then, then, "limits: {drain: 30", 5000s + 199ms));
  EXPECT_FALSE(may_be_half_written(then, then, "limits: {drain: 30s}", 5000s + 200ms)) << "nobody writes so slowly";
  EXPECT_FALSE(may_be_half_written(then, then, "", 4999s)) << "a clock that was set back does not hold us up";
  for (const file_facts& other : {file_facts{2, 10, 5000s}, file_facts{1, 11, 5000s}, file_facts{1, 10, 5001s}})
    EXPECT_TRUE(may_be_half_written(then, other, "log: {}\n", 9000s));
}

TEST(Keys, ThatNobodyNeedsBesideAConfiguredCredentialAreWarnedOf) {
  auto world = usual_world();
  const std::string yaml =
      "clients: {required: REQUIRED, keys: [{name: crm, sha256: " + std::string(64, 'a') +
      "}]}\nupstreams: {openai: {tier: cloud, dialect: openai, url: \"https://api.openai.com\"CREDENTIAL}, "
      "ollama: {tier: local, dialect: ollama, url: \"http://127.0.0.1:11434\"}}\n";
  const auto warned = [&](const std::string& required, const std::string& credential) {
    auto text = yaml;
    text.replace(text.find("REQUIRED"), 8, required);
    text.replace(text.find("CREDENTIAL"), 10, credential);
    const auto result = world.load_text(text);
    EXPECT_TRUE(result.ok()) << test::all_of(result);
    return test::all_of(result).find("at your expense") != std::string::npos;
  };
  EXPECT_TRUE(warned("false", ", credential: {file: /etc/secret}"));
  EXPECT_FALSE(warned("true", ", credential: {file: /etc/secret}"));
  EXPECT_FALSE(warned("false", ""));
}

TEST(AKeysWorkflow, IsNotSaidToBeAll) {
  const auto world = usual_world();
  const auto of_key =
      world.load_text("clients: {keys: [{name: crm, sha256: " + std::string(64, 'a') + ", workflow: all}]}\n");
  EXPECT_EQ(test::all_of(of_key).find("or all"), std::string::npos) << test::all_of(of_key);
  const auto of_contingency = world.load_text("contingency: {workflows: [qqqq]}\n");
  EXPECT_NE(test::all_of(of_contingency).find("or all"), std::string::npos) << test::all_of(of_contingency);
}

}  // namespace
}  // namespace tideover::config
