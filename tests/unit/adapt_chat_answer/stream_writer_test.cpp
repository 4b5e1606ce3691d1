#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "as_a_caller.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"
#include "tideover/adapt/chat/keep_alive.hpp"
#include "tideover/adapt/stream_inspector.hpp"

namespace tideover::adapt::chat::answer {
namespace {

constexpr endpoint all_routes[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                                   endpoint::messages};
constexpr endpoint tool_routes[] = {endpoint::chat_completions, endpoint::responses, endpoint::messages};

writer_options options() {
  return {.unique = "01kb3m5z70f8q6m4zv", .created = 1764155707, .model = "llama3.1:8b", .request_id = "req_1"};
}

std::string stream(endpoint what, const std::vector<event>& events, const writer_options& o = options()) {
  const auto writer = make_stream_writer(what, o);
  std::string out;
  for (const auto& e : events) writer->write(e, out);
  return out;
}

using stream_state = stream_inspector::state;
stream_state inspected(endpoint what, std::string_view bytes) {
  stream_inspector inspector(what, dialect::openai);
  return inspector.inspect(bytes);
}

const std::vector<event> greeting{begin{"local"},  text_delta{"Grüße,\n\"Köln\" "}, text_delta{"\\ 😀\x01"},
                                  usage{9, 5, {}}, timings{1, 2, 3, 4, 5},          finish{end_reason::stop}};

std::string stop_word(endpoint what) {
  return what == endpoint::messages ? "end_turn" : what == endpoint::responses ? "completed" : "stop";
}

TEST(StreamWriter, WritesTextThatEveryRouteReadsBackAsItWas) {
  for (const auto what : all_routes) {
    const auto bytes = stream(what, greeting);
    const auto r = read_stream(what, bytes);
    EXPECT_EQ(r.text, "Grüße,\n\"Köln\" \\ 😀\x01") << token(what);
    EXPECT_EQ(r.model, "llama3.1:8b");
    EXPECT_EQ(r.finish, stop_word(what));
    EXPECT_EQ(r.terminators, 1);
    EXPECT_EQ(r.errors, 0);
    EXPECT_EQ(r.trouble, std::vector<std::string>{}) << bytes;
    EXPECT_EQ(inspected(what, bytes), stream_state::finished) << token(what);
  }
}

TEST(StreamWriter, WritesChatChunksAsOpenAiDoes) {
  auto o = options();
  o.include_usage = true;
  const std::string head =
      R"(data: {"id":"chatcmpl-01kb3m5z70f8q6m4zv","object":"chat.completion.chunk","created":1764155707,"model":"llama3.1:8b","choices":[)";
  EXPECT_EQ(stream(endpoint::chat_completions, {text_delta{"Hi"}, usage{9, 1, {}}, finish{}}, o),
            head +
                R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})"
                "\n\n" +
                head +
                R"({"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":null})"
                "\n\n" +
                head +
                R"({"index":0,"delta":{},"finish_reason":"stop"}],"usage":null})"
                "\n\n" +
                head +
                R"(],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}})"
                "\n\n" +
                "data: [DONE]\n\n");
}

TEST(StreamWriter, WritesAnthropicEventsAsAnthropicDoes) {
  EXPECT_EQ(
      stream(endpoint::messages, {text_delta{"Hi"}, usage{9, 1, {}}, finish{}}),
      "event: message_start\n"
      R"(data: {"type":"message_start","message":{"id":"msg_01kb3m5z70f8q6m4zv","type":"message","role":"assistant","model":"llama3.1:8b","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}})"
      "\n\nevent: content_block_start\n"
      R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
      "\n\nevent: content_block_delta\n"
      R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})"
      "\n\nevent: content_block_stop\n"
      R"(data: {"type":"content_block_stop","index":0})"
      "\n\nevent: message_delta\n"
      R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}})"
      "\n\nevent: message_stop\n"
      R"(data: {"type":"message_stop"})"
      "\n\n");
}

