#include "tideover/adapt/token_estimate.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tideover::adapt {
namespace {

TEST(TokenEstimate, FourBytesOfTextAreAToken) {
  EXPECT_EQ(estimate_tokens(R"({"messages":[{"role":"user","content":"12345678"}]})"), 3u + 3u);
  EXPECT_EQ(estimate_tokens(R"({"model":"a-very-long-name-that-is-no-prompt"})"), 0u);
  for (std::string_view const text : {"", "[]", "{", R"({"messages":)", "x"})
    EXPECT_FALSE(estimate_tokens(text)) << text;
}

TEST(TokenEstimate, OtherScriptsCountMore) {
  auto const ascii = *estimate_tokens(R"({"system":"abcdefghijkl"})");
  auto const wide = *estimate_tokens("{\"system\":\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xa7\"}");
  EXPECT_EQ(ascii, 3u);
  EXPECT_EQ(wide, 6u) << "four characters of three bytes each";
}

TEST(TokenEstimate, ImagesCountAsImagesWhereverTheyAre) {
  std::string const base64(40000, 'A');
  for (auto const& body :
       {R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,)" + base64 +
            R"("}}]}]})",
        R"({"messages":[{"content":[{"type":"image","source":{"type":"base64","data":")" + base64 + R"("}}]}]})",
        R"({"messages":[{"content":"","images":[")" + base64 + R"("]}]})"}) {
    auto const need = estimate_need(body);
    ASSERT_TRUE(need);
    EXPECT_GE(need->prompt, 1600u);
    EXPECT_LT(need->prompt, 1700u);
  }
}

TEST(TokenEstimate, TheNeedOfEveryDialectIsSeen) {
  struct {
    std::string_view body;
    std::uint64_t least;
    std::optional<std::uint64_t> output;
  } const rows[] = {
      {R"({"messages":[{"role":"user","content":"1234567890123456"}],"max_tokens":7})", 5, 7},
      {R"({"messages":[{"role":"user","content":"1234567890123456"}],"max_tokens":7,"max_completion_tokens":9})", 5, 9},
      {R"({"prompt":"1234567890123456"})", 4, std::nullopt},
      {R"({"prompt":["1234567890123456"],"max_tokens":"many"})", 4, std::nullopt},
      {R"({"instructions":"12345678","input":"12345678","max_output_tokens":100})", 4, 100},
      {R"({"input":[{"role":"user","content":[{"type":"input_text","text":"12345678"}]}],"max_output_tokens":-1})", 4,
       std::nullopt},
      {R"({"system":"12345678","messages":[{"role":"user","content":"12345678"}],"max_tokens":1e3})", 4, std::nullopt},
  };
  for (const auto& row : rows) {
    auto const need = estimate_need(row.body);
    ASSERT_TRUE(need) << row.body;
    EXPECT_GE(need->prompt, row.least) << row.body;
    EXPECT_LT(need->prompt, 40u) << row.body;
    EXPECT_EQ(need->max_output, row.output) << row.body;
  }
  EXPECT_FALSE(estimate_need("[]"));
}

}  // namespace
}  // namespace tideover::adapt
