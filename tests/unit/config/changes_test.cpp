// What `tideover reload` says has changed: every key by its path, no secret by its value.
#include "tideover/config/changes.hpp"

#include <gtest/gtest.h>

#include "fake_world.hpp"

namespace tideover::config {
namespace {

using test::fake_world;

std::vector<change> between(const fake_world& world, std::string_view before, std::string_view after,
                            const fake_world* later = nullptr) {
  const auto a = world.load_text(before), b = (later ? *later : world).load_text(after);
  EXPECT_TRUE(a.ok()) << test::all_of(a);
  EXPECT_TRUE(b.ok()) << test::all_of(b);
  if (!a.ok() || !b.ok()) return {};
  return changes_between(*a.snapshot, *b.snapshot);
}

TEST(Changes, OfTheSameTextThereAreNone) {
  const auto text = "workflows: {legal: {policy: local_only, models: [{cloud: \"*\", local: phi4}]}}";
  EXPECT_TRUE(between({}, text, text).empty());
}

TEST(Changes, AreNamedByPathInTheOrderOfNames) {
  const auto found =
      between({}, "workflows: {legal: {policy: cloud_first}, old: {policy: cloud_first}}\nlimits: {drain: 5s}",
              "workflows: {legal: {policy: local_only, priority: high}}\nlimits: {drain: 5s}");
  EXPECT_EQ(found, (std::vector<change>{{"workflows.legal.policy", change_kind::changed, "cloud_first", "local_only"},
                                        {"workflows.legal.priority", change_kind::added, "", "high"},
                                        {"workflows.old.policy", change_kind::removed, "cloud_first", ""}}));
}

TEST(Changes, OfASecretAreSeenAndNotShown) {
  fake_world before, after;
  before.files["/k"] = {"canary-one"};
  after.files["/k"] = {"canary-two"};
  const auto text = "upstreams: {openai: {tier: cloud, url: https://api.openai.com, credential: {file: /k}}}";
  EXPECT_EQ(between(before, text, text, &after),
            (std::vector<change>{{"upstreams.openai.credential", change_kind::changed, "", ""}}));
}

TEST(Changes, OfAVariableAreSeenAndItsValueNotShown) {
  fake_world before, after;
  before.variables["NAME"] = "canary-one";
  after.variables["NAME"] = "canary-two";
  const auto text = "models: [{cloud: \"*\", local: \"${NAME}\"}]";
  EXPECT_EQ(between(before, text, text, &after),
            (std::vector<change>{{"models[0].local", change_kind::changed, "${NAME}", "${NAME}"}}));
}

TEST(Changes, OfAFilesContentAreChangesOfTheKeyThatNamesIt) {
  fake_world before, after;
  for (auto* w : {&before, &after}) w->files["/cert"] = w->files["/key"] = {"one"};
  after.files["/cert"] = {"two"};
  const auto text = "listen: [{address: \"127.0.0.1:1\", tls: {certificate: /cert, key: /key}}]";
  EXPECT_EQ(between(before, text, text, &after),
            (std::vector<change>{{"listen[0].tls.certificate", change_kind::changed, "/cert", "/cert"}}));
}

TEST(Changes, OfTextsForModelsAreNotRepeated) {
  const auto text = [](const std::string& prompt) {
    return "workflows: {default: {system_prompt: {mode: append, text: \"" + prompt + "\"}}}";
  };
  EXPECT_EQ(between({}, text("a"), text("b")),
            (std::vector<change>{{"workflows.default.system_prompt.text", change_kind::changed, "", ""}}));
}

TEST(Changes, ThatWaitForARestartAreFew) {
  EXPECT_TRUE(needs_restart("log.format"));
  EXPECT_FALSE(needs_restart("log.level"));
  EXPECT_FALSE(needs_restart("listen[0].address"));
}

}  // namespace
}  // namespace tideover::config
