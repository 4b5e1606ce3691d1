// The demo's stand-ins must look like the servers they stand in for, and their outage like a real one.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "support/answers.hpp"
#include "support/raw_client.hpp"
#include "tideover/app/stand_in.hpp"

namespace tideover::test {
namespace {

using namespace std::chrono_literals;
using app::stand_in;
using app::stand_in_kind;

constexpr auto question = R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]})";
constexpr auto streamed = R"({"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]})";

TEST(StandIn, TheCloudAnswersEveryModelAndSaysWhatItIs) {
  stand_in cloud({.kind = stand_in_kind::cloud, .pace = 0ms});
  raw_client client(cloud.port());
  auto const answer = client.post("/v1/chat/completions", question);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(text_of(answer.body).find("stand-in cloud"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(answer.body)["model"], "stand-in-cloud");
  EXPECT_EQ(nlohmann::json::parse(client.get("/v1/models").body)["data"][0]["id"], "stand-in-cloud");
}

TEST(StandIn, StreamsTheSameWordsInEveryDialect) {
  stand_in cloud({.kind = stand_in_kind::cloud, .pace = 0ms});
  raw_client client(cloud.port());
  auto const whole = text_of(client.post("/v1/chat/completions", question).body);
  auto const chat = client.post("/v1/chat/completions", streamed);
  EXPECT_EQ(chat.field("content-type"), "text/event-stream");
  EXPECT_EQ(chat.events().back().data, "[DONE]");
  EXPECT_EQ(text_of(chat.body), whole);
  EXPECT_EQ(text_of(client.post("/v1/completions", streamed).body), whole);
  auto const messages = client.post("/v1/messages", streamed);
  EXPECT_EQ(messages.events().back().name, "message_stop");
  EXPECT_EQ(text_of(messages.body), whole);
}

TEST(StandIn, OllamaHasOneModelAndKnowsNoOther) {
  stand_in ollama({.kind = stand_in_kind::ollama, .pace = 0ms});
  raw_client client(ollama.port());
  auto const tags = nlohmann::json::parse(client.get("/api/tags").body);
  std::string const name = tags["models"][0]["name"];
  EXPECT_EQ(nlohmann::json::parse(client.get("/api/ps").body)["models"][0]["name"], name);
  EXPECT_EQ(client.get("/api/version").status, 200);
  EXPECT_EQ(client.post("/v1/chat/completions", question).status, 404);
  auto const answer = client.post("/v1/chat/completions", R"({"model":")" + name + R"(","messages":[]})");
  EXPECT_NE(text_of(answer.body).find("stand-in for Ollama"), std::string::npos);
  EXPECT_EQ(client.post("/v1/chat/completions", "[]").status, 400);
}

TEST(StandIn, OllamaChatsOnItsOwnRouteWholeAndAsLines) {
  stand_in ollama({.kind = stand_in_kind::ollama, .pace = 0ms});
  raw_client client(ollama.port());
  auto const ask = [&](const std::string& more) {
    return client.post("/api/chat", R"({"model":"stand-in-local:1b","messages":[])" + more + "}");
  };
  auto const whole = ask(R"(,"stream":false)");
  EXPECT_EQ(whole.field("content-type"), "application/json");
  auto const object = nlohmann::json::parse(whole.body);
  std::string const text = object["message"]["content"];
  EXPECT_NE(text.find("stand-in for Ollama"), std::string::npos);
  EXPECT_EQ(object["done"], true);
  EXPECT_EQ(object["done_reason"], "stop");

  auto const lines = ask("");  // this route streams unless it is told not to
  EXPECT_EQ(lines.field("content-type"), "application/x-ndjson");
  std::string streamed_text;
  nlohmann::json last;
  std::istringstream all(lines.body);
  for (std::string line; std::getline(all, line);) {
    last = nlohmann::json::parse(line);
    streamed_text += last["message"]["content"].get<std::string>();
  }
  EXPECT_EQ(streamed_text, text);
  EXPECT_EQ(last["done"], true);
  EXPECT_EQ(client.post("/api/chat", R"({"model":"other","messages":[]})").status, 404);
  stand_in cloud({.kind = stand_in_kind::cloud, .pace = 0ms});
  EXPECT_EQ(raw_client(cloud.port()).post("/api/chat", question).status, 404);
}

TEST(StandIn, ACutEndsStreamsInTheMiddleAndRefusesUntilItIsRestored) {
  stand_in cloud({.kind = stand_in_kind::cloud, .pace = 20ms});
  raw_client client(cloud.port());
  client.request("POST", "/v1/chat/completions", streamed);
  client.read_head();
  ASSERT_TRUE(client.next_event());
  cloud.cut();
  EXPECT_TRUE(cloud.is_cut());
  while (client.next_event()) {
  }
  EXPECT_NE(client.ended(), io::ok);
  EXPECT_THROW(raw_client{cloud.port()}, std::runtime_error);
  cloud.cut();  // twice is once
  cloud.restore();
  EXPECT_EQ(get(cloud.port(), "/v1/models").status, 200);
}

TEST(StandIn, TheControlPortCutsAndRestoresButNotForWebPages) {
  stand_in cloud({.kind = stand_in_kind::cloud, .pace = 0ms, .with_control = true});
  ASSERT_TRUE(cloud.control_port());
  raw_client control(*cloud.control_port());
  EXPECT_EQ(control.post("/cut", "", {{"Origin", "http://evil.test"}}).status, 403);
  EXPECT_EQ(control.get("/cut").status, 405);
  EXPECT_EQ(control.post("/other", "").status, 404);
  EXPECT_FALSE(cloud.is_cut());
  EXPECT_EQ(control.post("/cut", "").status, 200);
  EXPECT_TRUE(cloud.is_cut());
  EXPECT_THROW(raw_client{cloud.port()}, std::runtime_error);
  EXPECT_EQ(control.post("/restore", "").status, 200);
  EXPECT_EQ(get(cloud.port(), "/v1/models").status, 200);
}

}  // namespace
}  // namespace tideover::test
