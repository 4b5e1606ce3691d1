#include "tideover/policy/model_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tideover::policy {
namespace {

using table = std::vector<config::model_rule>;

constexpr std::uint64_t gib = 1u << 30;

local_model model(std::string name, std::uint64_t gigabytes, bool loaded = false) {
  local_model m;
  m.name = std::move(name);
  m.size_bytes = gigabytes * gib;
  m.loaded = loaded;
  m.capabilities_known = true;
  m.completion = true;
  return m;
}

local_catalog catalog(std::vector<local_model> models) { return {.known = true, .models = std::move(models)}; }

TEST(Glob, MatchesRunsOfCharacters) {
  struct {
    std::string_view pattern, text;
    bool matches;
  } const rows[] = {
      {"*", "", true},
      {"*", "anything", true},
      {"", "", true},
      {"", "a", false},
      {"o*", "o3-mini", true},
      {"o*", "gpt-4o", false},
      {"*o", "gpt-4o", true},
      {"*codex*", "gpt-5-codex", true},
      {"*codex*", "codex", true},
      {"*codex*", "code", false},
      {"gpt-4o", "gpt-4o", true},
      {"gpt-4o", "gpt-4o-mini", false},
      {"a*b*c", "aXbXc", true},
      {"a*b*c", "abbbc", true},
      {"a*b*c", "acb", false},
      {"**", "x", true},
      {"a*", "A1", true},
      {"gpt-?", "gpt-4", false},
      {"[a]", "a", false},
      {"*ab", "aab", true},
  };
  for (const auto& row : rows)
    EXPECT_EQ(glob_matches(row.pattern, row.text), row.matches) << row.pattern << " on " << row.text;
}

TEST(Glob, ManyStarsDoNotExplode) {
  std::string pattern, text(2000, 'a');
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(glob_matches(pattern + "b", text));
}

TEST(ReadCatalog, TakesWhatOllamaSaysIsInstalledAndLoaded) {
  auto const c = read_catalog(
      R"({"models":[
        {"name":"llama3.1:8b","model":"llama3.1:8b","size":4900000000,"capabilities":["completion","tools"]},
        {"name":"llava:7b","size":4700000000,"capabilities":["completion","vision"]},
        {"name":"nomic-embed-text:latest","size":270000000,"capabilities":["embedding"]},
        {"name":"qwen3:8b","size":5200000000,"capabilities":["completion","tools","thinking"]},
        {"name":"gpt-oss:120b-cloud","remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443","size":384}]})",
      R"({"models":[{"name":"qwen3:8b","size_vram":1},{"name":"gone:1b"}]})");
  ASSERT_TRUE(c);
  EXPECT_TRUE(c->known);
  ASSERT_EQ(c->models.size(), 5u);
  EXPECT_TRUE(c->find("llama3.1:8b")->tools);
  EXPECT_FALSE(c->find("llama3.1:8b")->loaded);
  EXPECT_EQ(c->find("llama3.1:8b")->size_bytes, 4900000000u);
  EXPECT_TRUE(c->find("llava:7b")->vision);
  EXPECT_TRUE(c->find("NOMIC-embed-text")->embedding);
  EXPECT_FALSE(c->find("nomic-embed-text")->completion);
  EXPECT_TRUE(c->find("qwen3:8b")->loaded);
  EXPECT_TRUE(c->find("qwen3:8b")->thinking);
  EXPECT_TRUE(c->find("gpt-oss:120b-cloud")->remote);
  EXPECT_EQ(c->find("llama3.1"), nullptr);
  EXPECT_EQ(c->find(""), nullptr);
}

TEST(ReadCatalog, GuessesByNameWhereAnOldServerIsSilent) {
  auto const c = read_catalog(R"({"models":[{"name":"llama2:7b"},{"name":"bge-m3:latest"},{"name":"all-minilm:22m"},
                                            {"name":"mxbai-embed-large"},{"name":"llava:7b"}]})",
                              "");
  ASSERT_TRUE(c);
  EXPECT_FALSE(c->find("llama2:7b")->capabilities_known);
  EXPECT_TRUE(c->find("llama2:7b")->completion);
  EXPECT_TRUE(c->find("llava:7b")->vision);
  for (std::string_view const name : {"bge-m3", "all-minilm:22m", "mxbai-embed-large"}) {
    EXPECT_TRUE(c->find(name)->embedding) << name;
    EXPECT_FALSE(c->find(name)->completion) << name;
  }
}

