#include "tideover/adapt/sse.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace tideover::adapt {
namespace {

struct read_event {
  std::string name;
  std::string data;
  bool has_data = false;
  bool only_comments = false;
  bool operator==(const read_event&) const = default;
};

std::ostream& operator<<(std::ostream& out, const read_event& e) {
  return out << '{' << e.name << '|' << e.data << '|' << e.has_data << e.only_comments << '}';
}

std::vector<read_event> read_all(std::string_view bytes) {
  std::vector<read_event> events;
  sse_reader reader(bytes);
  sse_event e;
  while (reader.next(e)) events.push_back({std::string(e.name), std::string(e.data), e.has_data, e.only_comments});
  return events;
}

/// Feeds the pieces as a relay would, and returns the whole events taken at each step.
std::vector<std::string> relay(const std::vector<std::string>& pieces) {
  std::vector<std::string> taken;
  sse_boundary boundary;
  std::string buffer;
  for (const auto& piece : pieces) {
    buffer += piece;
    const std::size_t whole = boundary.complete(buffer);
    EXPECT_LE(whole, buffer.size());
    if (whole == 0) continue;
    taken.push_back(buffer.substr(0, whole));
    buffer.erase(0, whole);
    boundary.consumed(whole);
  }
  return taken;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string all;
  for (const auto& p : pieces) all += p;
  return all;
}

struct vector_case {
  const char* what;
  std::string bytes;
  std::vector<read_event> events;
};

const std::vector<vector_case>& corpus() {
  static const std::vector<vector_case> cases = {
      {"LF", "data: a\n\ndata: b\n\n", {{"", "a", true}, {"", "b", true}}},
      {"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", {{"", "a", true}, {"", "b", true}}},
      {"CR", "data: a\r\rdata: b\r\r", {{"", "a", true}, {"", "b", true}}},
      {"a mixture of line ends",
       "data: a\n\r\ndata: b\r\ndata: c\r\r\ndata: d\n\n",
       {{"", "a", true}, {"", "b\nc", true}, {"", "d", true}}},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "data: a\n\n",
       {{"", "a", true}}},
      {"byte order mark after blank lines",
       "\r\n\r\n\xEF\xBB\xBF"
       "data: a\r\n\r\n",
       {{"", "a", true}}},
      {"byte order mark on a line of its own", "\xEF\xBB\xBF\ndata: a\n\n", {{"", "a", true}}},
      {"comments",
       ": ping\n\n:\n\ndata: a\n: inside\n\n",
       {{"", "", false, true}, {"", "", false, true}, {"", "a", true}}},
      {"event name", "event: message_start\ndata: {}\n\n", {{"message_start", "{}", true}}},
      {"name after data", "data: {}\nevent: x\n\n", {{"x", "{}", true}}},
      {"last name wins", "event: x\nevent: y\ndata: 1\n\n", {{"y", "1", true}}},
      {"name without data", "event: x\n\n", {{"x", "", false}}},
      {"several data lines", "data: a\ndata:\ndata:  b\n\n", {{"", "a\n\n b", true}}},
      {"no space after the colon", "data:a\nevent:e\n\n", {{"e", "a", true}}},
      {"one space is taken, not two", "data:  a \n\n", {{"", " a ", true}}},
      {"a colon in the value", "data: {\"a\":1}\n\n", {{"", "{\"a\":1}", true}}},
      {"field without colon", "data\n\ndata\ndata\n\n", {{"", "", true}, {"", "\n", true}}},
      {"other fields", "id: 7\nretry: 100\nfoo: bar\nfoobar\n data: x\n\n", {{"", "", false}}},
      {"blank lines between", "\n\n\ndata: a\n\n\n\ndata: b\n\n", {{"", "a", true}, {"", "b", true}}},
      {"long data", "data: " + std::string(100, 'x') + "\n\n", {{"", std::string(100, 'x'), true}}},
      {"UTF-8 and NUL",
       std::string("data: \xf0\x9f\x98\x80\0\n\n", 13),
       {{"", std::string("\xf0\x9f\x98\x80\0", 5), true}}},
      {"done", "data: {\"a\":\"b\\n\"}\n\ndata: [DONE]\n\n", {{"", "{\"a\":\"b\\n\"}", true}, {"", "[DONE]", true}}},
  };
  return cases;
}

