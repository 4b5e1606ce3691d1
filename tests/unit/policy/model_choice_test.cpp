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

/// With the global table alone.
model_choice choose(const model_need& need, const table& rules, const local_catalog& installed) {
  return choose_model(need, rules, installed);
}

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
  EXPECT_EQ(choose({.requested = "gpt-5-codex"}, rules, installed).name, "qwen2.5-coder:7b");
  EXPECT_EQ(choose({.requested = "o3"}, rules, installed).name, "phi4:14b");
  auto const last = choose({.requested = "gpt-4o"}, rules, installed);
  EXPECT_EQ(last.name, "llama3.1:8b");
  EXPECT_EQ(last.why, "models[2]: * -> llama3.1:8b");
}

TEST(ChooseModel, TheTableIsTakenAtItsWordWhileNothingIsKnown) {
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {{"*", "llama3.1:8b"}}, {}).name, "llama3.1:8b");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, {}).name, "");
}

TEST(ChooseModel, AMappedModelThatIsMissingIsReplacedAndSaidSo) {
  table const rules{{"*", "llama3.1:8b"}};
  auto const other = choose({.requested = "gpt-4o"}, rules, catalog({model("phi4:14b", 9)}));
  EXPECT_EQ(other.name, "phi4:14b");
  EXPECT_EQ(other.why, "models[0]: * -> llama3.1:8b is not installed; largest installed model");
  auto const none = choose({.requested = "gpt-4o"}, rules, catalog({}));
  EXPECT_EQ(none.name, "");
  EXPECT_NE(none.why.find("llama3.1:8b is not installed"), std::string::npos);
}

TEST(ChooseModel, AMappedModelThatCannotDoItIsReplacedByOneThatCan) {
  auto seeing = model("llava:7b", 4);
  seeing.vision = true;
  table const rules{{"*", "llama3.1:8b"}};
  auto const c = catalog({model("llama3.1:8b", 5), seeing});
  EXPECT_EQ(choose({.requested = "gpt-4o"}, rules, c).name, "llama3.1:8b");
  EXPECT_EQ(choose({.requested = "gpt-4o", .vision = true}, rules, c).name, "llava:7b");
  EXPECT_EQ(choose({.requested = "gpt-4o", .tools = true}, rules, c).name, "");
}

TEST(ChooseModel, WhatOllamaRunsInTheCloudIsNeverChosen) {
  auto stub = model("deepseek-v3:latest", 0, true);
  stub.remote = true;
  auto const c = catalog({model("gpt-oss:120b-cloud", 70, true), model("kimi-k2:cloud", 90, true), stub});
  for (std::string_view const name : {"gpt-4o", "gpt-oss:120b-cloud", "kimi-k2:cloud", "deepseek-v3"})
    EXPECT_EQ(choose({.requested = name}, {}, c).name, "") << name;

  auto const with_local = catalog({model("tiny:1b", 1), model("gpt-oss:120b-cloud", 70, true), stub});
  EXPECT_EQ(choose({.requested = "gpt-oss:120b-cloud"}, {}, with_local).name, "tiny:1b");
  for (std::string_view const named : {"gpt-oss:120b-cloud", "kimi-k2:cloud", "KIMI-K2:CLOUD", "deepseek-v3"}) {
    auto const choice = choose({.requested = "gpt-4o"}, {{"*", std::string(named)}}, with_local);
    EXPECT_EQ(choice.name, "") << named;
    EXPECT_NE(choice.why.find("ollama.com"), std::string::npos) << choice.why;
  }
}

TEST(ChooseModel, ARequestedNameThatIsInstalledIsTakenAsItIs) {
  auto const c = catalog({model("phi4:latest", 9), model("llama3.1:70b", 40, true)});
  EXPECT_EQ(choose({.requested = "phi4"}, {}, c).name, "phi4:latest");
  EXPECT_EQ(choose({.requested = "llama3.1"}, {}, c).name, "llama3.1:70b");
}

