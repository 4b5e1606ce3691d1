#include "tideover/adapt/stream_inspector.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/sse.hpp"

namespace tideover::adapt {
namespace {

using enum endpoint;
using state = stream_inspector::state;

std::string event(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }
std::string named(std::string_view name, std::string_view json) {
  return "event: " + std::string(name) + "\ndata: " + std::string(json) + "\n\n";
}
/// A chat chunk with this delta and finish reason (as JSON).
std::string chunk(std::string_view delta, std::string_view finish = "null") {
  return event(R"({"id":"c","object":"chat.completion.chunk","model":"gpt-5","choices":[{"index":0,"delta":)" +
               std::string(delta) + R"(,"finish_reason":)" + std::string(finish) + "}]}");
}
/// A Responses or Anthropic event whose name is its type.
std::string typed(std::string_view type, std::string_view members = "") {
  std::string json = R"({"type":")" + std::string(type) + '"';
  if (!members.empty()) json.append(",").append(members);
  return named(type, json + "}");
}
const std::string done = "data: [DONE]\n\n";
const std::string role_chunk = chunk(R"({"role":"assistant","content":""})");

stream_inspector inspected(endpoint what, std::string_view bytes, dialect from = dialect::openai) {
  stream_inspector inspector(what, from);
  inspector.inspect(bytes);
  return inspector;
}

struct state_case {
  const char* what;
  endpoint api;
  std::string bytes;
  state expected;
};

void expect_states(const std::vector<state_case>& cases, dialect from = dialect::openai) {
  for (const auto& c : cases) {
    const auto inspector = inspected(c.api, c.bytes, from);
    EXPECT_EQ(inspector.current(), c.expected) << c.what;
    EXPECT_TRUE(c.expected != state::usable || inspector.content_seen()) << c.what;
    EXPECT_TRUE(c.expected != state::silent || !inspector.content_seen()) << c.what;
  }
}

TEST(StreamInspector, HoldsWhatSaysNothing) {
  expect_states({
      {"nothing at all", chat_completions, "", state::silent},
      {"comments", chat_completions, ": ping\n\n: ping\n\n", state::silent},
      {"role", chat_completions, role_chunk, state::silent},
      {"role with null content", chat_completions, chunk(R"({"role":"assistant","content":null})"), state::silent},
      {"empty delta", chat_completions, chunk("{}"), state::silent},
      {"empty everything", chat_completions,
       chunk(R"({"content":"","refusal":null,"reasoning":"","reasoning_content":null,"tool_calls":[],"audio":{}})"),
       state::silent},
      {"no choices", chat_completions, event(R"({"model":"m","choices":[],"usage":null})"), state::silent},
      {"filter results before the answer", chat_completions,
       event(R"({"model":"","choices":[],"prompt_filter_results":[{}]})"), state::silent},
      {"empty data", chat_completions, "data:\n\ndata: \n\nevent: ping\n\n", state::silent},
      {"a bare stop", chat_completions, role_chunk + chunk("{}", R"("stop")"), state::silent},
      {"an unfinished event", chat_completions, "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n",
       state::silent},
      {"completions, empty text", completions, event(R"({"choices":[{"text":"","finish_reason":null}]})"),
       state::silent},
      {"completions, load", completions, event(R"({"model":"m","choices":[{"text":"","finish_reason":"load"}]})"),
       state::silent},
      {"created", responses,
       typed("response.created", R"("response":{"model":"m","status":"in_progress","error":null})"), state::silent},
      {"in progress", responses, typed("response.in_progress", R"("response":{"status":"in_progress","output":[]})"),
       state::silent},
      {"queued", responses, typed("response.queued", R"("response":{"status":"queued"})"), state::silent},
      {"message item begins", responses,
       typed("response.output_item.added", R"("item":{"type":"message","role":"assistant","content":[]})"),
       state::silent},
      {"reasoning item begins", responses,
       typed("response.output_item.added", R"("item":{"type":"reasoning","summary":[]})"), state::silent},
      {"part begins", responses, typed("response.content_part.added", R"("part":{"type":"output_text","text":""})"),
       state::silent},
      {"empty delta", responses, typed("response.output_text.delta", R"("delta":"")"), state::silent},
      {"unknown event", responses, typed("response.new_thing", R"("x":1)"), state::silent},
      {"foreign event with a text", responses, typed("keepalive", R"("text":"hello")"), state::silent},
      {"stray done", responses, done, state::silent},
      {"message_start", messages,
       typed("message_start",
             R"("message":{"model":"claude","content":[],"stop_reason":null,"usage":{"output_tokens":1}})"),
       state::silent},
      {"ping", messages, typed("ping"), state::silent},
      {"text block begins", messages,
       typed("content_block_start", R"("index":0,"content_block":{"type":"text","text":""})"), state::silent},
      {"thinking block begins", messages,
       typed("content_block_start", R"("index":0,"content_block":{"type":"thinking","thinking":"","signature":""})"),
       state::silent},
      {"signature", messages,
       typed("content_block_delta", R"("index":0,"delta":{"type":"signature_delta","signature":"x"})"), state::silent},
      {"block ends", messages, typed("content_block_stop", R"("index":0)"), state::silent},
      {"a bare end_turn", messages, typed("message_delta", R"("delta":{"stop_reason":"end_turn"})"), state::silent},
      {"unknown name that is not even JSON", messages, "event: news\ndata: hello\n\n", state::silent},
      {"stray done", messages, "event: done\ndata: [DONE]\n\n", state::silent},
  });
}

TEST(StreamInspector, SeesTheFirstUsableContent) {
  expect_states({
      {"text", chat_completions, chunk(R"({"content":"Hi"})"), state::usable},
      {"text with the role", chat_completions, chunk(R"({"role":"assistant","content":" "})"), state::usable},
      {"reasoning", chat_completions, chunk(R"({"content":"","reasoning":"Hm"})"), state::usable},
      {"reasoning_content", chat_completions, chunk(R"({"reasoning_content":"Hm"})"), state::usable},
      {"refusal", chat_completions, chunk(R"({"refusal":"I"})"), state::usable},
      {"tool call", chat_completions,
       chunk(R"({"tool_calls":[{"index":0,"id":"call_1","function":{"name":"f","arguments":""}}]})"), state::usable},
      {"function call", chat_completions, chunk(R"({"function_call":{"name":"f"}})"), state::usable},
      {"audio", chat_completions, chunk(R"({"audio":{"id":"a"}})"), state::usable},
      {"second choice speaks", chat_completions,
       event(R"({"choices":[{"index":0,"delta":{}},{"index":1,"delta":{"content":"x"}}]})"), state::usable},
      {"length", chat_completions, chunk("{}", R"("length")"), state::usable},
      {"content_filter", chat_completions, chunk("{}", R"("content_filter")"), state::usable},
      {"tool_calls", chat_completions, chunk("{}", R"("tool_calls")"), state::usable},
      {"a reason nobody knows", chat_completions, chunk("{}", R"("model_retired")"), state::usable},
      {"keys with escapes", chat_completions, event(R"({"ch\u006fices":[{"delta":{"c\u006fntent":"x"}}]})"),
       state::usable},
      {"completions text", completions, event(R"({"choices":[{"text":"Once","finish_reason":null}]})"), state::usable},
      {"text delta", responses, typed("response.output_text.delta", R"("delta":"Hi")"), state::usable},
      {"refusal delta", responses, typed("response.refusal.delta", R"("delta":"No")"), state::usable},
      {"reasoning delta", responses, typed("response.reasoning_text.delta", R"("delta":"Hm")"), state::usable},
      {"summary delta", responses, typed("response.reasoning_summary_text.delta", R"("delta":"Hm")"), state::usable},
      {"arguments", responses, typed("response.function_call_arguments.delta", R"("delta":"{")"), state::usable},
      {"call begins", responses, typed("response.output_item.added", R"("item":{"type":"function_call","name":"f"})"),
       state::usable},
      {"type without name", responses, event(R"({"type":"response.output_text.delta","delta":"Hi"})"), state::usable},
      {"name without type", responses, named("response.output_text.delta", R"({"delta":"Hi"})"), state::usable},
      {"text only at its end", responses, typed("response.output_text.done", R"("text":"Hi")"), state::usable},
      {"item only at its end", responses,
       typed("response.output_item.done",
             R"("item":{"type":"message","content":[{"type":"output_text","text":"Hi"}]})"),
       state::usable},
      {"text delta", messages, typed("content_block_delta", R"("delta":{"type":"text_delta","text":"Hi"})"),
       state::usable},
      {"thinking delta", messages, typed("content_block_delta", R"("delta":{"type":"thinking_delta","thinking":"H"})"),
       state::usable},
      {"tool input", messages,
       typed("content_block_delta", R"("delta":{"type":"input_json_delta","partial_json":"{"})"), state::usable},
      {"tool begins", messages,
       typed("content_block_start", R"("content_block":{"type":"tool_use","id":"t","name":"f","input":{}})"),
       state::usable},
      {"redacted thinking", messages,
       typed("content_block_start", R"("content_block":{"type":"redacted_thinking","data":"x"})"), state::usable},
      {"refusal", messages, typed("message_delta", R"("delta":{"stop_reason":"refusal"})"), state::usable},
      {"max_tokens", messages, typed("message_delta", R"("delta":{"stop_reason":"max_tokens"})"), state::usable},
      {"pause_turn", messages, typed("message_delta", R"("delta":{"stop_reason":"pause_turn"})"), state::usable},
      {"no event name", messages, event(R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"x"}})"),
       state::usable},
  });
}

TEST(StreamInspector, KnowsTheTerminatorOfEachProtocol) {
  const std::string said = chunk(R"({"content":"Hi"})") + chunk("{}", R"("stop")");
  expect_states({
      {"chat", chat_completions, said + done, state::finished},
      {"chat, usage in between", chat_completions,
       said + event(R"({"model":"m","choices":[],"usage":{"completion_tokens":1}})") + done, state::finished},
      {"chat, missing", chat_completions, said, state::usable},
      {"completions", completions, event(R"({"choices":[{"text":"x","finish_reason":"stop"}]})") + done,
       state::finished},
      {"completed", responses, typed("response.completed", R"("response":{"status":"completed","output":[]})"),
       state::finished},
      {"incomplete", responses, typed("response.incomplete", R"("response":{"status":"incomplete"})"), state::finished},
      {"message_stop", messages, typed("message_stop"), state::finished},
      {"message_stop by type", messages, event(R"({"type":"message_stop"})"), state::finished},
  });
}

struct error_case {
  const char* what;
  endpoint api;
  std::string bytes;
  const char* type;
  const char* code;
  const char* message;
};

TEST(StreamInspector, ErrorEventsFailTheStreamAndAreRead) {
  const std::vector<error_case> cases = {
      {"chat", chat_completions,
       event(R"({"error":{"message":"overloaded","type":"server_error","param":null,"code":null}})"), "server_error",
       "", "overloaded"},
      {"chat after the role", chat_completions,
       role_chunk + event(R"({"error":{"message":"m","type":"t","code":"slow_down"}})") + done, "t", "slow_down", "m"},
      {"text instead of an object", chat_completions, event(R"({"error":"boom"})"), "", "", "boom"},
      {"number as code", chat_completions, event(R"({"error":{"code":502,"message":"bad gateway"},"choices":[]})"), "",
       "502", "bad gateway"},
      {"named event", chat_completions, named("error", R"({"type":"error","message":"m","code":"c"})"), "error", "c",
       "m"},
      {"Responses error event", responses,
       named("error",
             R"({"type":"error","code":"server_is_overloaded","message":"m","param":null,"sequence_number":3})"),
       "error", "server_is_overloaded", "m"},
      {"Responses, nested as elsewhere", responses, named("error", R"({"error":{"type":"t","message":"m"}})"), "t", "",
       "m"},
      {"response.failed", responses,
       typed("response.failed",
             R"("response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}})"),
       "", "rate_limit_exceeded", "m"},
      {"completed but failed", responses,
       typed("response.completed", R"("response":{"status":"failed","error":{"code":"server_error","message":"m"}})"),
       "", "server_error", "m"},
      {"Anthropic", messages, typed("error", R"("error":{"type":"overloaded_error","message":"Overloaded"})"),
       "overloaded_error", "", "Overloaded"},
      {"Anthropic with details", messages,
       typed(
           "error",
           R"("error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}})"),
       "rate_limit_error", "enforced_spend_limit_reached", "m"},
      {"Anthropic without a name", messages, event(R"({"type":"error","error":{"type":"api_error","message":"m"}})"),
       "api_error", "", "m"},
  };
  for (const auto& c : cases) {
    const auto inspector = inspected(c.api, c.bytes);
    EXPECT_EQ(inspector.current(), state::failed) << c.what;
    EXPECT_EQ(inspector.error_type(), c.type) << c.what;
    EXPECT_EQ(inspector.error_code(), c.code) << c.what;
    EXPECT_EQ(inspector.error_message(), c.message) << c.what;
    EXPECT_FALSE(inspector.content_seen()) << c.what;
    EXPECT_FALSE(inspector.said_nothing()) << c.what;
    EXPECT_TRUE(inspector.error().recognised) << c.what;
    EXPECT_EQ(inspector.error().code, c.code) << c.what;
  }
}

