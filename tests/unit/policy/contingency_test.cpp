// Who imposes contingency on which workflow, what lifting lifts, and when a decision ends.
#include "tideover/policy/contingency.hpp"

#include <gtest/gtest.h>

namespace tideover::policy {
namespace {

using namespace std::chrono_literals;

contingency_decision decision(std::string workflow, time_point ends = never) {
  contingency_decision d;
  d.workflow = std::move(workflow);
  d.reason = "the cloud is on fire";
  d.who = "root";
  d.since = 1000;
  d.ends = ends;
  return d;
}

TEST(Contingency, IsOffWhenNobodySaysOtherwise) {
  contingency const c;
  EXPECT_FALSE(c.any());
  EXPECT_FALSE(c.active("default"));
  EXPECT_TRUE(c.causes().empty());
}

TEST(Contingency, AnyOneSourceSuffices) {
  struct row {
    config::contingency imposed;
    std::vector<contingency_decision> decided;
    bool legal, other;
    const char* source;
  };
  std::vector<row> const rows{
      {{.all_by_environment = true}, {}, true, true, "environment"},
      {{.by_environment = {"legal"}}, {}, true, false, "environment"},
      {{.all_by_file = true}, {}, true, true, "file"},
      {{.by_file = {"legal"}}, {}, true, false, "file"},
      {{}, {decision("all")}, true, true, "operator"},
      {{}, {decision("legal")}, true, false, "operator"},
  };
  for (const auto& r : rows) {
    contingency const c(r.imposed, r.decided);
    EXPECT_EQ(c.active("legal"), r.legal) << r.source;
    EXPECT_EQ(c.active("other"), r.other) << r.source;
    EXPECT_EQ(c.active_for_all(), r.other);
    ASSERT_EQ(c.causes().size(), 1U);
    EXPECT_EQ(token(c.causes()[0].source), r.source);
    EXPECT_EQ(c.causes_for("legal").size(), 1U);
    EXPECT_EQ(c.causes_for("other").size(), r.other ? 1U : 0U);
  }
}

TEST(Contingency, LiftingTouchesOnlyWhatOperatorsDecided) {
  contingency c({.by_environment = {"legal"}, .by_file = {"sales"}}, {decision("all"), decision("legal")});
  EXPECT_EQ(c.lift({}).size(), 2U);
  EXPECT_TRUE(c.active("legal"));
  EXPECT_TRUE(c.active("sales"));
  EXPECT_FALSE(c.active("default"));
  EXPECT_TRUE(c.lift({}).empty());
}

TEST(Contingency, LiftingOneWorkflowLeavesADecisionAboutAllInForce) {
  contingency c({}, {decision("all"), decision("legal")});
  EXPECT_EQ(c.lift({"legal"}).size(), 1U);
  EXPECT_TRUE(c.active("legal"));
  EXPECT_EQ(c.lift({"all"}).size(), 1U);
  EXPECT_FALSE(c.active("legal"));
}

TEST(Contingency, ALaterDecisionTakesThePlaceOfAnEarlierOneAboutTheSame) {
  contingency c;
  c.decide(decision("legal", time_point{10s}));
  c.decide(decision("legal"));
  EXPECT_EQ(c.decided().size(), 1U);
  EXPECT_TRUE(c.expire(time_point{1h}).empty());
  EXPECT_TRUE(c.active("legal"));
}

TEST(Contingency, EndsWhenTheTimeGivenIsOverAndNotBefore) {
  contingency c({}, {decision("legal", time_point{10s}), decision("all", time_point{20s})});
  EXPECT_TRUE(c.expire(time_point{10s} - 1ns).empty());
  EXPECT_EQ(c.expire(time_point{10s}).size(), 1U);
  EXPECT_TRUE(c.active("legal"));  // by all
  EXPECT_EQ(c.expire(time_point{20s}).size(), 1U);
  EXPECT_FALSE(c.any());
}

TEST(Contingency, NamesEachWorkflowOnce) {
  contingency const c({.by_environment = {"a"}, .by_file = {"a", "b"}}, {decision("b"), decision("all")});
  EXPECT_EQ(c.named(), (std::vector<std::string>{"a", "b"}));
}

TEST(Contingency, AfterARestartADecisionHasTheTimeThatWasLeftOfIt) {
  time_point const now{500s};
  auto d = decision("all");
  EXPECT_EQ(end_after_restart(d, 2000, now), never);
  d.until = 1600;
  EXPECT_EQ(end_after_restart(d, 1100, now), now + 500s);
  EXPECT_EQ(end_after_restart(d, 1600, now), now);
  EXPECT_EQ(end_after_restart(d, 999999, now), now);
  // The clock was set back: it lasts as long as was decided, not until a far future.
  EXPECT_EQ(end_after_restart(d, 0, now), now + 600s);
  d.until = 10;  // nonsense in the file
  EXPECT_EQ(end_after_restart(d, 0, now), now);
}

}  // namespace
}  // namespace tideover::policy