TEST(ReadCatalog, NothingUsableIsNoCatalogAndOddEntriesAreLeftOut) {
  for (std::string_view const text : {"", "x", "[]", "null", "{}", R"({"models":{}})", R"({"models":[)", "<html>"})
    EXPECT_FALSE(read_catalog(text, "{}")) << text;
  EXPECT_TRUE(read_catalog(R"({"models":null})", "nonsense")->models.empty());
  EXPECT_EQ(read_catalog(R"({"models":[1,null,{},{"name":""},{"name":5},{"name":"a","size":-1,"capabilities":[1]}]})",
                         R"({"models":[1,{"name":"a"}]})")
                ->models.size(),
            1u);
}

TEST(ChooseModel, TheFirstRuleThatMatchesWins) {
  table const rules{{"*codex*", "qwen2.5-coder:7b"}, {"o*", "phi4:14b"}, {"*", "llama3.1:8b"}};
  auto const installed = catalog({model("qwen2.5-coder:7b", 5), model("phi4:14b", 9), model("llama3.1:8b", 5)});
  EXPECT_EQ(choose_model({.requested = "gpt-5-codex"}, rules, installed).name, "qwen2.5-coder:7b");
  EXPECT_EQ(choose_model({.requested = "o3"}, rules, installed).name, "phi4:14b");
  auto const last = choose_model({.requested = "gpt-4o"}, rules, installed);
  EXPECT_EQ(last.name, "llama3.1:8b");
  EXPECT_EQ(last.why, "models[2]: * -> llama3.1:8b");
}

TEST(ChooseModel, TheTableIsTakenAtItsWordWhileNothingIsKnown) {
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {{"*", "llama3.1:8b"}}, {}).name, "llama3.1:8b");
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {}, {}).name, "");
}

TEST(ChooseModel, AMappedModelThatIsMissingIsReplacedAndSaidSo) {
  table const rules{{"*", "llama3.1:8b"}};
  auto const other = choose_model({.requested = "gpt-4o"}, rules, catalog({model("phi4:14b", 9)}));
  EXPECT_EQ(other.name, "phi4:14b");
  EXPECT_EQ(other.why, "models[0]: * -> llama3.1:8b is not installed; largest installed model");
  auto const none = choose_model({.requested = "gpt-4o"}, rules, catalog({}));
  EXPECT_EQ(none.name, "");
  EXPECT_NE(none.why.find("llama3.1:8b is not installed"), std::string::npos);
}

TEST(ChooseModel, AMappedModelThatCannotDoItIsReplacedByOneThatCan) {
  auto seeing = model("llava:7b", 4);
  seeing.vision = true;
  table const rules{{"*", "llama3.1:8b"}};
  auto const c = catalog({model("llama3.1:8b", 5), seeing});
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, rules, c).name, "llama3.1:8b");
  EXPECT_EQ(choose_model({.requested = "gpt-4o", .tools = false, .vision = true}, rules, c).name, "llava:7b");
  EXPECT_EQ(choose_model({.requested = "gpt-4o", .tools = true, .vision = false}, rules, c).name, "");
}

TEST(ChooseModel, WhatOllamaRunsInTheCloudIsNeverChosen) {
  auto stub = model("deepseek-v3:latest", 0, true);
  stub.remote = true;
  auto const c = catalog({model("gpt-oss:120b-cloud", 70, true), model("kimi-k2:cloud", 90, true), stub});
  for (std::string_view const name : {"gpt-4o", "gpt-oss:120b-cloud", "kimi-k2:cloud", "deepseek-v3"})
    EXPECT_EQ(choose_model({.requested = name}, {}, c).name, "") << name;

  auto const with_local = catalog({model("tiny:1b", 1), model("gpt-oss:120b-cloud", 70, true), stub});
  EXPECT_EQ(choose_model({.requested = "gpt-oss:120b-cloud"}, {}, with_local).name, "tiny:1b");
  for (std::string_view const named : {"gpt-oss:120b-cloud", "kimi-k2:cloud", "KIMI-K2:CLOUD", "deepseek-v3"}) {
    auto const choice = choose_model({.requested = "gpt-4o"}, {{"*", std::string(named)}}, with_local);
    EXPECT_EQ(choice.name, "") << named;
    EXPECT_NE(choice.why.find("ollama.com"), std::string::npos) << choice.why;
  }
}

