#include "tideover/adapt/error_body.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/adapt/stream_inspector.hpp"

namespace tideover::adapt {
namespace {

using nlohmann::json;

struct read_case {
  const char* body;
  const char* type;
  const char* code;
  const char* message;
};

TEST(ErrorBody, ReadsEveryVendorsForm) {
  const std::vector<read_case> cases = {
      {R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"model_not_found"}})",
       "invalid_request_error", "model_not_found", "m"},
      {R"({"error":{"message":"m","type":"server_error","param":null,"code":null}})", "server_error", "", "m"},
      {R"({"error":{"message":"m","code":429}})", "", "429", "m"},
      {R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded","details":null},"request_id":"r"})",
       "overloaded_error", "", "Overloaded"},
      {R"({"type":"error","error":{"type":"rate_limit_error","message":"m",
           "details":{"error_code":"enforced_spend_limit_reached"}}})",
       "rate_limit_error", "enforced_spend_limit_reached", "m"},
      {R"({"error":"model 'x' not found"})", "", "", "model 'x' not found"},
      {R"({"error":"unauthorized","signin_url":"https://x"})", "", "", "unauthorized"},
      {R"({"type":"error","code":"server_is_overloaded","message":"m","sequence_number":0})", "error",
       "server_is_overloaded", "m"},
      {R"({"error":{"type":"t","type":"u"}})", "u", "", ""},
      {R"({"error":{"message":"a \"quoted\" \u00e9"}})", "", "", "a \"quoted\" \xc3\xa9"},
      // Ollama hands on its runner's own JSON inside the message.
      {R"({"error":{"message":"{\"error\":{\"code\":400,\"message\":\"too long\",\"type\":\"exceed_context_size_error\"}}",
           "type":"invalid_request_error","param":null,"code":null}})",
       "invalid_request_error", "exceed_context_size_error", "too long"},
      {R"({"error":"{\"error\":{\"message\":\"too long\",\"type\":\"exceed_context_size_error\"}}"})", "",
       "exceed_context_size_error", "too long"},
      {R"({"error":{"message":"{\"error\":{\"message\":\"m\",\"type\":\"inner\"}}","code":"outer"}})", "", "outer",
       "m"},
      {R"({"error":"{not json"})", "", "", "{not json"},
  };
  for (const auto& c : cases) {
    const auto facts = read_error_body(c.body);
    EXPECT_TRUE(facts.recognised) << c.body;
    EXPECT_EQ(facts.type, c.type) << c.body;
    EXPECT_EQ(facts.code, c.code) << c.body;
    EXPECT_EQ(facts.message, c.message) << c.body;
  }
}

TEST(ErrorBody, WhatIsNoErrorObjectIsNotRecognised) {
  for (const std::string& body :
       {std::string(), std::string("<html>502</html>"), std::string("404 page not found"), std::string("{}"),
        std::string("[]"), std::string(R"({"error":null})"), std::string(R"({"error":""})"),
        std::string(R"({"error":{}})"), std::string(R"({"message":"m"})"), std::string(R"({"type":"error"})"),
        std::string(R"({"error":{"message":"m"})"), std::string(1'000'000, '[')}) {
    const auto facts = read_error_body(body);
    EXPECT_FALSE(facts.recognised) << body.substr(0, 60);
    EXPECT_EQ(facts.type + facts.code + facts.message, "") << body.substr(0, 60);
  }
}

TEST(ErrorBody, LongMessagesAreCutBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc");
  EXPECT_EQ(shortened("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(shortened("a\xf0\x9f\x98\x80z", 4), "a");
  EXPECT_EQ(shortened("\x80\x80\x80\x80", 2), "");
  const auto facts = read_error_body(R"({"error":{"message":")" + std::string(299, 'x') + "\xc3\xa9" + R"("}})");
  EXPECT_EQ(facts.message, std::string(299, 'x'));
}

TEST(ErrorDialect, FollowsTheEndpointAndElseTheCaller) {
  using enum endpoint;
  for (const bool anthropic : {false, true}) {
    for (const endpoint e : {messages, count_tokens}) EXPECT_EQ(error_dialect(e, anthropic), dialect::anthropic);
    for (const endpoint e : {chat_completions, completions, responses, embeddings})
      EXPECT_EQ(error_dialect(e, anthropic), dialect::openai);
    EXPECT_EQ(error_dialect(ollama_native, anthropic), dialect::ollama);
    for (const endpoint e : {models, other_v1, unknown})
      EXPECT_EQ(error_dialect(e, anthropic), anthropic ? dialect::anthropic : dialect::openai);
  }
}

TEST(ErrorBody, IsWrittenInTheDialectOfTheCaller) {
  const own_error error{.status = 503, .code = "local_unavailable", .message = "Start Ollama.", .param = ""};
  EXPECT_EQ(write_error_body(dialect::openai, error, "req_1"),
            R"({"error":{"message":"Start Ollama.","type":"server_error","param":null,"code":"local_unavailable"}})");
  EXPECT_EQ(write_error_body(dialect::anthropic, error, "req_1"),
            R"({"type":"error","error":{"type":"overloaded_error","message":"Start Ollama.",)"
            R"("details":{"error_code":"local_unavailable"}},"request_id":"req_1"})");
  EXPECT_EQ(write_error_body(dialect::ollama, error, "req_1"), R"({"error":"Start Ollama."})");
}

TEST(ErrorBody, FieldsThatAreNotKnownAreNull) {
  const own_error bare{.status = 400, .code = "", .message = "m", .param = ""};
  EXPECT_EQ(write_error_body(dialect::openai, bare, ""),
            R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}})");
  EXPECT_EQ(
      write_error_body(dialect::anthropic, bare, ""),
      R"({"type":"error","error":{"type":"invalid_request_error","message":"m","details":null},"request_id":null})");
  const own_error field{.status = 400, .code = "not_replayable", .message = "m", .param = "previous_response_id"};
  EXPECT_EQ(json::parse(write_error_body(dialect::openai, field, ""))["error"]["param"], "previous_response_id");
}

