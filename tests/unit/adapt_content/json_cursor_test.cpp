#include "tideover/adapt/json_cursor.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tideover::adapt {
namespace {

bool is_valid(std::string_view text, unsigned max_depth = 128) {
  json_cursor c(text, max_depth);
  return c.skip() && c.finish();
}

/// The same text walked value by value, so that both ways through the grammar are held against each other.
bool walks(json_cursor& c) {
  struct level {
    bool object;
  };
  std::vector<level> open;
  for (;;) {
    switch (c.peek()) {
      case json_kind::object:
        if (!c.enter_object()) return false;
        open.push_back({true});
        break;
      case json_kind::array:
        if (!c.enter_array()) return false;
        open.push_back({false});
        break;
      case json_kind::string: {
        std::string_view raw;
        if (!c.read_string(raw)) return false;
        break;
      }
      case json_kind::number: {
        std::string_view raw;
        if (!c.read_number(raw)) return false;
        break;
      }
      case json_kind::boolean: {
        bool value;
        if (!c.read_bool(value)) return false;
        break;
      }
      case json_kind::null:
        if (!c.read_null()) return false;
        break;
      case json_kind::invalid: return false;
    }
    for (;;) {
      if (open.empty()) return c.finish();
      std::string_view key;
      if (open.back().object ? c.next_member(key) : c.next_element()) break;
      if (!c.ok()) return false;
      open.pop_back();
    }
  }
}

bool walks(std::string_view text) {
  json_cursor c(text);
  return walks(c);
}

const std::vector<std::string>& valid_texts() {
  static const std::vector<std::string> texts = {
      "{}",
      "[]",
      " \t\r\n{ \"a\" : [ 1 , { } , [ ] , null ] , \"b\" : true } \n",
      "null",
      "true",
      "false",
      "\"\"",
      "0",
      "-0",
      "-0.0e-0",
      "10",
      "1.5",
      "1e5",
      "1E+5",
      "1e-5",
      "123456789012345678901234567890",
      "1.7976931348623157e99999",
      R"("\"\\\/\b\f\n\r\t\u0041")",
      R"("\ud83d\ude00")",
      R"("\ud800")",  // a lone surrogate is within the grammar
      R"("\u0000")",
      "\"\x7f\"",
      "\"\xc3\xa9\xf0\x9f\x98\x80\"",
      "\"\xff\xfe\"",  // bytes beyond ASCII pass: not this layer's business
      R"({"":""})",
      R"({"a":1,"a":2})",
      "[[[[[[]]]]],{\"x\":{\"y\":[{}]}}]",
      "[0,-1,2.5e3,\"x\",{},[],true,false,null]",
  };
  return texts;
}

TEST(JsonCursor, AcceptsWhatTheGrammarAllows) {
  for (const auto& text : valid_texts()) {
    EXPECT_TRUE(is_valid(text)) << text;
    EXPECT_TRUE(walks(text)) << text;
  }
}

TEST(JsonCursor, RefusesWhatTheGrammarForbids) {
  const std::vector<std::string> texts = {
      "",
      " ",
      "{",
      "}",
      "[",
      "]",
      "{]",
      "[}",
      "[1}",
      "{\"a\":1]",
      "[1,]",
      "[,1]",
      "[,]",
      "[1 2]",
      "[1,,2]",
      "{,}",
      "{\"a\":1,}",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\",1}",
      "{\"a\" 1}",
      "{a:1}",
      "{'a':1}",
      "{1:1}",
      "{\"a\":1 \"b\":2}",
      "{\"a\":1,,\"b\":2}",
      "{\"a\":1}}",
      "[]]",
      "{} {}",
      "1 2",
      "nul",
      "nulll",
      "True",
      "tru",
      "NaN",
      "Infinity",
      "-Infinity",
      "-",
      "+1",
      "01",
      "-01",
      "1.",
      ".5",
      "1.e5",
      "1e",
      "1e+",
      "0x10",
      "1a",
      "\"",
      "\"abc",
      "\"\\",
      "\"\\\"",
      R"("\x41")",
      R"("\a")",
      R"("\u")",
      R"("\u12")",
      R"("\u12g4")",
      R"("\u123)",
      "\"a\nb\"",
      "\"a\tb\"",
      std::string("\"a\0b\"", 5),
      "\"\x1f\"",
      "\xEF\xBB\xBF{}",
      "// c\n{}",
      "{}/**/",
      "\v{}",
      std::string("{}\0", 3),
  };
  for (const auto& text : texts) {
    EXPECT_FALSE(is_valid(text)) << text;
    EXPECT_FALSE(walks(text)) << text;
  }
}

