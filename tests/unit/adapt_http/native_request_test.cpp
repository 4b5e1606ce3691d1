#include "tideover/adapt/ollama/native_request.hpp"

#include <gtest/gtest.h>

#include "tideover/adapt/ollama/native_answer.hpp"

namespace tideover::adapt::ollama {
namespace {

using names = std::vector<std::string>;

TEST(NativeRequest, FindsEveryModelThatOllamaMightTake) {
  EXPECT_EQ(named_models(R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"model"}]})").models,
            names{"llama3.1:8b"});
  EXPECT_EQ(named_models(R"({"model":"a","MODEL":"b-cloud"})").models, (names{"a", "b-cloud"}));
  EXPECT_EQ(named_models(R"({"mod\u0065l":"x:cloud","Name":"y"})").models, (names{"x:cloud", "y"}));
  EXPECT_EQ(named_models(R"({"model":"gpt-oss:120b\u002dcloud"})").models, names{"gpt-oss:120b-cloud"});
}

TEST(NativeRequest, LooksAtTheTopLevelOnlyAndSurvivesAnything) {
  EXPECT_EQ(named_models(R"({"options":{"model":"inner"},"model":7})").models, names{});
  EXPECT_EQ(named_models("[1,2]").models, names{});
  EXPECT_EQ(named_models("").models, names{});
  EXPECT_EQ(named_models(std::string(100000, '[')).models, names{});
}

TEST(NativeRequest, TellsWhetherThereMayBeMoreThanItFound) {
  EXPECT_TRUE(named_models(R"({"model":"a","x":[1,{}]})").all);
  EXPECT_TRUE(named_models(R"({"model":"a"} and more, which Ollama does not read)").all);
  auto const deep = [](std::size_t levels) {
    return R"({"x":)" + std::string(levels, '[') + std::string(levels, ']') + R"(,"model":"m:cloud"})";
  };
  EXPECT_EQ(named_models(deep(500)).models, names{"m:cloud"});
  EXPECT_FALSE(named_models(deep(9000)).all) << "Ollama reads ten thousand levels";
  EXPECT_EQ(named_models("{\"x\":\"\xff\",\"model\":\"m:cloud\"}").models, names{"m:cloud"})
      << "and text that is no UTF-8";
  EXPECT_FALSE(named_models(R"({"model":"a")").all);
  EXPECT_FALSE(named_models("[1,2]").all);
}

TEST(NamedModels, OfACloudsBodyAreTheListsOfGatewaysToo) {
  auto const found = adapt::named_models(R"({"models":["a","b",7,["c"]],"Model":"d","name":"e","x":{"model":"f"}})");
  EXPECT_TRUE(found.all);
  EXPECT_EQ(found.models, (names{"a", "b", "d"}));
}

TEST(NativeAnswer, SaysWhereItWasMadeAlsoIfItIsCut) {
  for (auto const* body : {R"({"model":"a","remote_model":"b","message":{"content":"x)", R"({"remote_host":"h"})",
                           R"({"x":[{"remote_host":""}],"remote\u005fhost":"h")", " {\n \"remote_host\" : \"h\"}"})
    EXPECT_TRUE(made_elsewhere(body)) << body;
  for (auto const* body :
       {"", "[]", R"({"remote_host":"","remote_model":""})", R"({"message":{"remote_host":"h"}})",
        R"({"response":"\"remote_host\":\"h\""})", R"({"remote_host":null})", R"({"remote_host":"h)", R"({"model":)"})
    EXPECT_FALSE(made_elsewhere(body)) << body;
}

}  // namespace
}  // namespace tideover::adapt::ollama
