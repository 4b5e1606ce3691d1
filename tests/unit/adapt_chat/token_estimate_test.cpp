#include "tideover/adapt/token_estimate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tideover/adapt/chat/request.hpp"
#include "token_samples.hpp"

namespace tideover::adapt {
namespace {

TEST(TokenEstimate, StaysWithinItsBoundsForTextsOfManyKinds) {
  for (auto const& sample : token_samples) {
    auto const largest =
        static_cast<double>(std::max({sample.gpt4o, sample.gpt4, sample.llama3, sample.mistral, sample.qwen3}));
    auto const estimate = static_cast<double>(estimate_text_tokens(sample.text));
    EXPECT_GE(estimate, 0.85 * largest) << sample.name << ": " << estimate << " for " << largest;
    EXPECT_LE(estimate, 1.6 * largest) << sample.name << ": " << estimate << " for " << largest;
  }
}

TEST(TokenEstimate, NothingIsNothingAndMoreIsMore) {
  EXPECT_EQ(estimate_text_tokens(""), 0u);
  EXPECT_EQ(estimate_text_tokens("a"), 1u);
  std::string text;
  std::uint64_t before = 0;
  for (auto const& sample : token_samples) {
    text += sample.text;
    auto const now = estimate_text_tokens(text);
    EXPECT_GT(now, before);
    before = now;
  }
}

TEST(TokenEstimate, BytesThatAreNoTextAreCountedAsWell) {
  for (const char* bytes : {"\xff", "\xc3", "\xe2\x82", "\xf0\x9f", "\x80\x80"})
    EXPECT_GE(estimate_text_tokens(bytes), 1u);
}

TEST(PromptEstimate, EverythingThatTheModelReadsCounts) {
  chat::request request;
  auto const empty = estimate_prompt(request);
  auto more = [&request, before = empty]() mutable {
    auto const now = estimate_prompt(request);
    auto const grown = now - before;
    before = now;
    return grown;
  };
  request.messages.push_back({chat::role::user, {{"What is in this picture?"}}});
  EXPECT_GE(more(), 8u);
  request.messages.back().parts.push_back({{}, "image/png", std::string(100000, 'A')});
  EXPECT_EQ(more(), 768u) << "whatever its size";
  request.messages.push_back({chat::role::assistant, {}, {{"c1", "find", {{"name", "lamp"}}}}});
  EXPECT_GE(more(), 10u);
  request.messages.push_back({chat::role::tool, {{"a lamp"}}, {}, "c1", "find"});
  EXPECT_GE(more(), 8u);
  request.tools.push_back({"find", "finds things", {{"type", "object"}}});
  EXPECT_GE(more(), 200u);
  request.choice.what = chat::tool_choice::kind::none;
  EXPECT_LT(estimate_prompt(request), empty + 900) << "tools that are not offered are not read";
}

TEST(TokenEstimate, OfABodyCountsWhatTheCloudWouldRead) {
  auto const of = [](std::string_view body) { return estimate_tokens(body); };
  EXPECT_FALSE(of("[]"));
  EXPECT_FALSE(of(R"({"messages":[)"));
  EXPECT_EQ(of("{}"), 0u);
  auto const hi = of(R"({"model":"a-name-that-nobody-reads","messages":[{"role":"user","content":"hi"}]})");
  ASSERT_TRUE(hi);
  EXPECT_GE(*hi, 2u);
  EXPECT_LE(*hi, 8u);
  EXPECT_EQ(of(R"({"messages":[{"role":"user","content":"h\u0069"}]})"), hi) << "escapes are read, not counted";
  EXPECT_GT(
      of(R"({"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]})"),
      hi);
  auto const image = of(R"({"messages":[{"role":"user","content":[{"type":"image","source":{"data":"AAAA"}}]}]})");
  ASSERT_TRUE(image);
  EXPECT_GE(*image, 1600u);
}

}  // namespace
}  // namespace tideover::adapt