TEST(JsonCursor, EveryProperPrefixOfAnObjectIsRefused) {
  const std::string text =
      R"({"model":"gpt","messages":[{"role":"user","content":"a long text of more than sixteen bytes \u00e9\n"}],"n":-1.5e3,"x":[true,false,null,{}]})";
  ASSERT_TRUE(is_valid(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    // A copy of exact size lets the address sanitizer see a read past the end.
    const std::vector<char> prefix(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string_view view(prefix.data(), prefix.size());
    EXPECT_FALSE(is_valid(view)) << view;
    EXPECT_FALSE(walks(view)) << view;
  }
}

TEST(JsonCursor, StringsEndAtTheRightByteWhateverTheirLengthAndPosition) {
  for (std::size_t lead = 0; lead < 20; ++lead) {
    for (std::size_t size = 0; size < 70; ++size) {
      const std::string content(size, 'x');
      std::string text(lead, ' ');
      text += '"' + content + '"';
      const std::vector<char> exact(text.begin(), text.end());
      json_cursor c(std::string_view(exact.data(), exact.size()));
      std::string_view raw;
      ASSERT_TRUE(c.read_string(raw));
      EXPECT_EQ(raw, content);
      EXPECT_TRUE(c.finish());
      for (std::size_t at = 0; at < size; ++at) {
        auto broken = exact;
        broken[lead + 1 + at] = '\x1f';
        json_cursor b(std::string_view(broken.data(), broken.size()));
        ASSERT_FALSE(b.read_string(raw)) << lead << ' ' << size << ' ' << at;
      }
    }
  }
}

TEST(JsonCursor, InALongStringEveryByteIsLookedAtWhereverTheBlocksFall) {
  const auto read = [](const std::string& text) {
    const std::vector<char> exact(text.begin(), text.end());
    json_cursor c(std::string_view(exact.data(), exact.size()));
    std::string_view raw;
    const bool whole = c.enter_array() && c.next_element() && c.read_string(raw) && !c.next_element() && c.finish();
    return whole ? std::string(raw) : "broken";
  };
  for (const std::size_t size : {63U, 64U, 65U, 127U, 128U, 129U, 191U, 192U, 255U, 256U, 257U, 400U, 513U}) {
    for (const std::string& tail : {std::string("]"), "                    ]" + std::string(150, ' ')}) {
      for (std::size_t at = 0; at + 12 < size; ++at) {
        const auto with = [&](std::string_view piece) {
          std::string content(size, '\xe9');
          content.replace(at, piece.size(), piece);
          return content;
        };
        const auto text = [&](const std::string& content) { return "[\"" + content + '"' + tail; };
        for (const std::string_view escape : {R"(\")", R"(\\)", R"(\\\")", R"(\u005c)", R"(\n\n\n\n\n\n)"})
          ASSERT_EQ(read(text(with(escape))), with(escape)) << size << ' ' << at;
        for (const std::string_view wrong : {"\n", "\x1f", "\"", R"(\x)", R"(\u005)", "\\\n"})
          ASSERT_EQ(read(text(with(wrong))), "broken") << size << ' ' << at;
        for (const std::string_view plain : {" ", "!", "#", "[", "]", "^", "\x7f", "~"})
          ASSERT_EQ(read(text(with(plain))), with(plain)) << size << ' ' << at;
      }
    }
  }
}

TEST(JsonCursor, KeysAreReadTheSameWhateverTheirLengthAndHoweverNearTheEnd) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (const std::string& colon : {std::string(":"), std::string(" :")}) {
      for (std::size_t behind = 0; behind < 40; ++behind) {
        const std::string key(size, 'k');
        const std::string text =
            "{\"" + key + '"' + colon + "1,\"" + key + '"' + colon + "1}" + std::string(behind, ' ');
        const std::vector<char> exact(text.begin(), text.end());
        json_cursor c(std::string_view(exact.data(), exact.size()));
        std::string_view first;
        std::string_view second;
        ASSERT_TRUE(c.enter_object() && c.next_member(first) && c.skip() && c.next_member(second) && c.skip()) << text;
        EXPECT_EQ(first, key);
        EXPECT_EQ(second, key);
        EXPECT_FALSE(c.escaped());
        EXPECT_TRUE(!c.next_member(first) && c.finish()) << text;
      }
    }
    const std::string cut = "{\"" + std::string(size, 'k') + '"';
    const std::vector<char> exact(cut.begin(), cut.end());
    json_cursor c(std::string_view(exact.data(), exact.size()));
    std::string_view key;
    EXPECT_TRUE(c.enter_object() && !c.next_member(key) && !c.ok()) << cut;
  }
}

