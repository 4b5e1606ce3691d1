// HTTP 200 that is none: the table of CL §10, row by row, for every endpoint that is judged, whole and streamed.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/stream_inspector.hpp"

namespace tideover::adapt {
namespace {

using enum endpoint;
using state = stream_inspector::state;

std::string shown(std::optional<reason> why) { return why ? std::string(token(*why)) : "answer"; }

std::string whole(endpoint api, std::string_view body, dialect from = dialect::openai) {
  return shown(judge_answer(api, from, "application/json", body).failure);
}

/// What becomes of a stream that ends behind these bytes: nothing of it has been passed on before its first content.
std::string streamed(endpoint api, std::string_view bytes, dialect from = dialect::openai) {
  stream_inspector inspector(api, from);
  inspector.inspect(bytes);
  const bool chat = api == chat_completions || api == completions;
  const bool ended = inspector.current() == state::finished || (chat && inspector.finish_reason_seen());
  if (inspector.current() == state::failed)
    return inspector.content_seen() ? "cut" : shown(judge_error_in_200(inspector.error()));
  if (inspector.said_nothing()) return "empty";
  if (!inspector.content_seen() && !ended) return "malformed";
  return ended ? "answer" : "cut";
}

struct row {
  const char* what;
  endpoint api;
  std::string bytes;
  const char* expected;
  dialect from = dialect::openai;
};

void expect_whole(const std::vector<row>& rows) {
  for (const auto& r : rows) EXPECT_EQ(whole(r.api, r.bytes, r.from), r.expected) << r.what << ": " << r.bytes;
}
void expect_streamed(const std::vector<row>& rows) {
  for (const auto& r : rows) EXPECT_EQ(streamed(r.api, r.bytes, r.from), r.expected) << r.what << ": " << r.bytes;
}

// Whole answers, in the few parts that differ.
std::string chat(std::string_view message, std::string_view finish, std::string_view usage = "null") {
  return R"({"model":"m","choices":[{"index":0,"message":)" + std::string(message) + R"(,"finish_reason":)" +
         std::string(finish) + R"(}],"usage":)" + std::string(usage) + "}";
}
std::string completion(std::string_view text, std::string_view finish, std::string_view usage = "null") {
  return R"({"model":"m","choices":[{"index":0,"text":)" + std::string(text) + R"(,"finish_reason":)" +
         std::string(finish) + R"(}],"usage":)" + std::string(usage) + "}";
}
std::string response(std::string_view status, std::string_view output, int tokens, std::string_view error = "null") {
  return R"({"object":"response","model":"m","status":")" + std::string(status) + R"(","output":)" +
         std::string(output) + R"(,"error":)" + std::string(error) + R"(,"usage":{"output_tokens":)" +
         std::to_string(tokens) + "}}";
}
std::string message(std::string_view content, std::string_view stop, int tokens) {
  return R"({"type":"message","model":"m","content":)" + std::string(content) + R"(,"stop_reason":)" +
         std::string(stop) + R"(,"usage":{"output_tokens":)" + std::to_string(tokens) + "}}";
}

// Streams, event by event.
std::string sse(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }
std::string typed(std::string_view type, std::string_view more = "") {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" + (more.empty() ? "" : ",") +
         std::string(more) + "}\n\n";
}
std::string chunk(std::string_view delta, std::string_view finish = "null") {
  return sse(R"({"model":"m","choices":[{"index":0,"delta":)" + std::string(delta) + R"(,"finish_reason":)" +
             std::string(finish) + "}]}");
}
std::string text_chunk(std::string_view text, std::string_view finish = "null") {
  return sse(R"({"model":"m","choices":[{"index":0,"text":)" + std::string(text) + R"(,"finish_reason":)" +
             std::string(finish) + "}]}");
}
std::string usage(int tokens) {
  return sse(R"({"model":"m","choices":[],"usage":{"completion_tokens":)" + std::to_string(tokens) + "}}");
}
std::string completed(std::string_view kind, std::string_view output, int tokens) {
  return typed("response." + std::string(kind), R"("response":{"status":")" + std::string(kind) + R"(","output":)" +
                                                    std::string(output) + R"(,"usage":{"output_tokens":)" +
                                                    std::to_string(tokens) + "}}");
}
std::string stop_reason(std::string_view why, int tokens) {
  return typed("message_delta", R"("delta":{"stop_reason":")" + std::string(why) + R"("},"usage":{"output_tokens":)" +
                                    std::to_string(tokens) + "}");
}
const std::string done = "data: [DONE]\n\n";
const std::string role = chunk(R"({"role":"assistant","content":""})");
const std::string created = typed("response.created", R"("response":{"model":"m","status":"in_progress","output":[]})");
const std::string started =
    typed("message_start", R"("message":{"model":"m","content":[],"usage":{"output_tokens":1}})");
const std::string response_text = typed("response.output_text.delta", R"("delta":"Hi")");
const std::string message_text = typed("content_block_delta", R"("delta":{"type":"text_delta","text":"Hi"})");
const std::string said_output = R"([{"type":"message","content":[{"type":"output_text","text":"Hi"}]}])";
const std::string said_block = R"([{"type":"text","text":"Hi"}])";

TEST(SilentFailures, Rows1To3SilenceIsAFailureUnlessTokensWereSpent) {
  expect_whole({
      {"1 chat, no usage", chat_completions, chat(R"({"role":"assistant","content":""})", R"("stop")"), "empty"},
      {"1 chat, 0 tokens", chat_completions, chat(R"({"content":""})", R"("stop")", R"({"completion_tokens":0})"),
       "empty"},
      {"1 chat, tokens", chat_completions, chat(R"({"content":""})", R"("stop")", R"({"completion_tokens":5})"),
       "answer"},
      {"2 chat, null", chat_completions, chat(R"({"content":null})", R"("stop")"), "empty"},
      {"2 chat, null with a call", chat_completions,
       chat(R"({"content":null,"tool_calls":[{"id":"c"}]})", R"("tool_calls")"), "answer"},
      {"1 completions", completions, completion(R"("")", R"("stop")"), "empty"},
      {"1 completions, tokens", completions, completion(R"("")", R"("stop")", R"({"completion_tokens":5})"), "answer"},
      {"2 completions, null", completions, completion("null", R"("stop")"), "empty"},
      {"1 responses", responses, response("completed", "[]", 0), "empty"},
      {"1 responses, empty text", responses,
       response("completed", R"([{"type":"message","content":[{"type":"output_text","text":""}]}])", 0), "empty"},
      {"1 responses, tokens", responses, response("completed", "[]", 5), "answer"},
      {"3 messages", messages, message("[]", R"("end_turn")", 0), "empty"},
      {"3 messages, empty text", messages, message(R"([{"type":"text","text":""}])", R"("end_turn")", 0), "empty"},
      {"3 messages, tokens: after tool results", messages, message("[]", R"("end_turn")", 2), "answer"},
  });
  expect_streamed({
      {"1 chat", chat_completions, role + chunk("{}", R"("stop")") + done, "empty"},
      {"1 chat, 0 tokens", chat_completions, role + chunk("{}", R"("stop")") + usage(0) + done, "empty"},
      {"1 chat, tokens", chat_completions, role + chunk("{}", R"("stop")") + usage(5) + done, "answer"},
      {"2 chat, null", chat_completions, chunk(R"({"content":null})", R"("stop")") + done, "empty"},
      {"1 completions", completions, text_chunk(R"("")", R"("stop")") + done, "empty"},
      {"1 completions, tokens", completions, text_chunk(R"("")", R"("stop")") + usage(5) + done, "answer"},
      {"1 responses", responses, created + completed("completed", "[]", 0), "empty"},
      {"1 responses, tokens", responses, created + completed("completed", "[]", 5), "answer"},
      {"3 messages", messages, started + stop_reason("end_turn", 0) + typed("message_stop"), "empty"},
      {"3 messages, tokens", messages, started + stop_reason("end_turn", 2) + typed("message_stop"), "answer"},
  });
}

TEST(SilentFailures, Row4ABudgetEatenByThoughtIsAnAnswer) {
  expect_whole({
      {"chat", chat_completions, chat(R"({"content":""})", R"("length")", R"({"completion_tokens":64})"), "answer"},
      {"completions", completions, completion(R"("")", R"("length")"), "answer"},
      {"responses", responses, response("incomplete", R"([{"type":"reasoning"}])", 64), "answer"},
      {"messages", messages, message("[]", R"("max_tokens")", 64), "answer"},
      {"messages, window", messages, message("[]", R"("model_context_window_exceeded")", 64), "answer"},
  });
  expect_streamed({
      {"chat", chat_completions, role + chunk("{}", R"("length")") + done, "answer"},
      {"completions", completions, text_chunk(R"("")", R"("length")") + done, "answer"},
      {"responses", responses, created + completed("incomplete", "[]", 64), "answer"},
      {"messages", messages, started + stop_reason("max_tokens", 0) + typed("message_stop"), "answer"},
  });
}

TEST(SilentFailures, Row5AnAnswerThatWasNeverEndedIsAFailure) {
  expect_whole({
      {"chat", chat_completions, chat(R"({"content":"Hi"})", "null"), "empty"},
      {"chat, no choices", chat_completions, R"({"model":"m","choices":[]})", "empty"},
      {"completions", completions, completion(R"("Hi")", "null"), "empty"},
      {"completions, no choices", completions, R"({"choices":[]})", "empty"},
      {"responses without a status or output", responses, R"({"object":"response"})", "malformed"},
      {"messages", messages, message(said_block, "null", 5), "empty"},
  });
}

TEST(SilentFailures, Row6AnErrorAsTheWholeBodyIsJudgedByWhatItSays) {
  for (const endpoint api : {chat_completions, completions, responses, messages}) {
    expect_whole({
        {"server", api, R"({"error":{"type":"server_error","message":"m"}})", "error_in_200"},
        {"overloaded", api, R"({"type":"error","error":{"type":"overloaded_error","message":"m"}})", "error_in_200"},
        {"rate", api, R"({"error":{"type":"rate_limit_error"}})", "rate_limited"},
        {"money", api, R"({"error":{"code":"insufficient_quota"}})", "quota"},
        {"spend limit", api, R"({"error":{"type":"x","details":{"error_code":"contract_spend_limit_reached"}}})",
         "quota"},
        {"the request", api, R"({"error":{"type":"invalid_request_error","message":"m"}})", "answer"},
    });
  }
}

TEST(SilentFailures, Row7WhatIsNotWholeJsonIsAFailure) {
  for (const endpoint api : {chat_completions, completions, responses, messages}) {
    expect_whole({
        {"empty", api, "", "malformed"},
        {"white space", api, "\r\n ", "malformed"},
        {"HTML", api, "<!DOCTYPE html><p>Sign in</p>", "malformed"},
        {"cut", api, R"({"choices":[{"message":{"content":"H)", "malformed"},
    });
    EXPECT_EQ(judge_answer(api, dialect::openai, "text/html", chat(R"({"content":"Hi"})", R"("stop")")).failure,
              reason::malformed);
    expect_streamed({{"HTML as an event", api, "data: <html>\n\n", "malformed"},
                     {"HTML and no event", api, "<!DOCTYPE html>\n<p>Sign in</p>\n\n", "malformed"},
                     {"nothing", api, "", "malformed"}});
  }
}

TEST(SilentFailures, Row8AWholeAnswerToAStreamRequestIsReadAsOne) {
  // Which reader is used follows from the content type of the answer; a stream where none was asked for is no JSON.
  expect_whole({{"chat", chat_completions, chat(R"({"content":"Hi"})", R"("stop")"), "answer"},
                {"a stream", chat_completions, role + done, "malformed"},
                {"messages", messages, message(said_block, R"("end_turn")", 1), "answer"},
                {"responses", responses, response("completed", said_output, 1), "answer"}});
}

TEST(SilentFailures, Row9OpeningAndPingsAreNothingYet) {
  for (const auto& [api, opening] : std::vector<std::pair<endpoint, std::string>>{
           {chat_completions, ": ping\n\n" + role},
           {completions, ": ping\n\n" + text_chunk(R"("")")},
           {responses, created + typed("response.in_progress", R"("response":{"status":"in_progress"})")},
           {messages, started + typed("ping") +
                          typed("content_block_start", R"("index":0,"content_block":{"type":"text","text":""})")}}) {
    stream_inspector inspector(api, dialect::openai);
    EXPECT_EQ(inspector.inspect(opening), state::silent) << opening;
    EXPECT_EQ(streamed(api, opening), "malformed") << opening;
  }
}

TEST(SilentFailures, Row10AnErrorFirstCanStillBeSwitched) {
  const std::string openai_error = sse(R"({"error":{"message":"m","type":"server_error","code":null}})");
  const std::string rate = sse(R"({"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}})");
  const std::string request = sse(R"({"error":{"message":"m","type":"invalid_request_error","code":null}})");
  for (const endpoint api : {chat_completions, completions})
    expect_streamed({{"server", api, openai_error, "error_in_200"},
                     {"with a terminator", api, openai_error + done, "error_in_200"},
                     {"rate", api, role + rate, "rate_limited"},
                     {"the request", api, request, "answer"}});
  expect_streamed({
      {"responses", responses, created + typed("error", R"("code":"server_is_overloaded","message":"m")"),
       "error_in_200"},
      {"responses, rate", responses, typed("error", R"("code":"rate_limit_exceeded","message":"m")"), "rate_limited"},
      {"responses, failed", responses,
       created + typed("response.failed",
                       R"("response":{"status":"failed","error":{"code":"insufficient_quota","message":"m"}})"),
       "quota"},
      {"responses, the prompt", responses,
       typed("response.failed", R"("response":{"status":"failed","error":{"code":"invalid_prompt","message":"m"}})"),
       "answer"},
      {"messages", messages, started + typed("error", R"("error":{"type":"overloaded_error","message":"m"})"),
       "error_in_200"},
      {"messages, money", messages,
       typed(
           "error",
           R"("error":{"type":"rate_limit_error","details":{"error_code":"linked_organization_spend_limit_reached"}})"),
       "quota"},
      {"messages, the request", messages, typed("error", R"("error":{"type":"invalid_request_error","message":"m"})"),
       "answer"},
  });
}

