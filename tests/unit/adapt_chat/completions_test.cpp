#include "request_table.hpp"

namespace tideover::adapt::chat {
namespace {

std::string asked(const std::string& rest = "") {
  return R"({"messages":[{"role":"user","content":"a"}])" + (rest.empty() ? "" : "," + rest) + "}";
}

TEST(CompletionsRequest, OnePromptAndOneAnswer) {
  check(endpoint::completions,
        {
            {"plain", R"({"prompt":"a","max_tokens":5,"temperature":0,"stream":true})",
             asked(R"("stream":true,"options":{"num_predict":5,"temperature":0.0})")},
            {"logprobs", R"({"prompt":"a","logprobs":2})", asked(R"("logprobs":true,"top_logprobs":2)")},
            {"text around a gap", R"({"prompt":"a","suffix":"z","stop":"x"})",
             R"({"prompt":"a","suffix":"z","options":{"stop":["x"]}})"},
            {"empty suffix", R"({"prompt":"a","suffix":""})", asked()},
            {"list of one", R"({"prompt":["a"]})", asked()},
            {"list of two", R"({"prompt":["a","b"]})", "unsupported_parameter prompt", {}, true},
            {"tokens", R"({"prompt":[1,2]})", "unsupported_parameter prompt", {}, true},
            {"list of one token", R"({"prompt":[1]})", "unsupported_parameter prompt", {}, true},
            {"list of a token list", R"({"prompt":[[1,2]]})", "unsupported_parameter prompt", {}, true},
            {"empty", R"({"prompt":""})", "unsupported_parameter prompt", {}, true},
            {"absent", "{}", "unsupported_parameter prompt", {}, true},
            {"n", R"({"prompt":"a","n":2})", "unsupported_parameter n", {}, true},
            {"best_of", R"({"prompt":"a","best_of":2})", "unsupported_parameter best_of", {}, true},
            {"best_of one", R"({"prompt":"a","best_of":1,"n":1,"echo":false})", asked()},
            {"echo", R"({"prompt":"a","echo":true})", "unsupported_parameter echo", {}, true},
            {"logit_bias", R"({"prompt":"a","logit_bias":{"1":1}})", "unsupported_parameter logit_bias", {}, true},
            {"user", R"({"prompt":"a","user":"u"})", asked(), {"dropped user"}},
        });
}

TEST(CompletionsRequest, AGapIsAskedOfTheGenerateRoute) {
  auto const path = [](const char* body) {
    return translate(endpoint::completions, body, {.model = "local"}).body.value().path;
  };
  EXPECT_EQ(path(R"({"prompt":"a"})"), "/api/chat");
  EXPECT_EQ(path(R"({"prompt":"a","suffix":"z"})"), "/api/generate");
}

TEST(AnyRequest, IsRefusedWhenItCannotBeRead) {
  auto const code = [](endpoint what, std::string_view body) {
    auto const result = parse_request(what, body);
    auto const* const no = std::get_if<refusal>(&result);
    return no ? no->code : "accepted";
  };
  EXPECT_EQ(code(endpoint::chat_completions, ""), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, "[]"), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, R"({"messages":[)"), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, std::string(1000000, '[')), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, R"({"x":)" + std::string(200, '[') + std::string(200, ']') + "}"),
            "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"),
            "invalid_request");
  for (auto const what :
       {endpoint::embeddings, endpoint::count_tokens, endpoint::other_v1, endpoint::ollama_native, endpoint::models})
    EXPECT_EQ(code(what, "{}"), "not_replayable");
}

TEST(AnyRequest, ArgumentsNestedWithoutEndAreNoObject) {
  // The text of arguments is JSON inside a string: the scan of the body does not look into it.
  auto const deep = R"({\"a\":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  auto const result = translate(endpoint::chat_completions,
                                R"({"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":)"
                                R"({"name":"f","arguments":")" +
                                    deep + R"("}}]}]})",
                                {.model = "local"});
  ASSERT_TRUE(result.body);
  EXPECT_EQ(result.notes, std::vector<std::string>{"tool-call arguments that are no JSON object were wrapped in one"});
}

TEST(AnyRequest, HalvesOfSurrogatePairsDoNotFailAPrompt) {
  auto const content = [](const std::string& text) {
    auto const result = translate(endpoint::chat_completions,
                                  R"({"messages":[{"role":"user","content":")" + text + R"("}]})", {.model = "local"});
    if (!result.body) return std::string("refused");
    return nlohmann::json::parse(result.body->body)["messages"][0]["content"].get<std::string>();
  };
  EXPECT_EQ(content(R"(a\ud83d\ude00b)"),
            "a\xf0\x9f\x98\x80"
            "b");
  EXPECT_EQ(content(R"(cut\ud83d)"), "cut\xef\xbf\xbd");
  EXPECT_EQ(content(R"(\ude00cut)"),
            "\xef\xbf\xbd"
            "cut");
  EXPECT_EQ(content(R"(\ud83d\ud83d\ude00)"), "\xef\xbf\xbd\xf0\x9f\x98\x80");
  EXPECT_EQ(content(R"(\\ud83d and \ud83d)"), "\\ud83d and \xef\xbf\xbd");
}

TEST(AnyRequest, DuplicateKeysCountByTheirLast) {
  check(endpoint::completions, {{"twice", R"({"prompt":"b","prompt":"a"})", asked()}});
}

TEST(AnyRequest, EveryReferenceToTheCloudHasASentence) {
  for (const char* field :
       {"previous_response_id", "conversation", "background", "prompt", "web_search_options", "audio",
        "modalities[]=audio", "container", "mcp_servers", "tools[].type=web_search", "messages[].audio",
        "input[].type=item_reference", "input[].type=compaction", "input[].content[].file_id",
        "messages[].content[].file.file_id", "messages[].content[].source.type=file",
        "messages[].content[].type=container_upload", "something_new"})
    EXPECT_FALSE(not_replayable_sentence(field).empty()) << field;
  EXPECT_TRUE(not_replayable_sentence("").empty());
}

}  // namespace
}  // namespace tideover::adapt::chat
