// A refusal to ask the cloud is a decision, and decisions stand in the journal: whose request, why, with which code.
#include <sys/resource.h>

#include <filesystem>

#include "integration/journal_lines.hpp"
#include "integration/world.hpp"

namespace tideover::test {
namespace {

std::string state_of(world& w) { return w.daemon().folder().file("state"); }

std::vector<nlohmann::json> wait_for_refusals(world& w, std::size_t at_least) {
  std::vector<nlohmann::json> lines;
  eventually([&] { return (lines = journal_of(state_of(w), "refusal")).size() >= at_least; });
  return lines;
}

TEST(Refusals, OfALocalOnlyWorkflowStandInTheJournalOnceEach) {
  world w;
  w.start();
  w.ollama.stop();
  std::vector<std::string> ids;
  for (auto const& row : dialects())
    for (auto const& body : {row.whole, row.stream}) {
      auto const answer = post(w.port(), std::string("/w/legal") + row.path, body);
      EXPECT_EQ(answer.status, 503);
      ids.push_back(answer.field("x-tideover-request-id"));
    }
  auto const upload = post(w.port(), "/w/legal/v1/files", std::string(200'000, 'x'));
  EXPECT_EQ(upload.status, 503);
  ids.push_back(upload.field("x-tideover-request-id"));
  auto const outside = post(w.port(), "/w/legal/api/chat", R"({"model":"gpt-oss:120b-cloud","messages":[]})");
  EXPECT_EQ(outside.status, 403);
  ids.push_back(outside.field("x-tideover-request-id"));

  auto const lines = wait_for_refusals(w, ids.size());
  ASSERT_EQ(lines.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    // One connection each, on several workers: the order is not ours to say.
    auto const line =
        std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l["request_id"] == ids[i]; });
    ASSERT_NE(line, lines.end()) << ids[i];
    EXPECT_EQ((*line)["why"], "policy");
    EXPECT_EQ((*line)["workflow"], "legal");
    EXPECT_EQ((*line)["who"], "tideover");
    EXPECT_FALSE((*line)["ts"].get<std::string>().empty());
  }
  EXPECT_EQ(lines[0]["code"], "local_unavailable");
  EXPECT_EQ(lines[0]["status"], 503);
  EXPECT_EQ(lines[0]["endpoint"], "chat_completions");
}

TEST(Refusals, UnderContingencyTellItFromAPolicy) {
  world w;
  world_options options;
  options.environment = {{"TIDEOVER_CONTINGENCY", "default"}};
  w.start(options);
  EXPECT_EQ(post(w.port(), "/v1/files", "x").status, 503);
  auto const lines = wait_for_refusals(w, 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["why"], "contingency");
  EXPECT_EQ(lines[0]["workflow"], "default");
  EXPECT_EQ(lines[0]["endpoint"], "other");
}

TEST(Refusals, AreOnlyThoseWhereTheCloudWasNotAllowed) {
  world w;
  w.start();
  expect_local(post(w.port(), "/w/legal/v1/chat/completions", chat_body), "policy");
  expect_cloud(w.chat());
  EXPECT_EQ(get(w.port(), "/no/such/path").status, 404);
  EXPECT_EQ(w.chat({{"X-Tideover-Workflow", "nobody"}}).status, 400);
  w.openai.stop();
  w.ollama.stop();
  EXPECT_EQ(w.chat().status, 503);
  EXPECT_EQ(post(w.port(), "/w/legal/v1/chat/completions", chat_body).status, 503);  // the last, and the only one
  auto const lines = wait_for_refusals(w, 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["workflow"], "legal");
}

TEST(Refusals, NameTheKeysOwnerAndHoldNeitherKeyNorPrompt) {
  world w;
  world_options options;
  options.more =
      "clients:\n  required: true\n  keys:\n    - {name: lawyers, workflow: legal, sha256: "
      "\"4ccc2b478ba21f2c0d868553d14e37a7a4e39afd0c9a77de3670594ccf9f24a5\"}\n";
  w.start(options);
  w.ollama.stop();
  EXPECT_EQ(post(w.port(), "/v1/chat/completions?prompt-canary",
                 R"({"model":"model-canary","messages":[{"role":"user",)"
                 R"("content":"prompt-canary"}]})",
                 {{"Authorization", "Bearer tide-canary-legal"}, {"X-Tideover-Workflow", "legal"}})
                .status,
            503);
  auto const lines = wait_for_refusals(w, 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["client"], "lawyers");
  EXPECT_EQ(lines[0].dump().find("canary"), std::string::npos) << lines[0];
}

TEST(Refusals, InALoopAreSummedUpAndAllAreCounted) {
  world w;
  w.start();
  w.ollama.stop();
  constexpr std::size_t all = 400;
  raw_client client(w.port());
  for (std::size_t i = 0; i < all; ++i) EXPECT_EQ(client.post("/w/legal/v1/chat/completions", chat_body).status, 503);
  auto const state = state_of(w);
  EXPECT_EQ(w.daemon().stop(), 0);  // what was counted is written at the end
  std::size_t counted = journal_of(state, "refusal").size();
  auto const sums = journal_of(state, "refusals");
  EXPECT_LE(counted + sums.size(), 2 * 61U) << "the run may span two minutes";
  for (auto const& sum : sums) {
    EXPECT_EQ(sum["workflow"], "legal");
    counted += sum["further"].get<std::size_t>();
  }
  EXPECT_EQ(counted, all);
}

/// From now on no file of the daemon may grow: what a full disk does to everything it writes.
void fill_the_disk(world& w) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(w.daemon().pid(), RLIMIT_FSIZE, nullptr, &limit), 0);
  limit.rlim_cur = 1;
  ASSERT_EQ(::prlimit(w.daemon().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
}
void empty_the_disk(world& w) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(w.daemon().pid(), RLIMIT_FSIZE, nullptr, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::prlimit(w.daemon().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
}

TEST(Refusals, OnAFullDiskServingGoesOnAndTheJournalCatchesUp) {
  world w;
  w.start();
  expect_cloud(w.chat());
  w.ollama.stop();
  fill_the_disk(w);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(post(w.port(), "/w/legal/v1/chat/completions", chat_body).status, 503);
    expect_cloud(w.chat());
  }
  EXPECT_TRUE(eventually([&] { return w.daemon().metric("tideover_journal_writable") == 0; }));
  EXPECT_TRUE(journal_of(state_of(w), "refusal").empty());
  // A decision holds, and whoever made it is told that it would not survive a restart yet.
  raw_client admin(w.daemon().folder().file("admin.sock"));
  admin.request("PUT", "/api/contingency", R"({"reason":"x"})");
  auto const order = admin.read_answer();
  EXPECT_EQ(order.status, 200);
  EXPECT_EQ(json_of(order)["persisted"], false);
  auto const status = json_of(get(w.daemon().admin_port(), "/api/status"));
  EXPECT_NE(status.dump().find("events.jsonl"), std::string::npos) << "the status says what cannot be written";
  empty_the_disk(w);
  EXPECT_EQ(wait_for_refusals(w, 5).size(), 5U);
  EXPECT_TRUE(eventually([&] { return w.daemon().metric("tideover_journal_writable") == 1; }));
  EXPECT_TRUE(eventually([&] {
    raw_client again(w.daemon().folder().file("admin.sock"));
    again.request("GET", "/api/contingency");
    return json_of(again.read_answer())["persisted"] == true;
  })) << "the decision is kept as soon as the disk takes it";
}

}  // namespace
}  // namespace tideover::test