TEST(SilentFailures, Rows11And12AnEndWithoutTheTerminatorAfterContentIsACut) {
  const std::string error = sse(R"({"error":{"message":"m","type":"server_error"}})");
  expect_streamed({
      {"11 chat", chat_completions, chunk(R"({"content":"Hi"})") + error, "cut"},
      {"11 completions", completions, text_chunk(R"("Hi")") + error, "cut"},
      {"11 responses", responses, response_text + typed("error", R"("code":"c","message":"m")"), "cut"},
      {"11 messages", messages, message_text + typed("error", R"("error":{"type":"api_error"})"), "cut"},
      {"12 chat", chat_completions, role + chunk(R"({"content":"Hi"})"), "cut"},
      {"12 completions", completions, text_chunk(R"("Hi")"), "cut"},
      {"12 responses", responses, created + response_text, "cut"},
      {"12 responses, a foreign terminator", responses, response_text + done, "cut"},
      {"12 messages", messages, started + message_text, "cut"},
      {"12 messages, stop_reason but no stop", messages, message_text + stop_reason("end_turn", 5), "cut"},
  });
}

TEST(SilentFailures, Row13AMissingDoneBehindAFinishReasonIsOnlyUntidy) {
  expect_streamed({{"chat", chat_completions, chunk(R"({"content":"Hi"})") + chunk("{}", R"("stop")"), "answer"},
                   {"completions", completions, text_chunk(R"("Hi")", R"("stop")"), "answer"}});
}