TEST(JsonCursor, TellsWhetherTheLastTextHadAnEscape) {
  json_cursor c(R"({"\u0061":"b","c":"a rather long text with one escape, \n, in it","d":"e"})");
  std::string_view raw;
  ASSERT_TRUE(c.enter_object() && c.next_member(raw));
  EXPECT_TRUE(c.escaped());
  ASSERT_TRUE(c.read_string(raw));
  EXPECT_FALSE(c.escaped());
  ASSERT_TRUE(c.next_member(raw) && !c.escaped() && c.read_string(raw));
  EXPECT_TRUE(c.escaped());
  ASSERT_TRUE(c.next_member(raw) && !c.escaped() && c.skip() && !c.next_member(raw));
  EXPECT_TRUE(c.finish());
}

TEST(JsonCursor, EnteringIfPossibleLeavesOtherValuesAlone) {
  json_cursor c(" [ {} ]", 1);
  EXPECT_FALSE(c.enter_if_object());
  ASSERT_TRUE(c.ok() && c.enter_if_array() && c.next_element());
  EXPECT_FALSE(c.enter_if_array());
  EXPECT_TRUE(c.ok());
  EXPECT_FALSE(c.enter_if_object());  // too deep, which is an error
  EXPECT_FALSE(c.ok());
}

TEST(JsonCursor, GoesOnBehindAKeyThatWasReadBefore) {
  const std::string_view text = R"({"a":[1],"b":{"c":2},"d":3})";
  json_cursor before(text);
  std::string_view key;
  ASSERT_TRUE(before.enter_object() && before.next_member(key) && before.skip() && before.next_member(key));
  json_cursor c(text);
  c.go_on_in_object(before.offset());
  std::string_view raw;
  ASSERT_TRUE(c.skip(raw));
  EXPECT_EQ(raw, R"({"c":2})");
  ASSERT_TRUE(c.next_member(key) && c.skip(raw));
  EXPECT_EQ(key, "d");
  EXPECT_TRUE(!c.next_member(key) && c.finish());
}