TEST(StreamWriter, NamesEveryEventOfAResponseInOrder) {
  auto o = options();
  o.show_reasoning = true;
  std::vector<std::string> names;
  for (const auto& e :
       events_of(stream(endpoint::responses,
                        {reasoning_delta{"hm"}, text_delta{"Hi"}, tool_call{0, "", "f", "{}", true}, finish{}}, o)))
    names.push_back(e.name);
  const std::vector<std::string> expected{"response.created",
                                          "response.in_progress",
                                          "response.output_item.added",
                                          "response.reasoning_summary_part.added",
                                          "response.reasoning_summary_text.delta",
                                          "response.reasoning_summary_text.done",
                                          "response.reasoning_summary_part.done",
                                          "response.output_item.done",
                                          "response.output_item.added",
                                          "response.content_part.added",
                                          "response.output_text.delta",
                                          "response.output_text.done",
                                          "response.content_part.done",
                                          "response.output_item.done",
                                          "response.output_item.added",
                                          "response.function_call_arguments.delta",
                                          "response.function_call_arguments.done",
                                          "response.output_item.done",
                                          "response.completed"};
  EXPECT_EQ(names, expected);
}

TEST(StreamWriter, SaysThatTheTokenLimitWasHit) {
  for (const auto& [what, word] : {std::pair{endpoint::chat_completions, "length"},
                                   {endpoint::completions, "length"},
                                   {endpoint::responses, "incomplete: max_output_tokens"},
                                   {endpoint::messages, "max_tokens"}}) {
    const auto bytes = stream(what, {text_delta{"cut"}, finish{end_reason::length}});
    const auto r = read_stream(what, bytes);
    EXPECT_EQ(r.finish, word);
    EXPECT_EQ(r.terminators, 1);
    EXPECT_TRUE(r.trouble.empty()) << bytes;
    EXPECT_EQ(inspected(what, bytes), stream_state::finished);
  }
  const auto events = events_of(stream(endpoint::responses, {text_delta{"cut"}, finish{end_reason::length}}));
  EXPECT_EQ(events.back().name, "response.incomplete");
  EXPECT_EQ(events.back().object["response"]["output"][0]["status"], "incomplete");
}

TEST(StreamWriter, MapsAFilteredAnswer) {
  for (const auto& [what, word] : {std::pair{endpoint::chat_completions, "content_filter"},
                                   {endpoint::completions, "content_filter"},
                                   {endpoint::responses, "incomplete: content_filter"},
                                   {endpoint::messages, "refusal"}})
    EXPECT_EQ(read_stream(what, stream(what, {text_delta{"x"}, finish{end_reason::content_filter}})).finish, word);
}

TEST(StreamWriter, GivesCallsUniqueIdsAndTheRightNumbers) {
  const std::vector<event> events{text_delta{"Let me look."}, tool_call{0, "x", "weather", R"({"city":"Köln"})", true},
                                  tool_call{1, "x", "now", "{}", true}, finish{end_reason::tool_calls}};
  for (const auto what : tool_routes) {
    const auto bytes = stream(what, events);
    const auto r = read_stream(what, bytes);
    ASSERT_EQ(r.calls.size(), 2u) << bytes;
    EXPECT_EQ(r.calls[0].name, "weather");
    EXPECT_EQ(r.calls[0].arguments, R"({"city":"Köln"})");
    EXPECT_EQ(r.calls[1].name, "now");
    EXPECT_EQ(r.calls[1].arguments, "{}");
    EXPECT_NE(r.calls[0].id, r.calls[1].id);
    EXPECT_LE(r.calls[0].id.size(), 40u);
    EXPECT_EQ(r.text, "Let me look.");
    EXPECT_TRUE(r.trouble.empty()) << bytes;
    EXPECT_EQ(r.finish, what == endpoint::messages    ? "tool_use"
                        : what == endpoint::responses ? "completed"
                                                      : "tool_calls");
    EXPECT_EQ(inspected(what, bytes), stream_state::finished);
    EXPECT_EQ(bytes.find("\"x\""), std::string::npos) << "the server's own id is not shown";
  }
}

