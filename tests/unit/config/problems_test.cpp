// Problems as others read them: there and back.
#include "tideover/config/problems.hpp"

#include <gtest/gtest.h>

namespace tideover::config {
namespace {

TEST(Problems, AreTheSameWhenReadBack) {
  problem const full{.file = "/f.yaml", .line = 3, .column = 5, .path = "log.levle", .message = "unknown key"};
  EXPECT_EQ(to_json(full).dump(),
            R"({"severity":"error","file":"/f.yaml","line":3,"column":5,"key":"log.levle","message":"unknown key"})");
  problem odd;
  odd.level = severity::warning;
  odd.path = "$TIDEOVER_LISTEN";
  odd.message = "is odd";
  EXPECT_EQ(to_json(odd).dump(), R"({"severity":"warning","key":"$TIDEOVER_LISTEN","message":"is odd"})");
  for (const auto& p : {full, odd}) EXPECT_EQ(read_problem(to_json(p)).to_string(), p.to_string());
}

TEST(Problems, ReadFromAnythingAreHarmless) {
  for (const auto* text : {"null", "[]", "{}", R"({"line":"3","key":7,"message":null})"})
    EXPECT_EQ(read_problem(nlohmann::ordered_json::parse(text)).message, "") << text;
  EXPECT_EQ(read_problem({{"message", "a\x1b[2J"}}).message.find('\x1b'), std::string::npos);
}

TEST(Problems, InOneSentenceAreTheFirstErrorAndTheNumberOfOthers) {
  problem odd;
  odd.level = severity::warning;
  odd.message = "is odd";
  problem const bad{.file = "/f", .line = 1, .column = 2, .path = "a", .message = "is bad"};
  EXPECT_EQ(first_error({odd, bad}), "/f:1:2: error: a: is bad");
  EXPECT_EQ(first_error({bad, odd, bad, bad}), "/f:1:2: error: a: is bad (and 2 more)");
  EXPECT_EQ(first_error({odd}), "the configuration cannot be read");
}

}  // namespace
}  // namespace tideover::config