struct type_case {
  int status;
  const char* code;
  const char* openai;
  const char* anthropic;
};

TEST(ErrorBody, TypesAreThoseTheVendorsUseForTheStatus) {
  const std::vector<type_case> cases = {
      {400, "c", "invalid_request_error", "invalid_request_error"},
      {401, "c", "authentication_error", "authentication_error"},
      {402, "c", "insufficient_quota", "billing_error"},
      {403, "c", "permission_error", "permission_error"},
      {404, "c", "invalid_request_error", "not_found_error"},
      {405, "c", "invalid_request_error", "invalid_request_error"},
      {408, "c", "invalid_request_error", "timeout_error"},
      {409, "c", "invalid_request_error", "conflict_error"},
      {413, "c", "invalid_request_error", "request_too_large"},
      {422, "c", "invalid_request_error", "invalid_request_error"},
      {429, "rate_limited", "rate_limit_error", "rate_limit_error"},
      {429, "insufficient_quota", "insufficient_quota", "rate_limit_error"},
      {500, "c", "server_error", "api_error"},
      {502, "c", "server_error", "api_error"},
      {503, "c", "server_error", "overloaded_error"},
      {504, "c", "server_error", "timeout_error"},
      {529, "c", "server_error", "overloaded_error"},
  };
  for (const auto& c : cases) {
    const own_error error{.status = c.status, .code = c.code, .message = "m", .param = ""};
    EXPECT_EQ(json::parse(write_error_body(dialect::openai, error, ""))["error"]["type"], c.openai) << c.status;
    EXPECT_EQ(json::parse(write_error_body(dialect::anthropic, error, "r"))["error"]["type"], c.anthropic) << c.status;
  }
}

TEST(ErrorBody, BytesThatAreNotTextNeitherThrowNorBreakTheJson) {
  const own_error error{.status = 400, .code = "c", .message = "model \"\xff\x01\n\" \xc3", .param = "p"};
  for (const dialect in : {dialect::openai, dialect::anthropic, dialect::ollama}) {
    const auto body = write_error_body(in, error, "\xff");
    EXPECT_TRUE(json::accept(body)) << body;
    EXPECT_EQ(body.find('\n'), std::string::npos);  // an event's data must stay one line
  }
}

TEST(ErrorBody, ReadsBackWhatItWrites) {
  const own_error error{.status = 503, .code = "local_queue_full", .message = "Try later.", .param = ""};
  for (const dialect in : {dialect::openai, dialect::anthropic}) {
    const auto facts = read_error_body(write_error_body(in, error, "req_1"));
    EXPECT_TRUE(facts.recognised);
    EXPECT_EQ(facts.code, "local_queue_full");
    EXPECT_EQ(facts.message, "Try later.");
  }
}

TEST(ErrorEvent, HasTheFormWhoseClientsRaiseAndNoTerminator) {
  const own_error error{.status = 502, .code = "upstream_ended_early", .message = "m", .param = ""};
  EXPECT_EQ(write_error_event(endpoint::chat_completions, dialect::openai, error, "r"),
            "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,"
            "\"code\":\"upstream_ended_early\"}}\n\n");
  EXPECT_EQ(write_error_event(endpoint::completions, dialect::openai, error, "r"),
            write_error_event(endpoint::chat_completions, dialect::openai, error, "r"));
  EXPECT_EQ(
      write_error_event(endpoint::responses, dialect::openai, error, "r"),
      "event: error\ndata: {\"type\":\"error\",\"code\":\"upstream_ended_early\",\"message\":\"m\",\"param\":null,"
      "\"sequence_number\":0}\n\n");
  EXPECT_EQ(write_error_event(endpoint::messages, dialect::anthropic, error, "r"),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\","
            "\"details\":{\"error_code\":\"upstream_ended_early\"}},\"request_id\":\"r\"}\n\n");
  EXPECT_EQ(write_error_event(endpoint::ollama_native, dialect::ollama, error, "r"), "{\"error\":\"m\"}\n");
}

TEST(ErrorEvent, IsAnErrorToOurOwnInspector) {
  const own_error error{.status = 502, .code = "upstream_ended_early", .message = "m", .param = ""};
  for (const auto& [what, in] :
       {std::pair{endpoint::chat_completions, dialect::openai}, std::pair{endpoint::completions, dialect::openai},
        std::pair{endpoint::responses, dialect::openai}, std::pair{endpoint::messages, dialect::anthropic}}) {
    stream_inspector inspector(what, in);
    EXPECT_EQ(inspector.inspect(write_error_event(what, in, error, "r")), stream_inspector::state::failed);
    EXPECT_EQ(inspector.error_code(), "upstream_ended_early");
  }
}

}  // namespace
}  // namespace tideover::adapt