TEST(StreamWriter, PutsCallsWhosePiecesAreMixedOneAfterAnother) {
  const std::vector<event> events{tool_call{0, "", "f", "{\"a\"", false}, tool_call{1, "", "g", "[", false},
                                  tool_call{0, "", "", ":1}", false},     text_delta{"beside"},
                                  tool_call{1, "", "", "]", false},       text_delta{" it"},
                                  finish{end_reason::tool_calls}};
  for (const auto what : tool_routes) {
    const auto bytes = stream(what, events);
    const auto r = read_stream(what, bytes);
    ASSERT_EQ(r.calls.size(), 2u) << bytes;
    EXPECT_EQ(r.calls[0].arguments, "{\"a\":1}");
    EXPECT_EQ(r.calls[1].arguments, "[]");
    EXPECT_EQ(r.text, "beside it");
    EXPECT_TRUE(r.trouble.empty()) << bytes;
  }
}

TEST(StreamWriter, DoesNotHoldBackWhatFollowsACallThatCameWhole) {
  for (const auto what : tool_routes) {
    const auto writer = make_stream_writer(what, options());
    std::string out;
    writer->write(tool_call{0, "", "f", "{}", true}, out);
    const auto size = out.size();
    writer->write(text_delta{"beside it"}, out);
    EXPECT_NE(out.find("beside it", size), std::string::npos) << token(what);
  }
}

TEST(StreamWriter, ShowsReasoningOnlyIfTheCallerAskedForIt) {
  const std::vector<event> events{reasoning_delta{"hm, "}, reasoning_delta{"so"}, text_delta{"Hi"}, finish{}};
  auto asked = options();
  asked.show_reasoning = true;
  asked.signature = "local-mark";
  asked.reasoning_id = "rs_local_7";
  asked.encrypted_content = "local-content";
  for (const auto what : all_routes) {
    const auto without = read_stream(what, stream(what, events));
    EXPECT_EQ(without.reasoning, "");
    EXPECT_EQ(without.text, "Hi");
    const auto bytes = stream(what, events, asked);
    const auto with = read_stream(what, bytes);
    EXPECT_EQ(with.reasoning, what == endpoint::completions ? "" : "hm, so");
    EXPECT_EQ(with.text, "Hi");
    EXPECT_EQ(with.signature, what == endpoint::messages ? "local-mark" : "");
    EXPECT_TRUE(with.trouble.empty()) << bytes;
    if (what != endpoint::responses) continue;
    EXPECT_NE(bytes.find(R"("id":"rs_local_7","type":"reasoning")"), std::string::npos);
    EXPECT_NE(bytes.find(R"("encrypted_content":"local-content")"), std::string::npos);
  }
}

TEST(StreamWriter, GivesReasoningItemsOfOneResponseIdsOfTheirOwn) {
  auto o = options();
  o.show_reasoning = true;
  o.reasoning_id = "rs_local_7";
  const auto bytes = stream(
      endpoint::responses, {reasoning_delta{"a"}, text_delta{"b"}, reasoning_delta{"c"}, text_delta{"d"}, finish{}}, o);
  const auto r = read_stream(endpoint::responses, bytes);
  EXPECT_TRUE(r.trouble.empty()) << r.trouble.front();
  EXPECT_EQ(r.reasoning, "ac");
  EXPECT_NE(bytes.find("rs_local_7_2"), std::string::npos);
}

TEST(StreamWriter, WritesNothingBeforeTheFirstUsableEvent) {
  for (const auto what : all_routes)
    EXPECT_EQ(stream(what, {begin{"m"}, usage{1, 1, {}}, timings{}, logprobs{{{"a", "-1", "null", {}}}},
                            reasoning_delta{"not shown"}}),
              "");
}

TEST(StreamWriter, WritesAnAnswerThatSaysNothingAsAProperStream) {
  for (const auto what : all_routes) {
    const auto bytes = stream(what, {begin{"m"}, finish{}});
    const auto r = read_stream(what, bytes);
    EXPECT_TRUE(r.trouble.empty()) << bytes;
    EXPECT_EQ(r.terminators, 1);
    EXPECT_EQ(r.text, "");
  }
}