TEST(StreamInspector, AnEmptyErrorMemberIsNoError) {
  expect_states({
      {"null", chat_completions, event(R"({"error":null,"choices":[{"delta":{"content":"x"}}]})"), state::usable},
      {"empty text", chat_completions, event(R"({"error":"","choices":[{"delta":{"content":"x"}}]})"), state::usable},
      {"responses", responses, typed("response.in_progress", R"("response":{"error":null})"), state::silent},
  });
}

TEST(StreamInspector, DataThatIsNotTheProtocolIsMalformed) {
  for (const endpoint api : {chat_completions, completions, responses, messages}) {
    for (const char* text : {"<html>", "hello", "[1]", "null", "\"x\"", "{\"a\":", "{} {}"}) {
      const auto inspector = inspected(api, event(text));
      EXPECT_EQ(inspector.current(), state::failed) << text;
      EXPECT_EQ(inspector.error_type(), "malformed") << text;
      EXPECT_FALSE(inspector.error().recognised);
      EXPECT_EQ(judge_error_in_200(inspector.error()), reason::malformed);
    }
  }
  EXPECT_EQ(inspected(chat_completions, event(std::string(1'000'000, '['))).current(), state::failed);
}

TEST(StreamInspector, OllamasSwallowedErrorIsSeenOnlyThere) {
  const std::string swallowed =
      event(R"({"id":"chatcmpl-1","model":"","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]})");
  const auto local = inspected(chat_completions, chunk(R"({"content":"Hi"})") + swallowed, dialect::ollama);
  EXPECT_EQ(local.current(), state::failed);
  EXPECT_EQ(local.error_type(), "swallowed_error");
  EXPECT_EQ(judge_error_in_200(local.error()), reason::error_in_200);
  EXPECT_TRUE(local.content_seen());
  EXPECT_EQ(inspected(chat_completions, swallowed, dialect::ollama).current(), state::failed);
  EXPECT_EQ(inspected(chat_completions, swallowed, dialect::openai).current(), state::silent);
  // Not when the chunk says something, nor when the answer has ended already.
  const std::string speaking = event(R"({"model":"","choices":[{"delta":{"content":"x"},"finish_reason":null}]})");
  EXPECT_EQ(inspected(chat_completions, speaking, dialect::ollama).current(), state::usable);
  EXPECT_EQ(inspected(chat_completions, chunk("{}", R"("length")") + swallowed, dialect::ollama).current(),
            state::usable);
}

