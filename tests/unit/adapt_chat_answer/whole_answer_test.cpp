#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "as_a_caller.hpp"
#include "random_text.hpp"
#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"
#include "tideover/adapt/stream_inspector.hpp"

namespace tideover::adapt::chat::answer {
namespace {

constexpr endpoint all_routes[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                                   endpoint::messages};

writer_options options() { return {.unique = "u7", .created = 12, .model = "local"}; }

std::string body(endpoint what, const std::vector<event>& events, const writer_options& o = options()) {
  return write_whole(what, gather(events), o);
}

TEST(WholeAnswer, IsWrittenForChatAsOpenAiDoes) {
  EXPECT_EQ(
      body(endpoint::chat_completions, {text_delta{"Hi "}, text_delta{"\"you\""}, usage{3, 2, {}}, finish{}}),
      R"({"id":"chatcmpl-u7","object":"chat.completion","created":12,"model":"local","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":"Hi \"you\"","refusal":null},"logprobs":null,"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})");
}

TEST(WholeAnswer, IsWrittenForCompletionsAsOpenAiDoes) {
  EXPECT_EQ(body(endpoint::completions, {text_delta{"Hi"}, usage{3, 2, {}}, finish{end_reason::length}}),
            R"({"id":"cmpl-u7","object":"text_completion","created":12,"model":"local","choices":[{"text":"Hi",)"
            R"("index":0,"logprobs":null,"finish_reason":"length"}],)"
            R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})");
}

TEST(WholeAnswer, IsWrittenForMessagesAsAnthropicDoes) {
  EXPECT_EQ(
      body(endpoint::messages, {text_delta{"Hi"}, tool_call{0, "", "f", R"({"a":1})", true}, usage{3, 2, {}},
                                finish{end_reason::tool_calls}}),
      R"({"id":"msg_u7","type":"message","role":"assistant","model":"local","content":[{"type":"text","text":"Hi"},)"
      R"({"type":"tool_use","id":"toolu_u7_0","name":"f","input":{"a":1}}],"stop_reason":"tool_use",)"
      R"("stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":0,)"
      R"("cache_read_input_tokens":0,"output_tokens":2}})");
}

TEST(WholeAnswer, HasAListOfContentForAnthropicEvenIfNothingWasSaid) {
  const json message = json::parse(body(endpoint::messages, {finish{}}));
  EXPECT_EQ(message["content"], json::array());
  EXPECT_EQ(message["stop_reason"], "end_turn");
  EXPECT_TRUE(message.contains("stop_sequence") && message["stop_sequence"].is_null());
}

TEST(WholeAnswer, HasNullForContentOnlyBesideCalls) {
  const auto content = [](const std::vector<event>& events) {
    return json::parse(body(endpoint::chat_completions, events))["choices"][0]["message"]["content"];
  };
  EXPECT_TRUE(content({tool_call{0, "", "f", "{}", true}, finish{end_reason::tool_calls}}).is_null());
  EXPECT_EQ(content({finish{}}), "");
}

TEST(WholeAnswer, SaysThatTheTokenLimitWasHit) {
  const json response = json::parse(
      body(endpoint::responses, {tool_call{0, "", "f", "{}", true}, text_delta{"cut"}, finish{end_reason::length}}));
  EXPECT_EQ(response["status"], "incomplete");
  EXPECT_EQ(response["incomplete_details"], json::parse(R"({"reason":"max_output_tokens"})"));
  EXPECT_EQ(response["output"][0]["status"], "completed");
  EXPECT_EQ(response["output"][1]["status"], "incomplete");
  EXPECT_EQ(json::parse(body(endpoint::messages, {finish{end_reason::length}}))["stop_reason"], "max_tokens");
}