TEST(StreamWriter, EndsABrokenAnswerWithAnErrorEventAndNoTerminator) {
  for (const auto what : all_routes) {
    const auto bytes =
        stream(what, {text_delta{"Hal"}, error{"server_error", "it stopped"}, text_delta{"lo"}, finish{}});
    const auto r = read_stream(what, bytes);
    EXPECT_EQ(r.errors, 1);
    EXPECT_EQ(r.terminators, 0);
    EXPECT_EQ(r.text, "Hal");
    EXPECT_EQ(r.error_code, "upstream_ended_early");
    EXPECT_NE(r.error_message.find("it stopped"), std::string::npos);
    EXPECT_TRUE(r.trouble.empty()) << bytes;
    EXPECT_EQ(inspected(what, bytes), stream_state::failed);
  }
}

TEST(StreamWriter, ShowsACodeOfOurOwnAsItIs) {
  const auto r = read_stream(endpoint::messages, stream(endpoint::messages, {error{"tool_choice_unmet", "No tool."}}));
  EXPECT_EQ(r.error_code, "tool_choice_unmet");
  EXPECT_EQ(r.error_message, "No tool.");
}

TEST(StreamWriter, LearnsThatTheCallThatMustBeIsMissing) {
  auto o = options();
  o.must_call = true;
  for (const auto what : tool_routes) {
    const auto writer = make_stream_writer(what, o);
    std::string out;
    writer->write(finish{}, out);
    EXPECT_EQ(out, "");
    EXPECT_TRUE(writer->call_missing());
    EXPECT_FALSE(writer->finished());
    // A second answer has it.
    writer->write(tool_call{0, "", "f", "{}", true}, out);
    writer->write(finish{end_reason::tool_calls}, out);
    EXPECT_TRUE(writer->finished());
    EXPECT_FALSE(writer->call_missing());
    const auto r = read_stream(what, out);
    EXPECT_EQ(r.calls.size(), 1u);
    EXPECT_TRUE(r.trouble.empty()) << out;
  }
}

TEST(StreamWriter, TellsOfACustomToolsCallInChatCompletionsToo) {
  const std::vector<std::string> text_tools{"apply_patch"};
  auto o = options();
  o.text_tools = text_tools;
  const struct {
    std::vector<std::string> pieces;
    const char* text;
  } rows[] = {
      {{R"({"input":"*** \"a\"\nb"})"}, "*** \"a\"\nb"},
      {{R"({"input":"*** \)", R"("a\"\)", R"(nb"})"}, "*** \"a\"\nb"},
      {{"{}"}, ""},
      {{R"({"patch":"x"})"}, R"({"patch":"x"})"},
      {{"x"}, "x"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.pieces[0]);
    const auto writer = make_stream_writer(endpoint::chat_completions, o);
    std::string out;
    writer->write(tool_call{0, "", "apply_patch", "", false}, out);
    for (const auto& piece : row.pieces) writer->write(tool_call{0, "", "", piece, false}, out);
    writer->write(tool_call{1, "", "shell", R"({"input":"ls"})", true}, out);
    writer->write(finish{end_reason::tool_calls}, out);

    // As an SDK puts the pieces together.
    json calls = json::array();
    std::string finish_reason;
    for (const auto& e : events_of(out)) {
      if (!e.object.is_object() || e.object["choices"].empty()) continue;
      auto const& choice = e.object["choices"][0];
      if (choice["finish_reason"].is_string()) finish_reason = choice["finish_reason"];
      for (auto const& piece : choice["delta"].value("tool_calls", json::array())) {
        auto& call = calls[piece["index"].get<std::size_t>()];
        for (auto const* key : {"id", "type"})
          if (piece.contains(key)) call[key] = piece[key];
        for (auto const* kind : {"custom", "function"}) {
          if (!piece.contains(kind)) continue;
          for (auto const& [key, text] : piece[kind].items())
            call[kind][key] =
                (call[kind].contains(key) ? call[kind][key].get<std::string>() : "") + text.get<std::string>();
        }
      }
    }
    ASSERT_EQ(calls.size(), 2u) << out;
    EXPECT_EQ(calls[0]["type"], "custom");
    EXPECT_EQ(calls[0]["custom"], (json{{"name", "apply_patch"}, {"input", row.text}}));
    EXPECT_FALSE(calls[0].contains("function"));
    EXPECT_EQ(calls[1]["type"], "function");
    EXPECT_EQ(calls[1]["function"]["arguments"], R"({"input":"ls"})");
    EXPECT_EQ(finish_reason, "tool_calls");
    EXPECT_EQ(inspected(endpoint::chat_completions, out), stream_state::finished);

    std::string arguments;
    for (const auto& piece : row.pieces) arguments += piece;
    const auto body = json::parse(write_whole(
        endpoint::chat_completions,
        gather(std::vector<event>{tool_call{0, "", "apply_patch", arguments, true}, finish{end_reason::tool_calls}}),
        o));
    EXPECT_EQ(body["choices"][0]["message"]["tool_calls"][0], calls[0]) << "whole and streamed are the same";
  }
}

