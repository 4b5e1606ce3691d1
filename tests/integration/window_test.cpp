// Prompts that are longer than Ollama's window: the model gets all of it, or the caller an honest error; never less
// without a word.
#include <gtest/gtest.h>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"

namespace tideover::test {
namespace {

constexpr int long_prompt = 40'000;  // tokens: words that every tokenizer has as one

std::string words(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "sea ";
  return text;
}

/// An old fact, a long talk, a question about the fact: what would be dropped first is what is asked for.
std::string talk(int tokens, bool stream = false) {
  auto const turn = [](const char* role, std::string text) {
    return nlohmann::json{{"role", role}, {"content", std::move(text)}};
  };
  return nlohmann::json{{"model", "gpt-4o"},
                        {"stream", stream},
                        {"messages",
                         {turn("user", "The password is Husum."), turn("assistant", words(tokens - 10)),
                          turn("user", "What is the password?")}}}
      .dump();
}

/// An Ollama whose windows have 4096 tokens unless asked otherwise, and a cloud that is away.
struct small_window : world {
  explicit small_window(const std::string& limit = "", living_options how = {})
      : living(ollama, with_4k(std::move(how))) {
    openai.stop();
    options.local_more = limit;
    start(options);
  }
  static living_options with_4k(living_options how) {
    how.default_context = 4096;
    return how;
  }
  http_answer ask(const std::string& body) { return post(port(), "/v1/chat/completions", body); }

  world_options options;
  living_ollama living;
};

TEST(Window, GrowsForAPromptThatNeedsItAndTheModelReadsAllOfIt) {
  for (bool const stream : {false, true}) {
    small_window w(", context_tokens: 131072");
    auto const answer = w.ask(talk(long_prompt, stream));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_GE(w.living.window_of("llama3.1:8b"), long_prompt);
    EXPECT_EQ(w.living.dropped(), 0);
    EXPECT_GE(w.living.read_last(), long_prompt - 10);
    auto const sent = nlohmann::json::parse(w.local_generations().at(0).body);
    EXPECT_EQ(sent["messages"].size(), 3u);
    EXPECT_EQ(sent["truncate"], false);
    EXPECT_EQ(w.ask(talk(100)).status, 200);
    EXPECT_EQ(w.living.reloads(), 1) << "a window that has grown stays: a short prompt does not load it again";
  }
}

TEST(Window, ThatMayNotGrowSoFarIsAnErrorThatClientsUnderstand) {
  small_window w;
  auto const answer = w.ask(talk(long_prompt));
  EXPECT_EQ(answer.status, 400) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-error"), "context_length_exceeded");
  EXPECT_EQ(json_of(answer)["error"]["code"], "context_length_exceeded");
  EXPECT_TRUE(w.local_generations().empty()) << "what cannot fit is not sent";
  auto const message = nlohmann::json{{"role", "user"}, {"content", words(long_prompt)}};
  auto const claude =
      post(w.port(), "/v1/messages",
           nlohmann::json{{"model", "claude-sonnet-4-5"}, {"max_tokens", 64}, {"messages", {message}}}.dump(),
           {{"X-Tideover-Workflow", "legal"}});
  EXPECT_EQ(claude.status, 400) << claude.body;
  EXPECT_NE(claude.body.find("prompt is too long: "), std::string::npos) << claude.body;
}

TEST(Window, AServerThatKnowsBetterRefusesAndTheCallerIsToldTheSame) {
  small_window w(", context_tokens: 131072");
  w.ollama.on(
      "/api/chat",
      reply(400,
            nlohmann::json{
                {"error",
                 R"({"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}})"}}
                .dump()));
  auto const answer = w.ask(talk(1000));
  EXPECT_EQ(answer.status, 400) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-error"), "context_length_exceeded");
}

TEST(Window, AServerThatCutsAllTheSameIsNoticed) {
  for (bool const stream : {false, true}) {
    living_options how;
    how.reads_at_most = 4000;
    small_window w(", context_tokens: 131072", how);
    EXPECT_EQ(w.ask(talk(long_prompt, stream)).status, 200);
    auto const lines = w.daemon().wait_for_log("request", 1);
    ASSERT_FALSE(lines.empty());
    EXPECT_NE(lines[0].dump().find("read only 4000 of about"), std::string::npos) << lines[0];
    EXPECT_EQ(w.ask(talk(1500, stream)).status, 200);
    auto const all = w.daemon().wait_for_log("request", 2);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1].dump().find("read only"), std::string::npos) << "what was read whole is nothing to tell of";
  }
}

}  // namespace
}  // namespace tideover::test
