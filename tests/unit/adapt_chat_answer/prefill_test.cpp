// A caller's own beginning of the answer, which some servers say once more: it is the caller's already.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "as_a_caller.hpp"
#include "random_text.hpp"
#include "tideover/adapt/chat/answer_writer.hpp"

namespace tideover::adapt::chat::answer {
namespace {

constexpr endpoint all_routes[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                                   endpoint::messages};

struct both_ways {
  read_answer streamed, whole;
};

both_ways written(endpoint what, std::string_view prefill, const std::vector<event>& events) {
  const writer_options options{.unique = "u", .model = "m", .include_usage = true, .prefill = prefill};
  const auto writer = make_stream_writer(what, options);
  std::string stream;
  for (const auto& e : events) writer->write(e, stream);
  return {read_stream(what, stream), read_body(what, write_whole(what, gather(events), options))};
}

std::vector<event> saying(const std::vector<std::string>& parts) {
  std::vector<event> events{begin{"m"}};
  for (const auto& part : parts) events.emplace_back(text_delta{part});
  events.emplace_back(finish{});
  return events;
}

struct prefill_case {
  const char* what;
  std::string prefill, said, read;
};

const std::string long_line = "The tide comes in twice a day, and nobody can stop it.";

const prefill_case cases[] = {
    {"an echo", "Hello from the", "Hello from the harbour", " harbour"},
    {"no echo", "Hello from the", " harbour", " harbour"},
    {"an echo of one byte", "{", "{\"a\":1}", "\"a\":1}"},
    {"only the beginning of an echo", "Hello from the", "Hello from me", "Hello from me"},
    {"an end within the echo", "Hello from the", "Hello", "Hello"},
    {"another case of letters", "Hello", "hello there", "hello there"},
    {"white space before it", "Hello", " Hello there", " Hello there"},
    {"white space of its own at the beginning", "\n Hello", "\n Hello there", " there"},
    {"that white space is not said", "\n Hello", "Hello there", "Hello there"},
    {"an echo with the white space at its end", "Hello \n", "Hello \nthere", "there"},
    {"an echo without it", "Hello \n", "Hello there", "there"},
    {"a continuation with it", "Hello \n", " there", "there"},
    {"an echo that is said twice", "very ", "very very good", "very good"},
    {"an echo in many bytes a character", "漢字", "漢字😀", "😀"},
    {"a long beginning that differs at its end", long_line, long_line.substr(0, 50) + " and so on", ""},
    {"a long line that repeats itself", std::string(80, '='), std::string(90, '='), std::string(10, '=')},
    {"white space only", " \n", " \nHello", "Hello"},
};

TEST(Prefill, IsLeftOutAtTheVeryBeginningAndNowhereElseWhereverTheAnswerIsSplit) {
  for (const auto& c : cases) {
    const std::string read = c.read.empty() ? c.said : c.read;
    for (const auto what : all_routes) {
      std::vector<std::vector<std::string>> splits{{c.said}};
      for (std::size_t at = 1; at < c.said.size(); ++at)
        if ((static_cast<unsigned char>(c.said[at]) & 0xc0) != 0x80)  // readers give whole characters
          splits.push_back({c.said.substr(0, at), c.said.substr(at)});
      for (const auto& parts : splits) {
        const auto r = written(what, c.prefill, saying(parts));
        ASSERT_EQ(r.streamed.text, read) << c.what << ", split after " << parts[0].size();
        ASSERT_EQ(r.streamed.terminators, 1) << c.what;
        ASSERT_TRUE(r.streamed.trouble.empty()) << c.what;
        ASSERT_EQ(r.whole.text, read) << c.what;
      }
    }
  }
}

/// The rule on whole strings.
std::string fresh_by_rule(const std::string& prefill, std::string said) {
  const std::string white = " \t\r\n";
  const std::string text = prefill.substr(0, prefill.find_last_not_of(white) + 1);
  if (said.starts_with(text)) said.erase(0, text.size());
  std::size_t known = 0;
  while (text.size() + known < prefill.size() && known < said.size() && prefill[text.size() + known] == said[known])
    ++known;
  return said.substr(known);
}

TEST(Prefill, IsLeftOutOfAnyAnswerInAnyPieces) {
  int left_out = 0;
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    std::mt19937 random(seed);
    const std::string prefill = random_text(random, 12);
    std::string said = random_text(random, 12);
    if (below(random, 2) == 0) said = prefill + said;
    const auto r = written(all_routes[below(random, 4)], prefill, saying(random_parts(random, said)));
    const std::string expected = fresh_by_rule(prefill, said);
    left_out += expected.size() < said.size() ? 1 : 0;
    ASSERT_EQ(r.streamed.text, expected) << seed;
    ASSERT_EQ(r.whole.text, expected) << seed;
    ASSERT_TRUE(r.streamed.trouble.empty()) << seed;
  }
  EXPECT_GT(left_out, 1000);
}

TEST(Prefill, WhatIsHeldBackIsSaidBeforeACallAndIsNoAnswerBeforeAnError) {
  const event call = tool_call{0, "", "f", "{}", true};
  for (const auto what : {endpoint::chat_completions, endpoint::responses, endpoint::messages}) {
    const auto r = written(what, "Hello", {text_delta{"Hel"}, call, finish{end_reason::tool_calls}}).streamed;
    EXPECT_EQ(r.text, "Hel");
    EXPECT_EQ(r.calls.size(), 1U);
    EXPECT_TRUE(r.trouble.empty());
    const auto writer = make_stream_writer(what, {.unique = "u", .model = "m", .prefill = "Hello"});
    std::string out;
    writer->write(text_delta{"Hel"}, out);
    EXPECT_EQ(out, "") << "nothing commits yet";
    writer->write(error{"server_error", "gone"}, out);
    EXPECT_EQ(out.find("Hel\""), std::string::npos) << out;
    EXPECT_TRUE(writer->failed());
  }
}

TEST(Prefill, IsInNoCountThatIsMadeHere) {
  const auto r = written(endpoint::messages, long_line, saying({long_line + " Yes."}));
  EXPECT_EQ(r.streamed.usage["output_tokens"], 2);
  EXPECT_EQ(r.whole.usage["output_tokens"], 2);
  const auto counted =
      written(endpoint::messages, "Hello", {text_delta{"Hello you"}, usage{9, 1, {}}, finish{end_reason::stop}});
  EXPECT_EQ(counted.streamed.usage["output_tokens"], 1);
  EXPECT_EQ(counted.whole.usage["output_tokens"], 1);
}

}  // namespace
}  // namespace tideover::adapt::chat::answer