TEST(JsonCursor, DepthIsAllowedUpToTheLimitAndRefusedOneBeyond) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  const auto objects = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "{\"a\":";
    return text + "1" + std::string(depth, '}');
  };
  for (const unsigned limit : {1U, 2U, 63U, 64U, 65U, 127U, 128U, 129U, 1000U, json_depth_limit}) {
    EXPECT_TRUE(is_valid(nested(limit), limit)) << limit;
    EXPECT_FALSE(is_valid(nested(limit + 1), limit)) << limit;
    EXPECT_TRUE(is_valid(objects(limit), limit)) << limit;
    EXPECT_FALSE(is_valid(objects(limit + 1), limit)) << limit;
  }
  EXPECT_FALSE(is_valid(nested(json_depth_limit + 1), 1'000'000));  // the limit of limits
  EXPECT_FALSE(is_valid("[]", 0));
  EXPECT_TRUE(is_valid("1", 0));
}

TEST(JsonCursor, DepthCountsFromTheOutermostValueNotFromWhereSkippingBegan) {
  json_cursor c("[[[]]]", 2);
  ASSERT_TRUE(c.enter_array());
  ASSERT_TRUE(c.next_element());
  EXPECT_FALSE(c.skip());
}

TEST(JsonCursor, KindsOfContainersAreRememberedAcrossWordsOfTheBitStack) {
  // Alternating kinds over more than 128 levels, entered by hand at several depths before the rest is skipped.
  for (const std::size_t by_hand : {0U, 1U, 62U, 63U, 64U, 65U, 130U}) {
    std::string text;
    std::string tail;
    for (std::size_t i = 0; i < 200; ++i) {
      text += i % 3 == 0 ? "{\"k\":" : "[";
      tail.insert(0, i % 3 == 0 ? "}" : "]");
    }
    const std::string whole = text + "1" + tail;
    json_cursor d(whole, 300);
    std::string_view key;
    for (std::size_t i = 0; i < by_hand; ++i)
      ASSERT_TRUE(i % 3 == 0 ? d.enter_object() && d.next_member(key) : d.enter_array() && d.next_element());
    ASSERT_TRUE(d.skip()) << by_hand;
    for (std::size_t i = by_hand; i-- > 0;) ASSERT_FALSE(i % 3 == 0 ? d.next_member(key) : d.next_element());
    EXPECT_TRUE(d.finish()) << by_hand;

    std::string wrong = whole;
    wrong[wrong.size() - 70] = wrong[wrong.size() - 70] == ']' ? '}' : ']';
    EXPECT_FALSE(is_valid(wrong, 300));
  }
}

TEST(JsonCursor, AMillionOpenBracketsAreRefusedAtTheLimit) {
  EXPECT_FALSE(is_valid(std::string(1'000'000, '[')));
  EXPECT_FALSE(is_valid(std::string(1'000'000, '['), json_depth_limit));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(is_valid(objects));
}

