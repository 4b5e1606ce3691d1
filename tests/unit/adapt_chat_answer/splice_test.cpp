#include "tideover/adapt/chat/splice.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "as_a_caller.hpp"
#include "cloud_streams.hpp"
#include "random_text.hpp"
#include "tideover/adapt/stream_inspector.hpp"

namespace tideover::adapt::chat::answer {
namespace {

constexpr endpoint all_routes[] = {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                                   endpoint::messages};

std::string joined(const std::vector<std::string>& pieces, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += pieces[i];
  return all;
}

/// How many events come before the first that ends the text.
std::size_t events_before_end(endpoint what, const std::vector<std::string>& events, const cloud_style& style) {
  switch (what) {
    case endpoint::responses: return events.size() - 4;
    case endpoint::messages: return events.size() - 3;
    default: return events.size() - (style.include_usage ? 3 : 2);
  }
}

struct spliced {
  std::string obstacle;
  std::string prefill;
  std::string stream;  // all that the caller got
  read_answer answer;
  bool finished = false;
  bool failed = false;
};

/// Cuts a stream of `parts` behind its text and goes on with `continuation`.
spliced splice_with(endpoint what, const std::vector<std::string>& parts, const std::vector<event>& continuation,
                    const cloud_style& style = {}, std::optional<bool> echoes = {}, const std::string& own = "") {
  const auto events = cloud_stream(what, parts, style);
  spliced s;
  s.stream = joined(events, events_before_end(what, events, style));
  splice joint(what, {.include_usage = style.include_usage, .request_id = "req_1"});
  joint.relayed(s.stream);
  s.obstacle = joint.obstacle();
  s.prefill = joint.prefill();
  if (echoes || !own.empty()) joint.asked(own + s.prefill, echoes);
  for (const auto& e : continuation) joint.write(e, s.stream);
  s.finished = joint.finished();
  s.failed = joint.failed();
  s.answer = read_stream(what, s.stream);
  return s;
}

const std::string long_text = "The tide comes in twice a day, and nobody can stop it. ";

TEST(Splice, GoesOnInTheSameStreamOnEveryRoute) {
  for (const auto what : all_routes) {
    const auto s = splice_with(what, {"Hello, ", "wörld"},
                               {begin{"local"}, text_delta{" 😀"}, text_delta{"."}, usage{30, 2, {}}, finish{}});
    EXPECT_EQ(s.obstacle, "");
    EXPECT_EQ(s.prefill, "Hello, wörld");
    EXPECT_EQ(s.answer.text, "Hello, wörld 😀.") << s.stream;
    EXPECT_EQ(s.answer.terminators, 1);
    EXPECT_EQ(s.answer.errors, 0);
    EXPECT_EQ(s.answer.trouble, std::vector<std::string>{}) << s.stream;
    EXPECT_TRUE(s.finished && !s.failed);
    EXPECT_NE(s.answer.model, "local") << "one stream has one model";
    stream_inspector inspector(what, dialect::openai);
    EXPECT_EQ(inspector.inspect(s.stream), stream_inspector::state::finished);
  }
}

TEST(Splice, GivesTheLocalModelTheTextWithoutTheWhiteSpaceAtItsEnd) {
  for (const auto what : all_routes) {
    EXPECT_EQ(splice_with(what, {" Hello,", "\tworld. \r\n\t"}, {}).prefill, " Hello,\tworld.");
    EXPECT_EQ(splice_with(what, {" \n"}, {}).prefill, "");
  }
}

TEST(Splice, SaysThatTheLocalModelHitItsLimit) {
  for (const auto& [what, word] : {std::pair{endpoint::chat_completions, "length"},
                                   {endpoint::completions, "length"},
                                   {endpoint::responses, "incomplete: max_output_tokens"},
                                   {endpoint::messages, "max_tokens"}})
    EXPECT_EQ(splice_with(what, {"Hi"}, {text_delta{" you"}, finish{end_reason::length}}).answer.finish, word);
}

TEST(Splice, EndsATextThatTheLocalModelHasNothingToAddTo) {
  for (const auto what : all_routes) {
    const auto s = splice_with(what, {"Hi."}, {usage{4, 1, {}}, finish{}});
    EXPECT_EQ(s.answer.text, "Hi.");
    EXPECT_EQ(s.answer.terminators, 1);
    EXPECT_TRUE(s.answer.trouble.empty());
  }
}

TEST(Splice, CountsTheTextBeforeAsSaidAndNotAsAsked) {
  // 12 bytes are 3 tokens. The local server saw 30 of a prompt and of these, and made 2.
  const std::vector<event> more{text_delta{"x"}, usage{30, 2, {}}, finish{}};
  const cloud_style with_usage{.include_usage = true};
  EXPECT_EQ(splice_with(endpoint::chat_completions, {"Hello, world"}, more, with_usage).answer.usage,
            json::parse(R"({"prompt_tokens":27,"completion_tokens":5,"total_tokens":32})"));
  const auto response = splice_with(endpoint::responses, {"Hello, world"}, more).answer.usage;
  EXPECT_EQ(response["input_tokens"], 27);
  EXPECT_EQ(response["output_tokens"], 5);
  const auto message = splice_with(endpoint::messages, {"Hello, world"}, more).answer.usage;
  EXPECT_EQ(message["input_tokens"], 77) << "what the cloud counted stands";
  EXPECT_EQ(message["cache_read_input_tokens"], 5);
  EXPECT_EQ(message["output_tokens"], 5);
}

TEST(Splice, NeverTurnsIntoACallOrReasoning) {
  for (const auto what : all_routes) {
    for (const auto& other : {event{tool_call{0, "", "f", "{}", true}}, event{reasoning_delta{"hm"}}}) {
      const auto s = splice_with(what, {"Hi"}, {text_delta{" you"}, other, text_delta{"never"}, finish{}});
      EXPECT_EQ(s.answer.text, "Hi you");
      EXPECT_EQ(s.answer.errors, 1);
      EXPECT_EQ(s.answer.terminators, 0);
      EXPECT_EQ(s.answer.error_code, "upstream_ended_early");
      EXPECT_TRUE(s.failed && !s.finished);
      EXPECT_TRUE(s.answer.trouble.empty()) << s.stream;
    }
  }
}

TEST(Splice, EndsWithAnErrorIfTheLocalModelFailsToo) {
  for (const auto what : all_routes) {
    const auto s = splice_with(what, {"Hi"}, {text_delta{" yo"}, error{"server_error", "out of memory"}, finish{}});
    EXPECT_EQ(s.answer.text, "Hi yo");
    EXPECT_EQ(s.answer.errors, 1);
    EXPECT_EQ(s.answer.terminators, 0);
    EXPECT_TRUE(s.answer.trouble.empty()) << s.stream;
  }
}

struct joint_case {
  const char* what;
  std::string said;
  std::string continued;
  const char* read;  // null: refused
};

TEST(Splice, JoinsTextsByItsRule) {
  const std::string& l = long_text;  // ends with a space
  const std::string trimmed = l.substr(0, l.size() - 1);
  const std::string row(64, '=');
  const std::string rows = "| a | b | c |\n| a | b | c |\n| a | b | c |\n";
  static std::vector<std::string> keep;
  keep.reserve(16);
  const auto text = [](std::string t) { return keep.emplace_back(std::move(t)).c_str(); };
  const joint_case cases[] = {
      {"plain", "Hello", " world", "Hello world"},
      {"in the middle of a word", "Hello wor", "ld", "Hello world"},
      {"the space comes again", "Hello ", " world", "Hello world"},
      {"the space does not come again", "Hello ", "world", "Hello world"},
      {"of two line ends one comes again", "a\n\n", "\nb", "a\n\nb"},
      {"more white space than was there", "a\n", "\n\nb", "a\n\nb"},
      {"other white space", "a ", "\nb", "a \nb"},
      {"white space only, so far and ever", "a ", " ", "a "},
      {"nothing", "a \n", "", "a \n"},
      {"nothing but white space was said", "\n\n", "\nHello", "\n\nHello"},
      {"repeated last words are not certain", "very very", " very good", "very very very good"},
      {"a short text may have begun anew", "very", "very good", nullptr},
      {"a short text with a space before it", "very", " very good", nullptr},
      {"a beginning that soon differs", l, "The tide goes out, too.", text(l + "The tide goes out, too.")},
      {"the whole text again", l, trimmed + " Never.", text(l + "Never.")},
      {"the whole text again, and its space is not there", l, trimmed + "\nNever.", text(l + "\nNever.")},
      {"the whole text again and nothing else", l, trimmed, l.c_str()},
      {"the text again with other words", l, "The tide comes in twice a day, and so on.", nullptr},
      {"the text again, cut short", l, "The tide comes in twice a day, and", nullptr},
      {"a short beginning, cut short", l, "The tide", text(l + "The tide")},
      {"the whole text again with white space before it", l, " " + trimmed + " Never.", nullptr},
      {"a line that goes on", row, "====", text(row + "====")},
      {"a line that goes on as long again", row, row, nullptr},
      {"one more row like the others", rows, rows + "| d |", nullptr},
  };
  for (const auto& c : cases) {
    for (const auto what : all_routes) {
      for (const bool in_pieces : {false, true}) {
        std::vector<event> events{begin{"m"}};
        if (in_pieces) {
          for (const char byte : c.continued) events.emplace_back(text_delta{std::string(1, byte)});
        } else if (!c.continued.empty()) {
          events.emplace_back(text_delta{c.continued});
        }
        events.emplace_back(finish{});
        const auto s = splice_with(what, {c.said}, events);
        if (c.read != nullptr) {
          EXPECT_EQ(s.answer.text, c.read) << c.what;
          EXPECT_EQ(s.answer.terminators, 1) << c.what;
        } else {
          EXPECT_EQ(s.answer.text, c.said) << c.what << ": nothing of it was passed on";
          EXPECT_EQ(s.answer.errors, 1) << c.what;
          EXPECT_EQ(s.answer.terminators, 0) << c.what;
        }
        EXPECT_TRUE(s.answer.trouble.empty()) << c.what << '\n' << s.stream;
      }
    }
  }
}

TEST(Splice, CountsATextThatWasSaidAgainOnce) {
  const auto s = splice_with(endpoint::chat_completions, {long_text},
                             {text_delta{long_text + "Never."}, usage{60, 20, {}}, finish{}}, {.include_usage = true});
  EXPECT_EQ(s.answer.usage["completion_tokens"], 20);
}

TEST(Splice, LeavesOutAKnownEchoWhateverItsLengthAndCountsItNever) {
  for (const auto what : all_routes) {
    for (const std::string said : {"a", "\nHello ", "very very", "漢字\n\n"}) {
      const std::string prefill = splice_with(what, {said}, {}).prefill;
      const auto answer = [&](const std::string& more, std::optional<bool> echoes, const std::string& own = "") {
        return splice_with(what, {said}, {text_delta{more}, usage{30, 2, {}}, finish{}}, {.include_usage = true},
                           echoes, own)
            .answer;
      };
      EXPECT_EQ(answer(prefill + "!", true).text, said + "!");
      EXPECT_EQ(answer("!", true).text, said + "!") << "it may fail to";
      EXPECT_EQ(answer(prefill + "!", false).text, said + prefill + "!") << "everything is new";
      EXPECT_EQ(answer(prefill + "!", {}).errors, 1) << "in doubt";
      EXPECT_EQ(answer("Own " + prefill + "!", true, "Own ").text, said + "!");
      EXPECT_EQ(answer("Own " + prefill + "!", true, "Own ").usage, answer("!", true).usage);
    }
  }
  const auto whole = [](std::optional<bool> echoes) {
    return splice_with(endpoint::chat_completions, {long_text},
                       {text_delta{long_text + "Never."}, usage{60, 20, {}}, finish{}}, {.include_usage = true}, echoes)
        .answer.usage["completion_tokens"];
  };
  EXPECT_EQ(whole(true), 34) << "14 before, and the 20 that were made";
  EXPECT_EQ(whole({}), 20);
}

TEST(Splice, OfAKnownEchoThatDiffersNothingIsGuessed) {
  const std::string other = "The tide comes in twice a day, and so on.";
  EXPECT_EQ(splice_with(endpoint::messages, {long_text}, {text_delta{other}, finish{}}, {}, true).answer.errors, 1);
  EXPECT_EQ(splice_with(endpoint::messages, {long_text}, {text_delta{other}, finish{}}, {}, false).answer.text,
            long_text + other);
}

/// The rule of splice.hpp on whole strings, written once more and simply.
std::optional<std::string> joined_by_rule(const std::string& said, const std::string& continued,
                                          std::optional<bool> echoes) {
  const std::string white = " \t\r\n";
  const std::string text = said.substr(0, said.find_last_not_of(white) + 1);
  const std::string end = said.substr(text.size());
  std::string rest = continued;
  if (!text.empty() && echoes.value_or(true)) {
    const auto first = [&](const std::string& t) { return std::min(t.find_first_not_of(white), t.size()); };
    const std::string words = text.substr(first(text));
    const std::string again = continued.substr(first(continued));
    std::size_t same = 0;
    while (same < words.size() && same < again.size() && words[same] == again[same]) ++same;
    if (same == words.size()) {
      if (first(text) != first(continued) || !continued.starts_with(text)) return {};
      if (!echoes && same < 32) return {};
      for (std::size_t period = 1; period <= words.size() / 2; ++period)
        if (!echoes && words.substr(period) == words.substr(0, words.size() - period)) return {};
      rest = continued.substr(text.size());
    } else if (same >= 32) {
      return {};
    }
  }
  std::size_t known = 0;
  while (known < end.size() && known < rest.size() && end[known] == rest[known]) ++known;
  return said + rest.substr(known);
}

bool is_text(const std::string& text) {
  try {
    return !json(text).dump().empty();
  } catch (const json::exception&) {
    return false;
  }
}

TEST(Splice, IsReadAsTheTextBeforeAndItsContinuationWhateverTheCut) {
  int went_on = 0, refused = 0, began_anew = 0;
  for (unsigned seed = 1; seed <= 6000; ++seed) {
    std::mt19937 random(seed);
    const auto what = all_routes[below(random, 4)];
    const cloud_style style{below(random, 2) == 0, below(random, 2) == 0, below(random, 2) == 0};
    const auto events = cloud_stream(what, random_parts(random, random_text(random, 40)), style);
    const std::size_t cut = below(random, events.size() + 1);

    splice joint(what, {.include_usage = style.include_usage, .request_id = "req_1"});
    std::string stream;
    for (std::size_t at = 0; at < cut;) {  // as they were relayed: some at once
      const std::size_t end = std::min(cut, at + 1 + below(random, 4));
      std::string relayed;
      for (; at < end; ++at) relayed += events[at];
      joint.relayed(relayed);
      stream += relayed;
    }
    const std::string before = read_stream(what, stream).text;
    if (cut > events_before_end(what, events, style)) {
      ASSERT_EQ(joint.obstacle(), before.empty() && cut == 0 ? "nothing" : "finished") << seed;
      continue;
    }
    if (before.empty()) {
      ASSERT_EQ(joint.obstacle(), "nothing") << seed;
      continue;
    }
    ASSERT_EQ(joint.obstacle(), "") << seed;
    ASSERT_EQ(joint.text(), before) << seed;

    std::string more = random_text(random, 30);
    if (below(random, 4) == 0) more = std::string(joint.prefill()) + more;
    if (below(random, 8) == 0) more = before.substr(0, below(random, before.size() + 1));
    while (!more.empty() && !is_text(more)) more.pop_back();  // that beginning may end inside a character
    std::optional<bool> echoes;
    if (below(random, 2) == 0) echoes = below(random, 2) == 0;
    if (echoes) joint.asked(joint.prefill(), echoes);
    const auto expected = joined_by_rule(before, more, echoes);
    joint.write(begin{"m"}, stream);
    for (const auto& part : random_parts(random, more)) joint.write(text_delta{part}, stream);
    joint.write(usage{50, 5, {}}, stream);
    joint.write(finish{}, stream);

    const auto r = read_stream(what, stream);
    ASSERT_TRUE(r.trouble.empty()) << "seed " << seed << ": " << r.trouble.front() << '\n' << stream;
    if (expected) {
      ++went_on;
      if (more.starts_with(joint.prefill()) && !joint.prefill().empty()) ++began_anew;
      ASSERT_EQ(r.text, *expected) << "seed " << seed;
      ASSERT_EQ(r.terminators, 1) << seed;
      ASSERT_EQ(r.errors, 0) << seed;
    } else {
      ++refused;
      ASSERT_EQ(r.text, before) << seed;
      ASSERT_EQ(r.terminators, 0) << seed;
      ASSERT_EQ(r.errors, 1) << seed;
    }
  }
  EXPECT_GT(went_on, 1000);
  EXPECT_GT(began_anew, 100);
  EXPECT_GT(refused, 100);
}

struct obstacle_case {
  const char* word;
  endpoint what;
  std::vector<std::string> events;  // after a text that could be continued
};

json chunk_with(const json& choice) {
  return {{"id", "chatcmpl-cloud"},
          {"object", "chat.completion.chunk"},
          {"created", 1764155707},
          {"model", "gpt-5-2026"},
          {"choices", json::array({choice})}};
}
json chunk_delta(const json& delta) { return chunk_with({{"index", 0}, {"delta", delta}, {"finish_reason", nullptr}}); }
json block(const json& b) { return {{"type", "content_block_start"}, {"index", 1}, {"content_block", b}}; }
json item(const char* type) {
  return {{"type", "response.output_item.added"},
          {"sequence_number", 9},
          {"output_index", 1},
          {"item", {{"id", "x"}, {"type", type}}}};
}

TEST(Splice, NamesWhatIsInTheWayInOneWord) {
  constexpr auto chat = endpoint::chat_completions;
  constexpr auto legacy = endpoint::completions;
  constexpr auto messages = endpoint::messages;
  constexpr auto responses = endpoint::responses;
  const std::string delta = R"("item_id":"msg_cloud","output_index":0,"content_index":0,)";
  const obstacle_case cases[] = {
      {"tool_calls", chat, {data(chunk_delta({{"tool_calls", json::array({{{"index", 0}, {"id", "c"}}})}}))}},
      {"tool_calls", chat, {data(chunk_delta({{"function_call", {{"name", "f"}}}}))}},
      {"reasoning", chat, {data(chunk_delta({{"reasoning", "hm"}}))}},
      {"reasoning", chat, {data(chunk_delta({{"reasoning_content", "hm"}}))}},
      {"refusal", chat, {data(chunk_delta({{"refusal", "No"}}))}},
      {"audio", chat, {data(chunk_delta({{"audio", {{"id", "a"}}}}))}},
      {"annotations", chat, {data(chunk_delta({{"annotations", json::array({1})}}))}},
      {"unknown", chat, {data(chunk_delta({{"images", json::array({1})}}))}},
      {"choices", chat, {data(chunk_with({{"index", 1}, {"delta", {{"content", "x"}}}}))}},
      {"logprobs",
       chat,
       {data(chunk_with({{"index", 0}, {"delta", {{"content", "x"}}}, {"logprobs", {{"content", {1}}}}}))}},
      {"finished", chat, {data(chunk_with({{"index", 0}, {"delta", json::object()}, {"finish_reason", "stop"}}))}},
      {"finished", chat, {"data: [DONE]\n\n"}},
      {"error", chat, {"data: {\"error\":{\"message\":\"x\"}}\n\n"}},
      {"error", chat, {"event: error\ndata: {\"message\":\"x\"}\n\n"}},
      {"malformed", chat, {"data: {\"choices\":[\n\n"}},
      {"malformed", chat, {"data: {\"id\":\"x\",\"choices\":7}\n\n"}},
      {"malformed", chat, {data(chunk_delta({{"content", 7}}))}},
      {"encoding", chat, {"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n"}},
      {"encoding", chat, {"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\"}}]}\n\n"}},
      {"too_long", chat, {data(chunk_delta({{"content", std::string(splice::most_text_bytes, 'x')}}))}},
      {"logprobs",
       legacy,
       {"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"text\":\"a\",\"logprobs\":{\"tokens\":[]}}]}\n\n"}},
      {"finished",
       legacy,
       {"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"length\"}]}\n\n"}},
      {"choices", legacy, {"data: {\"id\":\"x\",\"choices\":[{\"index\":1,\"text\":\"a\"}]}\n\n"}},
      {"finished", messages, {named({{"type", "content_block_stop"}, {"index", 0}})}},
      {"finished", messages, {named({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}}}})}},
      {"parts", messages, {named(block({{"type", "text"}, {"text", ""}}))}},
      {"parts",
       messages,
       {named({{"type", "content_block_delta"}, {"index", 1}, {"delta", {{"type", "text_delta"}, {"text", "x"}}}})}},
      {"annotations",
       messages,
       {named({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "citations_delta"}}}})}},
      {"unknown",
       messages,
       {named({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "input_json_delta"}}}})}},
      {"error", messages, {named({{"type", "error"}, {"error", {{"type", "overloaded_error"}}}})}},
      {"malformed", messages, {"event: content_block_delta\ndata: {\n\n"}},
      {"parts", responses, {named(item("message"))}},
      {"finished", responses, {named({{"type", "response.output_text.done"}, {"sequence_number", 9}, {"text", "x"}})}},
      {"finished", responses, {named({{"type", "response.incomplete"}, {"sequence_number", 9}})}},
      {"error", responses, {named({{"type", "response.failed"}, {"sequence_number", 9}})}},
      {"error", responses, {named({{"type", "error"}, {"sequence_number", 9}, {"code", "x"}})}},
      {"annotations", responses, {named({{"type", "response.output_text.annotation.added"}, {"sequence_number", 9}})}},
      {"refusal", responses, {named({{"type", "response.refusal.delta"}, {"sequence_number", 9}, {"delta", "No"}})}},
      {"tool_calls", responses, {named({{"type", "response.function_call_arguments.delta"}, {"delta", "{"}})}},
      {"reasoning", responses, {named({{"type", "response.reasoning_summary_text.delta"}, {"delta", "hm"}})}},
      {"unknown", responses, {named({{"type", "response.something.new"}, {"sequence_number", 9}})}},
      {"logprobs",
       responses,
       {"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"," + delta +
        "\"delta\":\"x\",\"logprobs\":[1]}\n\n"}},
      {"parts",
       responses,
       {"event: response.output_text.delta\ndata: "
        "{\"type\":\"response.output_text.delta\",\"item_id\":\"other\",\"delta\":\"x\"}\n\n"}},
  };
  for (const auto& c : cases) {
    const auto before = cloud_stream(c.what, {"Hello", " there"}, {});
    splice joint(c.what, {});
    joint.relayed(joined(before, events_before_end(c.what, before, {})));
    ASSERT_EQ(joint.obstacle(), "");
    for (const auto& e : c.events) joint.relayed(e);
    EXPECT_EQ(joint.obstacle(), c.word) << c.events.front();
    joint.relayed(before[3]);
    EXPECT_EQ(joint.obstacle(), c.word) << "the first word stays";
    std::string out;
    joint.write(text_delta{"x"}, out);
    EXPECT_EQ(out, "") << "never spliced";
  }
}

