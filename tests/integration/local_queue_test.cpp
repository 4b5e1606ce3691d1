// Many callers, few places: what a crowd sees when the cloud is down and Ollama can do two things at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"

namespace tideover::test {
namespace {

std::string chat_that_says(const std::string& words) {
  auto const message = nlohmann::json{{"role", "user"}, {"content", words}};
  return nlohmann::json{{"model", "gpt-4o"}, {"messages", nlohmann::json::array({message})}}.dump();
}

/// A world whose cloud answers 503, with a workflow of high priority.
struct outage : world {
  explicit outage(living_options how = {}) : living(ollama, std::move(how)) {
    openai.on("/v1/chat/completions", reply(503, openai::error("down", "server_error")));
    options.workflows = "workflows: {default: {policy: cloud_first}, vip: {policy: cloud_first, priority: high}}";
  }
  std::future<http_answer> ask(const std::string& words, const std::string& workflow = "default") {
    return std::async(std::launch::async, [to = port(), words, workflow] {
      return post(to, "/v1/chat/completions", chat_that_says(words), {{"X-Tideover-Workflow", workflow}});
    });
  }
  bool waiting(double count) {
    return eventually([&] { return daemon().metric("tideover_local_queue_length") == count; });
  }

  world_options options;
  living_ollama living;
};

TEST(LocalQueue, FiftyFailoversAtOnceAreServedTwoAtATime) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  outage w(how);
  w.start(w.options);
  std::vector<std::future<http_answer>> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(w.ask("all at once"));
  ASSERT_TRUE(w.waiting(48));
  ASSERT_TRUE(eventually([&] { return w.living.order().size() == 2; }));
  opened.open();
  for (auto& a : answers) {
    auto const answer = a.get();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  }
  EXPECT_EQ(w.living.most_at_once(), 2);
  EXPECT_EQ(w.living.generations(), 50);
  EXPECT_EQ(w.daemon().metric("tideover_local_queue_length"), 0);
  EXPECT_EQ(w.daemon().metric("tideover_local_queue_wait_seconds_count"), 50);
}

/// With one place, the order in which Ollama is asked is the order in which the place was given.
TEST(LocalQueue, HighPriorityIsServedFirst) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  outage w(how);
  w.options.local_more = ", concurrency: 1";
  w.start(w.options);
  std::vector<std::future<http_answer>> answers;
  answers.push_back(w.ask("first"));
  ASSERT_TRUE(eventually([&] { return w.living.order().size() == 1; }));
  for (int i = 0; i < 10; ++i) answers.push_back(w.ask("normal"));
  ASSERT_TRUE(w.waiting(10));
  for (int i = 0; i < 10; ++i) answers.push_back(w.ask("vip", "vip"));
  ASSERT_TRUE(w.waiting(20));
  opened.open();
  for (auto& a : answers) EXPECT_EQ(a.get().status, 200);
  std::vector<std::string> expected(21, "normal");
  expected[0] = "first";
  std::fill_n(expected.begin() + 1, 10, "vip");
  EXPECT_EQ(w.living.order(), expected);
}

TEST(LocalQueue, WhoFindsItFullIsToldWhenToComeAgain) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  outage w(how);
  w.options.local_more = ", concurrency: 1, queue: {limit: 1}";
  w.openai.stop();  // a cloud that answers 503 would have the last word
  w.start(w.options);
  auto inside = w.ask("inside");
  ASSERT_TRUE(eventually([&] { return w.living.order().size() == 1; }));
  auto waits = w.ask("waits");
  ASSERT_TRUE(w.waiting(1));
  auto const third = w.ask("too many").get();
  EXPECT_EQ(third.status, 503) << third.body;
  EXPECT_EQ(third.field("x-tideover-error"), "local_queue_full");
  EXPECT_TRUE(third.has("retry-after")) << third.body;
  opened.open();
  EXPECT_EQ(inside.get().status, 200);
  EXPECT_EQ(waits.get().status, 200);
}

TEST(LocalQueue, OfFiftyAtASmallDoorEachIsServedOrToldWhenToComeAgain) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  outage w(how);
  w.options.local_more = ", concurrency: 2, queue: {limit: 10}";
  w.openai.stop();  // a cloud that answers 503 would have the last word
  w.start(w.options);
  std::vector<std::future<http_answer>> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(w.ask("all at once"));
  // Whoever was refused has been told so before anybody is served.
  ASSERT_TRUE(eventually([&] { return w.daemon().log_lines_of("request").size() == 38; }));
  opened.open();
  int served = 0, refused = 0;
  for (auto& a : answers) {
    auto const answer = a.get();
    if (answer.status == 200) {
      ++served;
      continue;
    }
    ++refused;
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-error"), "local_queue_full");
    EXPECT_GE(std::atoi(answer.field("retry-after").c_str()), 1) << answer.body;
  }
  EXPECT_EQ(served, 12);
  EXPECT_EQ(refused, 38);
  EXPECT_EQ(w.living.most_at_once(), 2);
}

TEST(LocalQueue, AColdStartGoesOnWhenItsCallerGivesUpAndServesHimWarmLater) {
  living_options how;
  how.installed[0].loaded = false;
  gate loaded;
  how.load_until = loaded;
  outage w(how);
  w.start(w.options);
  {
    raw_client impatient(w.port());
    impatient.request("POST", "/v1/chat/completions", chat_that_says("cold"), {});
    ASSERT_TRUE(eventually([&] { return w.living.is_loading(); }));
    impatient.close();
  }
  ASSERT_EQ(w.daemon().wait_for_log("request", 1).size(), 1u);
  loaded.open();
  ASSERT_TRUE(eventually([&] { return w.living.is_loaded("llama3.1:8b"); }));
  auto const again = w.ask("warm").get();
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.field("x-tideover-tier"), "local");
  EXPECT_EQ(w.living.aborted_loads(), 0) << "the load was Tideover's own, not the caller's";
  EXPECT_EQ(w.living.loads(), 1);
  EXPECT_EQ(w.living.reloads(), 0);
}

}  // namespace
}  // namespace tideover::test