TEST(ChooseModel, LoadedComesBeforeLargeAndLargeBeforeSmall) {
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog({model("a:70b", 40), model("b:8b", 5, true)})).name, "b:8b");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog({model("a:8b", 5), model("b:70b", 40)})).name, "b:70b");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog({model("b:8b", 5), model("a:8b", 5)})).name, "a:8b");
}

TEST(ChooseModel, ASpecialistServesItsOwnFieldFirstAndOthersLast) {
  auto const c = catalog({model("qwen2.5-coder:32b", 20, true), model("llama3.1:8b", 5)});
  EXPECT_EQ(choose({.requested = "gpt-5-codex"}, {}, c).name, "qwen2.5-coder:32b");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, c).name, "llama3.1:8b");
  EXPECT_EQ(choose({.requested = "gpt-5-codex"}, {}, c).why, "largest loaded code model");
}

TEST(ChooseModel, AnEmbeddingModelDoesNotChat) {
  auto embedding = model("nomic-embed-text", 1);
  embedding.completion = false;
  embedding.embedding = true;
  auto const choice = choose({.requested = "nomic-embed-text"}, {}, catalog({embedding}));
  EXPECT_EQ(choice.name, "");
  EXPECT_EQ(choice.why, "no local model that generates text is installed");
}

TEST(ChooseModel, SaysWhichAbilityIsMissing) {
  auto seeing = model("llava:7b", 4), calling = model("qwen3:8b", 5);
  seeing.vision = true;
  calling.tools = true;
  model_need const vision{.requested = "gpt-4o", .vision = true};
  model_need const tools{.requested = "gpt-4o", .tools = true};
  model_need const both{.requested = "gpt-4o", .tools = true, .vision = true};
  EXPECT_EQ(choose(vision, {}, catalog({calling})).why, "no local model can see images");
  EXPECT_EQ(choose(tools, {}, catalog({seeing})).why, "no local model can call tools");
  EXPECT_EQ(choose(both, {}, catalog({seeing, calling})).why, "no local model can both see images and call tools");
}

TEST(ChooseModel, WhereAnOldServerIsSilentToolsMayBeTriedButProvenModelsComeFirst) {
  auto unknown = model("mistral:7b", 40, true), proven = model("qwen3:8b", 5);
  unknown.capabilities_known = false;
  proven.tools = true;
  model_need const tools{.requested = "gpt-4o", .tools = true};
  EXPECT_EQ(choose(tools, {}, catalog({unknown})).name, "mistral:7b");
  EXPECT_EQ(choose(tools, {}, catalog({unknown, proven})).name, "qwen3:8b");
}

TEST(ChooseModel, TheOrderOfTheListingDecidesNothing) {
  std::vector<local_model> models{model("a:8b", 5), model("b:8b", 5), model("c-coder:8b", 9, true),
                                  model("d:1b", 1, true)};
  auto const first = choose({.requested = "gpt-4o"}, {}, catalog(models)).name;
  std::sort(models.begin(), models.end(), [](const auto& x, const auto& y) { return x.name > y.name; });
  do {
    EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog(models)).name, first);
  } while (std::prev_permutation(models.begin(), models.end(),
                                 [](const auto& x, const auto& y) { return x.name < y.name; }));
}

TEST(ReadCatalog, TakesWindowsDigestsAndTheShareOfTheGpu) {
  auto const c = read_catalog(
      R"({"models":[{"name":"a:8b","digest":"d1","size":5,"details":{"context_length":131072},"capabilities":["completion"]}]})",
      R"({"models":[{"name":"a:8b","size":8000,"size_vram":6000,"context_length":8192}]})");
  ASSERT_TRUE(c);
  auto const& m = c->models.front();
  EXPECT_EQ(m.digest, "d1");
  EXPECT_EQ(m.trained_context, 131072u);
  EXPECT_EQ(m.loaded_context, 8192u);
  EXPECT_DOUBLE_EQ(m.gpu_fraction, 0.75);
}