struct silence_case {
  const char* what;
  endpoint api;
  std::string bytes;
  bool said_nothing;
};

TEST(StreamInspector, TellsAnEmptyAnswerFromOneThatExplainsItsSilence) {
  const auto usage = [](int tokens) {
    return event(R"({"model":"m","choices":[],"usage":{"completion_tokens":)" + std::to_string(tokens) + "}}");
  };
  const auto stop_reason = [](const std::string& reason, int tokens) {
    return typed("message_delta", R"("delta":{"stop_reason":")" + reason + R"("},"usage":{"output_tokens":)" +
                                      std::to_string(tokens) + "}");
  };
  const std::string start =
      typed("message_start", R"("message":{"model":"m","content":[],"usage":{"output_tokens":1}})");
  const std::vector<silence_case> cases = {
      {"only the terminator", chat_completions, done, true},
      {"role, terminator", chat_completions, role_chunk + done, true},
      {"bare stop", chat_completions, role_chunk + chunk("{}", R"("stop")") + done, true},
      {"bare stop, terminator missing", chat_completions, role_chunk + chunk("{}", R"("stop")"), true},
      {"bare stop, no tokens", chat_completions, chunk("{}", R"("stop")") + usage(0) + done, true},
      {"bare stop, tokens went into thought", chat_completions, chunk("{}", R"("stop")") + usage(7) + done, false},
      {"length", chat_completions, chunk("{}", R"("length")") + done, false},
      {"filtered", chat_completions, chunk("{}", R"("content_filter")") + done, false},
      {"text", chat_completions, chunk(R"({"content":"x"})", R"("stop")") + done, false},
      {"two choices, one filtered", chat_completions,
       event(R"({"choices":[{"delta":{},"finish_reason":"content_filter"},{"delta":{},"finish_reason":"stop"}]})") +
           done,
       false},
      {"cut: no end at all", chat_completions, role_chunk, false},
      {"loaded, not said", completions, event(R"({"choices":[{"text":"","finish_reason":"load"}]})") + done, true},
      {"completed empty", responses, typed("response.completed", R"("response":{"output":[],"usage":null})"), true},
      {"completed empty message", responses,
       typed("response.completed",
             R"("response":{"output":[{"type":"message","content":[{"type":"output_text","text":""}]}]})"),
       true},
      {"completed at once with output", responses,
       typed("response.completed",
             R"("response":{"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]})"),
       false},
      {"completed with a call", responses,
       typed("response.completed", R"("response":{"output":[{"type":"function_call","name":"f"}]})"), false},
      {"completed, tokens went into thought", responses,
       typed("response.completed", R"("response":{"output":[{"type":"reasoning"}],"usage":{"output_tokens":9}})"),
       false},
      {"incomplete", responses, typed("response.incomplete", R"("response":{"output":[]})"), false},
      {"only message_stop", messages, typed("message_stop"), true},
      {"start and stop", messages, start + typed("message_stop"), true},
      {"end_turn without tokens", messages, start + stop_reason("end_turn", 0) + typed("message_stop"), true},
      {"end_turn with tokens", messages, start + stop_reason("end_turn", 2) + typed("message_stop"), false},
      {"max_tokens", messages, start + stop_reason("max_tokens", 0) + typed("message_stop"), false},
      {"refusal", messages, start + stop_reason("refusal", 0) + typed("message_stop"), false},
  };
  for (const auto& c : cases) EXPECT_EQ(inspected(c.api, c.bytes).said_nothing(), c.said_nothing) << c.what;
}