TEST(SseReader, TakesEventsApart) {
  for (const auto& c : corpus()) EXPECT_EQ(read_all(c.bytes), c.events) << c.what;
}

TEST(SseReader, LinesOfAnyLengthEndAtTheirLineEndAndAtNothingElse) {
  for (std::size_t size = 0; size < 200; ++size) {
    for (const std::string& line_end : {std::string("\n"), std::string("\r"), std::string("\r\n")}) {
      std::string line(size, 'x');
      if (size > 3) line[size / 2] = '\t';  // a control character that ends no line
      if (size > 3) line[size / 3] = '\v';
      const std::string text = "data:" + line + line_end + line_end;
      const std::vector<char> exact(text.begin(), text.end());
      sse_reader reader(std::string_view(exact.data(), exact.size()));
      sse_event event;
      ASSERT_TRUE(reader.next(event)) << size;
      EXPECT_EQ(event.data, line);
      EXPECT_FALSE(reader.next(event));
    }
  }
}

TEST(SseReader, AnEventWithoutItsBlankLineIsDropped) {
  for (const char* bytes : {"data: a", "data: a\n", "data: a\r\n", "event: x\ndata: a\n", ""})
    EXPECT_TRUE(read_all(bytes).empty()) << bytes;
  EXPECT_EQ(read_all("data: a\n\ndata: b\n").size(), 1U);
}

TEST(SseReader, NothingIsLeftOverFromTheEventBefore) {
  sse_reader reader("event: x\ndata: a\ndata: b\n\n: c\n\ndata: d\n\n");
  sse_event e;
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(e.data, "a\nb");
  ASSERT_TRUE(reader.next(e));
  EXPECT_TRUE(e.only_comments && !e.has_data && e.name.empty());
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(e.data, "d");
  EXPECT_EQ(e.name, "");
  EXPECT_FALSE(reader.next(e));
  EXPECT_FALSE(reader.next(e));
}

TEST(SseBoundary, FindsTheEndOfTheLastWholeEvent) {
  const std::vector<std::pair<std::string, std::size_t>> cases = {
      {"", 0},
      {"data: a", 0},
      {"data: a\n", 0},
      {"data: a\n\n", 9},
      {"data: a\n\nd", 9},
      {"data: a\n\ndata: b\n\n: c", 18},
      {"data: a\r\n", 0},
      {"data: a\r\n\r", 0},  // this stream ends its lines with CRLF: the LF is on its way
      {"data: a\r\n\r\n", 11},
      {"data: a\r", 0},
      {"data: a\r\r", 9},
      {"data: a\n\r", 9},
      {"data: a\r\n\n", 10},
      {"data: a\r\n\rd", 10},
      {"\n", 1},
      {"\r\n", 2},
      {": c\n\n", 5},
  };
  for (const auto& [bytes, expected] : cases) {
    sse_boundary boundary;
    EXPECT_EQ(boundary.complete(bytes), expected) << bytes;
    EXPECT_EQ(boundary.complete(bytes), expected) << "asked again: " << bytes;
  }
}

TEST(SseBoundary, ALastCarriageReturnCompletesTheEventOfAStreamThatUsesThemAlone) {
  EXPECT_EQ(relay({"data: [DONE]\r", "\r"}), std::vector<std::string>{"data: [DONE]\r\r"});
}

TEST(SseBoundary, ALineFeedThatComesLateBelongsToItsCarriageReturn) {
  // The stream's habit was not known yet: the event goes out at the CR, its LF follows as a piece of its own.
  EXPECT_EQ(relay({"data: a\n\r", "\ndata: b\n\n"}), (std::vector<std::string>{"data: a\n\r", "\ndata: b\n\n"}));
  EXPECT_EQ(relay({"data: a\n\r", "\n", "data: b\n\n"}),
            (std::vector<std::string>{"data: a\n\r", "\n", "data: b\n\n"}));
}