local_model with_show(local_model m, std::string_view text) {
  auto const shown = read_show(text);
  EXPECT_TRUE(shown) << text;
  if (shown) apply_show(*shown, m);
  return m;
}

TEST(ReadShow, TellsWhatAnOldServersListingDoesNot) {
  local_model m = model("x:7b", 4);
  m.capabilities_known = false;
  m = with_show(m, R"({"capabilities":["completion","tools","vision"],
                       "model_info":{"general.architecture":"llama","llama.context_length":8192}})");
  EXPECT_TRUE(m.capabilities_known && m.tools && m.vision && m.completion);
  EXPECT_EQ(m.trained_context, 8192u);
  m = with_show(m, R"({"remote_host":"https://ollama.com:443"})");
  EXPECT_TRUE(m.remote);
  EXPECT_TRUE(m.tools) << "an answer without capabilities takes none away";
  m = with_show(m, "{}");
  EXPECT_TRUE(m.remote) << "and one without a host does not make it local";
  for (std::string_view const text : {"", "[]", "x"}) EXPECT_FALSE(read_show(text));
}

TEST(ReadShow, ComesBeforeAListingThatKnowsLess) {
  auto const listed = read_catalog(R"({"models":[{"name":"qwen3:0.6b","capabilities":["completion"]},
                                                  {"name":"odd:1b","capabilities":["completion","vision"]}]})",
                                   "");
  ASSERT_TRUE(listed);
  auto const m = with_show(*listed->find("qwen3:0.6b"), R"({"capabilities":["tools","thinking","completion"]})");
  EXPECT_TRUE(m.tools && m.thinking && m.completion);
  EXPECT_FALSE(with_show(*listed->find("odd:1b"), R"({"capabilities":["completion"]})").vision);
}

TEST(ReadLoaded, NothingOfNothingIsNoShareOfTheGpu) {
  auto c = *read_catalog(R"({"models":[{"name":"a:1b"},{"name":"b:1b"},{"name":"c:1b"}]})",
                         R"({"models":[{"name":"a:1b","size":0,"size_vram":0,"context_length":4096},
                                       {"name":"b:1b","size":100,"size_vram":0}]})");
  EXPECT_TRUE(c.find("a:1b")->loaded);
  EXPECT_EQ(c.find("a:1b")->loaded_bytes, 0u);
  EXPECT_EQ(c.find("a:1b")->loaded_context, 4096u);
  EXPECT_EQ(c.find("b:1b")->loaded_bytes, 100u);
  EXPECT_DOUBLE_EQ(c.find("b:1b")->gpu_fraction, 0) << "of something: the CPU alone";
  EXPECT_FALSE(c.find("c:1b")->loaded) << "a model that is loading is left out";
}

TEST(ReadOpenAiCatalog, TakesWhatOtherLocalServersList) {
  auto const c = read_openai_catalog(
      R"({"models":[{"name":"not here"}],"object":"list","data":[
        {"id":"qwen3-0.6b","object":"model","owned_by":"llamacpp","meta":{"n_ctx_train":40960,"size":484000000}},
        {"id":"Qwen/Qwen3-8B","owned_by":"vllm","max_model_len":16384},
        {"id":"text-embedding-nomic-embed-text-v1.5","owned_by":"organization_owner"},
        {"id":"loads-yet","meta":null},{"id":5},{},null]})");
  ASSERT_TRUE(c);
  EXPECT_TRUE(c->known);
  ASSERT_EQ(c->models.size(), 4u);
  for (const auto& m : c->models) {
    EXPECT_TRUE(m.loaded) << "such servers load at start";
    EXPECT_FALSE(m.capabilities_known || m.remote) << m.name;
    EXPECT_EQ(m.loaded_bytes, 0u);
  }
  EXPECT_EQ(c->find("qwen3-0.6b")->trained_context, 40960u);
  EXPECT_EQ(c->find("qwen3-0.6b")->loaded_context, 0u) << "what it was trained for is not what it has";
  EXPECT_EQ(c->find("Qwen/Qwen3-8B")->loaded_context, 16384u);
  EXPECT_TRUE(c->find("qwen3-0.6b")->completion);
  EXPECT_FALSE(c->find("text-embedding-nomic-embed-text-v1.5")->completion);
  for (std::string_view const text : {"", "[]", "{}", R"({"data":{}})", R"({"models":[]})", "<html>"})
    EXPECT_FALSE(read_openai_catalog(text)) << text;
}