TEST(SilentFailures, Row15AFilterOrARefusalIsAnAnswer) {
  expect_whole({
      {"chat filter", chat_completions, chat(R"({"content":null})", R"("content_filter")"), "answer"},
      {"chat refusal", chat_completions, chat(R"({"content":null,"refusal":"No."})", R"("stop")"), "answer"},
      {"completions filter", completions, completion(R"("")", R"("content_filter")"), "answer"},
      {"responses refusal", responses,
       response("completed", R"([{"type":"message","content":[{"type":"refusal","refusal":"No."}]}])", 0), "answer"},
      {"responses filter", responses, response("incomplete", "[]", 0), "answer"},
      {"messages refusal", messages, message("[]", R"("refusal")", 0), "answer"},
  });
  expect_streamed({
      {"chat filter", chat_completions, role + chunk("{}", R"("content_filter")") + done, "answer"},
      {"chat refusal", chat_completions, chunk(R"({"refusal":"No."})", R"("stop")") + done, "answer"},
      {"completions filter", completions, text_chunk(R"("")", R"("content_filter")") + done, "answer"},
      {"responses refusal", responses,
       typed("response.refusal.delta", R"("delta":"No.")") + completed("completed", "[]", 0), "answer"},
      {"messages refusal", messages, started + stop_reason("refusal", 0) + typed("message_stop"), "answer"},
  });
}

