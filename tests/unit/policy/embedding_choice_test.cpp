#include "tideover/policy/embedding_choice.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

using rules = std::vector<config::model_rule>;

local_model model(const char* name, std::uint64_t size, bool embedding = true) {
  local_model m;
  m.name = name;
  m.size_bytes = size;
  m.capabilities_known = true;
  m.embedding = embedding;
  m.completion = !embedding;
  return m;
}

local_catalog catalog(std::vector<local_model> models) {
  local_catalog c;
  c.known = true;
  c.models = std::move(models);
  return c;
}

struct row {
  const char* name;
  rules of_workflow, global;
  bool any_model;
  bool allowed;
  std::string chosen;
};

config::model_rule rule(const char* cloud, const char* local) {
  config::model_rule r;
  r.cloud = cloud;
  r.local = local;
  return r;
}

TEST(EmbeddingChoice, VectorsComeFromTheVerySameModelUnlessTheWorkflowTakesAny) {
  auto const installed = catalog({model("llama3.1:8b", 9, false), model("all-minilm", 1), model("nomic:latest", 3)});
  row const rows[] = {
      {"no rule", {}, {}, false, false, ""},
      {"the same on both sides", {}, {rule("nomic", "nomic")}, false, true, "nomic"},
      {"the same with its tag", {}, {rule("nomic", "nomic:latest")}, false, true, "nomic:latest"},
      {"another", {}, {rule("*", "all-minilm")}, false, false, ""},
      {"the first rule counts", {}, {rule("*", "all-minilm"), rule("nomic", "nomic")}, false, false, ""},
      {"the workflow's rules come first", {rule("nomic", "nomic")}, {rule("*", "all-minilm")}, false, true, "nomic"},
      {"any: as the rule says", {}, {rule("*", "all-minilm")}, true, true, "all-minilm"},
      {"any: the requested one before another", {}, {}, true, true, "nomic:latest"},
      {"any: a rule that names no embedding model", {}, {rule("*", "llama3.1:8b")}, true, true, "nomic:latest"},
  };
  for (auto const& r : rows) {
    SCOPED_TRACE(r.name);
    embedding_need const need{"nomic", &r.of_workflow, &r.global, r.any_model};
    EXPECT_EQ(may_embed_locally(need), r.allowed);
    auto const choice = choose_embedding_model(need, installed);
    EXPECT_EQ(choice.name, r.chosen);
    EXPECT_FALSE(choice.why.empty());
  }
}

TEST(EmbeddingChoice, OfAnyModelTheLoadedAndThenTheLargerOneIsTaken) {
  embedding_need const need{.requested = "text-embedding-3-small", .any_model = true};
  auto loaded = model("small", 1);
  loaded.loaded = true;
  EXPECT_EQ(choose_embedding_model(need, catalog({model("b", 2), model("a", 2), model("c", 1)})).name, "a");
  EXPECT_EQ(choose_embedding_model(need, catalog({model("b", 2), loaded})).name, "small");
  EXPECT_EQ(choose_embedding_model(need, catalog({model("llama", 2, false)})).name, "");
}

TEST(EmbeddingChoice, NothingThatLeavesTheHouseIsChosen) {
  rules const named = {rule("x:cloud", "x:cloud"), rule("stub", "stub")};
  auto remote = model("stub", 5);
  remote.remote = true;
  auto const installed = catalog({remote, model("y-cloud", 4)});
  for (auto const* requested : {"x:cloud", "stub", "other"})
    for (bool const any : {false, true})
      EXPECT_EQ(choose_embedding_model({requested, nullptr, &named, any}, installed).name, "") << requested;
}

TEST(EmbeddingChoice, WhileNothingIsKnownOnlyTheVerySameModelIsNamed) {
  rules const named = {rule("nomic", "nomic")};
  EXPECT_EQ(choose_embedding_model({"nomic", nullptr, &named, false}, {}).name, "nomic");
  EXPECT_EQ(choose_embedding_model({"other", nullptr, &named, true}, {}).name, "");
}

}  // namespace
}  // namespace tideover::policy