TEST(SaysLoading, IsLlamaServersWordWithItsStatus) {
  std::string_view const text = R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})";
  EXPECT_TRUE(says_loading(503, text));
  EXPECT_FALSE(says_loading(200, text));
  EXPECT_FALSE(says_loading(503, R"({"error":{"message":"server busy"}})"));
}

TEST(MergeCatalogs, WhatAnyServerHasIsThereAndWhoHasItIsKnown) {
  auto here = model("a:8b", 5), there = model("a:8b", 5, true);
  here.loaded_context = 0;
  there.loaded_context = 8192;
  auto const c = merge_catalogs({catalog({here, model("b:8b", 5)}), catalog({there}), {}});
  ASSERT_EQ(c.models.size(), 2u);
  EXPECT_TRUE(c.find("a:8b")->loaded);
  EXPECT_EQ(c.find("a:8b")->loaded_context, 8192u);
  EXPECT_EQ(c.find_at("a:8b", 0)->loaded_context, 0u);
  EXPECT_EQ(c.find_at("b:8b", 1), nullptr);
  using fit = url_fit;
  EXPECT_EQ(fits_by_url(c, "a:8b", 3), (std::vector{fit::installed, fit::loaded, fit::absent}));
  EXPECT_EQ(fits_by_url(c, "nothing", 3), (std::vector{fit::absent, fit::absent, fit::absent}));
  EXPECT_EQ(fits_by_url({}, "a:8b", 2), (std::vector{fit::installed, fit::installed})) << "nothing is known yet";
}

TEST(MergeCatalogs, AModelThatIsRemoteOnOneServerIsRemote) {
  auto stub = model("a:8b", 0);
  stub.remote = true;
  EXPECT_TRUE(merge_catalogs({catalog({model("a:8b", 5)}), catalog({stub})}).find("a:8b")->remote);
}

TEST(ChooseModel, TheWorkflowsTableComesBeforeTheGlobalOne) {
  table const own{{"gpt-*", "phi4:14b"}}, global{{"*", "llama3.1:8b"}};
  auto const installed = catalog({model("phi4:14b", 9), model("llama3.1:8b", 5)});
  model_tables const tables{.workflow = "legal", .of_workflow = &own, .global = &global};
  auto const first = choose_model({.requested = "gpt-4o"}, tables, installed);
  EXPECT_EQ(first.name, "phi4:14b");
  EXPECT_EQ(first.why, "workflows.legal.models[0]: gpt-* -> phi4:14b");
  auto const second = choose_model({.requested = "claude-sonnet-4"}, tables, installed);
  EXPECT_EQ(second.name, "llama3.1:8b");
  EXPECT_EQ(second.why, "models[0]: * -> llama3.1:8b");
}