TEST(ChooseModel, ARequestedNameThatIsInstalledIsTakenAsItIs) {
  auto const c = catalog({model("phi4:latest", 9), model("llama3.1:70b", 40, true)});
  EXPECT_EQ(choose_model({.requested = "phi4"}, {}, c).name, "phi4:latest");
  EXPECT_EQ(choose_model({.requested = "llama3.1"}, {}, c).name, "llama3.1:70b");
}

TEST(ChooseModel, LoadedComesBeforeLargeAndLargeBeforeSmall) {
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {}, catalog({model("a:70b", 40), model("b:8b", 5, true)})).name,
            "b:8b");
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {}, catalog({model("a:8b", 5), model("b:70b", 40)})).name, "b:70b");
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {}, catalog({model("b:8b", 5), model("a:8b", 5)})).name, "a:8b");
}

TEST(ChooseModel, ASpecialistServesItsOwnFieldFirstAndOthersLast) {
  auto const c = catalog({model("qwen2.5-coder:32b", 20, true), model("llama3.1:8b", 5)});
  EXPECT_EQ(choose_model({.requested = "gpt-5-codex"}, {}, c).name, "qwen2.5-coder:32b");
  EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {}, c).name, "llama3.1:8b");
  EXPECT_EQ(choose_model({.requested = "gpt-5-codex"}, {}, c).why, "largest loaded code model");
}

TEST(ChooseModel, AnEmbeddingModelDoesNotChat) {
  auto embedding = model("nomic-embed-text", 1);
  embedding.completion = false;
  embedding.embedding = true;
  auto const choice = choose_model({.requested = "nomic-embed-text"}, {}, catalog({embedding}));
  EXPECT_EQ(choice.name, "");
  EXPECT_EQ(choice.why, "no local model that generates text is installed");
}

TEST(ChooseModel, SaysWhichAbilityIsMissing) {
  auto seeing = model("llava:7b", 4), calling = model("qwen3:8b", 5);
  seeing.vision = true;
  calling.tools = true;
  model_need const vision{.requested = "gpt-4o", .tools = false, .vision = true};
  model_need const tools{.requested = "gpt-4o", .tools = true, .vision = false};
  model_need const both{.requested = "gpt-4o", .tools = true, .vision = true};
  EXPECT_EQ(choose_model(vision, {}, catalog({calling})).why, "no local model can see images");
  EXPECT_EQ(choose_model(tools, {}, catalog({seeing})).why, "no local model can call tools");
  EXPECT_EQ(choose_model(both, {}, catalog({seeing, calling})).why,
            "no local model can both see images and call tools");
}

TEST(ChooseModel, WhereAnOldServerIsSilentToolsMayBeTriedButProvenModelsComeFirst) {
  auto unknown = model("mistral:7b", 40, true), proven = model("qwen3:8b", 5);
  unknown.capabilities_known = false;
  proven.tools = true;
  model_need const tools{.requested = "gpt-4o", .tools = true, .vision = false};
  EXPECT_EQ(choose_model(tools, {}, catalog({unknown})).name, "mistral:7b");
  EXPECT_EQ(choose_model(tools, {}, catalog({unknown, proven})).name, "qwen3:8b");
}

TEST(ChooseModel, TheOrderOfTheListingDecidesNothing) {
  std::vector<local_model> models{model("a:8b", 5), model("b:8b", 5), model("c-coder:8b", 9, true),
                                  model("d:1b", 1, true)};
  auto const first = choose_model({.requested = "gpt-4o"}, {}, catalog(models)).name;
  std::sort(models.begin(), models.end(), [](const auto& x, const auto& y) { return x.name > y.name; });
  do {
    EXPECT_EQ(choose_model({.requested = "gpt-4o"}, {}, catalog(models)).name, first);
  } while (std::prev_permutation(models.begin(), models.end(),
                                 [](const auto& x, const auto& y) { return x.name < y.name; }));
}

}  // namespace
}  // namespace tideover::policy
