#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "as_a_caller.hpp"
#include "tideover/adapt/chat/answer_reader.hpp"

namespace tideover::adapt::chat::answer {
namespace {

struct reading {
  std::vector<event> events;
  bool finished = false;
  bool failed = false;
  bool truncated = false;
  bool operator==(const reading&) const = default;
};

reading read_pieces(const std::vector<std::string_view>& pieces) {
  const auto reader = make_stream_reader(dialect::ollama);
  reading r;
  for (const auto piece : pieces) reader->feed(piece, r.events);
  EXPECT_FALSE(reader->truncated()) << "before the input ended";
  reader->end_of_input(r.events);
  r.finished = reader->finished();
  r.failed = reader->failed();
  r.truncated = reader->truncated();
  return r;
}
reading read_at_once(std::string_view input) { return read_pieces({input}); }

const std::string said_and_done =
    R"({"model":"qwen3:8b","created_at":"2026-08-21T10:00:00Z","message":{"role":"assistant","content":"","thinking":"Let me "},"done":false})"
    "\n"
    R"({"model":"qwen3:8b","created_at":"2026-08-21T10:00:00Z","message":{"role":"assistant","content":"","thinking":"see."},"done":false})"
    "\n"
    R"({"model":"qwen3:8b","message":{"role":"assistant","content":"Gr\u00fc\u00dfe \ud83d\ude00\n"},"done":false})"
    "\n\n"
    R"({"model":"qwen3:8b","message":{"role":"assistant","content":"aus \"Köln\""},"done":false})"
    "\r\n"
    R"({"model":"qwen3:8b","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":5043500667,)"
    R"("load_duration":123456789012,"prompt_eval_count":26,"prompt_eval_duration":325953000,"eval_count":290,"eval_duration":472992700012})"
    "\n";

const std::vector<event> as_events{
    begin{"qwen3:8b"},
    reasoning_delta{"Let me "},
    reasoning_delta{"see."},
    text_delta{"Grüße 😀\n"},
    text_delta{"aus \"Köln\""},
    usage{26, 290, {}},
    timings{123456789012, 26, 325953000, 290, 472992700012},
    finish{end_reason::stop},
};

TEST(NativeReader, ReadsThinkingTextCountsAndTheEnd) {
  const auto r = read_at_once(said_and_done);
  EXPECT_EQ(r.events, as_events);
  EXPECT_TRUE(r.finished);
  EXPECT_FALSE(r.failed || r.truncated);
}

TEST(NativeReader, ReadsTheSameHoweverTheBytesAreSplit) {
  for (std::size_t at = 0; at <= said_and_done.size(); ++at) {
    const std::string_view all(said_and_done);
    ASSERT_EQ(read_pieces({all.substr(0, at), all.substr(at)}).events, as_events) << "split at " << at;
  }
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < said_and_done.size(); ++i) single.push_back(std::string_view(said_and_done).substr(i, 1));
  EXPECT_EQ(read_pieces(single).events, as_events);
}

TEST(NativeReader, CallsEveryPrefixThatHasNoEndTruncatedAndNeverFinished) {
  const auto end_of_last_object = said_and_done.size() - 1;  // its line end may be missing
  for (std::size_t size = 0; size < end_of_last_object; ++size) {
    const auto r = read_at_once(std::string_view(said_and_done).substr(0, size));
    ASSERT_TRUE(r.truncated) << size;
    ASSERT_FALSE(r.finished || r.failed) << size;
  }
  EXPECT_EQ(read_at_once(std::string_view(said_and_done).substr(0, end_of_last_object)).events, as_events);
}

TEST(NativeReader, NumbersCallsItselfAndKeepsTheirArgumentsAsTheyWereWritten) {
  const std::string input =
      R"({"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":{"index":0,"name":"weather","arguments":{"city":"K\u00f6ln", "days":2}}}]},"done":false})"
      "\n"
      R"({"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"index":0,"name":"now","arguments":{}}},{"function":{"name":"none"}}]},"done":false})"
      "\n"
      R"({"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"})"
      "\n";
  const std::vector<event> expected{
      begin{"m"},
      tool_call{0, "call_1", "weather", R"({"city":"K\u00f6ln", "days":2})", true},
      tool_call{1, "", "now", "{}", true},
      tool_call{2, "", "none", "{}", true},
      finish{end_reason::tool_calls},
  };
  EXPECT_EQ(read_at_once(input).events, expected);
}