TEST(StreamInspector, RemembersModelContentAndFinishReason) {
  auto inspector = inspected(chat_completions, role_chunk);
  EXPECT_EQ(inspector.model(), "gpt-5");
  EXPECT_FALSE(inspector.content_seen() || inspector.finish_reason_seen());
  inspector.inspect(chunk(R"({"content":"Hi"})"));
  EXPECT_TRUE(inspector.content_seen());
  EXPECT_FALSE(inspector.finish_reason_seen());
  inspector.inspect(chunk("{}", R"("stop")"));
  EXPECT_TRUE(inspector.finish_reason_seen());
  EXPECT_EQ(inspector.current(), state::usable);
  inspector.inspect(done);
  EXPECT_EQ(inspector.current(), state::finished);
  EXPECT_TRUE(inspector.content_seen());

  EXPECT_EQ(inspected(responses, typed("response.created", R"("response":{"model":"gpt\u002d5"})")).model(), "gpt-5");
  EXPECT_EQ(inspected(messages, typed("message_start", R"("message":{"model":"claude"})")).model(), "claude");
}

TEST(StreamInspector, StaysFailedOrFinished) {
  auto inspector = inspected(chat_completions, event(R"({"error":{"message":"first"}})"));
  inspector.inspect(chunk(R"({"content":"Hi"})") + event(R"({"error":{"message":"second"}})") + done);
  EXPECT_EQ(inspector.current(), state::failed);
  EXPECT_EQ(inspector.error_message(), "first");
  auto over = inspected(chat_completions, chunk(R"({"content":"Hi"})") + done);
  over.inspect(event("junk"));
  EXPECT_EQ(over.current(), state::finished);
}

