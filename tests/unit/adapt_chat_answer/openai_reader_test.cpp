#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "as_a_caller.hpp"
#include "cloud_streams.hpp"
#include "random_text.hpp"
#include "tideover/adapt/chat/answer_reader.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"

namespace tideover::adapt::chat::answer {
namespace {

struct reading {
  std::vector<event> events;
  bool finished = false;
  bool failed = false;
  bool truncated = false;
};

reading read_pieces(const std::vector<std::string_view>& pieces) {
  const auto reader = make_stream_reader(dialect::openai);
  reading r;
  for (const auto piece : pieces) reader->feed(piece, r.events);
  reader->end_of_input(r.events);
  r.finished = reader->finished();
  r.failed = reader->failed();
  r.truncated = reader->truncated();
  return r;
}
reading read_at_once(std::string_view input) { return read_pieces({input}); }

std::string chunk(const json& delta, const json& finish = nullptr) {
  return data({{"id", "x"},
               {"model", "m"},
               {"choices", json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}})}});
}
const std::string done = "data: [DONE]\n\n";

const std::string said_and_done =
    ": comment\n\n" + chunk({{"role", "assistant"}, {"content", ""}}) + chunk({{"reasoning_content", "hm"}}) +
    chunk({{"content", "Grüße 😀\n"}}) +
    "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"\\ud83d\\ude00\"}}]}\r\n\r\n" +
    chunk(json::object(), "stop") +
    data({{"choices", json::array()},
          {"usage",
           {{"prompt_tokens", 5}, {"completion_tokens", 7}, {"completion_tokens_details", {{"reasoning_tokens", 2}}}}},
          {"timings", {{"prompt_n", 5}, {"prompt_ms", 12.5}, {"predicted_n", 7}, {"predicted_ms", 350.75}}}}) +
    done;
const std::vector<event> as_events{begin{"m"},
                                   reasoning_delta{"hm"},
                                   text_delta{"Grüße 😀\n"},
                                   text_delta{"😀"},
                                   usage{5, 7, 2},
                                   timings{0, 5, 12'000'000, 7, 350'000'000},
                                   finish{end_reason::stop}};

TEST(OpenAiReader, GivesUsageBeforeTheEndThoughItCameAfter) {
  const auto r = read_at_once(said_and_done);
  EXPECT_EQ(r.events, as_events);
  EXPECT_TRUE(r.finished && !r.failed && !r.truncated);
}

TEST(OpenAiReader, ReadsTheSameHoweverTheBytesAreSplit) {
  const std::string_view all(said_and_done);
  for (std::size_t at = 0; at <= all.size(); ++at)
    ASSERT_EQ(read_pieces({all.substr(0, at), all.substr(at)}).events, as_events) << "split at " << at;
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < all.size(); ++i) single.push_back(all.substr(i, 1));
  EXPECT_EQ(read_pieces(single).events, as_events);
}

TEST(OpenAiReader, CallsAStreamThatEndsBeforeItsFinishReasonTruncated) {
  const auto finish_at = said_and_done.find("\"finish_reason\":\"stop\"");
  for (std::size_t size = 0; size < finish_at; ++size) {
    const auto r = read_at_once(std::string_view(said_and_done).substr(0, size));
    ASSERT_TRUE(r.truncated) << size;
    ASSERT_FALSE(r.finished || r.failed) << size;
  }
}

TEST(OpenAiReader, TakesAMissingDoneAfterTheFinishReasonAsUntidyOnly) {
  const auto r = read_at_once(chunk({{"content", "x"}}) + chunk(json::object(), "length"));
  const std::vector<event> expected{begin{"m"}, text_delta{"x"}, finish{end_reason::length}};
  EXPECT_EQ(r.events, expected);
  EXPECT_TRUE(r.finished);
}

std::string call(const json& piece) { return chunk({{"tool_calls", json::array({piece})}}); }

