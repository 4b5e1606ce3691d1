#include "tideover/adapt/chunked.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace tideover::adapt {
namespace {

using namespace std::string_literals;
using status = chunk_decoder::status;

struct outcome {
  status what = status::more;
  std::string payload;
  std::size_t used = 0;
  bool operator==(const outcome&) const = default;
};

/// Feeds the input in pieces of at most `step` bytes until it ends, is done or is broken.
outcome decode(std::string_view input, std::size_t step) {
  chunk_decoder decoder;
  outcome result;
  std::size_t end = 0;
  while (result.used < input.size() && result.what != status::done && result.what != status::broken) {
    if (result.used == end) end = std::min(end + step, input.size());
    auto const view = input.substr(result.used, end - result.used);
    auto const s = decoder.feed(view);
    EXPECT_LE(s.used, view.size());
    if (s.what == status::piece) {
      EXPECT_FALSE(s.payload.empty());
      EXPECT_GE(s.payload.data(), view.data());
      EXPECT_LE(s.payload.data() + s.payload.size(), view.data() + s.used);
    }
    EXPECT_TRUE(s.what != status::more || s.used == view.size());
    result.what = s.what;
    result.payload += s.payload;
    result.used += s.used;
  }
  if (result.what == status::piece) result.what = status::more;
  EXPECT_EQ(decoder.done(), result.what == status::done);
  return result;
}

struct row {
  const char* name;
  std::string input;
  status expected;
  std::string payload;
  std::size_t left_over = 0;  // bytes after the message
};

std::vector<row> rows() {
  auto const extension = [](std::size_t size) { return ";" + std::string(size - 1, 'e'); };
  std::string many_extensions;
  for (int i = 0; i < 64; ++i) many_extensions += "1" + extension(256) + "\r\nx\r\n";
  std::string const sixty_four_x(64, 'x');
  auto const trailer = [](std::size_t size) { return "0\r\nA:" + std::string(size - 2, 't') + "\r\n\r\n"; };
  return {
      {"empty body", "0\r\n\r\n", status::done, ""},
      {"one chunk", "5\r\nhello\r\n0\r\n\r\n", status::done, "hello"},
      {"two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", status::done, "hello world"},
      {"hex in both cases", "a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n", status::done, "0123456789abcdefghij"},
      {"payload that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", status::done, "\r\n0\r\n\r\n"},
      {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", status::done, "hello"},
      {"bytes after the message stay", "0\r\n\r\nHTTP/1.1 200 OK", status::done, "", 15},
      {"extension", "5;a=b\r\nhello\r\n0;z\r\n\r\n", status::done, "hello"},
      {"quoted extension", "5;a=\"x;y \\\" z\"\r\nhello\r\n0\r\n\r\n", status::done, "hello"},
      {"white space before an extension", "5 \t;a\r\nhello\r\n0\r\n\r\n", status::done, "hello"},
      {"padded size", "5   \r\nhello\r\n0\r\n\r\n", status::done, "hello"},
      {"longest extension", "1" + extension(256) + "\r\nx\r\n0\r\n\r\n", status::done, "x"},
      {"extension too long", "1" + extension(257) + "\r\nx\r\n0\r\n\r\n", status::broken, ""},
      {"most extensions", many_extensions + "0\r\n\r\n", status::done, sixty_four_x},
      {"extensions too many", many_extensions + "0;\r\n\r\n", status::broken, sixty_four_x},
      {"trailers are dropped", "5\r\nhello\r\n0\r\nContent-Length: 3\r\nX: y\r\n\r\n", status::done, "hello"},
      {"longest trailers", trailer(8192), status::done, ""},
      {"trailers too long", trailer(8193), status::broken, ""},
      {"sixteen digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", status::done, "hello"},
      {"seventeen digits", "00000000000000005\r\nhello\r\n0\r\n\r\n", status::broken, ""},
      {"size overflow", "10000000000000000\r\n", status::broken, ""},
      {"largest size", "ffffffffffffffff\r\nhello", status::more, "hello"},
      {"not hexadecimal", "ZZ\r\n", status::broken, ""},
      {"0x", "0x5\r\nhello\r\n", status::broken, ""},
      {"sign", "+5\r\nhello\r\n", status::broken, ""},
      {"negative", "-5\r\nhello\r\n", status::broken, ""},
      {"empty size", "\r\n", status::broken, ""},
      {"extension without a size", ";a\r\n", status::broken, ""},
      {"white space before the size", " 5\r\nhello\r\n", status::broken, ""},
      {"two sizes", "5 5\r\nhello\r\n", status::broken, ""},
      {"bare LF after the size", "5\nhello\r\n", status::broken, ""},
      {"bare CR after the size", "5\rhello\r\n", status::broken, ""},
      {"bare LF in an extension", "5;a\nhello\r\n", status::broken, ""},
      {"bare CR in an extension", "5;a\rb\r\nhello\r\n", status::broken, ""},
      {"NUL in an extension", "5;a\0\r\nhello\r\n"s, status::broken, ""},
      {"missing CRLF after the payload", "5\r\nhello0\r\n\r\n", status::broken, "hello"},
      {"bare LF after the payload", "5\r\nhello\n0\r\n\r\n", status::broken, "hello"},
      {"payload longer than its size", "4\r\nhello\r\n0\r\n\r\n", status::broken, "hell"},
      {"bare LF ends the last chunk", "0\n\n", status::broken, ""},
      {"bare LF ends the trailers", "0\r\n\n", status::broken, ""},
      {"bare LF in a trailer", "0\r\nA: b\n\r\n", status::broken, ""},
      {"bare CR in a trailer", "0\r\nA: b\rc\r\n\r\n", status::broken, ""},
      {"trailer without a colon", "0\r\nGET / HTTP/1.1\r\n\r\n", status::broken, ""},
      {"trailer without a name", "0\r\n: b\r\n\r\n", status::broken, ""},
      {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", status::broken, ""},
      {"CR without LF at the end", "0\r\n\rX", status::broken, ""},
      {"cut in the payload", "5\r\nhel", status::more, "hel"},
      {"cut before the last chunk", "5\r\nhello\r\n", status::more, "hello"},
      {"cut before the last line", "0\r\n", status::more, ""},
      {"cut in the last line", "0\r\n\r", status::more, ""},
  };
}

TEST(ChunkDecoder, FollowsTheGrammarHoweverTheBytesArrive) {
  for (const auto& r : rows()) {
    for (std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, r.input.size()}) {
      auto const result = decode(r.input, step);
      EXPECT_EQ(result.what, r.expected) << r.name << ", in steps of " << step;
      EXPECT_EQ(result.payload, r.payload) << r.name << ", in steps of " << step;
      EXPECT_TRUE(r.expected != status::done || result.used == r.input.size() - r.left_over) << r.name;
    }
  }
}

TEST(ChunkDecoder, RandomBodiesSurviveRandomSplits) {
  std::mt19937 random(20240611);
  for (int round = 0; round < 300; ++round) {
    std::string body;
    std::string wire;
    for (auto chunks = random() % 6; chunks > 0; --chunks) {
      std::string const piece(1 + random() % 300, static_cast<char>(random()));
      char line[18];
      wire.append(line, write_chunk_size(line, piece.size())).append(piece).append("\r\n");
      body += piece;
    }
    wire += "0\r\n\r\n";
    chunk_decoder decoder;
    std::string decoded;
    std::string_view rest = wire;
    status what = status::more;
    while (!rest.empty()) {
      auto view = rest.substr(0, 1 + random() % 64);
      rest.remove_prefix(view.size());
      while (!view.empty()) {
        auto const s = decoder.feed(view);
        decoded += s.payload;
        view.remove_prefix(s.used);
        what = s.what;
        ASSERT_NE(what, status::broken);
      }
    }
    EXPECT_EQ(what, status::done);
    EXPECT_EQ(decoded, body);
  }
}

TEST(ChunkDecoder, OnceDoneOrBrokenItTakesNothingMore) {
  chunk_decoder good;
  EXPECT_EQ(good.feed("0\r\n\r\nX").what, status::done);
  EXPECT_TRUE(good.done());
  EXPECT_EQ(good.feed("5\r\nhello").what, status::done);
  EXPECT_EQ(good.feed("5\r\nhello").used, 0u);
  chunk_decoder bad;
  EXPECT_EQ(bad.feed("Z").what, status::broken);
  EXPECT_EQ(bad.feed("0\r\n\r\n").what, status::broken);
  EXPECT_FALSE(bad.done());
}

TEST(ChunkDecoder, HandsOutThePayloadOfOneChunkWholeWhenItIsThere) {
  std::string const payload(100000, 'p');
  auto const wire = "186a0\r\n" + payload + "\r\n";
  chunk_decoder decoder;
  auto const s = decoder.feed(wire);
  EXPECT_EQ(s.what, status::piece);
  EXPECT_EQ(s.payload.size(), payload.size());
  EXPECT_EQ(s.payload.data(), wire.data() + 7);
}

TEST(ChunkSize, IsWrittenInHexWithoutLeadingZeros) {
  auto const written = [](std::size_t size) {
    char out[18];
    return std::string(out, write_chunk_size(out, size));
  };
  EXPECT_EQ(written(0), "0\r\n");
  EXPECT_EQ(written(1), "1\r\n");
  EXPECT_EQ(written(15), "f\r\n");
  EXPECT_EQ(written(16), "10\r\n");
  EXPECT_EQ(written(500), "1f4\r\n");
  EXPECT_EQ(written(SIZE_MAX), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace tideover::adapt
