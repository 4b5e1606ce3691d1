// Contingency while the daemon runs and over restarts, and the journal of what was decided and what changed.
#include "integration/journal_lines.hpp"
#include "integration/world.hpp"

namespace tideover::test {
namespace {

world_options with_state(const temporary_folder& state) {
  world_options options;
  options.environment = {{"STATE_DIRECTORY", state.path()}};
  return options;
}

TEST(Journal, TellsOfABreakerThatOpens) {
  world w;
  temporary_folder const state;
  auto options = with_state(state);
  options.breaker = "{failures_to_open: 1}";
  w.start(options);
  w.openai.stop();
  expect_local(w.chat(), "connect");
  EXPECT_TRUE(eventually([&] { return journal_of(state.path(), "breaker").size() == 1; }));
  auto const line = journal_of(state.path(), "breaker").at(0);
  EXPECT_EQ(line["upstream"], "openai");
  EXPECT_EQ(line["state"], "open");
  EXPECT_EQ(line["why"], "connect");
  EXPECT_EQ(line["who"], "tideover");
}

TEST(AnOperatorsDecision, HoldsAfterAKill) {
  temporary_folder const state;
  state.write("contingency.json", R"({"version":1,"decisions":[{"workflow":"default","reason":"outage","who":"root",)"
                                  R"("since":1700000000,"until":null}]})");
  world w;
  w.start(with_state(state));
  expect_local(w.chat(), "contingency");
  EXPECT_EQ(w.daemon().metric("tideover_contingency_active", {R"(workflow="default")", R"(source="operator")"}), 1);
  w.daemon().signal(SIGKILL);
  EXPECT_TRUE(w.daemon().wait_for_exit());
  w.start(with_state(state));
  expect_local(w.chat(), "contingency");
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(AnUnreadableStore, LiftsNothingAndSaysSo) {
  temporary_folder const state;
  state.write("contingency.json", R"({"version":1,"decisions":[{"workf)");
  world w;
  w.start(with_state(state));
  expect_local(w.chat(), "contingency");
  EXPECT_EQ(w.openai.connections(), 0U);
  EXPECT_TRUE(eventually(
      [&] { return w.daemon().all_output().find("contingency is ON for everything") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return journal_of(state.path(), "contingency").size() == 1; }));
}

TEST(WithoutAStateDirectory, TheDaemonServesAndSaysWhatIsNotKept) {
  world w;
  world_options options;
  options.environment = {{"STATE_DIRECTORY", "/dev/null/nowhere"}};
  w.start(options);
  expect_cloud(w.chat());
  EXPECT_TRUE(eventually([&] { return w.daemon().all_output().find("no state directory") != std::string::npos; }));
}

}  // namespace
}  // namespace tideover::test