TEST(StreamInspector, LongErrorTextsAreShortened) {
  const auto inspector =
      inspected(chat_completions, event(R"({"error":{"message":")" + std::string(10'000, 'x') + R"("}})"));
  EXPECT_EQ(inspector.error_message().size(), 300U);
}

/// Each case is two chunks; the second begins as the first does, or nearly.
TEST(StreamInspector, AChunkThatBeginsLikeTheOneBeforeIsReadToTheSameEnd) {
  const std::string head = R"({"id":"c","object":"chat.completion.chunk","model":"gpt-5","choices":)";
  const std::string silent = R"([{"index":0,"delta":{"content":""},"finish_reason":null}])";
  const std::string says = R"([{"index":0,"delta":{"content":"Hi"},"finish_reason":null}])";
  const struct {
    const char* what;
    std::string second;
    state expected;
  } cases[] = {
      {"the same again", head + silent + "}", state::silent},
      {"content", head + says + "}", state::usable},
      {"choices twice", head + silent + R"(,"choices":)" + says + "}", state::usable},
      {"an error behind", head + silent + R"(,"error":{"message":"m"}})", state::failed},
      {"no error behind", head + silent + R"(,"error":null})", state::silent},
      {"cut", head + silent, state::failed},
      {"more than one object", head + silent + "}}", state::failed},
      {"broken choices", head + R"([{"index":0,}]})", state::failed},
      {"no choices", head + "}", state::failed},
      {"a comma too many", head + silent + ",}", state::failed},
      {"a head that is cut", head.substr(0, head.size() - 1) + silent + "}", state::failed},
      {"only the head", head, state::failed},
  };
  for (const auto& c : cases) {
    stream_inspector inspector(chat_completions, dialect::openai);
    ASSERT_EQ(inspector.inspect(event(head + silent + "}")), state::silent);
    ASSERT_EQ(inspector.inspect(event(head + silent + "}")), state::silent);
    EXPECT_EQ(inspector.inspect(event(c.second)), c.expected) << c.what;
    EXPECT_EQ(inspector.model(), "gpt-5") << c.what;
  }
}

