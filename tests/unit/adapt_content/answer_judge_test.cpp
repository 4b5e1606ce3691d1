#include "tideover/adapt/answer_judge.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tideover::adapt {
namespace {

using enum endpoint;
constexpr std::string_view json_type = "application/json; charset=utf-8";

std::string shown(std::optional<reason> why) { return why ? std::string(token(*why)) : "answer"; }

struct verdict_case {
  const char* what;
  endpoint api;
  std::string body;
  const char* expected;  // a reason's token, or "answer"
  dialect from = dialect::openai;
};

void expect_verdicts(const std::vector<verdict_case>& cases) {
  for (const auto& c : cases) {
    const auto verdict = judge_answer(c.api, c.from, json_type, c.body);
    EXPECT_EQ(shown(verdict.failure), c.expected) << c.what << ": " << c.body.substr(0, 200);
    EXPECT_TRUE(!verdict.failure || !verdict.detail.empty()) << c.what;
  }
}

/// A chat answer with this message, finish reason and usage (as JSON).
std::string chat(std::string_view message, std::string_view finish = R"("stop")", std::string_view usage = "null") {
  return R"({"id":"c","object":"chat.completion","model":"gpt-5","choices":[{"index":0,"message":)" +
         std::string(message) + R"(,"finish_reason":)" + std::string(finish) + R"(}],"usage":)" + std::string(usage) +
         "}";
}
std::string message(std::string_view content, std::string_view stop = R"("end_turn")", int tokens = 0) {
  return R"({"type":"message","role":"assistant","model":"claude","content":)" + std::string(content) +
         R"(,"stop_reason":)" + std::string(stop) + R"(,"usage":{"output_tokens":)" + std::to_string(tokens) + "}}";
}
std::string response(std::string_view status, std::string_view output, std::string_view more = R"("error":null)") {
  return R"({"object":"response","model":"gpt-5","status":")" + std::string(status) + R"(","output":)" +
         std::string(output) + "," + std::string(more) + "}";
}

TEST(AnswerJudge, WhatIsNotJsonIsMalformed) {
  const std::string good = chat(R"({"content":"Hi"})");
  for (const endpoint api : {chat_completions, completions, responses, messages, embeddings, count_tokens}) {
    expect_verdicts({
        {"empty", api, "", "malformed"},
        {"white space", api, " \r\n\t", "malformed"},
        {"HTML under a JSON label", api, "<!DOCTYPE html><html></html>", "malformed"},
        {"a stream that was not asked for", api, "data: {}\n\ndata: [DONE]\n\n", "malformed"},
        {"not an object", api, "[]", "malformed"},
        {"null", api, "null", "malformed"},
        {"two objects", api, good + good, "malformed"},
        {"hostile nesting", api, R"({"choices":)" + std::string(1'000'000, '['), "malformed"},
        {"somebody else's object", api, R"({"detail":"Not Found"})", "malformed"},
        {"an empty object", api, "{}", "malformed"},
    });
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(judge_answer(chat_completions, dialect::openai, json_type, good.substr(0, size)).failure,
              reason::malformed);
}

TEST(AnswerJudge, HtmlIsKnownByItsLabel) {
  const std::string good = chat(R"({"content":"Hi"})");
  for (const char* type : {"text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"})
    EXPECT_EQ(judge_answer(chat_completions, dialect::openai, type, good).failure, reason::malformed) << type;
  // Any other label is no reason to distrust an answer that is one.
  for (const char* type : {"", "application/json", "text/plain", "application/octet-stream", "text/htm"})
    EXPECT_FALSE(judge_answer(chat_completions, dialect::openai, type, good).failure) << type;
}

TEST(AnswerJudge, ChatAnswers) {
  expect_verdicts({
      {"text", chat_completions, chat(R"({"role":"assistant","content":"Hi"})"), "answer"},
      {"text as parts", chat_completions, chat(R"({"content":[{"type":"text","text":"Hi"}]})"), "answer"},
      {"tool calls", chat_completions, chat(R"({"content":null,"tool_calls":[{"id":"c"}]})", R"("tool_calls")"),
       "answer"},
      {"tool calls that end with stop", chat_completions, chat(R"({"content":null,"tool_calls":[{"id":"c"}]})"),
       "answer"},
      {"function call", chat_completions, chat(R"({"content":null,"function_call":{"name":"f"}})"), "answer"},
      {"refusal", chat_completions, chat(R"({"content":null,"refusal":"I cannot"})"), "answer"},
      {"audio", chat_completions, chat(R"({"content":null,"audio":{"id":"a"}})"), "answer"},
      {"reasoning only", chat_completions, chat(R"({"content":"","reasoning":"Hm"})"), "answer"},
      {"row 1: empty", chat_completions, chat(R"({"role":"assistant","content":""})"), "empty"},
      {"row 1: no tokens", chat_completions, chat(R"({"content":""})", R"("stop")", R"({"completion_tokens":0})"),
       "empty"},
      {"row 1: tokens spent", chat_completions, chat(R"({"content":""})", R"("stop")", R"({"completion_tokens":5})"),
       "answer"},
      {"row 2: null", chat_completions, chat(R"({"content":null,"tool_calls":[],"refusal":null})"), "empty"},
      {"row 2: no message", chat_completions, chat("null"), "empty"},
      {"row 4: length", chat_completions, chat(R"({"content":""})", R"("length")"), "answer"},
      {"row 5: null finish reason", chat_completions, chat(R"({"content":"Hi"})", "null"), "empty"},
      {"row 5: no choices", chat_completions, R"({"choices":[]})", "empty"},
      {"finish reason left out", chat_completions, R"({"choices":[{"message":{"content":"Hi"}}]})", "answer"},
      {"row 15: filtered", chat_completions, chat(R"({"content":null})", R"("content_filter")"), "answer"},
      {"row 18: cut arguments", chat_completions,
       chat(R"({"content":null,"tool_calls":[{"function":{"arguments":"{\"a"}}]})", R"("length")"), "answer"},
      {"second choice speaks", chat_completions,
       R"({"choices":[{"message":{"content":""},"finish_reason":"stop"},{"message":{"content":"x"},"finish_reason":"stop"}]})",
       "answer"},
      {"choices is no list", chat_completions, R"({"choices":{}})", "malformed"},
      {"last duplicate wins", chat_completions, R"({"choices":[{"message":{"content":"x"}}],"choices":[]})", "empty"},
      {"Ollama's own format", chat_completions,
       R"({"model":"m","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"stop"})", "malformed"},
      {"row 20", chat_completions,
       R"({"created":-62135596800,"model":"","choices":[{"message":{"role":"assistant","content":""},"finish_reason":null}]})",
       "empty", dialect::ollama},
      {"completions", completions, R"({"choices":[{"text":"Once","finish_reason":"stop"}]})", "answer"},
      {"completions, empty", completions, R"({"choices":[{"text":"","finish_reason":"stop"}]})", "empty"},
      {"completions, only loaded", completions, R"({"choices":[{"text":"","finish_reason":"load"}]})", "empty",
       dialect::ollama},
      {"completions, length", completions, R"({"choices":[{"text":"","finish_reason":"length"}]})", "answer"},
  });
}