TEST(Splice, NamesWhatIsInTheWayFromTheBeginning) {
  const auto start_with = [](endpoint what, std::size_t events, const json& next) {
    const auto before = cloud_stream(what, {}, {});
    splice joint(what, {});
    joint.relayed(joined(before, events));
    joint.relayed(named(next));
    return std::string(joint.obstacle());
  };
  EXPECT_EQ(start_with(endpoint::messages, 1, block({{"type", "thinking"}, {"thinking", ""}})), "reasoning");
  EXPECT_EQ(start_with(endpoint::messages, 1, block({{"type", "redacted_thinking"}})), "reasoning");
  EXPECT_EQ(start_with(endpoint::messages, 1, block({{"type", "tool_use"}, {"id", "t"}})), "tool_calls");
  EXPECT_EQ(start_with(endpoint::messages, 1, block({{"type", "server_tool_use"}})), "tool_calls");
  EXPECT_EQ(start_with(endpoint::messages, 1, block({{"type", "new_thing"}})), "unknown");
  EXPECT_EQ(start_with(endpoint::responses, 2, item("reasoning")), "reasoning");
  EXPECT_EQ(start_with(endpoint::responses, 2, item("function_call")), "tool_calls");
  EXPECT_EQ(start_with(endpoint::responses, 2, item("web_search_call")), "tool_calls");
  EXPECT_EQ(start_with(endpoint::responses, 2, item("new_thing")), "unknown");
}