TEST(SilentFailures, Row16AFailedResponseIsAFailureAndTheOtherEndsAreAnswers) {
  const std::string error = R"({"code":"server_error","message":"m"})";
  expect_whole({{"failed", responses, response("failed", "[]", 0, error), "error_in_200"},
                {"failed without an error", responses, response("failed", "[]", 0), "error_in_200"},
                {"failed with output", responses, response("failed", said_output, 5, error), "error_in_200"},
                {"incomplete", responses, response("incomplete", said_output, 5), "answer"},
                {"cancelled", responses, response("cancelled", "[]", 0), "answer"}});
  expect_streamed(
      {{"failed", responses,
        created + typed("response.failed", R"("response":{"status":"failed","error":)" + error + "}"), "error_in_200"},
       {"completed, says failed", responses, completed("failed", "[]", 0), "error_in_200"},
       {"incomplete", responses, response_text + completed("incomplete", "[]", 5), "answer"}});
}

TEST(SilentFailures, Row18CutArgumentsOfACallPassAsTheyAre) {
  expect_whole({{"chat", chat_completions,
                 chat(R"({"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"a"}}]})", R"("length")"),
                 "answer"},
                {"messages", messages,
                 message(R"([{"type":"tool_use","id":"t","name":"f","input":{}}])", R"("max_tokens")", 9), "answer"},
                {"responses", responses,
                 response("incomplete", R"([{"type":"function_call","name":"f","arguments":"{\"a"}])", 9), "answer"}});
  expect_streamed(
      {{"chat", chat_completions,
        chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a"}}]})") + chunk("{}", R"("length")") + done,
        "answer"}});
}

