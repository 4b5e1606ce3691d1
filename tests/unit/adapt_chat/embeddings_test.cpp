#include "tideover/adapt/embeddings.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tideover::adapt {
namespace {

nlohmann::json asked(dialect local, const std::string& input, std::vector<std::string> notes = {}) {
  auto const made = render_embeddings(local, input, "nomic-embed-text", "10m");
  if (auto const* const no = std::get_if<chat::refusal>(&made)) {
    EXPECT_FALSE(no->message.empty());
    return no->code + " " + no->field;
  }
  auto const& out = std::get<chat::rendered>(made);
  EXPECT_EQ(out.path, local == dialect::ollama ? "/api/embed" : "/v1/embeddings");
  EXPECT_EQ(out.notes, notes);
  auto body = nlohmann::json::parse(out.body);
  EXPECT_EQ(body.at("model"), "nomic-embed-text");
  body.erase("model");
  return body;
}

TEST(Embeddings, TextIsAskedOfOllamaWithoutCuttingIt) {
  auto const native = [](const std::string& input, std::vector<std::string> notes = {}) {
    return asked(dialect::ollama, input, std::move(notes));
  };
  EXPECT_EQ(native(R"({"model":"e","input":"a","encoding_format":"base64","dimensions":256})"),
            nlohmann::json::parse(R"({"input":"a","dimensions":256,"truncate":false,"keep_alive":"10m"})"));
  EXPECT_EQ(native(R"({"input":["a","b"],"user":"u"})", {"dropped user"}),
            nlohmann::json::parse(R"({"input":["a","b"],"truncate":false,"keep_alive":"10m"})"));
  EXPECT_EQ(native(R"({"input":[1,2]})"), "unsupported_parameter input");
  EXPECT_EQ(native(R"({"input":[[1],[2]]})"), "unsupported_parameter input");
  EXPECT_EQ(native(R"({"input":[]})"), "unsupported_parameter input");
  EXPECT_EQ(native("{}"), "unsupported_parameter input");
  EXPECT_EQ(native(R"({"input":"a","dimensions":0})"), "invalid_request dimensions");
  EXPECT_EQ(native(R"({"input":"a","dimensions":"x"})"), "invalid_request dimensions");
  EXPECT_EQ(native(R"({"input":"a","encoding_format":"hex"})"), "invalid_request encoding_format");
  EXPECT_EQ(native(R"({"input":)"), "invalid_request ");
  EXPECT_EQ(native("{\"input\":\"\xff\"}"), "invalid_request ");
}

TEST(Embeddings, ServersOfDialectOpenAiAreAskedInTheirWords) {
  EXPECT_EQ(asked(dialect::openai, R"({"input":"a","encoding_format":"base64","dimensions":2})"),
            nlohmann::json::parse(R"({"input":"a","encoding_format":"base64","dimensions":2})"));
  EXPECT_EQ(asked(dialect::openai, R"({"input":"a","encoding_format":"float"})"),
            nlohmann::json::parse(R"({"input":"a"})"));
}

std::string answered(const std::string& original, const std::string& native) {
  return write_embeddings(original, native, "nomic").value_or("nothing");
}

TEST(Embeddings, TheAnswerIsOpenAisList) {
  EXPECT_EQ(answered(R"({"input":["a","b"]})",
                     R"({"model":"x","embeddings":[[0.1,-2e-3],[1,2]],"total_duration":5,"prompt_eval_count":7})"),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]},)"
            R"({"object":"embedding","index":1,"embedding":[1,2]}],"model":"nomic",)"
            R"("usage":{"prompt_tokens":7,"total_tokens":7}})");
}

TEST(Embeddings, Base64HoldsLittleEndianFloats) {
  // 1.0 is 00 00 80 3f, -2.0 is 00 00 00 c0, 0.5 is 00 00 00 3f
  auto const data = [](const char* vector) {
    return nlohmann::json::parse(answered(R"({"input":"a","encoding_format":"base64"})",
                                          R"({"embeddings":[)" + std::string(vector) + "]}"))["data"][0]["embedding"];
  };
  EXPECT_EQ(data("[1.0]"), "AACAPw==");
  EXPECT_EQ(data("[1,-2]"), "AACAPwAAAMA=");
  EXPECT_EQ(data("[1,-2,0.5]"), "AACAPwAAAMAAAAA/");
  EXPECT_EQ(data("[1e-60]"), "AAAAAA==");
}

TEST(Embeddings, WhatIsNotTheAnswerIsNone) {
  for (const char* native :
       {"", "[]", "{}", R"({"embeddings":[]})", R"({"embeddings":[[]]})", R"({"embeddings":[[1],[2]]})",
        R"({"embeddings":[["x"]]})", R"({"embeddings":[1]})", R"({"embeddings":[[1,)", R"({"embeddings":null})",
        R"({"error":"no"})", R"({"embeddings":[[1]]}x)"})
    EXPECT_EQ(answered(R"({"input":"a"})", native), "nothing") << native;
  EXPECT_EQ(answered(R"({"input":"a","encoding_format":"base64"})", R"({"embeddings":[[1e60]]})"), "nothing");
  // A version that does not know `dimensions` gives vectors of their full length.
  EXPECT_EQ(answered(R"({"input":"a","dimensions":2})", R"({"embeddings":[[1,2,3]]})"), "nothing");
  EXPECT_NE(answered(R"({"input":"a","dimensions":2})", R"({"embeddings":[[1,2]]})"), "nothing");
}

}  // namespace
}  // namespace tideover::adapt
