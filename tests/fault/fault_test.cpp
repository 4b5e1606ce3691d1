// Runs the rows of some sections of the table, each in a world of its own. One program per group of sections, so that
// they can run side by side; TIDEOVER_FAULT_SECTIONS names this program's.
#include <gtest/gtest.h>

#include "fault/check.hpp"
#include "fault/row.hpp"
#include "fault/stage.hpp"
#include "support/own_network.hpp"

namespace tideover::test {

void PrintTo(const row& what, std::ostream* out) { *out << what.sentence; }

namespace {

std::vector<row> rows_of_this_program() {
  std::vector<row> mine;
  for (auto const& r : all_rows())
    if (std::string_view(TIDEOVER_FAULT_SECTIONS).find(r.section()) != std::string_view::npos) mine.push_back(r);
  return mine;
}

class Row : public testing::TestWithParam<row> {};

TEST_P(Row, EndsAsItShould) {
  auto const& what = GetParam();
  if (what.own_network && !has_own_network())
    GTEST_SKIP() << "needs root, for a network namespace with a name server of its own";
  SCOPED_TRACE(what.sentence);
  stage s(what);
  if (what.fault) what.fault(s);
  s.start();
  auto const seen = what.act ? what.act(s) : s.ask();
  check(s, seen);
}

INSTANTIATE_TEST_SUITE_P(Fault, Row, testing::ValuesIn(rows_of_this_program()),
                         [](const auto& of) { return of.param.test_name(); });

}  // namespace
}  // namespace tideover::test