TEST(WholeAnswer, ShowsArgumentsThatAreNoObjectInsteadOfRunningAToolWithoutThem) {
  for (const char* broken : {"{\"a\":", "[1]", "null", "x", "{\"a\":\"\xff\"}"}) {
    const std::vector<event> events{tool_call{0, "", "f", broken, true}, finish{end_reason::length}};
    const json block = json::parse(body(endpoint::messages, events))["content"][0];
    EXPECT_TRUE(block["input"].contains("unreadable_arguments")) << broken;
    const json chat = json::parse(body(endpoint::chat_completions, events));
    EXPECT_TRUE(chat["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].is_string()) << broken;
  }
}

TEST(WholeAnswer, GathersPiecesOfCalls) {
  const auto all =
      gather(std::vector<event>{begin{"m"}, tool_call{0, "", "f", "{\"a\"", false}, tool_call{1, "", "g", "{", false},
                                tool_call{0, "", "", ":1}", false}, tool_call{1, "", "", "}", false}, error{"x", "y"}});
  ASSERT_EQ(all.calls.size(), 2u);
  EXPECT_EQ(all.calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(all.calls[1].arguments, "{}");
  EXPECT_EQ(all.model, "m");
  EXPECT_FALSE(all.ended);
  EXPECT_EQ(all.failed, (error{"x", "y"}));
  EXPECT_EQ(all.size_bytes(), 11u);
}

TEST(WholeAnswer, HasProbabilitiesInTheFormOfTheRoute) {
  const std::vector<event> events{logprobs{{{"a", "-0.5", "[97]", {}}}}, text_delta{"a"},
                                  logprobs{{{"b", "-1", "null", {}}}}, text_delta{"b"}, finish{}};
  EXPECT_EQ(json::parse(body(endpoint::chat_completions, events))["choices"][0]["logprobs"]["content"],
            json::parse(R"([{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]},
                            {"token":"b","logprob":-1,"bytes":null,"top_logprobs":[]}])"));
  EXPECT_EQ(json::parse(body(endpoint::completions, events))["choices"][0]["logprobs"]["text_offset"],
            json::parse("[0,1]"));
  EXPECT_EQ(json::parse(body(endpoint::responses, events))["output"][0]["content"][0]["logprobs"].size(), 2u);
}

TEST(WholeAnswer, IsUsableOnlyWithContentOrAnEndThatExplainsItself) {
  EXPECT_TRUE(is_usable(text_delta{"x"}));
  EXPECT_TRUE(is_usable(reasoning_delta{"x"}));
  EXPECT_TRUE(is_usable(tool_call{}));
  EXPECT_TRUE(is_usable(finish{end_reason::length}));
  EXPECT_FALSE(is_usable(finish{end_reason::stop}));
  EXPECT_FALSE(is_usable(finish{end_reason::nothing}));
  EXPECT_FALSE(is_usable(begin{}));
  EXPECT_FALSE(is_usable(usage{}));
  EXPECT_FALSE(is_usable(error{}));
}

/// Text, thought and calls in any order; calls whole or in pieces that mix.
std::vector<event> random_answer(std::mt19937& random, bool with_calls) {
  std::vector<event> events{begin{"m"}};
  std::size_t calls = 0;
  for (std::size_t n = 1 + below(random, 12); n > 0; --n) {
    auto text = random_text(random, 6);
    if (text.empty()) text = "x";
    switch (below(random, with_calls ? 5 : 3)) {
      case 0: events.emplace_back(reasoning_delta{text}); break;
      case 3: events.emplace_back(tool_call{calls++, "", "f", json{{"a", text}}.dump(), true}); break;
      case 4:
        if (calls == 0 || below(random, 2) == 0) {
          events.emplace_back(tool_call{calls++, "", "g", "[\"", false});
        } else {
          const auto index = below(random, calls);
          for (auto& e : events)  // pieces only of calls that did not come whole
            if (auto* const call = std::get_if<tool_call>(&e);
                call != nullptr && call->index == index && call->complete)
              text.clear();
          if (!text.empty()) events.emplace_back(tool_call{index, "", "", text, false});
        }
        break;
      default: events.emplace_back(text_delta{text}); break;
    }
  }
  events.emplace_back(usage{below(random, 100), 1 + below(random, 100), {}});
  events.emplace_back(finish{calls != 0              ? end_reason::tool_calls
                             : below(random, 4) == 0 ? end_reason::length
                                                     : end_reason::stop});
  return events;
}

TEST(WholeAnswer, SaysTheSameAsItsStreamOnEveryRoute) {
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    std::mt19937 random(seed);
    for (const auto what : all_routes) {
      const auto events = random_answer(random, what != endpoint::completions);
      auto o = options();
      o.include_usage = true;
      o.show_reasoning = below(random, 2) == 0;
      o.signature = "mark";
      const auto writer = make_stream_writer(what, o);
      std::string stream;
      for (const auto& e : events) writer->write(e, stream);
      const auto whole = body(what, events, o);

      const auto streamed = read_stream(what, stream);
      auto at_once = read_body(what, whole);
      ASSERT_TRUE(streamed.trouble.empty()) << "seed " << seed << ": " << streamed.trouble.front() << '\n' << stream;
      ASSERT_TRUE(at_once.trouble.empty()) << "seed " << seed << ": " << at_once.trouble.front() << '\n' << whole;
      ASSERT_EQ(streamed.terminators, 1) << seed;
      ASSERT_EQ(streamed.text, at_once.text) << seed;
      ASSERT_EQ(streamed.reasoning, at_once.reasoning) << seed;
      ASSERT_EQ(streamed.finish, at_once.finish) << seed;
      ASSERT_EQ(streamed.id, at_once.id) << seed;
      ASSERT_EQ(streamed.usage, at_once.usage) << seed;
      ASSERT_EQ(streamed.calls.size(), at_once.calls.size()) << seed;
      for (std::size_t i = 0; i < streamed.calls.size(); ++i) {
        ASSERT_EQ(streamed.calls[i].id, at_once.calls[i].id) << seed;
        ASSERT_EQ(streamed.calls[i].name, at_once.calls[i].name) << seed;
        if (what == endpoint::messages) continue;  // there the body has objects
        ASSERT_EQ(streamed.calls[i].arguments, at_once.calls[i].arguments) << seed;
      }

      stream_inspector inspector(what, dialect::openai);
      ASSERT_EQ(inspector.inspect(stream), stream_inspector::state::finished) << seed;
      const auto verdict = judge_answer(what, dialect::openai, "application/json", whole);
      ASSERT_FALSE(verdict.failure) << "seed " << seed << ": " << verdict.detail;
      ASSERT_EQ(verdict.model, "local");
    }
  }
}

}  // namespace
}  // namespace tideover::adapt::chat::answer