/// What is in the way of a stream that has this everywhere in the place of `id`.
std::string obstacle_with_id(endpoint what, const std::string& id, const std::string& replaced) {
  auto events = cloud_stream(what, {"Hello"}, {});
  std::string stream = joined(events, events_before_end(what, events, {}));
  for (std::size_t at = 0; (at = stream.find(id, at)) != std::string::npos; at += replaced.size())
    stream.replace(at, id.size(), replaced);
  splice joint(what, {});
  joint.relayed(stream);
  return std::string(joint.obstacle());
}

TEST(Splice, GoesOnOnlyWithIdsThatItCanRepeat) {
  struct place {
    endpoint what;
    std::string id, obstacle;
  };
  const place places[] = {{endpoint::chat_completions, "\"chatcmpl-cloud\"", "malformed"},
                          {endpoint::completions, "\"cmpl-cloud\"", "malformed"},
                          {endpoint::responses, "\"resp_cloud\"", "malformed"},
                          {endpoint::responses, "\"msg_cloud\"", "parts"}};
  for (const auto& p : places) {
    EXPECT_EQ(obstacle_with_id(p.what, p.id, "\"other\""), "") << p.id;
    EXPECT_EQ(obstacle_with_id(p.what, p.id, "\"\xff\""), p.obstacle) << p.id << " that is no UTF-8";
    EXPECT_EQ(obstacle_with_id(p.what, p.id, '"' + std::string(std::size_t{200} << 10, 'x') + '"'), p.obstacle)
        << p.id << " that is too long";
    EXPECT_NE(obstacle_with_id(p.what, p.id, "7"), "") << p.id << " that is no text";
  }
  EXPECT_EQ(obstacle_with_id(endpoint::responses, "\"id\":\"resp_cloud\",", ""), "malformed");
}

