// The corpus of broken configurations, through the program as an operator runs it.
#include <sys/stat.h>

#include "integration/world.hpp"
#include "support/run_program.hpp"
#include "unit/config/bad_files.hpp"

namespace tideover::test {
namespace {

/// A folder as the corpus wants it.
environment_of_program lay_out(const temporary_folder& folder) {
  for (const auto& [name, text] : config::test::beside_bad_files) folder.write(std::string(name), std::string(text));
  ::mkdir(folder.file("unreadable").c_str(), 0700);  // not even root can read a folder as a file
  ::mkdir(folder.file("credentials").c_str(), 0700);
  environment_of_program environment{{"CREDENTIALS_DIRECTORY", folder.file("credentials")}};
  for (const auto& [name, value] : config::test::variables_of_bad_files) environment[std::string(name)] = value;
  return environment;
}

TEST(CheckCommand, NamesThePlaceTheKeyAndTheFixOfEveryMistakeOfTheCorpus) {
  temporary_folder const folder;
  auto const environment = lay_out(folder);
  for (const auto& bad : config::test::bad_files) {
    auto const file = folder.write("t.yaml", std::string(bad.yaml));
    auto const told = run_tideover({"check", "--json", "--config", file}, environment);
    EXPECT_EQ(told.exit_code, 78) << bad.yaml;
    EXPECT_NE(told.err.find(std::string(bad.fragment)), std::string::npos) << bad.yaml << told.err;
    auto const document = nlohmann::json::parse(told.out, nullptr, false);
    ASSERT_TRUE(document.is_object()) << told.out;
    EXPECT_EQ(document["ok"], false);
    std::size_t errors = 0;
    bool found = false;
    for (const auto& p : document["problems"]) {
      if (p["severity"] != "error") continue;
      ++errors;
      auto const where = std::to_string(p.value("line", 0)) + ":" + std::to_string(p.value("column", 0));
      found |= p["file"] == file && where == bad.where && p.value("key", "") == bad.path &&
               p["message"].get<std::string>().find(bad.fragment) != std::string::npos;
    }
    EXPECT_TRUE(found) << bad.yaml << "expected " << bad.where << " " << bad.path << ": … " << bad.fragment << "\ngot "
                       << told.out;
    EXPECT_EQ(errors, 1U) << bad.yaml << told.out;
    EXPECT_EQ(told.out.find("hunter2"), std::string::npos) << "a secret was repeated: " << told.out;
  }
  EXPECT_GE(std::size(config::test::bad_files), 150U);
}

TEST(CheckCommand, WritesProblemsAsEditorsReadThem) {
  temporary_folder const folder;
  auto const file = folder.write("t.yaml", "log:\n  levle: info\nlimits: {drain: 5}\n");
  auto const told = run_tideover({"validate", "-c", file});
  EXPECT_EQ(told.exit_code, 78);
  EXPECT_EQ(told.out, "");
  EXPECT_TRUE(told.err.starts_with(file + ":2:3: error: log.levle: unknown key; did you mean `level`?\n" + file +
                                   ":3:17: error: limits.drain: "))
      << told.err;
}

}  // namespace
}  // namespace tideover::test