TEST(NativeReader, TellsWhyTheAnswerEnded) {
  const auto ended = [](std::string_view reason) {
    const std::string line = R"({"model":"m","message":{"content":"x"},"done":true)" + std::string(reason) + "}\n";
    const auto r = read_at_once(line);
    const auto* const end = std::get_if<finish>(&r.events.back());
    return end != nullptr ? end->why : end_reason::content_filter;
  };
  EXPECT_EQ(ended(R"(,"done_reason":"stop")"), end_reason::stop);
  EXPECT_EQ(ended(R"(,"done_reason":"length")"), end_reason::length);
  EXPECT_EQ(ended(R"(,"done_reason":"load")"), end_reason::nothing);
  EXPECT_EQ(ended(R"(,"done_reason":"unload")"), end_reason::nothing);
  EXPECT_EQ(ended(""), end_reason::stop);
}

TEST(NativeReader, ReadsProbabilitiesOfTextButNotOfThought) {
  const auto r = read_at_once(
      R"({"model":"m","message":{"thinking":"hm"},"logprobs":[{"token":"hm","logprob":-1}],"done":false})"
      "\n"
      R"({"model":"m","message":{"content":"Hi"},"logprobs":[{"token":"Hi","logprob":-0.25,"bytes":[72,105],"top_logprobs":[{"token":"Ho","logprob":-2.5e0}]}],"done":false})"
      "\n");
  const std::vector<event> expected{begin{"m"}, reasoning_delta{"hm"},
                                    logprobs{{{"Hi", "-0.25", "[72,105]", {{"Ho", "-2.5e0", "null", {}}}}}},
                                    text_delta{"Hi"}};
  EXPECT_EQ(r.events, expected);
}

TEST(NativeReader, ReadsLinesOfGenerateAsWell) {
  const auto r = read_at_once(
      "{\"model\":\"m\",\"response\":\"ab\",\"done\":false}\n"
      "{\"model\":\"m\",\"response\":\"\",\"done\":true,\"done_reason\":\"length\"}\n");
  const std::vector<event> expected{begin{"m"}, text_delta{"ab"}, finish{end_reason::length}};
  EXPECT_EQ(r.events, expected);
}

TEST(NativeReader, TellsTheServersOwnErrorInMidStream) {
  const auto r = read_at_once(
      "{\"model\":\"m\",\"message\":{\"content\":\"Hel\"},\"done\":false}\n{\"error\":\"model runner has unexpectedly "
      "stopped\"}\n"
      "{\"model\":\"m\",\"message\":{\"content\":\"lo\"},\"done\":true}\n");
  const std::vector<event> expected{begin{"m"}, text_delta{"Hel"},
                                    error{"server_error", "model runner has unexpectedly stopped"}};
  EXPECT_EQ(r.events, expected);
  EXPECT_TRUE(r.failed);
  EXPECT_FALSE(r.finished || r.truncated);
}

TEST(NativeReader, CallsWhatIsNotTheProtocolMalformed) {
  for (const char* line : {
           "<html>502</html>",
           "[]",
           "\"text\"",
           "{}",
           R"({"status":"success"})",
           R"({"message":{"content":"x"},"done":false)",
           R"({"message":{"content":"x"},"done":false}})",
           R"({"message":{"content":["x"]},"done":false})",
           R"({"message":{"content":7},"done":false})",
           R"({"message":{"thinking":{}},"done":false})",
           R"({"message":{"tool_calls":{}},"done":false})",
           R"({"message":{"tool_calls":["x"]},"done":false})",
           R"({"message":{"tool_calls":[{"function":{"arguments":{}}}]},"done":false})",
           R"({"message":{"tool_calls":[{"function":{"name":"f","arguments":[1]}}]},"done":false})",
           R"(data: {"choices":[]})",
       }) {
    const auto r = read_at_once(std::string(line) + "\n");
    ASSERT_FALSE(r.events.empty()) << line;
    const auto* const e = std::get_if<error>(&r.events.back());
    ASSERT_NE(e, nullptr) << line;
    EXPECT_EQ(e->type, "malformed") << line;
    EXPECT_TRUE(r.failed) << line;
  }
}

TEST(NativeReader, TakesNullForContentThatIsNotThere) {
  const auto r = read_at_once(
      R"({"model":"m","message":{"content":null,"thinking":null,"tool_calls":null},"done":true,"done_reason":"stop"})"
      "\n");
  const std::vector<event> expected{begin{"m"}, finish{end_reason::stop}};
  EXPECT_EQ(r.events, expected);
}