TEST(StreamWriter, TellsOfACustomToolsCallWithTheTextThatItIsGiven) {
  const std::vector<std::string> text_tools{"apply_patch"};
  auto o = options();
  o.text_tools = text_tools;
  const struct {
    const char* what;
    std::vector<std::string> pieces;
    const char* text;
  } rows[] = {
      {"whole", {R"({"input":"*** \"a\"\nb"})"}, "*** \"a\"\nb"},
      {"in pieces, cut inside an escape", {R"({"input":"*** \)", R"("a\"\)", R"(nb"})"}, "*** \"a\"\nb"},
      {"nothing", {"{}"}, ""},
      {"another argument: shown, not mended", {R"({"patch":"x"})"}, R"({"patch":"x"})"},
      {"no object", {"x"}, "x"},
  };
  for (const auto& row : rows) {
    const auto writer = make_stream_writer(endpoint::responses, o);
    std::string out;
    writer->write(tool_call{0, "", "apply_patch", "", false}, out);
    for (const auto& piece : row.pieces) writer->write(tool_call{0, "", "", piece, false}, out);
    writer->write(tool_call{1, "", "shell", R"({"input":"ls"})", true}, out);
    writer->write(finish{end_reason::tool_calls}, out);

    std::string deltas;
    json done, item, response;
    for (const auto& e : events_of(out)) {
      if (e.name == "response.custom_tool_call_input.delta") deltas += e.object["delta"];
      if (e.name == "response.custom_tool_call_input.done") done = e.object;
      if (e.name == "response.output_item.done" && e.object["output_index"] == 0) item = e.object["item"];
      if (e.name == "response.completed") response = e.object["response"];
    }
    EXPECT_EQ(deltas, row.text) << row.what;
    EXPECT_EQ(done["input"], row.text) << row.what;
    EXPECT_EQ(done["item_id"], item["id"]);
    EXPECT_EQ(item["type"], "custom_tool_call");
    EXPECT_EQ(item["name"], "apply_patch");
    EXPECT_EQ(item["input"], row.text) << row.what;
    EXPECT_EQ(item["status"], "completed");
    EXPECT_FALSE(item.contains("arguments"));
    EXPECT_EQ(response["output"][0], item);
    EXPECT_EQ(response["output"][1]["type"], "function_call") << "a function is one whatever its argument is called";
    EXPECT_EQ(inspected(endpoint::responses, out), stream_state::finished) << row.what;

    std::string arguments;
    for (const auto& piece : row.pieces) arguments += piece;
    const auto body = json::parse(write_whole(
        endpoint::responses,
        gather(std::vector<event>{tool_call{0, "", "apply_patch", arguments, true}, finish{end_reason::tool_calls}}),
        o));
    EXPECT_EQ(body["output"][0], item) << "whole and streamed are the same";
  }
}

