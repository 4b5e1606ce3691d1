// Models in Ollama's memory when the configuration changes or the daemon ends: loaded once, and not left pinned.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <future>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"

namespace tideover::test {
namespace {

/// The cloud answers 503; `living` is the local tier, `other` a second Ollama that the file does not name at first.
struct warm_world : world {
  explicit warm_world(living_options how) : living(ollama, how), moved(other, {}) {
    openai.on("/v1/chat/completions", reply(503, openai::error("down", "server_error")));
  }
  void begin() { start(options); }
  std::string text() const { return yaml(options); }
  void reload(const std::string& yaml) {
    std::ofstream(daemon().folder().file("tideover.yaml")) << yaml;
    raw_client client(daemon().folder().file("admin.sock"));
    auto const answer = client.post("/api/reload", "{}", {{"Content-Type", "application/json"}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    ASSERT_FALSE(json_of(answer)["changed"].empty());
  }
  std::future<http_answer> ask() {
    return std::async(std::launch::async, [this] { return chat(); });
  }
  bool came_to_the_gate(double callers) {
    return eventually([&] { return daemon().metric("tideover_local_queue_wait_seconds_count") == callers; });
  }
  /// Loads, and words about how long a model stays.
  std::size_t empty_chats() const {
    std::size_t count = 0;
    for (const auto& r : ollama.requests_to("/api/chat")) count += r.body.find(R"("messages":[])") != std::string::npos;
    return count;
  }
  bool keeps(const std::string& keep_alive) {
    return eventually([&] { return living.keep_alive_of("llama3.1:8b") == keep_alive; });
  }

  world_options options;
  scripted_upstream other;
  living_ollama living, moved;
};

std::string with(std::string text, const std::string& what, const std::string& instead) {
  auto const at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), instead);
}

/// By the local tier, whatever its upstream is called now.
void expect_served(const http_answer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  EXPECT_EQ(answer.field("x-tideover-failover"), "server_error");
}

living_options cold(const std::optional<gate>& until = {}) {
  living_options how;
  how.installed[0].loaded = false;
  how.load_until = until;
  return how;
}

struct change_row {
  const char* name;
  std::string (*of)(const warm_world& w);
};

class AModelThatIsLoading : public testing::TestWithParam<change_row> {};

INSTANTIATE_TEST_SUITE_P(
    Reload, AModelThatIsLoading,
    testing::Values(change_row{"OtherLimits",
                               [](const warm_world& w) {
                                 return with(w.text(), "dialect: ollama,", "dialect: ollama, concurrency: 3,");
                               }},
                    change_row{"AnotherName",
                               [](const warm_world& w) { return with(w.text(), "  ollama:", "  house:"); }},
                    change_row{"OneMoreUrl",
                               [](const warm_world& w) {
                                 return with(w.text(), "url: \"" + w.ollama.url() + "\"",
                                             "urls: [\"" + w.ollama.url() + "\", \"" + w.other.url() + "\"]");
                               }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_P(AModelThatIsLoading, IsAskedForOnceThoughItsLocalTierIsReplaced) {
  gate loaded;
  warm_world w(cold(loaded));
  w.moved.change([](living_options& how) { how.installed[0].loaded = false; });
  w.other.stop();  // nobody is served there
  w.begin();
  auto before = w.ask();
  ASSERT_TRUE(eventually([&] { return w.living.is_loading(); }));
  auto const looks = w.ollama.requests_to("/api/tags").size();
  w.reload(GetParam().of(w));
  ASSERT_TRUE(eventually([&] { return w.ollama.requests_to("/api/tags").size() > looks; })) << "the new one is at work";
  auto after = w.ask();
  ASSERT_TRUE(w.came_to_the_gate(2));
  w.daemon().metrics();  // the control loop has turned
  loaded.open();
  expect_served(before.get());
  expect_served(after.get());
  EXPECT_EQ(w.empty_chats(), 1U);
  EXPECT_EQ(w.living.loads(), 1);
  EXPECT_EQ(w.living.reloads(), 0) << "the second caller knows the window that was loaded";
}

TEST(AModelThatIsKeptWarm, IsReleasedWhereItsServerLeavesTheFile) {
  warm_world w(cold());
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\"]";
  w.begin();
  ASSERT_TRUE(w.keeps("-1"));
  w.options.ollama_url = w.other.url();
  w.options.local_more.clear();
  w.reload(w.text());
  EXPECT_TRUE(w.keeps(R"("5m")"));
  EXPECT_EQ(w.living.loads(), 1);
  EXPECT_EQ(w.living.reloads(), 0);
  EXPECT_EQ(w.moved.loads(), 0);
}

TEST(AModelThatIsKeptWarm, IsReleasedAfterItsLoadWhereTheServerLeavesTheFileMeanwhile) {
  gate loaded;
  warm_world w(cold(loaded));
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\"]";
  w.begin();
  ASSERT_TRUE(eventually([&] { return w.living.is_loading(); }));
  w.options.ollama_url = w.other.url();
  w.options.local_more.clear();
  w.reload(w.text());
  loaded.open();
  EXPECT_TRUE(w.keeps(R"("5m")"));
  EXPECT_EQ(w.living.loads(), 1);
}

TEST(AModelThatIsKeptWarm, StaysPinnedWhereItsServerOnlyHasAnotherNameNow) {
  auto how = cold();
  how.installed.push_back({.name = "phi4:14b", .digest = std::string(64, 'b'), .loaded = false});
  warm_world w(how);
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\"]";
  w.begin();
  ASSERT_TRUE(w.keeps("-1"));
  ASSERT_TRUE(eventually([&] { return w.empty_chats() == 1; }));
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\", \"phi4:14b\"]";
  w.reload(with(w.text(), "  ollama:", "  house:"));
  ASSERT_TRUE(eventually([&] { return w.living.keep_alive_of("phi4:14b") == "-1"; })) << "it has seen to both";
  EXPECT_EQ(w.living.keep_alive_of("llama3.1:8b"), "-1");
  EXPECT_EQ(w.empty_chats(), 2U) << "one for each";
}

TEST(AServerThatLeavesTheFile, IsNotWaitedForWhenItIsSilent) {
  warm_world w(cold());
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\"]";
  w.begin();
  ASSERT_TRUE(w.keeps("-1"));
  w.living.change([](living_options& how) { how.silent_chat = true; });
  w.options.ollama_url = w.other.url();
  w.options.local_more.clear();
  w.reload(w.text());
  ASSERT_TRUE(eventually([&] { return w.empty_chats() == 2; })) << "it was told";
  expect_served(w.chat());
  EXPECT_EQ(w.daemon().stop(), 0);
}

TEST(AtTheEndOfTheProcess, WhatIsPinnedStaysLongEnoughForARestartAndNotForEver) {
  warm_world w(cold());
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\"]";
  w.begin();
  ASSERT_TRUE(w.keeps("-1"));
  ASSERT_TRUE(eventually([&] { return w.ollama.requests_to("/api/ps").size() >= 2; })) << "its window is known";
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_EQ(w.living.keep_alive_of("llama3.1:8b"), R"("10m")");
  EXPECT_EQ(w.living.loads() + w.living.reloads(), 1);
}

TEST(AtTheEndOfTheProcess, WhatTroubleWarmedIsLeftToGoByItself) {
  warm_world w(cold());
  w.begin();
  expect_served(w.chat());
  ASSERT_EQ(w.empty_chats(), 1U);
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_EQ(w.living.keep_alive_of("llama3.1:8b"), R"("10m")");
  EXPECT_EQ(w.empty_chats(), 1U);
}

TEST(AtTheEndOfTheProcess, AServerThatIsSilentIsNotWaitedForLong) {
  warm_world w(cold());
  w.options.local_more = ", keep_warm: [\"llama3.1:8b\"]";
  w.begin();
  ASSERT_TRUE(w.keeps("-1"));
  ASSERT_TRUE(eventually([&] { return w.ollama.requests_to("/api/ps").size() >= 2; }));
  w.living.change([](living_options& how) { how.silent_chat = true; });
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_EQ(w.empty_chats(), 2U) << "it was told";
}

}  // namespace
}  // namespace tideover::test