TEST(SseBoundary, EverySplitInTwoGivesTheSameEvents) {
  for (const auto& c : corpus()) {
    for (std::size_t at = 0; at <= c.bytes.size(); ++at) {
      const auto taken = relay({c.bytes.substr(0, at), c.bytes.substr(at)});
      std::vector<read_event> events;
      for (const auto& t : taken)
        for (auto& e : read_all(t)) events.push_back(std::move(e));
      EXPECT_EQ(events, c.events) << c.what << " split at " << at;
      EXPECT_EQ(joined(taken), c.bytes) << c.what << " split at " << at;
    }
  }
}

TEST(SseBoundary, ByteByByteTheBoundariesAreThoseOfTheWhole) {
  // For streams that keep to one line end: pieces are exactly the events.
  for (const std::string line_end : {"\n", "\r\n", "\r"}) {
    std::vector<std::string> events;
    for (const char* fields : {"data: a", "event: x|data: {}", ": c", "data: a|data: b"}) {
      std::string event;
      for (const char* p = fields; *p != '\0'; ++p) event += *p == '|' ? line_end : std::string(1, *p);
      events.push_back(event + line_end + line_end);
    }
    std::vector<std::string> bytes;
    for (const char b : joined(events)) bytes.emplace_back(1, b);
    EXPECT_EQ(relay(bytes), events);
  }
}

TEST(SseBoundary, RandomBytesInRandomPiecesLoseNothingAndReadTheSame) {
  std::mt19937 random(20240613);
  const std::string alphabet = "\n\r: dx\n\r";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (std::size_t i = random() % 60; i > 0; --i) {
      if (random() % 4 == 0) bytes += "data:";
      bytes += alphabet[random() % alphabet.size()];
    }
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + random() % 7;
      pieces.push_back(bytes.substr(at, size));
      at += size;
    }
    const auto taken = relay(pieces);
    const std::string all = joined(taken);
    ASSERT_EQ(all, bytes.substr(0, all.size()));
    std::vector<read_event> events;
    for (const auto& t : taken)
      for (auto& e : read_all(t)) events.push_back(std::move(e));
    // Compared with one reading of everything; a last CR that waits for its LF may hold one event back.
    const auto whole = read_all(bytes);
    ASSERT_LE(events.size(), whole.size());
    ASSERT_GE(events.size() + 1, whole.size());
    for (std::size_t i = 0; i < events.size(); ++i) ASSERT_EQ(events[i], whole[i]) << ::testing::PrintToString(bytes);
    if (events.size() < whole.size()) {
      ASSERT_TRUE(bytes.ends_with('\r'));
    }
  }
}

TEST(SseBoundary, WhatWasNotTakenIsStillComplete) {
  sse_boundary boundary;
  std::string buffer = "data: a\n\ndata: b\n\nda";
  ASSERT_EQ(boundary.complete(buffer), 18U);
  buffer.erase(0, 9);
  boundary.consumed(9);
  EXPECT_EQ(boundary.complete(buffer), 9U);
  buffer.erase(0, 9);
  boundary.consumed(9);
  EXPECT_EQ(boundary.complete(buffer), 0U);
}

TEST(SseBoundary, TheHabitOfTheStreamIsThatOfItsLastLine) {
  EXPECT_EQ(relay({"data: a\r\ndata: b\n\r"}), std::vector<std::string>{"data: a\r\ndata: b\n\r"});
  EXPECT_EQ(relay({"data: a\r\ndata: b\r\r"}), std::vector<std::string>{"data: a\r\ndata: b\r\r"});
  EXPECT_TRUE(relay({"data: a\ndata: b\r\n\r"}).empty());
}

TEST(SseBoundary, AnEventTooLongToWaitForMayBeTakenInPieces) {
  sse_boundary boundary;
  std::string buffer = "data: " + std::string(1000, 'x');
  EXPECT_EQ(boundary.complete(buffer), 0U);
  boundary.consumed(buffer.size());
  buffer = "xxx\n";
  EXPECT_EQ(boundary.complete(buffer), 0U);  // still inside the line, not at the start of one
  boundary.consumed(2);
  buffer = "x\n\ndata: y\n\n";
  EXPECT_EQ(boundary.complete(buffer), buffer.size());
}

}  // namespace
}  // namespace tideover::adapt
