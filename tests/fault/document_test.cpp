// The table in docs/failure-semantics.md is the table that is tested. TIDEOVER_UPDATE_DOCS=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "fault/document.hpp"
#include "fault/row.hpp"
#include "support/temporary_folder.hpp"

namespace tideover::test {
namespace {

constexpr std::string_view begin = "<!-- The rows below are written by tests/fault: TIDEOVER_UPDATE_DOCS=1. -->\n";
constexpr std::string_view end = "<!-- End of the rows. -->\n";

TEST(FailureSemantics, TheDocumentHoldsTheTableThatIsTested) {
  auto const file = std::string(TIDEOVER_SOURCE_DIR) + "/docs/failure-semantics.md";
  auto text = read_file(file);
  auto const from = text.find(begin);
  auto const to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos && from < to) << file << " has lost its marks";
  auto const at = from + begin.size();
  auto const written = "\n" + rows_as_text() + "\n";
  if (auto const* update = std::getenv("TIDEOVER_UPDATE_DOCS"); update != nullptr && *update == '1') {
    text.replace(at, to - at, written);
    std::ofstream(file) << text;
    return;
  }
  EXPECT_TRUE(text.substr(at, to - at) == written)
      << "the rows have changed: run this test with TIDEOVER_UPDATE_DOCS=1 and look at the difference";
}

TEST(FailureSemantics, EverySectionHasRowsAndEveryRowASentence) {
  std::set<char> sections;
  for (auto const& r : all_rows()) {
    sections.insert(r.section());
    EXPECT_FALSE(r.sentence.empty()) << r.test_name();
    EXPECT_FALSE(r.expected.outcome.empty()) << r.test_name();
  }
  EXPECT_EQ(std::string(sections.begin(), sections.end()), "ABCDEFGHIJX");
  EXPECT_GE(all_rows().size(), 120U);
}

}  // namespace
}  // namespace tideover::test