TEST(ChooseModel, TheRecommendedModelForTheTaskComesBeforeALargerOne) {
  auto const library = catalog({model("llama3.1:8b", 5), model("qwen2.5-coder:7b", 4), model("phi4:14b", 9),
                                model("mistral:7b", 4), model("huge:70b", 40), model("other-coder:32b", 20)});
  struct {
    std::string_view requested, expected;
  } const rows[] = {{"gpt-4o", "llama3.1:8b"},      {"claude-sonnet-4-5", "llama3.1:8b"},
                    {"gpt-4o-mini", "llama3.1:8b"}, {"gpt-5-codex", "qwen2.5-coder:7b"},
                    {"o3-mini", "phi4:14b"},        {"o1", "phi4:14b"},
                    {"opus", "llama3.1:8b"}};
  for (const auto& row : rows)
    EXPECT_EQ(choose({.requested = row.requested}, {}, library).name, row.expected) << row.requested;
  EXPECT_EQ(choose({.requested = "gpt-5", .thinking = true}, {}, library).name, "phi4:14b");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, library).why, "recommended, installed model");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog({model("mistral:7b", 4), model("huge:70b", 40)})).name,
            "mistral:7b");
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog({model("llama3.1:8b", 5), model("qwen3:8b", 5, true)})).name,
            "qwen3:8b")
      << "what is loaded answers at once";
}

TEST(ChooseModel, ThinkingIsPreferredWhereWishedForAndNeverInsistedOn) {
  auto thinks = model("qwen3:8b", 5);
  thinks.thinking = true;
  auto const c = catalog({model("llama3.1:8b", 5, true), thinks});
  EXPECT_EQ(choose({.requested = "gpt-5", .thinking = true}, {}, c).name, "qwen3:8b");
  EXPECT_EQ(choose({.requested = "gpt-5"}, {}, c).name, "llama3.1:8b");
  EXPECT_EQ(choose({.requested = "gpt-5", .thinking = true}, {}, catalog({model("a:8b", 5)})).name, "a:8b");
}

TEST(ChooseModel, AModelThatDoesNotFitTheMachineComesLast) {
  auto huge = model("huge:70b", 40, true);
  huge.fits = false;
  EXPECT_EQ(choose({.requested = "gpt-4o"}, {}, catalog({huge, model("small:3b", 2)})).name, "small:3b");
  auto const only = choose({.requested = "gpt-4o"}, {}, catalog({huge}));
  EXPECT_EQ(only.name, "huge:70b");
  EXPECT_NE(only.why.find("does not fit"), std::string::npos);
}

TEST(ChooseModel, AModelWhoseWindowIsTooSmallIsReplacedByOneThatHoldsTheRequest) {
  auto small = model("llama3.1:8b", 5, true), large = model("qwen3:8b", 5);
  small.trained_context = 8192;
  large.trained_context = 40960;
  table const rules{{"*", "llama3.1:8b"}};
  auto const c = catalog({small, large});
  model_need const big{.requested = "gpt-4o", .window = {.prompt_tokens = 12000, .max_output = 500}};
  auto const other = choose(big, rules, c);
  EXPECT_EQ(other.name, "qwen3:8b");
  EXPECT_EQ(other.why, "models[0]: * -> llama3.1:8b has too small a window for this request; largest installed model");
  EXPECT_EQ(choose(big, {}, c).name, "qwen3:8b");

  model_need const bigger{.requested = "gpt-4o", .window = {.prompt_tokens = 50000, .max_output = 500}};
  auto const none = choose(bigger, rules, c);
  EXPECT_EQ(none.name, "");
  EXPECT_EQ(none.missing, lack::window);
  EXPECT_EQ(none.largest_window, 32768u);
  EXPECT_EQ(choose_model(bigger, {.global = &rules, .context_limit = 65536}, c).largest_window, 40960u);
}

TEST(ChooseModel, SaysWhatKindOfThingIsMissing) {
  EXPECT_EQ(choose({.requested = "x"}, {}, {}).missing, lack::unknown);
  EXPECT_EQ(choose({.requested = "x"}, {}, catalog({})).missing, lack::model);
  EXPECT_EQ(choose({.requested = "x", .vision = true}, {}, catalog({model("a:8b", 5)})).missing, lack::ability);
  EXPECT_EQ(choose({.requested = "x"}, {}, catalog({model("a:8b", 5)})).missing, lack::nothing);
  auto blind_and_large = model("a:8b", 5);
  EXPECT_EQ(choose({.requested = "x", .vision = true, .window = {.prompt_tokens = 90000, .max_output = {}}}, {},
                   catalog({blind_and_large}))
                .missing,
            lack::ability)
      << "a larger window would not help";
}