TEST(OpenAiReader, PutsPiecesOfCallsToTheirCall) {
  const auto r = read_at_once(
      call({{"index", 0}, {"id", "a"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", ""}}}}) +
      call({{"index", 0}, {"function", {{"arguments", "{\"x\""}}}}) +
      call({{"index", 1}, {"id", "b"}, {"function", {{"name", "g"}, {"arguments", "{"}}}}) +
      call({{"index", 0}, {"function", {{"arguments", ":1}"}}}}) +
      call({{"index", 1}, {"function", {{"arguments", "}"}}}}) +
      call({{"index", 2}, {"id", "c"}, {"function", {{"name", "none"}}}}) + chunk(json::object(), "tool_calls") + done);
  const std::vector<event> expected{begin{"m"},
                                    tool_call{0, "a", "f", "", false},
                                    tool_call{0, "", "", "{\"x\"", false},
                                    tool_call{1, "b", "g", "{", false},
                                    tool_call{0, "", "", ":1}", false},
                                    tool_call{1, "", "", "}", false},
                                    tool_call{2, "c", "none", "", false},
                                    tool_call{2, "", "", "{}", false},
                                    finish{end_reason::tool_calls}};
  EXPECT_EQ(r.events, expected);
}

TEST(OpenAiReader, TellsCallsApartThatAllHaveTheSameNumberOrNone) {
  const std::vector<event> expected{begin{"m"}, tool_call{0, "a", "f", "{\"x\":1}", false},
                                    tool_call{1, "b", "f", "{\"x\":2}", false}, finish{end_reason::tool_calls}};
  for (const json& index : {json(0), json(nullptr)}) {
    json first{{"id", "a"}, {"function", {{"name", "f"}, {"arguments", "{\"x\":1}"}}}};
    json second{{"id", "b"}, {"function", {{"name", "f"}, {"arguments", "{\"x\":2}"}}}};
    if (!index.is_null()) first["index"] = second["index"] = index;
    EXPECT_EQ(read_at_once(call(first) + call(second) + chunk(json::object(), "stop") + done).events, expected);
  }
  // The name again with every piece of the same call.
  const auto r =
      read_at_once(call({{"index", 0}, {"id", "a"}, {"function", {{"name", "f"}, {"arguments", "{"}}}}) +
                   call({{"index", 0}, {"id", "a"}, {"function", {{"name", "f"}, {"arguments", "}"}}}}) + done);
  const std::vector<event> one{begin{"m"}, tool_call{0, "a", "f", "{", false}, tool_call{0, "", "", "}", false},
                               finish{end_reason::tool_calls}};
  EXPECT_EQ(r.events, one);
}

TEST(OpenAiReader, GoesOnWithTheLastCallWhereAPieceHasNoNumber) {
  const auto r = read_at_once(call({{"id", "a"}, {"function", {{"name", "f"}, {"arguments", "{"}}}}) +
                              call({{"function", {{"arguments", "}"}}}}) + done);
  const std::vector<event> one{begin{"m"}, tool_call{0, "a", "f", "{", false}, tool_call{0, "", "", "}", false},
                               finish{end_reason::tool_calls}};
  EXPECT_EQ(r.events, one);
}

TEST(OpenAiReader, TellsTheServersOwnErrorInMidStream) {
  for (const char* bad : {"data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n",
                          "event: error\ndata: {\"error\":\"boom\"}\n\n", "data: {\"error\":\"boom\"}\n\n"}) {
    const auto r = read_at_once(chunk({{"content", "x"}}) + bad + done);
    const std::vector<event> expected{begin{"m"}, text_delta{"x"}, error{"server_error", "boom"}};
    EXPECT_EQ(r.events, expected) << bad;
    EXPECT_TRUE(r.failed && !r.finished && !r.truncated);
  }
  EXPECT_TRUE(read_at_once(chunk({{"content", "x"}}) + chunk(json::object(), "abort") + done).failed);
}

TEST(OpenAiReader, CallsWhatIsNotTheProtocolMalformed) {
  for (const std::string& bad :
       {std::string("data: hello\n\n"), std::string("data: []\n\n"), std::string("data: {}\n\n"),
        std::string("data: {\"choices\":\n\n"), std::string("data: {\"choices\":7}\n\n"), chunk({{"content", 7}}),
        chunk({{"content", json::array()}}), chunk({{"tool_calls", "x"}}), chunk({{"tool_calls", {1}}}),
        call({{"index", 0}, {"function", {{"arguments", "{}"}}}}),
        call({{"index", 0}, {"function", {{"name", "f"}, {"arguments", 7}}}})}) {
    const auto r = read_at_once(bad + done);
    ASSERT_FALSE(r.events.empty()) << bad;
    const auto* const e = std::get_if<error>(&r.events.back());
    ASSERT_NE(e, nullptr) << bad;
    EXPECT_EQ(e->type, "malformed") << bad;
  }
}

TEST(OpenAiReader, RefusesAnEventOfMoreThanEightMebibytes) {
  const auto reader = make_stream_reader(dialect::openai);
  std::vector<event> events;
  const std::string piece(std::size_t{1} << 20, 'x');
  reader->feed("data: ", events);
  for (int i = 0; i < 7; ++i) reader->feed(piece, events);
  EXPECT_FALSE(reader->failed());
  reader->feed(piece, events);
  EXPECT_TRUE(reader->failed());
}

TEST(OpenAiReader, ReadsChunksOfCompletions) {
  const auto r = read_at_once(
      "data: {\"model\":\"m\",\"choices\":[{\"text\":\"ab\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}\n\n"
      "data: {\"model\":\"m\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"stop\"}]}\n\n" +
      done);
  const std::vector<event> expected{begin{"m"}, text_delta{"ab"}, finish{end_reason::stop}};
  EXPECT_EQ(r.events, expected);
}

TEST(OpenAiReader, ReadsAWholeAnswerAlsoWhereAStreamWasAskedFor) {
  const std::string body = R"({
    "id": "x", "object": "chat.completion", "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "reasoning": "hm", "refusal": null,
      "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                     {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
      "logprobs": {"content": [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})";
  const std::vector<event> expected{begin{"m"},
                                    logprobs{{{"Hi", "-0.1", "[72,105]", {}}}},
                                    reasoning_delta{"hm"},
                                    text_delta{"Hi"},
                                    tool_call{0, "a", "f", "{\"x\":1}", true},
                                    tool_call{1, "a", "f", "{}", true},
                                    usage{5, 7, {}},
                                    finish{end_reason::tool_calls}};
  EXPECT_EQ(read_whole(dialect::openai, body), expected);
  EXPECT_EQ(read_at_once(body).events, expected);
}

TEST(OpenAiReader, PutsTheBytesOfATokenOnOneLineAndTakesNothingButNumbers) {
  const auto bytes_of = [](const std::string& bytes) {
    const auto events = read_whole(dialect::openai, R"({"model":"m","choices":[{"message":{"content":"x"},)"
                                                    R"("logprobs":{"content":[{"token":"x","logprob":-1,"bytes":)" +
                                                        bytes + R"(}]},"finish_reason":"stop"}]})");
    for (const auto& e : events)
      if (const auto* const l = std::get_if<logprobs>(&e)) return l->tokens.at(0).bytes;
    return std::string("no logprobs");
  };
  EXPECT_EQ(bytes_of("[\n  72,\r\n  105\n]"), "[72,105]");  // a stream's event is one line
  EXPECT_EQ(bytes_of("[ ]"), "[]");
  EXPECT_EQ(bytes_of("null"), "null");
  EXPECT_EQ(bytes_of("[72,\"x\"]"), "null");
  EXPECT_EQ(bytes_of("{\"a\":\n1}"), "null");
}

TEST(OpenAiReader, CallsAWholeAnswerWithoutItsEndMalformed) {
  for (const char* body : {"", "<html>", R"({"choices":[]})",
                           R"({"model":"m","choices":[{"message":{"content":"x"},"finish_reason":null}]})",
                           R"({"model":"m","choices":[{"message":{"content":"x"},"finish_reason":"stop"}])"}) {
    const auto events = read_whole(dialect::openai, body);
    ASSERT_FALSE(events.empty()) << body;
    const auto* const e = std::get_if<error>(&events.back());
    ASSERT_NE(e, nullptr) << body;
    EXPECT_EQ(e->type, "malformed") << body;
  }
}

TEST(OpenAiReader, ReadsWhatTheChatWriterWrites) {
  for (unsigned seed = 1; seed <= 1000; ++seed) {
    std::mt19937 random(seed);
    std::vector<event> events{begin{"m"}};
    for (const auto& part : random_parts(random, random_text(random, 30))) {
      if (below(random, 3) == 0)
        events.emplace_back(reasoning_delta{part});
      else
        events.emplace_back(text_delta{part});
    }
    std::size_t calls = below(random, 3);
    for (std::size_t i = 0; i < calls; ++i)
      events.emplace_back(tool_call{i, "", "f", json{{"a", random_text(random, 5)}}.dump(), false});
    events.emplace_back(usage{1 + below(random, 9), 1 + below(random, 9), {}});
    events.emplace_back(finish{calls != 0 ? end_reason::tool_calls : end_reason::stop});

    const auto writer =
        make_stream_writer(endpoint::chat_completions,
                           {.unique = "u", .created = 1, .model = "m", .include_usage = true, .show_reasoning = true});
    std::string stream;
    for (const auto& e : events) writer->write(e, stream);
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const auto piece = std::string_view(stream).substr(at, 1 + below(random, 200));
      pieces.push_back(piece);
      at += piece.size();
    }
    auto read = read_pieces(pieces).events;
    for (auto& e : read)
      if (auto* const c = std::get_if<tool_call>(&e)) c->id.clear();
    ASSERT_EQ(read, events) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tideover::adapt::chat::answer