TEST(Splice, DoesNotGoOnInAnItemWithoutAnId) {
  splice joint(endpoint::responses, {});
  joint.relayed(named({{"type", "response.created"}, {"response", {{"id", "resp_1"}}}}));
  joint.relayed(named({{"type", "response.output_item.added"}, {"item", {{"type", "message"}}}}));
  joint.relayed(named({{"type", "response.content_part.added"}, {"part", {{"type", "output_text"}, {"text", "Hi"}}}}));
  EXPECT_EQ(joint.obstacle(), "malformed");
}

TEST(Splice, IsGivenUpForAReasonOfTheCallersOwn) {
  splice joint(endpoint::chat_completions, {});
  joint.relayed(joined(cloud_stream(endpoint::chat_completions, {"Hello"}, {}), 2));
  EXPECT_EQ(joint.obstacle(), "");
  joint.give_up("torn");
  EXPECT_EQ(joint.obstacle(), "torn");
}

TEST(Splice, KeepsMembersThatAStreamRepeatsInEveryChunk) {
  const cloud_style style{.fills = true};
  const auto s = splice_with(endpoint::chat_completions, {"Hi"}, {text_delta{" you"}, finish{}}, style);
  const auto events = events_of(s.stream);
  for (const auto& e : events) {
    if (e.data == "[DONE]") continue;
    EXPECT_EQ(e.object["system_fingerprint"], "fp_1");
    EXPECT_EQ(e.object["service_tier"], "default");
  }
  const auto r = splice_with(endpoint::responses, {"Hi"}, {text_delta{" you"}, finish{}}, style);
  const auto last = events_of(r.stream).back().object["response"];
  EXPECT_EQ(last["instructions"], "Bé brief");
  EXPECT_EQ(last["tools"][0]["name"], "f");
  EXPECT_EQ(last["output"][0]["phase"], "final_answer");
  EXPECT_EQ(last["output"][0]["content"][0]["text"], "Hi you");
}

TEST(Splice, BeginsAfterAChunkWithoutChoicesOrId) {
  splice joint(endpoint::chat_completions, {});
  std::string stream = "data: {\"id\":\"\",\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n";
  joint.relayed(stream);
  const std::string rest = joined(cloud_stream(endpoint::chat_completions, {"Hello"}, {}), 2);
  joint.relayed(rest);
  std::string out;
  joint.write(text_delta{" you"}, out);
  joint.write(finish{}, out);
  const auto r = read_stream(endpoint::chat_completions, rest + out);
  EXPECT_EQ(r.text, "Hello you");
  EXPECT_TRUE(r.trouble.empty());
}

}  // namespace
}  // namespace tideover::adapt::chat::answer
