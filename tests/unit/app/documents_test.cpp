// The pages of docs/reference that are made from tables are those that the tables make. TIDEOVER_UPDATE_DOCS=1 writes
// them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "tideover/app/completion.hpp"
#include "tideover/app/manual.hpp"
#include "tideover/config/table.hpp"
#include "unit/config/fake_world.hpp"

namespace tideover::app {
namespace {

std::string read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void expect_document(const std::string& name, const std::string& made) {
  const auto file = std::string(TIDEOVER_SOURCE_DIR) + "/docs/reference/" + name;
  if (const auto* update = std::getenv("TIDEOVER_UPDATE_DOCS"); update != nullptr && *update == '1') {
    std::ofstream(file, std::ios::binary) << made;
    return;
  }
  EXPECT_TRUE(read(file) == made)
      << name << " is not what the table says: run this test with TIDEOVER_UPDATE_DOCS=1 and look at the difference";
}

TEST(Documents, TheCommandLinePageIsTheCommandTable) { expect_document("cli.md", command_markdown()); }

TEST(Documents, TheConfigurationPageIsTheTableOfKeys) { expect_document("configuration.md", key_markdown()); }

TEST(Documents, EveryKeyHasTypeMeaningAndExample) {
  const auto page = key_markdown();
  const auto manual = key_manual();
  for (const auto& row : config::key_table()) {
    using kind = config::value_kind;
    const bool holds_others = row.kind == kind::map || row.kind == kind::map_of || row.kind == kind::list;
    if (!row.supported || row.path.ends_with("[]") || row.path.ends_with(".*")) continue;
    if (holds_others && row.path.find('.') == std::string_view::npos) continue;  // a section of its own
    std::string path(row.path);
    for (std::size_t at; (at = path.find(".*")) != std::string::npos;) path.replace(at, 2, ".NAME");
    const auto from = page.find("| `" + path + "` | ");
    ASSERT_NE(from, std::string::npos) << path;
    const auto line = page.substr(from, page.find('\n', from) - from);
    EXPECT_NE(line.find(std::string(row.description.substr(0, row.description.find('|')))), std::string::npos) << line;
    if (holds_others) continue;
    EXPECT_FALSE(row.example.empty() && row.default_text.empty() && row.choices.empty())
        << path << " has neither default nor example";
    EXPECT_TRUE(line.ends_with("` |")) << "no example: " << line;
    EXPECT_NE(manual.find("\n.B " +
                          [&] {
                            std::string made;
                            for (char c : path) made += c == '-' ? std::string("\\-") : std::string(1, c);
                            return made;
                          }() +
                          "\n"),
              std::string::npos)
        << path;
  }
}

// The examples of the page are put into a file each, at their key: the loader must have nothing against the key itself.
TEST(Documents, EveryExampleIsAcceptedByTheLoader) {
  config::test::fake_world world;
  world.variables = {{"OPENAI_API_KEY", "k-1"}};
  for (const auto file : {"/etc/tideover/cert.pem", "/etc/tideover/key.pem", "/etc/tideover/ca.pem",
                          "/etc/tideover/callers-ca.pem", "/etc/tideover/admin.token"})
    world.files[file] = {"x", 0600};
  std::size_t checked = 0;
  for (const auto& row : config::key_table()) {
    using kind = config::value_kind;
    if (!row.supported || row.kind == kind::map || row.kind == kind::map_of || row.kind == kind::list) continue;
    std::string value(!row.example.empty()        ? row.example
                      : !row.default_text.empty() ? row.default_text
                                                  : row.choices.substr(0, row.choices.find('|')));
    // From the inside out: `a.*.b[].c` becomes {a: {x: {b: [{c: VALUE}]}}}.
    std::string path(row.path);
    std::string shown = path;
    std::string yaml = value;
    while (!path.empty()) {
      const auto dot = path.rfind('.');
      auto part = dot == std::string::npos ? path : path.substr(dot + 1);
      path = dot == std::string::npos ? "" : path.substr(0, dot);
      if (part.ends_with("[]")) {
        part.resize(part.size() - 2);
        yaml = "[" + yaml + "]";
      }
      yaml = "{" + (part == "*" ? std::string("x") : part) + ": " + yaml + "}";
    }
    for (std::size_t at; (at = shown.find(".*")) != std::string::npos;) shown.replace(at, 2, ".x");
    for (std::size_t at; (at = shown.find("[]")) != std::string::npos;) shown.replace(at, 2, "[0]");
    const auto result = world.load_text(yaml + "\n");
    for (const auto& p : result.problems) {
      // What is missing beside it, or does not go together with an upstream that is only an example, is another matter.
      const bool about_the_value = p.path == shown && p.level == config::severity::error;
      const bool about_company = p.message.find("there is no workflow") != std::string::npos ||
                                 p.message.find("there are no keys") != std::string::npos;
      EXPECT_TRUE(!about_the_value || about_company) << yaml << "\n" << p.to_string();
      EXPECT_NE(p.message, "unknown key") << yaml;
    }
    ++checked;
  }
  EXPECT_GT(checked, 70u);
}

TEST(Documents, ManualPagesAreManualPages) {
  const auto commands = command_manual();
  EXPECT_TRUE(commands.starts_with(".TH TIDEOVER 1 ")) << commands.substr(0, 80);
  for (const auto part : {".SH NAME\n", ".SH SYNOPSIS\n", ".SH COMMANDS\n", ".SS tideover run\n",
                          ".SS tideover contingency on\n", ".B \\-\\-workflow WORKFLOW\n", ".SH ENVIRONMENT\n"})
    EXPECT_NE(commands.find(part), std::string::npos) << part;
  EXPECT_TRUE(key_manual().starts_with(".TH TIDEOVER.YAML 5 "));
  std::istringstream lines(commands + key_manual());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('.')) continue;
    const auto request = line.substr(0, line.find(' '));
    EXPECT_TRUE(
        (std::set<std::string>{".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".I", ".BR", ".br", ".EX", ".EE"}.contains(
            request)))
        << "text taken for a request: " << line;
  }
}

TEST(Documents, EveryVisibleCommandIsInManualAndPage) {
  for (const auto& c : complete({""}).words) {
    if (c.word == "help") continue;
    EXPECT_NE(command_markdown().find("\n## tideover " + c.word + "\n"), std::string::npos) << c.word;
    EXPECT_NE(command_manual().find("\n.SS tideover " + c.word + "\n"), std::string::npos) << c.word;
  }
  EXPECT_EQ(command_markdown().find("tideover man\n"), std::string::npos);
}

}  // namespace
}  // namespace tideover::app
