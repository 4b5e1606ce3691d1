#include "request_table.hpp"

namespace tideover::adapt::chat {
namespace {

std::string const hi = R"({"role":"user","content":"hi"})";
std::string with(const std::string& rest) { return R"({"messages":[)" + hi + "]," + rest + "}"; }
std::string const plain = R"({"messages":[)" + hi + "]}";

std::string tool(const char* name) {
  return R"({"type":"function","function":{"name":")" + std::string(name) +
         R"(","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}})";
}
std::string tools(const std::string& list, const std::string& choice = "") {
  return with("\"tools\":[" + list + "]" + (choice.empty() ? "" : ",\"tool_choice\":" + choice));
}
/// What is asked when a call is demanded: an instruction above the conversation.
std::string instructed(const std::string& list, const std::string& who) {
  return R"({"messages":[{"role":"system","content":"Answer by calling )" + who + R"( Do not answer in text."},)" + hi +
         R"(],"tools":[)" + list + "]}";
}

TEST(ToolChoice, IsKeptByOfferingAndByInstruction) {
  std::string const one = tool("f");
  std::string const two = tool("f") + "," + tool("g");
  auto const named = [](const char* name) {
    return R"({"type":"function","function":{"name":")" + std::string(name) + R"("}})";
  };
  auto const allowed = [](const char* mode, const char* name) {
    return R"({"type":"allowed_tools","allowed_tools":{"mode":")" + std::string(mode) +
           R"(","tools":[{"type":"function","function":{"name":")" + name + R"("}}]}})";
  };
  std::string const reduced = "tools reduced to those that tool_choice allows";
  std::string const told = "tool_choice became an instruction to the model";
  check(
      endpoint::chat_completions,
      {
          {"tools", tools(one), tools(one)},
          {"auto", tools(one, R"("auto")"), tools(one)},
          {"null", tools(one, "null"), tools(one)},
          {"none", tools(one, R"("none")"), plain, {"dropped tools: tool_choice is none"}},
          {"none without tools", with(R"("tool_choice":"none")"), plain},
          {"required", tools(two, R"("required")"), instructed(two, "one of these tools: f, g."), {told}},
          {"required, one tool", tools(one, R"("required")"), instructed(one, "the tool f."), {told}},
          {"required without tools", with(R"("tool_choice":"required")"), "tool_choice_unmet tool_choice", {}, true},
          {"named", tools(two, named("g")), instructed(tool("g"), "the tool g."), {reduced, told}},
          {"named, not offered", tools(two, named("h")), "tool_choice_unmet tool_choice", {}, true},
          {"named without a name", tools(two, named("")), "invalid_request tool_choice", {}, true},
          {"custom, not offered",
           tools(one, R"({"type":"custom","custom":{"name":"h"}})"),
           "tool_choice_unmet tool_choice",
           {},
           true},
          {"unknown word", tools(one, R"("maybe")"), "tool_choice_unmet tool_choice", {}, true},
          {"allowed, auto", tools(two, allowed("auto", "f")), tools(one), {reduced}},
          {"allowed, auto, another", tools(one, allowed("auto", "h")), plain, {reduced}},
          {"allowed, required", tools(two, allowed("required", "f")), instructed(one, "the tool f."), {reduced, told}},
          {"allowed, required, another",
           tools(two, allowed("required", "h")),
           "tool_choice_unmet tool_choice",
           {},
           true},
          {"required and a format",
           with(R"("response_format":{"type":"json_object"},"tool_choice":"required","tools":[)" + one + "]"),
           instructed(one, "the tool f."),
           {"dropped the output format: tool_choice demands a tool call", told}},
          {"empty tools", with(R"("tools":[])"), plain},
          {"parallel calls allowed", with("\"parallel_tool_calls\":true,\"tools\":[" + one + "]"), tools(one)},
          {"parallel calls forbidden",
           with("\"parallel_tool_calls\":false,\"tools\":[" + one + "]"),
           tools(one),
           {"several tool calls at once cannot be ruled out locally"}},
          {"a model without tools", tools(one), "unsupported_parameter tools", {}, true, text_only},
          {"a model of which nothing is known", tools(one), tools(one), {}, false, {}},
          {"a model without tools, none wanted",
           tools(one, R"("none")"),
           plain,
           {"dropped tools: tool_choice is none"},
           false,
           text_only},
          {"custom tool without a name",
           tools(R"({"type":"custom","custom":{}})"),
           "invalid_request tools[].name",
           {},
           true},
          {"web search",
           tools(R"({"type":"web_search_preview"})"),
           "not_replayable tools[].type=web_search_preview",
           {},
           true},
          {"nameless", tools(R"({"type":"function","function":{}})"), "invalid_request tools[].name", {}, true},
          {"no parameters", tools(R"({"type":"function","function":{"name":"f","strict":true}})"),
           tools(
               R"({"type":"function","function":{"name":"f","description":"","parameters":{"type":"object","properties":{}}}})")},
          {"tools that are none", with(R"("tools":"f")"), "invalid_request tools", {}, true},
      });
}

