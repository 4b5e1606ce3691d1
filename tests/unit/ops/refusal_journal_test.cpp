// Which refusals the journal hears of, and how often when somebody asks in a loop.
#include "tideover/ops/refusal_journal.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;
using proxy::outcome;

proxy::exchange_record refused() {
  proxy::exchange_record r;
  r.request_id = "req_1";
  r.workflow = "legal";
  r.client = "crm";
  r.what = endpoint::chat_completions;
  r.error_code = "local_unavailable";
  r.status = 503;
  r.how = outcome::failed;
  r.kept_inside = reason::policy;
  r.model_requested = "a-name-that-callers-choose";
  return r;
}

struct RefusalJournal : testing::Test {
  std::vector<journal_entry> written;
  refusal_journal journal{[this](const journal_entry& entry) { written.push_back(entry); }};
  time_point now{1h};

  void refuse(unsigned times, const proxy::exchange_record& r = refused()) {
    for (unsigned i = 0; i < times; ++i) journal.note(r, now);
  }
};

TEST_F(RefusalJournal, SaysWhoWasRefusedWhatAndWhy) {
  refuse(1);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].event, "refusal");
  EXPECT_EQ(written[0].who, "tideover");
  EXPECT_EQ(written[0].why, "policy");
  EXPECT_TRUE(written[0].decision);
  EXPECT_EQ(written[0].more.dump(), R"({"workflow":"legal","client":"crm","request_id":"req_1",)"
                                    R"("endpoint":"chat_completions","code":"local_unavailable","status":503})");
}

TEST_F(RefusalJournal, HearsOfNothingElse) {
  auto answered = refused();
  answered.how = outcome::answered;
  answered.tier = tier::local;
  auto gone = refused();
  gone.how = outcome::client_gone;
  auto cut = refused();
  cut.how = outcome::cut;
  auto allowed = refused();  // the cloud was asked and failed too
  allowed.kept_inside.reset();
  auto local_error = refused();  // somebody answered, if with an error
  local_error.tier = tier::local;
  for (auto const& r : {answered, gone, cut, allowed, local_error}) {
    EXPECT_FALSE(refused_to_ask_cloud(r));
    refuse(1, r);
  }
  EXPECT_TRUE(written.empty());
  auto in_contingency = refused();
  in_contingency.kept_inside = reason::contingency;
  in_contingency.how = outcome::refused;
  EXPECT_TRUE(refused_to_ask_cloud(in_contingency));
}

TEST_F(RefusalJournal, SumsUpWhatIsBeyondSixtyAMinute) {
  refuse(refusal_journal::entries_a_window + 100);
  auto sales = refused();
  sales.workflow = "sales";
  sales.kept_inside = reason::contingency;
  refuse(7, sales);
  EXPECT_EQ(written.size(), refusal_journal::entries_a_window);
  journal.tick(now);
  EXPECT_EQ(written.size(), refusal_journal::entries_a_window) << "the minute is not over";
  now += refusal_journal::window;
  journal.tick(now);
  ASSERT_EQ(written.size(), refusal_journal::entries_a_window + 2);
  auto const& legal = written[written.size() - 2];
  EXPECT_EQ(legal.event, "refusals");
  EXPECT_EQ(legal.more.dump(), R"({"workflow":"legal","code":"local_unavailable","further":100})");
  EXPECT_EQ(written.back().why, "contingency");
  EXPECT_EQ(written.back().more["further"], 7);
  refuse(1);
  EXPECT_EQ(written.back().event, "refusal") << "a new minute begins";
  journal.tick(now + refusal_journal::window);
  EXPECT_EQ(written.back().event, "refusal") << "nothing was left to sum up";
}

TEST_F(RefusalJournal, CountsEveryRefusalExactlyOnceHoweverManyKindsThereAre) {
  std::uint64_t const all = refusal_journal::entries_a_window + 3 * refusal_journal::most_kinds;
  for (std::uint64_t i = 0; i < all; ++i) {
    auto r = refused();
    r.workflow = "w" + std::to_string(i);
    refuse(1, r);
  }
  journal.sum_up();
  std::uint64_t counted = 0;
  for (auto const& entry : written)
    counted += entry.event == "refusal" ? 1 : entry.more["further"].get<std::uint64_t>();
  EXPECT_EQ(counted, all);
  EXPECT_LE(written.size(), refusal_journal::entries_a_window + refusal_journal::most_kinds + 1);
}

TEST_F(RefusalJournal, SumsUpWhenItEnds) {
  {
    refusal_journal ending([this](const journal_entry& entry) { written.push_back(entry); });
    for (unsigned i = 0; i <= refusal_journal::entries_a_window; ++i) ending.note(refused(), now);
  }
  EXPECT_EQ(written.back().event, "refusals");
}

TEST_F(RefusalJournal, HasEveryAnswerThatCameFromElsewhere) {
  refuse(refusal_journal::entries_a_window + 5);
  auto const so_far = written.size();
  journal.note_remote_answer(refused(), "ollama", "m:1b");
  ASSERT_EQ(written.size(), so_far + 1);
  EXPECT_EQ(written.back().event, "answered_remotely");
  EXPECT_TRUE(written.back().decision);
  EXPECT_EQ(written.back().more.dump(),
            R"({"workflow":"legal","client":"crm","request_id":"req_1","upstream":"ollama","model":"m:1b"})");
}

}  // namespace
}  // namespace tideover::ops