TEST(NativeReader, ReadsALineOfEightMebibytesAndRefusesALongerOne) {
  const std::string head = R"({"model":"m","message":{"content":")";
  const std::string tail = R"("},"done":true})";
  const std::string fits(longest_piece_bytes - head.size() - tail.size(), 'x');
  for (const std::size_t piece : {longest_piece_bytes * 2, std::size_t{65536}}) {
    const auto read_split = [&](const std::string& line) {
      std::vector<std::string_view> pieces;
      for (std::size_t at = 0; at < line.size(); at += piece)
        pieces.push_back(std::string_view(line).substr(at, piece));
      return read_pieces(pieces);
    };
    EXPECT_TRUE(read_split(head + fits + tail + "\n").finished) << piece;
    const auto r = read_split(head + fits + "x" + tail + "\n");
    EXPECT_TRUE(r.failed) << piece;
    EXPECT_EQ(r.events.size(), 1u) << piece;
  }
}

TEST(NativeReader, IgnoresWhateverComesAfterTheEnd) {
  const auto reader = make_stream_reader(dialect::ollama);
  std::vector<event> events;
  reader->feed(said_and_done, events);
  const auto so_far = events.size();
  reader->feed("{\"error\":\"late\"}\n", events);
  reader->end_of_input(events);
  EXPECT_EQ(events.size(), so_far);
  EXPECT_TRUE(reader->finished());
  EXPECT_FALSE(reader->failed());
}

TEST(NativeReader, ReadsAWholeAnswerAlsoIfItIsIndentedOrCameInLines) {
  const std::string pretty =
      "{\n \"model\": \"m\",\n \"message\": {\"role\": \"assistant\", \"content\": \"Hi\"},\n \"done_reason\": "
      "\"stop\",\n"
      " \"done\": true, \"prompt_eval_count\": 3, \"eval_count\": 2\n}\n";
  const std::vector<event> expected{begin{"m"}, text_delta{"Hi"}, usage{3, 2, {}}, finish{end_reason::stop}};
  EXPECT_EQ(read_whole(dialect::ollama, pretty), expected);
  EXPECT_EQ(read_whole(dialect::ollama, said_and_done), as_events);
}

TEST(NativeReader, CallsAWholeAnswerWithoutItsEndMalformed) {
  for (const char* body : {"", "\n", "<html>", R"({"model":"m","message":{"content":"Hi"},"done":false})",
                           R"({"model":"m","message":{"content":"Hi"})"}) {
    const auto events = read_whole(dialect::ollama, body);
    ASSERT_FALSE(events.empty()) << body;
    const auto* const e = std::get_if<error>(&events.back());
    ASSERT_NE(e, nullptr) << body;
    EXPECT_EQ(e->type, "malformed");
  }
  const auto failed = read_whole(dialect::ollama, R"({"error":"out of memory"})");
  EXPECT_EQ(failed, std::vector<event>{(error{"server_error", "out of memory"})});
}

TEST(NativeReader, TakesNothingForALocalAnswerThatItsServerHasFromElsewhere) {
  for (const char* mark : {R"("remote_host":"https://ollama.com:443")", R"("remote_model":"gpt-oss:120b")"}) {
    const std::string line = R"({"model":"m",)" + std::string(mark) + R"(,"message":{"content":"Hi"},"done":true})";
    const auto reader = make_stream_reader(dialect::ollama);
    std::vector<event> events;
    reader->feed(line + "\n", events);
    EXPECT_TRUE(reader->made_elsewhere());
    EXPECT_TRUE(reader->failed());
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(std::get<error>(events[0]).type, made_elsewhere_type);
    const auto whole = read_whole(dialect::ollama, line);
    ASSERT_EQ(whole.size(), 1U);
    EXPECT_EQ(std::get<error>(whole[0]).type, made_elsewhere_type);
  }
  const auto reader = make_stream_reader(dialect::ollama);
  std::vector<event> events;
  reader->feed("{\"model\":\"m\",\"remote_host\":\"\",\"message\":{\"content\":\"Hi\"},\"done\":true}\n", events);
  EXPECT_FALSE(reader->made_elsewhere());
  EXPECT_TRUE(reader->finished());
}

}  // namespace
}  // namespace tideover::adapt::chat::answer