TEST(SilentFailures, Rows19To21OllamasOwnOddities) {
  const std::string swallowed =
      sse(R"({"model":"","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]})");
  expect_streamed(
      {{"19", chat_completions, swallowed, "error_in_200", dialect::ollama},
       {"19 after content", chat_completions, chunk(R"({"content":"Hi"})") + swallowed, "cut", dialect::ollama}});
  expect_whole({{"20", chat_completions,
                 R"({"created":-62135596800,"model":"","choices":[{"message":{"content":""},"finish_reason":null}]})",
                 "empty", dialect::ollama},
                {"21 tokens", messages, message("null", R"("end_turn")", 3), "answer", dialect::ollama},
                {"21 nothing", messages, message("null", R"("end_turn")", 0), "empty", dialect::ollama},
                {"21 from a cloud", messages, message("null", R"("end_turn")", 3), "malformed", dialect::anthropic}});
}

// Faults F12: what a hostile or broken JSON may do is be passed on or refused, never more.
TEST(StrangeJson, IsReadWithoutHarm) {
  const auto says = [](std::string_view text) {
    return chat(R"({"content":")" + std::string(text) + R"("})", R"("stop")");
  };
  const std::string long_line = says(std::string(10'000'000, 'x'));
  const std::string deep = R"({"x":)" + std::string(100'000, '[') + std::string(100'000, ']') + "," +
                           chat(R"({"content":"Hi"})", R"("stop")").substr(1);
  const std::string deep_objects = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += R"({"error":)";
    return text;
  }();
  const std::string nul = says(std::string_view("a\0b", 3));
  for (const endpoint api : {chat_completions, completions, responses, messages, embeddings}) {
    EXPECT_EQ(whole(api, deep), "malformed");
    EXPECT_EQ(whole(api, deep_objects), "malformed");
    EXPECT_EQ(whole(api, nul), "malformed") << "a control character inside a string (RFC 8259 §7)";
    EXPECT_EQ(streamed(api == embeddings ? chat_completions : api, sse(deep_objects)), "malformed");
  }
  expect_whole({
      {"10 MB in one line", chat_completions, long_line, "answer"},
      {"lone surrogate", chat_completions, says(R"(\ud800)"), "answer"},
      {"surrogates the wrong way round", chat_completions, says(R"(\udc00\ud800)"), "answer"},
      {"escaped NUL", chat_completions, says(R"(\u0000)"), "answer"},
      {"a number without end", chat_completions,
       chat(R"({"content":""})", R"("stop")", R"({"completion_tokens":)" + std::string(100'000, '9') + "}"), "answer"},
      {"a negative count", chat_completions, chat(R"({"content":""})", R"("stop")", R"({"completion_tokens":-5})"),
       "empty"},
      {"an exponent out of this world", chat_completions,
       chat(R"({"content":"Hi"})", R"("stop")", R"({"completion_tokens":1e999999999})"), "answer"},
  });
}

// Faults F15: another API's answer is none, however good it is.
TEST(ForeignSchemas, AreMalformed) {
  const std::string native_chat = R"({"model":"m","message":{"role":"assistant","content":"Hi"},"done":true})";
  const std::string native_generate = R"({"model":"m","response":"Hi","done":true})";
  const std::string gemini = R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]})";
  const std::string openai = chat(R"({"content":"Hi"})", R"("stop")");
  const std::string anthropic = message(said_block, R"("end_turn")", 1);
  for (const endpoint api : {chat_completions, completions, responses, messages, embeddings})
    for (const auto& foreign : {native_chat, native_generate, gemini, std::string(R"({"detail":"Not Found"})")})
      EXPECT_EQ(whole(api, foreign), "malformed") << foreign;
  for (const endpoint api : {chat_completions, completions, responses, embeddings})
    EXPECT_EQ(whole(api, anthropic), "malformed");
  for (const endpoint api : {responses, messages, embeddings}) EXPECT_EQ(whole(api, openai), "malformed") << token(api);
}

}  // namespace
}  // namespace tideover::adapt
