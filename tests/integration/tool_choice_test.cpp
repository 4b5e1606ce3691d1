// tool_choice against a model that does as it likes: what was demanded comes, or an error that says so.
#include <gtest/gtest.h>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

/// Ollama's native answer with one call, or with none.
std::string native_call(const std::string& tool) {
  nlohmann::json message{{"role", "assistant"}, {"content", tool.empty() ? "No." : ""}};
  if (!tool.empty())
    message["tool_calls"] =
        nlohmann::json::array({{{"function", {{"name", tool}, {"arguments", {{"place", "Husum"}}}}}}});
  return nlohmann::json{{"model", "llama3.1:8b"}, {"created_at", "2026-05-01T09:00:00Z"},
                        {"message", message},     {"done", true},
                        {"done_reason", "stop"},  {"prompt_eval_count", 9},
                        {"eval_count", 4}}
             .dump() +
         "\n";
}

script native(const std::string& tool) {
  return [tool](served_connection& c, const recorded_request& r) {
    if (!r.asks_for_stream()) return void(c.answer(200, native_call(tool)));
    c.begin_stream("application/x-ndjson");
    c.send_chunk(native_call(tool));
    c.end_stream();
  };
}

std::string demand(bool stream) {
  auto const tool = [](const char* name) {
    return nlohmann::json{{"type", "function"}, {"function", {{"name", name}, {"parameters", {{"type", "object"}}}}}};
  };
  return nlohmann::json{{"model", "gpt-4o"},
                        {"messages", nlohmann::json::array({{{"role", "user"}, {"content", "Why tides?"}}})},
                        {"stream", stream},
                        {"tools", {tool("tide_table"), tool("moon_phase")}},
                        {"tool_choice", {{"type", "function"}, {"function", {{"name", "moon_phase"}}}}}}
      .dump();
}

struct model_of_its_own_mind : world {
  model_of_its_own_mind() {
    openai.stop();
    start();
  }
  http_answer ask(bool stream) { return post(port(), "/v1/chat/completions", demand(stream)); }
};

TEST(ToolChoice, AModelThatCallsAnotherToolIsToldOnceMore) {
  for (bool const stream : {false, true}) {
    model_of_its_own_mind w;
    w.ollama.once("/api/chat", native("tide_table"));
    w.ollama.on("/api/chat", native("moon_phase"));
    auto const answer = w.ask(stream);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.body.find("moon_phase"), std::string::npos) << answer.body;
    EXPECT_EQ(answer.body.find("tide_table"), std::string::npos) << "nothing of the first answer is seen";
    EXPECT_EQ(w.local_generations().size(), 2u);
  }
}

TEST(ToolChoice, AModelThatWillNotCallIsAnErrorAfterTwoTries) {
  for (bool const stream : {false, true})
    for (std::string const stubborn : {"", "tide_table"}) {
      model_of_its_own_mind w;
      w.ollama.on("/api/chat", native(stubborn));
      auto const answer = w.ask(stream);
      EXPECT_EQ(answer.status, 503) << answer.body;
      EXPECT_EQ(answer.field("x-tideover-error"), "tool_choice_unmet");
      EXPECT_EQ(w.local_generations().size(), 2u) << "asked twice and no more";
    }
}

}  // namespace
}  // namespace tideover::test