TEST(AnswerJudge, AnthropicAnswers) {
  expect_verdicts({
      {"text", messages, message(R"([{"type":"text","text":"Hi"}])"), "answer"},
      {"tool use", messages, message(R"([{"type":"tool_use","id":"t","name":"f","input":{}}])", R"("tool_use")"),
       "answer"},
      {"thinking", messages, message(R"([{"type":"thinking","thinking":"Hm"}])"), "answer"},
      {"row 3: empty", messages, message("[]"), "empty"},
      {"row 3: tokens", messages, message("[]", R"("end_turn")", 2), "answer"},
      {"empty text", messages, message(R"([{"type":"text","text":""}])"), "empty"},
      {"row 4", messages, message("[]", R"("max_tokens")"), "answer"},
      {"row 15", messages, message("[]", R"("refusal")"), "answer"},
      {"pause", messages, message("[]", R"("pause_turn")"), "answer"},
      {"never ended", messages, message(R"([{"type":"text","text":"Hi"}])", "null"), "empty"},
      {"row 21: null from Ollama", messages, message("null", R"("end_turn")", 3), "answer", dialect::ollama},
      {"row 21: null and nothing", messages, R"({"type":"message","content":null})", "empty", dialect::ollama},
      {"null from a cloud", messages, message("null"), "malformed", dialect::anthropic},
      {"chat shape", messages, chat(R"({"content":"Hi"})"), "malformed"},
      {"text as content", messages, message(R"("Hi")"), "malformed"},
  });
}