TEST(StreamInspector, AHeadThatSaysMoreThanWhoAnswersIsReadEveryTime) {
  const std::string choices = R"("choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]})";
  const std::string silent = event(R"({"usage":{"completion_tokens":0},)" + choices);
  const std::string counted = event(R"({"usage":{"completion_tokens":7},)" + choices);
  stream_inspector inspector(chat_completions, dialect::openai);
  inspector.inspect(silent + silent);
  EXPECT_TRUE(inspector.said_nothing());
  inspector.inspect(counted);
  EXPECT_FALSE(inspector.said_nothing());

  const std::string no_error = event(R"({"error":null,)" + choices);
  const std::string error = event(R"({"error":"m","choices":[]})");
  stream_inspector other(chat_completions, dialect::openai);
  EXPECT_EQ(other.inspect(no_error + no_error), state::silent);
  EXPECT_EQ(other.inspect(error), state::failed);
}

TEST(StreamInspector, AModelInARepeatedHeadStillTellsASwallowedError) {
  const std::string head = R"({"id":"c","model":"","choices":)";
  const std::string says = event(head + R"([{"delta":{"content":"Hi"},"finish_reason":null}]})");
  const std::string nothing = event(head + R"([{"delta":{"content":""},"finish_reason":null}]})");
  EXPECT_EQ(inspected(chat_completions, says + says + nothing, dialect::ollama).error_type(), "swallowed_error");
  EXPECT_EQ(inspected(chat_completions, says + says + nothing).current(), state::usable);
}

