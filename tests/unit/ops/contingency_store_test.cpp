// What operators decided must be there after any end of the process, and what cannot be read must not lift anything.
#include "tideover/ops/contingency_store.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/temporary_folder.hpp"
#include "tideover/ops/contingency_control.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

policy::contingency_decision decision(std::string workflow, std::string reason = "r") {
  policy::contingency_decision d;
  d.workflow = std::move(workflow);
  d.reason = std::move(reason);
  d.who = "root (uid 0)";
  d.since = 1000;
  return d;
}

struct Store : testing::Test {
  test::temporary_folder folder;
  contingency_store store{folder.path()};
};

TEST_F(Store, GivesBackWhatItWasGiven) {
  EXPECT_TRUE(store.load().decisions.empty());
  EXPECT_EQ(store.load().problem, "");
  auto timed = decision("legal", "a \"reason\"\nof two lines");
  timed.until = 2000;
  EXPECT_EQ(store.save({timed, decision("all")}), "");
  auto const found = store.load();
  EXPECT_EQ(found.problem, "");
  ASSERT_EQ(found.decisions.size(), 2U);
  EXPECT_EQ(found.decisions[0].reason, timed.reason);
  EXPECT_EQ(found.decisions[0].until, 2000);
  EXPECT_EQ(found.decisions[1].workflow, "all");
  EXPECT_FALSE(found.decisions[1].until);
}

TEST_F(Store, TakesNothingThatIsNotExactlyItsOwn) {
  for (const auto* text :
       {"", "{", "[]", "{}", "null", R"({"version":1})", R"({"version":2,"decisions":[]})",
        R"({"version":1,"decisions":{}})", R"({"version":1,"decisions":[{}]})",
        R"({"version":1,"decisions":[{"workflow":"","reason":"r","who":"w","since":1,"until":null}]})",
        R"({"version":1,"decisions":[{"workflow":"a","reason":"r","who":"w","since":"1","until":null}]})",
        R"({"version":1,"decisions":[{"workflow":"a","reason":"r","who":"w","since":1}]})",
        R"({"version":1,"decisions":[{"workflow":"a","reason":"r","who":"w","since":1,"until":1.5}]})", "\0\0\0\0"})
    EXPECT_FALSE(read_decisions(text)) << text;
  EXPECT_TRUE(read_decisions(R"({"version":1,"decisions":[]})"));
}

/// A child saves without end and is killed at some moment; what it leaves must be one of the two states, whole.
TEST_F(Store, IsOldOrNewAfterAKillAtAnyMoment) {
  std::vector const small{decision("all")};
  std::vector<policy::contingency_decision> large;
  for (int i = 0; i < 50; ++i) large.push_back(decision("workflow" + std::to_string(i), std::string(200, 'x')));
  ASSERT_EQ(store.save(small), "");
  for (int round = 0; round < 40; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    pid_t const child = ::fork();
    if (child == 0) {
      for (bool first = true;; first = false) {
        (void)store.save(large);
        if (first) (void)!::write(ready[1], "x", 1);
        (void)store.save(small);
      }
    }
    char byte;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::usleep(static_cast<useconds_t>(round * 97 % 1500));  // another moment each time
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    auto const found = store.load();
    EXPECT_EQ(found.problem, "");
    EXPECT_TRUE(found.decisions.size() == 1 || found.decisions.size() == 50) << found.decisions.size();
  }
  ASSERT_EQ(store.save(large), "") << "what a killed process left behind is in nobody's way";
}

struct Control : Store {
  config::snapshot configuration;
  journal events{{.directory = folder.path()}};
  proxy::contingency_view view;
  time_point now{1h};
  static constexpr std::int64_t unix_now = 1'000'000;

  contingency_control start(config::contingency imposed = {}) {
    return {std::move(imposed), contingency_store(folder.path()), events, view, unix_now, now};
  }
  std::string journal_text() {
    events.settle();
    return test::read_file(folder.file("events.jsonl"));
  }
};

TEST_F(Control, ShowsADecisionToWorkersAtOnceAndKeepsItOverARestart) {
  {
    auto c = start();
    EXPECT_FALSE(view.active("legal"));
    c.turn_on({{"legal"}, "outage", "root", {}}, unix_now, now);
    EXPECT_TRUE(view.active("legal"));
    EXPECT_FALSE(view.active("default"));
  }
  view.show(policy::contingency());
  auto c = start();
  EXPECT_TRUE(view.active("legal"));
  EXPECT_EQ(c.turn_off({}, "root", "over"), std::vector<std::string>{"legal"});
  EXPECT_FALSE(view.active("legal"));
  EXPECT_TRUE(store.load().decisions.empty());
  auto const text = journal_text();
  EXPECT_NE(text.find(R"("action":"on")"), std::string::npos);
  EXPECT_NE(text.find(R"("action":"off")"), std::string::npos);
}