TEST(StreamWriter, TakesTheCallOfAnotherToolForNone) {
  const std::vector<std::string> allowed{"f", "g"};
  auto o = options();
  o.must_call = true;
  o.allowed_calls = allowed;
  const auto called = [&](std::vector<std::string> names) {
    const auto writer = make_stream_writer(endpoint::chat_completions, o);
    std::string out;
    std::vector<tool_call> calls;
    for (const auto& name : names) {
      calls.push_back({calls.size(), "", name, "{", false});
      writer->write(calls.back(), out);
      writer->write(tool_call{calls.size() - 1, "", "", "}", true}, out);
    }
    writer->write(finish{end_reason::tool_calls}, out);
    EXPECT_EQ(called_as_told(calls, allowed), !writer->call_missing()) << "whole and streamed are judged alike";
    return !writer->call_missing();
  };
  EXPECT_TRUE(called({"g"}));
  EXPECT_TRUE(called({"f", "g"}));
  EXPECT_FALSE(called({"h"}));
  EXPECT_FALSE(called({"f", "h"}));
  EXPECT_FALSE(called({}));
}

TEST(StreamWriter, FillsInUsageWhereTheServerDoesNotCount) {
  auto o = options();
  o.include_usage = true;
  o.prompt_tokens = 40;
  const std::string text(21, 'x');
  const auto chat =
      read_stream(endpoint::chat_completions, stream(endpoint::chat_completions, {text_delta{text}, finish{}}, o));
  EXPECT_EQ(chat.usage, json::parse(R"({"prompt_tokens":40,"completion_tokens":6,"total_tokens":46})"));
  const auto cached =
      read_stream(endpoint::messages, stream(endpoint::messages, {text_delta{text}, usage{0, 7, {}}, finish{}}, o));
  EXPECT_EQ(cached.usage["input_tokens"], 40);
  EXPECT_EQ(cached.usage["output_tokens"], 7);
  const auto response =
      read_stream(endpoint::responses, stream(endpoint::responses, {text_delta{text}, usage{5, 7, 3}, finish{}}, o));
  EXPECT_EQ(response.usage,
            json::parse(R"({"input_tokens":5,"input_tokens_details":{"cached_tokens":0},"output_tokens":7,
      "output_tokens_details":{"reasoning_tokens":3},"total_tokens":12})"));
}

TEST(StreamWriter, LeavesUsageOutOfChunksUnlessTheCallerAskedForIt) {
  for (const auto what : {endpoint::chat_completions, endpoint::completions})
    EXPECT_EQ(stream(what, greeting).find("usage"), std::string::npos);
}

TEST(StreamWriter, PassesProbabilitiesInTheFormOfTheRoute) {
  const std::vector<event> events{logprobs{{{"Hé", "-0.5", "[72]", {{"Ho", "-2.5", "null", {}}}}}}, text_delta{"Hé"},
                                  logprobs{{{"!", "-1", "null", {}}}}, text_delta{"!"}, finish{}};
  const json first = json::parse(
      R"([{"token":"Hé","logprob":-0.5,"bytes":[72],"top_logprobs":[{"token":"Ho","logprob":-2.5,"bytes":null}]}])");
  const auto chat = events_of(stream(endpoint::chat_completions, events));
  EXPECT_FALSE(chat[0].object["choices"][0].contains("logprobs"));
  EXPECT_EQ(chat[1].object["choices"][0]["logprobs"]["content"], first);
  const auto legacy = events_of(stream(endpoint::completions, events));
  EXPECT_EQ(legacy[0].object["choices"][0]["logprobs"],
            json::parse(R"({"tokens":["Hé"],"token_logprobs":[-0.5],"top_logprobs":[{"Ho":-2.5}],"text_offset":[0]})"));
  EXPECT_EQ(legacy[1].object["choices"][0]["logprobs"]["text_offset"], json::parse("[2]"));
  const auto responses = events_of(stream(endpoint::responses, events));
  EXPECT_EQ(responses[4].object["logprobs"], first);
  EXPECT_EQ(responses[6].name, "response.output_text.done");
  EXPECT_EQ(responses[6].object["logprobs"].size(), 2u);
}

TEST(StreamWriter, ReplacesBytesThatAreNoTextInsteadOfWritingBrokenJson) {
  for (const auto what : all_routes) {
    const auto bytes = stream(what, {text_delta{"a\xff\xc3(\xed\xa0\x80z"}, finish{}});
    const auto r = read_stream(what, bytes);
    EXPECT_EQ(r.text, "a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFDz");
    EXPECT_TRUE(r.trouble.empty()) << r.trouble.front();
  }
}