TEST(StreamInspector, EverySplitOfAStreamEndsInTheSameState) {
  const std::vector<std::pair<endpoint, std::string>> streams = {
      {chat_completions,
       ": hello\n\n" + role_chunk + chunk(R"({"content":"Hi \n\u00e9"})") + chunk("{}", R"("stop")") + done},
      {responses, typed("response.created", R"("response":{"model":"m"})") +
                      typed("response.output_text.delta", R"("delta":"Hi")") +
                      typed("response.completed", R"("response":{"output":[]})")},
      {messages, typed("message_start", R"("message":{"model":"m"})") + typed("ping") +
                     typed("content_block_delta", R"("delta":{"type":"text_delta","text":"Hi"})") +
                     typed("message_stop")},
      {messages, typed("ping") + typed("error", R"("error":{"type":"overloaded_error","message":"m"})")},
  };
  for (const auto& [api, bytes] : streams) {
    const auto whole = inspected(api, bytes);
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
      stream_inspector inspector(api, dialect::openai);
      sse_boundary boundary;
      std::string buffer;
      for (const auto& piece : {bytes.substr(0, at), bytes.substr(at)}) {
        buffer += piece;
        const auto size = boundary.complete(buffer);
        inspector.inspect(std::string_view(buffer).substr(0, size));
        buffer.erase(0, size);
        boundary.consumed(size);
      }
      ASSERT_EQ(inspector.current(), whole.current()) << at;
      ASSERT_EQ(inspector.content_seen(), whole.content_seen()) << at;
      ASSERT_EQ(inspector.model(), whole.model()) << at;
      ASSERT_EQ(inspector.error_type(), whole.error_type()) << at;
    }
  }
}

TEST(StreamInspector, TellsWhatCameBeforeAnErrorWhateverEndsTheLines) {
  struct row {
    endpoint api;
    std::string good, bad;
  };
  auto const chat = endpoint::chat_completions;
  std::string const word = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
  std::string const error = "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n";
  for (auto const& [api, good, bad] : std::initializer_list<row>{
           {chat, "", error},
           {chat, word, error},
           {chat, word + ": ping\n\n" + word, error},
           {chat, word, error + word},
           {chat, word, error + error},
           {chat, word + "data: [DONE]\n\n" + error, ""},  // nobody reads on after that
           {chat, word, ""},
           {chat, word, "data: [1]\n\n"},
           {endpoint::messages, typed("content_block_delta", R"("delta":{"type":"text_delta","text":"Hi"})"),
            typed("error", R"("error":{"type":"overloaded_error","message":"m"})")},
           {endpoint::responses, typed("response.output_text.delta", R"("delta":"Hi")"),
            typed("error", R"("message":"m")")},
       }) {
    for (std::string_view const end : {"\n", "\r\n", "\r"}) {
      auto const ended = [&](std::string text) {
        for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + end.size()))
          text.replace(at, 1, end);
        return text;
      };
      EXPECT_EQ(good_before_error(api, dialect::openai, ended(good + bad)), ended(good).size()) << good << bad;
    }
  }
}

}  // namespace
}  // namespace tideover::adapt