TEST_F(Control, LetsATimedDecisionExpireAndSaysSoInTheJournal) {
  auto c = start();
  c.turn_on({{"all"}, "outage", "root", 2h}, unix_now, now);
  c.tick(now + 2h - 1ms);
  EXPECT_TRUE(view.active("default"));
  c.tick(now + 2h);
  EXPECT_FALSE(view.active("default"));
  EXPECT_TRUE(store.load().decisions.empty());
  EXPECT_NE(journal_text().find(R"("action":"expired")"), std::string::npos);
}

TEST_F(Control, WithAnUnreadableStoreIsOnForEverythingUntilSomebodyLiftsIt) {
  std::ofstream(store.path()) << "{ half a file";
  {
    auto c = start();
    EXPECT_TRUE(view.active("default"));
    EXPECT_EQ(test::read_file(store.path() + ".unreadable"), "{ half a file");
  }
  view.show(policy::contingency());
  auto c = start();  // a second restart lifts nothing either
  EXPECT_TRUE(view.active("default"));
  c.turn_off({}, "root", "checked");
  EXPECT_FALSE(view.active("default"));
  view.show(policy::contingency());
  auto again = start();
  EXPECT_FALSE(view.active("default"));
}

TEST_F(Control, WithAStoreThatIsAFolderIsOnForEverything) {
  fs::create_directory(store.path());
  auto c = start();
  EXPECT_TRUE(view.active("default"));
}

TEST_F(Control, InForceThoughItCannotBeKeptSaysSoAndTriesAgain) {
  auto const elsewhere = folder.file("state");  // does not exist yet
  contingency_control c({}, contingency_store(elsewhere), events, view, unix_now, now);
  c.turn_on({{"all"}, "outage", "root", {}}, unix_now, now);
  EXPECT_TRUE(view.active("default"));
  EXPECT_NE(c.not_kept(), "");
  EXPECT_EQ(describe(c.state(), c.not_kept())["persisted"], false);
  fs::create_directory(elsewhere);
  c.tick(now + 10s);
  EXPECT_EQ(c.not_kept(), "");
  EXPECT_EQ(contingency_store(elsewhere).load().decisions.size(), 1U);
}

TEST_F(Control, OffNamesWhatOthersImposeAndLeavesIt) {
  auto c = start({.by_environment = {"legal"}});
  c.turn_on({{"legal"}, "outage", "root", {}}, unix_now, now);
  c.turn_off({"legal"}, "root", "over");
  EXPECT_TRUE(view.active("legal"));
  auto const shown = describe(c.state(), c.not_kept());
  EXPECT_EQ(shown["active"], true);
  EXPECT_EQ(shown["sources"].size(), 1U);
  EXPECT_EQ(shown["sources"][0]["source"], "environment");
}

TEST_F(Control, ShowsNoTimeThatIsNone) {
  auto d = decision("all");
  d.since = -5;
  d.until = std::numeric_limits<std::int64_t>::max();
  auto const shown = describe(policy::contingency({}, {d}), "");
  EXPECT_TRUE(shown["sources"][0]["since"].is_null());
  EXPECT_TRUE(shown["sources"][0]["until"].is_null());
}

TEST(TwoProcesses, KeepDecisionsOneAfterTheOther) {
  test::temporary_folder folder;
  policy::contingency_decision d;
  d.workflow = "legal";
  d.reason = "outage";
  d.who = "root";
  state_lock of_last(folder.path()), of_next(folder.path());
  contingency_store last(folder.path(), &of_last), next(folder.path(), &of_next);
  ASSERT_TRUE(of_last.take());
  EXPECT_FALSE(of_next.take());
  EXPECT_NE(of_next.holder().find("pid " + std::to_string(::getpid())), std::string::npos);
  EXPECT_TRUE(last.load().decisions.empty());
  last.hand_over();
  EXPECT_EQ(last.taken_over(), "");
  EXPECT_EQ(last.save({d}), "") << "nobody has come yet";
  ASSERT_TRUE(of_next.take());
  EXPECT_EQ(next.load().decisions.size(), 1U);
  EXPECT_NE(last.taken_over(), "");
  EXPECT_NE(last.save({}), "");
  EXPECT_EQ(next.load().decisions.size(), 1U);
  // The next one has decided and is gone: what the last one knows is old.
  auto another = d;
  another.workflow = "default";
  EXPECT_EQ(next.save({d, another}), "");
  of_next.release();
  EXPECT_NE(last.taken_over(), "");
  EXPECT_NE(last.save({}), "");
  EXPECT_TRUE(of_next.take()) << "and the last one keeps nobody out";
  EXPECT_EQ(next.load().decisions.size(), 2U);
}

TEST(AStateDirectory, ThatCannotBeWrittenIsNobodys) {
  state_lock none(""), nowhere("/dev/null/nowhere");
  EXPECT_TRUE(none.take());
  EXPECT_TRUE(nowhere.take());
  EXPECT_FALSE(nowhere.is_mine());
}

}  // namespace
}  // namespace tideover::ops