TEST(StreamWriter, KeepsIdsToTheCharactersThatEveryApiTakes) {
  auto o = options();
  o.unique = "req_\"\n{é}0123456789012345678901234567890123456789";
  const auto r =
      read_stream(endpoint::messages, stream(endpoint::messages, {tool_call{0, "", "f", "{}", true}, finish{}}, o));
  EXPECT_EQ(r.id, "msg_678901234567890123456789");
  EXPECT_EQ(r.calls[0].id, "toolu_678901234567890123456789_0");
}

TEST(StreamWriter, RefusesACallWhereNoToolsCanBe) {
  const auto r =
      read_stream(endpoint::completions,
                  stream(endpoint::completions, {text_delta{"x"}, tool_call{0, "", "f", "{}", true}, finish{}}));
  EXPECT_EQ(r.errors, 1);
  EXPECT_EQ(r.terminators, 0);
}

TEST(StreamWriter, RefusesAnAnswerThatNeverEnds) {
  const auto writer = make_stream_writer(endpoint::messages, options());
  const text_delta mebibyte{std::string(std::size_t{1} << 20, 'x')};
  for (int i = 0; i < 64; ++i) {
    std::string out;
    writer->write(mebibyte, out);
    ASSERT_FALSE(writer->failed());
  }
  std::string out;
  writer->write(mebibyte, out);
  EXPECT_TRUE(writer->failed());
  EXPECT_EQ(read_stream(endpoint::messages, out).errors, 1);
}

TEST(ResponseEcho, RepeatsTheRequestOnOneLineAndFillsInTheRest) {
  auto o = options();
  const auto echo = response_echo(
      "{\"model\":\"gpt-5\",\"instructions\":\"Be\\nbrief\",\"tools\":[\n {\"type\":\"function\"}\r\n],"
      "\"temperature\":null,\"store\":true,\"previous_response_id\":\"resp_1\",\"input\":\"x\"}");
  o.echo = echo;
  const auto events = events_of(stream(endpoint::responses, {text_delta{"Hi"}, finish{}}, o));
  for (const auto& e : {events.front(), events.back()}) {
    const auto& r = e.object["response"];
    EXPECT_EQ(r["instructions"], "Be\nbrief");
    EXPECT_EQ(r["tools"][0]["type"], "function");
    EXPECT_EQ(r["temperature"], 1.0);
    EXPECT_EQ(r["store"], false) << "nothing was stored";
    EXPECT_TRUE(r["previous_response_id"].is_null());
    EXPECT_EQ(r["model"], "llama3.1:8b");
    EXPECT_FALSE(r.contains("input"));
  }
}

TEST(ResponseEcho, TakesNothingFromABodyThatIsNoJson) {
  for (const char* body : {"", "{\"instructions\":\"x\"", "[]", "{\"instructions\":\"\xff\"}"})
    EXPECT_EQ(response_echo(body), response_echo("{}")) << body;
}

TEST(KeepAlive, IsACommentForOpenAiAndAPingForAnthropic) {
  for (const auto what : {endpoint::chat_completions, endpoint::completions, endpoint::responses})
    EXPECT_EQ(keep_alive_event(what), ": keep-alive\n\n");
  EXPECT_EQ(keep_alive_event(endpoint::messages), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
  EXPECT_EQ(keep_alive_event(endpoint::ollama_native), "");
  EXPECT_EQ(keep_alive_event(endpoint::embeddings), "");
}

TEST(KeepAlive, MayComeAnywhereInAStream) {
  for (const auto what : all_routes) {
    const auto writer = make_stream_writer(what, options());
    std::string out(keep_alive_event(what));
    for (const auto& e : greeting) {
      writer->write(e, out);
      out += keep_alive_event(what);
    }
    EXPECT_EQ(inspected(what, out), stream_state::finished);
  }
}

}  // namespace
}  // namespace tideover::adapt::chat::answer
