// Which file `init` writes for what it found. Every one of them is loaded.
#include "tideover/app/init_file.hpp"

#include <gtest/gtest.h>

#include "unit/config/fake_world.hpp"

namespace tideover::app {
namespace {

policy::local_catalog having(const std::vector<std::string>& names) {
  policy::local_catalog catalog;
  catalog.known = true;
  for (const auto& name : names) {
    auto& m = catalog.models.emplace_back();
    m.name = name;
    m.capabilities_known = true;
    m.completion = name.find("embed") == std::string::npos;
    m.embedding = !m.completion;
    m.size_bytes = 4'000'000'000;
    m.trained_context = 131072;
  }
  return catalog;
}

init_facts found(const std::vector<std::string>& models, std::vector<std::string> keys = {}) {
  return {.local_url = "http://127.0.0.1:11434",
          .answers = true,
          .catalog = having(models),
          .keys = std::move(keys),
          .for_service = false};
}

std::string rules_text(const init_facts& facts, const init_wishes& wishes) {
  std::string text;
  for (const auto& rule : rules_for(facts, wishes)) text += (text.empty() ? "" : ", ") + rule.cloud + "=" + rule.local;
  return text;
}

config::loaded load(const std::string& text) {
  config::test::fake_world world;
  world.variables = {{"OPENAI_API_KEY", "sk-secret"}, {"ANTHROPIC_API_KEY", "sk-ant-secret"}};
  return world.load_text(text);
}

TEST(InitFile, RulesFitWhatIsInstalled) {
  struct row {
    std::vector<std::string> installed;
    std::string_view rules;
  };
  for (const auto& [installed, rules] : std::initializer_list<row>{
           {{}, ""},
           {{"nomic-embed-text:latest"}, ""},  // makes no text
           {{"gpt-oss:120b-cloud"}, ""},       // is not local
           {{"llama3.1:8b"}, "*=llama3.1:8b"},
           {{"mistral:7b"}, "*=mistral:7b"},
           {{"mistral:7b", "llama3.1:8b"}, "*=llama3.1:8b"},
           {{"qwen2.5-coder:7b"}, "*=qwen2.5-coder:7b"},
           {{"qwen2.5-coder:7b", "llama3.1:8b"}, "*codex*=qwen2.5-coder:7b, *=llama3.1:8b"},
           {{"codestral:22b", "llama3.1:8b"}, "*codex*=codestral:22b, *=llama3.1:8b"},
           {{"phi4:14b", "llama3.1:8b"}, "o*=phi4:14b, *=llama3.1:8b"},
           {{"phi4:14b"}, "*=phi4:14b"},
           {{"mistral:7b", "phi4:14b", "qwen2.5-coder:7b", "llama3.1:8b", "nomic-embed-text:latest"},
            "*codex*=qwen2.5-coder:7b, o*=phi4:14b, *=llama3.1:8b"},
       }) {
    auto const facts = found(installed);
    auto const wishes = usual_wishes(facts);
    EXPECT_EQ(rules_text(facts, wishes), rules);
    auto const result = load(configuration_text(facts, wishes));
    ASSERT_TRUE(result.ok()) << configuration_text(facts, wishes) << config::test::all_of(result);
    EXPECT_TRUE(result.problems.empty()) << config::test::all_of(result);
    EXPECT_EQ(result.snapshot->models.size(), rules_for(facts, wishes).size());
    EXPECT_EQ(result.snapshot->upstreams.size(), 3u);
  }
}

TEST(InitFile, RecommendsWhatIsMissing) {
  auto const facts = found({"llama3.1:8b"});
  auto const text = configuration_text(facts, usual_wishes(facts));
  EXPECT_NE(text.find("# - {cloud: \"*codex*\", local: qwen2.5-coder:7b}   # recommended: ollama pull"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("pull llama3.1:8b"), std::string::npos) << text;
}

TEST(InitFile, NamesVariablesAndNeverKeys) {
  auto facts = found({"llama3.1:8b"}, {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"});
  auto text = configuration_text(facts, usual_wishes(facts));
  auto result = load(text);
  ASSERT_TRUE(result.ok()) << config::test::all_of(result);
  EXPECT_EQ(result.snapshot->upstreams[0].credential->reveal_for_wire(), "sk-secret");
  EXPECT_EQ(result.snapshot->upstreams[1].credential->reveal_for_wire(), "sk-ant-secret");
  EXPECT_EQ(text.find("secret"), std::string::npos);

  auto wishes = usual_wishes(facts);
  wishes.keys = {"ANTHROPIC_API_KEY"};
  result = load(configuration_text(facts, wishes));
  EXPECT_FALSE(result.snapshot->upstreams[0].credential);
  EXPECT_TRUE(result.snapshot->upstreams[1].credential);
}

// The unit gives the service other variables than the shell has in which `init` runs: a file that asks for them would
// keep the service from starting.
TEST(InitFile, ForTheServiceOnlySaysWhereItsKeysBelong) {
  auto facts = found({"llama3.1:8b"}, {"OPENAI_API_KEY"});
  facts.for_service = true;
  auto const wishes = usual_wishes(facts);
  auto const text = configuration_text(facts, wishes);
  config::test::fake_world const without_variables;
  EXPECT_TRUE(without_variables.load_text(text).ok());
  EXPECT_NE(text.find("/etc/tideover/tideover.env"), std::string::npos) << text;
  EXPECT_NE(text.find("    # credential: {env: OPENAI_API_KEY}"), std::string::npos) << text;
}

TEST(InitFile, KeepsAPrivateWorkflowLocal) {
  auto const facts = found({"llama3.1:8b"});
  for (const std::string name : {"legal", "y", "2", "a.b-c", "null"}) {
    auto wishes = usual_wishes(facts);
    wishes.private_workflow = name;
    auto const result = load(configuration_text(facts, wishes));
    ASSERT_TRUE(result.ok()) << name << config::test::all_of(result);
    ASSERT_NE(result.snapshot->find_workflow(name), nullptr) << name;
    EXPECT_EQ(result.snapshot->find_workflow(name)->policy, policy_kind::local_only);
  }
  EXPECT_NE(configuration_text(facts, usual_wishes(facts)).find("# legal: {policy: local_only}"), std::string::npos);
}

// Names come from another program: they must mean nothing to YAML, nor stand for a variable.
TEST(InitFile, TakesAnyNameThatAModelMayHave) {
  for (const std::string name : {"true", "1.5", "a: b", "x}, y", "${HOME}", "a$b:1", "\"quoted\"", "# no",
                                 "hf.co/a/b:Q4_K_M", "ü:1", "a:", "back\\slash"}) {
    auto const facts = found({name});
    auto const text = configuration_text(facts, usual_wishes(facts));
    auto const result = load(text);
    ASSERT_TRUE(result.ok()) << name << "\n" << text << config::test::all_of(result);
    if (name.find(' ') == std::string::npos) {
      ASSERT_EQ(result.snapshot->models.size(), 1u) << text;
      EXPECT_EQ(result.snapshot->models[0].local, name);
    } else {
      EXPECT_TRUE(result.snapshot->models.empty()) << "no model is called `" << name << "`";
    }
  }
}

TEST(InitFile, TheNextStepsAreThoseThatAreMissing) {
  auto facts = found({"llama3.1:8b"});
  auto steps = next_steps(facts, usual_wishes(facts), "");
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0], "tideover check");
  facts = {.local_url = "http://127.0.0.1:11434",
           .answers = false,
           .catalog = {},
           .keys = {"OPENAI_API_KEY"},
           .for_service = true};
  steps = next_steps(facts, usual_wishes(facts), " --config /f");
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_TRUE(steps[0].starts_with("ollama serve"));
  EXPECT_TRUE(steps[1].starts_with("ollama pull"));
  EXPECT_NE(steps[2].find("OPENAI_API_KEY"), std::string::npos);
  EXPECT_EQ(steps[3], "tideover check --config /f");
}

}  // namespace
}  // namespace tideover::app