TEST(AnswerJudge, ResponsesAnswers) {
  const std::string text =
      R"([{"type":"reasoning"},{"type":"message","content":[{"type":"output_text","text":"Hi"}]}])";
  expect_verdicts({
      {"text", responses, response("completed", text), "answer"},
      {"refusal", responses,
       response("completed", R"([{"type":"message","content":[{"type":"refusal","refusal":"No"}]}])"), "answer"},
      {"call", responses, response("completed", R"([{"type":"function_call","name":"f"}])"), "answer"},
      {"row 16: failed", responses, response("failed", "[]", R"("error":{"code":"server_error","message":"m"})"),
       "error_in_200"},
      {"failed without a word", responses, response("failed", "[]"), "error_in_200"},
      {"failed by rate", responses, response("failed", "[]", R"("error":{"code":"rate_limit_exceeded"})"),
       "rate_limited"},
      {"failed by money", responses, response("failed", "[]", R"("error":{"code":"insufficient_quota"})"), "quota"},
      {"failed by its prompt", responses, response("failed", "[]", R"("error":{"code":"invalid_prompt"})"), "answer"},
      {"row 16: incomplete", responses, response("incomplete", "[]"), "answer"},
      {"row 16: cancelled", responses, response("cancelled", "[]"), "answer"},
      {"queued", responses, response("queued", "[]"), "answer"},
      {"nothing", responses, response("completed", "[]"), "empty"},
      {"empty message", responses, response("completed", R"([{"type":"message","content":[]}])"), "empty"},
      {"only thought", responses, response("completed", R"([{"type":"reasoning"}])", R"("usage":{"output_tokens":7})"),
       "answer"},
      {"no output", responses, R"({"status":"completed"})", "malformed"},
      {"no status", responses, R"({"output":)" + text + "}", "answer"},
      {"chat shape", responses, chat(R"({"content":"Hi"})"), "malformed"},
  });
}

TEST(AnswerJudge, EmbeddingsAndTokenCounts) {
  expect_verdicts({
      {"floats", embeddings, R"({"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"m"})", "answer"},
      {"base64", embeddings, R"({"data":[{"embedding":"AAAA"}]})", "answer"},
      {"no vectors", embeddings, R"({"data":[]})", "empty"},
      {"an empty vector", embeddings, R"({"data":[{"embedding":[]}]})", "empty"},
      {"one of two is missing", embeddings, R"({"data":[{"embedding":[1]},{"index":1}]})", "empty"},
      {"null", embeddings, R"({"data":null})", "malformed"},
      {"Ollama's own format", embeddings, R"({"model":"m","embeddings":[[0.1]]})", "malformed"},
      {"count", count_tokens, R"({"input_tokens":123})", "answer"},
      {"count of nothing", count_tokens, R"({"input_tokens":0})", "answer"},
      {"count as text", count_tokens, R"({"input_tokens":"123"})", "malformed"},
  });
}