TEST(ToolChoice, ADemandedCallIsMarkedForChecking) {
  auto const made = [](const std::string& input) {
    return translate(endpoint::chat_completions, with_model(input), {.model = "local", .can = everything}).body.value();
  };
  auto const two = tool("f") + "," + tool("g");
  EXPECT_FALSE(made(tools(two)).must_call);
  EXPECT_FALSE(made(tools(two, R"("none")")).must_call);
  auto const required = made(tools(two, R"("required")"));
  EXPECT_TRUE(required.must_call);
  EXPECT_EQ(required.allowed_calls, (std::vector<std::string>{"f", "g"}));
  auto const named = made(tools(two, R"({"type":"function","function":{"name":"g"}})"));
  EXPECT_TRUE(named.must_call);
  EXPECT_EQ(named.allowed_calls, std::vector<std::string>{"g"});
}

TEST(ToolChoice, TheSecondAskingInsists) {
  auto const body = [](bool insist) {
    return translate(endpoint::chat_completions, with_model(tools(tool("f"), R"("required")")),
                     {.model = "local", .can = everything, .insist_on_call = insist})
        .body.value()
        .body;
  };
  EXPECT_EQ(body(false).find("only a tool call counts"), std::string::npos);
  EXPECT_NE(body(true).find("only a tool call counts"), std::string::npos);
}

std::string tool_with(const std::string& schema) {
  return with(R"("tools":[{"type":"function","function":{"name":"f","description":"","parameters":)" + schema + "}}]");
}

TEST(ToolSchemas, KeepTheirMeaningWhereTheLocalServerWouldLoseIt) {
  std::vector<std::string> const simplified = {
      "tool schemas simplified: references inlined, allOf merged, oneOf read as anyOf"};
  check(
      endpoint::chat_completions,
      {
          {"reference",
           tool_with(R"({"type":"object","properties":{"p":{"$ref":"#/$defs/P","description":"who"}},)"
                     R"("$defs":{"P":{"type":"object","properties":{"n":{"type":"string"}}}}})"),
           tool_with(R"({"type":"object","properties":{"p":{"description":"who","type":"object",)"
                     R"("properties":{"n":{"type":"string"}}}}})"),
           simplified},
          {"reference in the old place",
           tool_with(
               R"({"type":"object","properties":{"p":{"$ref":"#/definitions/P"}},"definitions":{"P":{"type":"string"}}})"),
           tool_with(R"({"type":"object","properties":{"p":{"type":"string"}}})"), simplified},
          {"reference to nothing", tool_with(R"({"type":"object","properties":{"p":{"$ref":"#/$defs/P"}}})"),
           tool_with(R"({"type":"object","properties":{"p":{}}})"), simplified},
          {"oneOf and const",
           tool_with(R"({"type":"object","properties":{"p":{"oneOf":[{"const":"a"},{"type":"null"}]}}})"),
           tool_with(R"({"type":"object","properties":{"p":{"anyOf":[{"enum":["a"]},{"type":"null"}]}}})"), simplified},
          {"allOf",
           tool_with(R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"],)"
                     R"("allOf":[{"properties":{"b":{"type":"string"}},"required":["b","a"]}]})"),
           tool_with(
               R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a","b"]})"),
           simplified},
          {"boolean schemas",
           tool_with(R"({"type":"object","properties":{"a":true,"b":{"type":"array","items":true}}})"),
           tool_with(R"({"type":"object","properties":{"a":{},"b":{"type":"array"}}})"), simplified},
          {"a property called properties",
           tool_with(R"({"type":"object","properties":{"properties":{"type":"string"}}})"),
           tool_with(R"({"type":"object","properties":{"properties":{"type":"string"}}})")},
      });
}

TEST(ToolSchemas, OneThatRefersToItselfEndsSomewhere) {
  auto const result =
      translate(endpoint::chat_completions,
                with_model(tool_with(
                    R"({"$ref":"#/$defs/N","$defs":{"N":{"type":"object","properties":{"l":{"$ref":"#/$defs/N"},)"
                    R"("r":{"$ref":"#/$defs/N"}}}}})")),
                {.model = "local", .can = everything});
  ASSERT_TRUE(result.body);
  EXPECT_LT(result.body->body.size(), 1000000u);
}

TEST(ToolSchemas, TheOrderOfMembersSurvives) {
  auto const result = translate(
      endpoint::chat_completions,
      with_model(tool_with(R"({"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}})")),
      {.model = "local", .can = everything});
  ASSERT_TRUE(result.body);
  EXPECT_NE(result.body->body.find(R"("properties":{"z":{"type":"string"},"a":)"), std::string::npos);
}

}  // namespace
}  // namespace tideover::adapt::chat