TEST(JsonCursor, SkipHandsOutTheTextOfAValue) {
  json_cursor c(R"( {"a": {"x":[1, 2]} , "b":"q\"", "c":-1.5} )");
  ASSERT_TRUE(c.enter_object());
  std::vector<std::string> seen;
  std::string_view key;
  std::string_view raw;
  while (c.next_member(key)) {
    ASSERT_TRUE(c.skip(raw));
    seen.emplace_back(raw);
  }
  EXPECT_TRUE(c.finish());
  EXPECT_EQ(seen, (std::vector<std::string>{R"({"x":[1, 2]})", R"("q\"")", "-1.5"}));
}

TEST(JsonCursor, AfterTheFirstErrorEveryCallFails) {
  json_cursor c("[1,]");
  ASSERT_TRUE(c.enter_array());
  ASSERT_TRUE(c.next_element());
  ASSERT_TRUE(c.skip());
  EXPECT_FALSE(c.next_element());
  std::string_view raw;
  bool value;
  EXPECT_FALSE(c.ok());
  EXPECT_EQ(c.peek(), json_kind::invalid);
  EXPECT_FALSE(c.enter_object() || c.enter_array() || c.next_member(raw) || c.next_element() || c.read_string(raw) ||
               c.read_number(raw) || c.read_bool(value) || c.read_null() || c.skip() || c.skip(raw) || c.finish());
}

TEST(JsonCursor, AValueOfAnotherKindIsAnError) {
  std::string_view raw;
  bool value;
  EXPECT_FALSE(json_cursor("1").read_string(raw));
  EXPECT_FALSE(json_cursor("\"a\"").read_number(raw));
  EXPECT_FALSE(json_cursor("null").read_bool(value));
  EXPECT_FALSE(json_cursor("true").read_null());
  EXPECT_FALSE(json_cursor("[]").enter_object());
  EXPECT_FALSE(json_cursor("{}").enter_array());
  json_cursor unfinished("{}");
  ASSERT_TRUE(unfinished.enter_object());
  EXPECT_FALSE(unfinished.finish());
  json_cursor cut("[");
  ASSERT_TRUE(cut.enter_array());
  EXPECT_FALSE(cut.finish());
}

TEST(JsonText, IsComparedDecoded) {
  EXPECT_TRUE(json_text_is("model", "model"));
  EXPECT_TRUE(json_text_is(R"(mod\u0065l)", "model"));
  EXPECT_TRUE(json_text_is(R"(\u006D\u006f\u0064\u0065\u006C)", "model"));
  EXPECT_TRUE(json_text_is(R"(a\/b\n)", "a/b\n"));
  EXPECT_TRUE(json_text_is(R"(\ud83d\ude00)", "\xf0\x9f\x98\x80"));
  EXPECT_TRUE(json_text_is("", ""));
  EXPECT_FALSE(json_text_is("model", "mode"));
  EXPECT_FALSE(json_text_is("mode", "model"));
  EXPECT_FALSE(json_text_is(R"(mod\u0065)", "model"));
  EXPECT_FALSE(json_text_is(R"(mod\u0065ls)", "model"));
  EXPECT_FALSE(json_text_is(R"(\u00e9)", "e"));
}

TEST(JsonText, DecodesEscapesAndReplacesLoneSurrogates) {
  EXPECT_EQ(json_decode("plain"), "plain");
  EXPECT_EQ(json_decode(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(json_decode(R"(a\u0041\u00e9\u20ac)"), "aA\xc3\xa9\xe2\x82\xac");
  EXPECT_EQ(json_decode(R"(\u007f\u0080\u07ff\u0800\uffff)"), "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  EXPECT_EQ(json_decode(R"(\ud83d\ude00!)"), "\xf0\x9f\x98\x80!");
  EXPECT_EQ(json_decode(R"(\uD800\uDC00\uDBFF\uDFFF)"), "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(json_decode(R"(\ud83d)"), replacement);
  EXPECT_EQ(json_decode(R"(\ud83dx)"), replacement + "x");
  EXPECT_EQ(json_decode(R"(\ud83d\n)"), replacement + "\n");
  EXPECT_EQ(json_decode(R"(\ud83d\u0041)"), replacement + "A");
  EXPECT_EQ(json_decode(R"(\ud83d\ud83d\ude00)"), replacement + "\xf0\x9f\x98\x80");
  EXPECT_EQ(json_decode(R"(\ude00)"), replacement);
  EXPECT_EQ(json_decode(R"(\ude00\ude00)"), replacement + replacement);
  EXPECT_EQ(json_decode(R"(\u0000)"), std::string(1, '\0'));
}

TEST(JsonText, UncheckedTextIsDecodedWithoutReadingPastItsEnd) {
  for (const std::string_view text : {"\\", "a\\", "\\u", "\\u1", "\\u123", "\\ud83d\\", "\\ud83d\\u", "\\q"}) {
    const std::vector<char> exact(text.begin(), text.end());
    EXPECT_FALSE(json_decode({exact.data(), exact.size()}).empty()) << text;
    EXPECT_FALSE(json_text_is({exact.data(), exact.size()}, "zz")) << text;
  }
}

}  // namespace
}  // namespace tideover::adapt