TEST(ConsiderModels, TellsOfEachModelWhyOrWhyNot) {
  auto seeing = model("llava:7b", 4), embedding = model("nomic-embed-text", 1);
  seeing.vision = true;
  embedding.completion = false;
  auto const list = consider_models({.requested = "gpt-4o", .vision = true}, {},
                                    catalog({embedding, model("llama3.1:8b", 5, true), seeing}));
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].name, "llava:7b");
  EXPECT_TRUE(list[0].eligible);
  for (const auto& c : list) EXPECT_FALSE(c.note.empty()) << c.name;
  auto const found = std::find_if(list.begin(), list.end(), [](const auto& c) { return c.name == "llama3.1:8b"; });
  EXPECT_EQ(found->note, "cannot see images");
}

TEST(NamedModels, AreThoseOfAllTablesAndOfKeepWarmEachOnce) {
  config::snapshot s;
  s.models = {{"*codex*", "qwen2.5-coder:7b"}, {"*", "llama3.1"}};
  s.workflows["legal"].models = {{"*", "phi4:14b"}, {"x", "llama3.1:latest"}};
  config::upstream local;
  local.keep_warm = {"phi4:14b", "mistral:7b"};
  EXPECT_EQ(named_models(s, local),
            (std::vector<std::string>{"qwen2.5-coder:7b", "llama3.1", "phi4:14b", "mistral:7b"}));
}

TEST(ListsOfSeveralOllamas, AreOneWithEachNameOnceAndNothingThatLeavesTheHouse) {
  auto const text = [](const char* json) { return std::make_shared<const std::string>(json); };
  EXPECT_EQ(join_lists({text(R"({"models":[{"name":"a:1b","size":1},{"name":"b","digest":"x"}]})"),
                        text(R"({"models":[{"name":"A:1B","size":2},{"name":"b:latest"},{"name":"c:2b"}]})")}),
            R"({"models":[{"name":"a:1b","size":1},{"name":"b","digest":"x"},{"name":"c:2b"}]})");
  EXPECT_EQ(join_lists({text(R"({"models":[{"name":"gpt-oss:cloud"},{"name":"x","remote_host":"https://ollama.com"},
                                           {"name":"y","remote_model":"z"},{"model":"only:model"},{},7]})")}),
            R"({"models":[{"model":"only:model"}]})");
  EXPECT_EQ(join_lists({}), R"({"models":[]})");
  EXPECT_EQ(join_lists({nullptr, text("no JSON"), text("[]"), text(R"({"models":null})"),
                        text(R"({"models":[{"name":"d"}]})")}),
            R"({"models":[{"name":"d"}]})");
}

TEST(Urls, OneThatFellSilentIsLeftOutWhereAnotherHasTheModel) {
  auto const with_model = [](bool loaded, bool silent) {
    local_catalog one;
    one.known = true;
    one.silent = silent;
    one.models.push_back({.name = "m", .digest = {}, .loaded = loaded});
    return one;
  };
  auto const fits = [](const local_catalog& catalog) { return fits_by_url(catalog, "m", 2); };
  EXPECT_EQ(fits(merge_catalogs({with_model(true, true), with_model(false, false)})),
            (std::vector{url_fit::absent, url_fit::installed}));
  EXPECT_EQ(fits(merge_catalogs({with_model(true, true), with_model(false, true)})),
            (std::vector{url_fit::loaded, url_fit::installed}))
      << "where all are, one of them has to do";
  EXPECT_TRUE(merge_catalogs({with_model(true, true), with_model(false, true)}).silent);
  EXPECT_FALSE(merge_catalogs({with_model(true, true), with_model(false, false)}).silent);
}

}  // namespace
}  // namespace tideover::policy