TEST(AnswerJudge, AnErrorInsideA200IsTreatedByWhatItSays) {
  const auto with = [](const char* error) { return R"({"error":)" + std::string(error) + "}"; };
  for (const endpoint api : {chat_completions, completions, messages, responses, embeddings, count_tokens}) {
    expect_verdicts({
        {"server", api, with(R"({"type":"server_error","message":"m"})"), "error_in_200"},
        {"text", api, with(R"("boom")"), "error_in_200"},
        {"true", api, with("true"), "error_in_200"},
        {"unknown type", api, with(R"({"type":"new_error"})"), "error_in_200"},
        {"overloaded", api, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
         "error_in_200"},
        {"status in digits", api, with(R"({"code":502,"message":"bad gateway"})"), "error_in_200"},
        {"rate", api, with(R"({"type":"rate_limit_error"})"), "rate_limited"},
        {"rate by code", api, with(R"({"type":"requests","code":"rate_limit_exceeded"})"), "rate_limited"},
        {"rate in digits", api, with(R"({"code":429})"), "rate_limited"},
        {"slow down", api, with(R"({"type":"x","code":"slow_down"})"), "rate_limited"},
        {"quota", api, with(R"({"type":"insufficient_quota","code":"insufficient_quota"})"), "quota"},
        {"quota, newer words", api, with(R"({"type":"x","code":"project_spend_limit_exceeded"})"), "quota"},
        {"credit", api, with(R"({"code":"credit_balance_exhausted"})"), "quota"},
        {"billing", api, with(R"({"type":"billing_error"})"), "quota"},
        {"own spend limit", api,
         with(
             R"({"type":"invalid_request_error","message":"You have reached your specified API usage limits. Back on"})"),
         "quota"},
        {"spend limit", api,
         with(R"({"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}})"), "quota"},
        {"the request", api, with(R"({"type":"invalid_request_error","message":"m"})"), "answer"},
        {"too many images", api, with(R"({"type":"invalid_request_error","code":"image_count_exceeded"})"), "answer"},
        {"too long", api, with(R"({"type":"x","code":"context_length_exceeded"})"), "answer"},
        {"the request in digits", api, with(R"({"code":400})"), "answer"},
        {"filter", api, with(R"({"code":"content_filter"})"), "answer"},
    });
  }
}

TEST(AnswerJudge, AnErrorThatSaysNothingIsNone) {
  for (const char* error : {"null", "\"\"", "{}", "false", "[]"})
    EXPECT_FALSE(judge_answer(chat_completions, dialect::openai, json_type,
                              R"({"error":)" + std::string(error) + R"(,"choices":[{"message":{"content":"Hi"}}]})")
                     .failure)
        << error;
}

TEST(AnswerJudge, GivesModelErrorAndADetailWithoutTheMessage) {
  EXPECT_EQ(judge_answer(chat_completions, dialect::openai, json_type, chat(R"({"content":"Hi"})")).model, "gpt-5");
  EXPECT_EQ(judge_answer(messages, dialect::anthropic, json_type, message(R"([{"type":"text","text":"x"}])")).model,
            "claude");
  EXPECT_EQ(judge_answer(responses, dialect::openai, json_type, response("completed", "[]")).model, "gpt-5");
  const auto verdict =
      judge_answer(chat_completions, dialect::openai, json_type,
                   R"({"error":{"type":"server_error","code":"c1","message":"the prompt was: secret"}})");
  EXPECT_EQ(verdict.detail, "error server_error c1");
  EXPECT_EQ(verdict.error.type, "server_error");
  EXPECT_EQ(verdict.error.code, "c1");
}

TEST(AnswerJudge, RoutesThatAreNotJudgedAreAnswers) {
  for (const endpoint api : {models, other_v1, ollama_native, unknown})
    EXPECT_FALSE(judge_answer(api, dialect::openai, "text/html", "").failure);
}

}  // namespace
}  // namespace tideover::adapt
