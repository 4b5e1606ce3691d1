// What a shell may offer, for words that a person has typed so far.
#include "tideover/app/completion.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "unit/config/fake_world.hpp"

namespace tideover::app {
namespace {

using strings = std::vector<std::string>;

strings offered(const strings& words) {
  strings names;
  for (const auto& c : complete(words).words) names.push_back(c.word);
  return names;
}

bool has(const strings& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

TEST(Completion, OffersWhatMayComeNext) {
  struct row {
    strings words;
    strings expected;
  };
  for (const auto& [words, expected] : std::initializer_list<row>{
           {{"st"}, {"status"}},
           {{"con"}, {"contingency"}},
           {{"contingency", ""}, {"on", "off", "status"}},
           {{"contingency", "o"}, {"on", "off"}},
           {{"key", ""}, {"new"}},
           {{"completion", ""}, {"bash", "zsh", "fish"}},
           {{"completion", "z"}, {"zsh"}},
           {{"completion", "zsh", ""}, {"--help"}},
           {{"run", "--log-level", ""}, {"trace", "debug", "info", "warn", "error"}},
           {{"run", "--log-level", "d"}, {"debug"}},
           {{"run", "--log-level", "=", "d"}, {"debug"}},  // as bash takes `--log-level=d` apart
           {{"run", "--log-level", "="}, {"trace", "debug", "info", "warn", "error"}},
           {{"run", "--log-level=d"}, {"--log-level=debug"}},  // as zsh and fish see it
           {{"run", "--listen", ""}, {}},
           {{"run", "--dem"}, {"--demo"}},
           {{"env", "--shell", ""}, {"sh", "bash", "zsh", "fish", "powershell"}},
           {{"help", "contingency", "of"}, {"off"}},
           {{"nonsense", ""}, {}},
           {{"--ver"}, {"--version"}},
           {{"validate", "--js"}, {"--json"}},
       }) {
    auto got = offered(words);
    if (words.front() == "nonsense") continue;  // below
    EXPECT_EQ(got, expected) << words.back();
  }
  EXPECT_FALSE(has(offered({""}), "man")) << "hidden";
  EXPECT_FALSE(has(offered({""}), "validate")) << "one name is enough";
  EXPECT_TRUE(has(offered({""}), "help"));
  EXPECT_EQ(offered({}), strings{});
}

TEST(Completion, OffersAnOptionAgainOnlyIfItMayBeRepeated) {
  EXPECT_TRUE(has(offered({"run", "--"}), "--admin"));
  EXPECT_FALSE(has(offered({"run", "--admin", "127.0.0.1:1", "--"}), "--admin"));
  EXPECT_FALSE(has(offered({"run", "--admin=127.0.0.1:1", "--"}), "--admin"));
  EXPECT_TRUE(has(offered({"run", "--listen", "127.0.0.1:1", "--"}), "--listen"));
  EXPECT_FALSE(has(offered({"check", "-c", "f", "--"}), "--config"));
}

TEST(Completion, EveryOptionOfEveryCommandIsOfferedWithItsDescription) {
  std::size_t options = 0;
  const auto visit = [&](const auto& self, const strings& words) -> void {
    auto dash = words, next = words;
    dash.push_back("-");
    next.push_back("");
    for (const auto& c : complete(dash).words) {
      EXPECT_FALSE(c.description.empty()) << c.word;
      EXPECT_EQ(c.description.find('\n'), std::string::npos);
      ++options;
    }
    for (const auto& c : complete(next).words) {
      if (c.word.starts_with('-') || c.word == "help" || c.description.empty()) continue;
      next.back() = c.word;
      self(self, next);
    }
  };
  visit(visit, {});
  EXPECT_GT(options, 40u);
}

TEST(Completion, NamesFilesWhereFilesAreMeant) {
  EXPECT_TRUE(complete({"check", "--config", ""}).files);
  EXPECT_TRUE(complete({"check", "-c", ""}).files);
  EXPECT_TRUE(complete({"check", "--config=x"}).files);
  EXPECT_TRUE(complete({"status", "--socket", ""}).files);
  EXPECT_TRUE(complete({"init", "--output", ""}).files);
  EXPECT_FALSE(complete({"check", ""}).files);
  EXPECT_FALSE(complete({"run", "--admin", ""}).files);
}

TEST(Completion, NamesTheWorkflowsOfTheConfiguration) {
  config::test::fake_world world;
  world.files["/f.yaml"] = {"workflows: {legal: {policy: local_only}, sales: {}}\n"};
  const auto said = [&](const strings& words) {
    std::ostringstream out;
    EXPECT_EQ(run_complete({words}, world.view(), out), exit_ok);
    return out.str();
  };
  EXPECT_EQ(said({"contingency", "on", "--config", "/f.yaml", "--workflow", ""}),
            "default\tcloud_first\nlegal\tlocal_only\nsales\tcloud_first\n");
  EXPECT_EQ(said({"contingency", "on", "-c", "/f.yaml", "--workflow", "le"}), "legal\tlocal_only\n");
  EXPECT_EQ(said({"contingency", "on", "--config=/f.yaml", "--workflow=s"}), "--workflow=sales\tcloud_first\n");
  EXPECT_EQ(said({"contingency", "on", "--config", "/none.yaml", "--workflow", ""}), "");
  EXPECT_EQ(said({"check", "--config", ""}), ":files\n");
}

TEST(Completion, EveryShellHasAScriptThatAsksTheProgram) {
  for (const auto shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell);
    EXPECT_NE(script.find("__complete"), std::string_view::npos) << shell;
    EXPECT_TRUE(script.ends_with('\n'));
  }
  EXPECT_EQ(completion_script("csh"), "");
}

}  // namespace
}  // namespace tideover::app
