#include "tideover/adapt/ollama/native_request.hpp"

#include <gtest/gtest.h>

namespace tideover::adapt::ollama {
namespace {

using names = std::vector<std::string>;

TEST(NativeRequest, FindsEveryModelThatOllamaMightTake) {
  EXPECT_EQ(named_models(R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"model"}]})"),
            names{"llama3.1:8b"});
  EXPECT_EQ(named_models(R"({"model":"a","MODEL":"b-cloud"})"), (names{"a", "b-cloud"}));
  EXPECT_EQ(named_models(R"({"mod\u0065l":"x:cloud","Name":"y"})"), (names{"x:cloud", "y"}));
  EXPECT_EQ(named_models(R"({"model":"gpt-oss:120b\u002dcloud"})"), names{"gpt-oss:120b-cloud"});
}

TEST(NativeRequest, LooksAtTheTopLevelOnlyAndSurvivesAnything) {
  EXPECT_EQ(named_models(R"({"options":{"model":"inner"},"model":7})"), names{});
  EXPECT_EQ(named_models("[1,2]"), names{});
  EXPECT_EQ(named_models(""), names{});
  EXPECT_EQ(named_models(std::string(100000, '[')), names{});
}

}  // namespace
}  // namespace tideover::adapt::ollama
