// Over many random requests: what one dialect says and another can say too survives the way through the model.
#include <gtest/gtest.h>

#include <algorithm>

#include "random_request.hpp"

namespace tideover::adapt::chat {
namespace {

constexpr std::size_t many = 500;
constexpr capabilities everything{.known = true, .tools = true, .vision = true, .thinking = true};

request read(endpoint what, const std::string& body) {
  auto result = parse_request(what, body);
  if (auto const* const no = std::get_if<refusal>(&result)) {
    ADD_FAILURE() << "was refused: " << no->code << ' ' << no->field << ": " << no->message << "\n" << body;
    return {};
  }
  return std::get<parsed>(std::move(result)).what;
}

rendered ask(const request& what, bool of_ollama = true) {
  render_options const options{.model = "local", .can = everything};
  auto result = of_ollama ? render_ollama_chat(what, options) : render_openai_chat(what, options);
  if (auto const* const no = std::get_if<refusal>(&result)) {
    ADD_FAILURE() << "was refused: " << no->message;
    return {};
  }
  return std::get<rendered>(std::move(result));
}

template <class Property>
void for_many(Property&& property) {
  for (auto const seed : simulation::seeds(many)) {
    SCOPED_TRACE("TIDEOVER_SIM_SEED=" + std::to_string(seed));
    property(random_request(seed).make());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RoundTrip, EveryDialectIsReadAsItWasMeant) {
  for_many([](request meant) {
    EXPECT_EQ(read(endpoint::chat_completions, write_chat(meant)), meant) << write_chat(meant);
    EXPECT_EQ(read(endpoint::responses, write_responses(meant)), meant) << write_responses(meant);
    meant.format.name.clear();  // Messages have no name for a schema
    EXPECT_EQ(read(endpoint::messages, write_messages(meant)), meant) << write_messages(meant);
  });
}

TEST(RoundTrip, TheSameConversationIsAskedInTheSameWordsWhoeverWroteIt) {
  for_many([](const request& meant) {
    auto const chat = ask(read(endpoint::chat_completions, write_chat(meant)));
    EXPECT_EQ(ask(read(endpoint::responses, write_responses(meant))).body, chat.body);
    EXPECT_EQ(ask(read(endpoint::messages, write_messages(meant))).body, chat.body);
  });
}

TEST(RoundTrip, KnowsTheBegunAnswerThatARequestEndsIn) {
  for (bool const of_ollama : {true, false}) {
    request what;
    what.messages = {{role::user, {{"hi"}}}};
    EXPECT_EQ(ask(what, of_ollama).prefill, "");
    what.messages.push_back({role::assistant, {{"Well, "}}});
    EXPECT_EQ(ask(what, of_ollama).prefill, "Well, ");
    auto const made = of_ollama ? render_ollama_chat(what, {.model = "m", .continuation = "then"})
                                : render_openai_chat(what, {.model = "m", .continuation = "then"});
    EXPECT_EQ(std::get<rendered>(made).prefill, "Well, then");
    what.messages.back().calls.push_back({"c", "f"});
    EXPECT_EQ(ask(what, of_ollama).prefill, "") << "a call is no text to go on with";
  }
}

TEST(RoundTrip, ADialectOpenAiServerIsAskedWhatTheCallerAsked) {
  for_many([](const request& meant) {
    auto expected = meant;
    expected.model = "local";
    expected.include_usage = meant.stream;
    // Images of tools come in a message of the user, and a format gives way to a demanded call: not the same words.
    bool const tools_show_images = std::any_of(meant.messages.begin(), meant.messages.end(), [](const message& one) {
      return one.who == role::tool && one.parts.back().is_image();
    });
    if (tools_show_images) return;
    if (meant.choice.what == tool_choice::kind::must) expected.format = {};
    EXPECT_EQ(read(endpoint::chat_completions, ask(meant, false).body), expected) << ask(meant, false).body;
  });
}

std::vector<std::string> image_data(const request& of) {
  std::vector<std::string> all;
  for (auto const& one : of.messages)
    for (auto const& piece : one.parts)
      if (piece.is_image()) all.push_back(piece.data);
  return all;
}

TEST(RoundTrip, OllamaIsAskedEverythingThatTheCallerSaid) {
  for_many([](const request& meant) {
    auto const asked = read_native(ask(meant).body);
    EXPECT_EQ(image_data(asked), image_data(meant)) << "no image is lost, none changes places";
    EXPECT_EQ(asked.tools, meant.tools);
    EXPECT_EQ(asked.params, meant.params);
    EXPECT_EQ(asked.stream, meant.stream);
    std::vector<tool_call> calls_asked, calls_meant;
    std::string text_asked;
    for (auto const& one : asked.messages) {
      std::copy(one.calls.begin(), one.calls.end(), std::back_inserter(calls_asked));
      if (!one.parts.empty()) text_asked += one.parts.front().text + "\n";
    }
    std::size_t at = 0;
    for (auto const& one : meant.messages) {
      std::copy(one.calls.begin(), one.calls.end(), std::back_inserter(calls_meant));
      for (auto const& piece : one.parts) {
        if (piece.is_image()) continue;
        at = text_asked.find(piece.text, at);
        ASSERT_NE(at, std::string::npos) << "lost or out of order: " << piece.text;
        at += piece.text.size();
      }
    }
    EXPECT_EQ(calls_asked, calls_meant);
  });
}

/// What templates of local models demand.
TEST(RoundTrip, OllamaIsAskedInTurns) {
  for_many([](const request& meant) {
    auto const asked = read_native(ask(meant).body);
    for (std::size_t i = 1; i < asked.messages.size(); ++i) {
      auto const before = asked.messages[i - 1].who;
      auto const now = asked.messages[i].who;
      EXPECT_NE(now, role::system) << "only the first message is the system's";
      if (now != role::tool) {
        EXPECT_NE(now, before) << "no two messages of one role side by side";
      } else {
        EXPECT_TRUE(before == role::tool || (before == role::assistant && !asked.messages[i - 1].calls.empty()));
      }
    }
  });
}

}  // namespace
}  // namespace tideover::adapt::chat
