#include "tideover/net/http_head.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <utility>
#include <vector>

namespace tideover::net {
namespace {

using namespace std::string_literals;

struct head_case {
  const char* name;
  std::string bytes;
  head_status expected;
};

std::string with_fields(const std::string& start_line, std::size_t count) {
  std::string text = start_line;
  for (std::size_t i = 0; i < count; ++i) text += "X-Field-" + std::to_string(i) + ": v\r\n";
  return text + "\r\n";
}

TEST(FindHeadEnd, OnlyAnEmptyLineEndsAHead) {
  EXPECT_EQ(find_head_end("", 0), 0u);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\n", 0), 0u);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\nHost: a\r\n\r", 0), 0u);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0), 27u);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n", 0), 27u);
  EXPECT_EQ(find_head_end("a\r\r\rb\r\n\rc", 0), 0u);
}

TEST(FindHeadEnd, ABareLineFeedEndsAHeadTooSoThatItIsRefusedAndNotWaitedFor) {
  for (const auto& bytes : {"GET / HTTP/1.1\nHost: a\n\n"s, "GET / HTTP/1.1\r\nHost: a\n\r\n"s,
                            "GET / HTTP/1.1\r\nHost: a\r\n\n"s, "\n\n"s, "\r\n\r\n"s}) {
    EXPECT_EQ(find_head_end(bytes, 0), bytes.size());
    request_head head;
    EXPECT_EQ(parse_request_head(bytes, head), head_status::bad_request) << bytes;
  }
}

TEST(FindHeadEnd, FindsTheSameEndHoweverTheBytesArrive) {
  for (const auto& bytes : {"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest"s, "\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n"s,
                            "a\nb\n\nc"s, "a\n\r\r\n\r\nx"s}) {
    auto const expected = find_head_end(bytes, 0);
    ASSERT_NE(expected, 0u);
    for (std::size_t step = 1; step <= bytes.size(); ++step) {
      std::size_t scanned = 0;
      std::size_t found = 0;
      while (found == 0 && scanned < bytes.size()) {
        auto const size = std::min(scanned + step, bytes.size());
        found = find_head_end(std::string_view(bytes).substr(0, size), scanned);
        scanned = size;
      }
      EXPECT_EQ(found, expected) << "in steps of " << step;
    }
  }
}

TEST(RequestHead, KeepsViewsOfEverythingAsItWasSent) {
  std::string const bytes =
      "POST /v1/chat/completions?x=%2F HTTP/1.1\r\nHost: localhost:6837\r\ncontent-LENGTH:  5 \t\r\nX-Empty:\r\n"
      "X-Quoted: \"a, b\"\r\nX-Obs: caf\xe9\r\n\r\n";
  request_head head;
  ASSERT_EQ(parse_request_head(bytes, head), head_status::ok);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/chat/completions?x=%2F");
  EXPECT_EQ(head.version, 11u);
  EXPECT_EQ(head.size_bytes, bytes.size());
  EXPECT_FALSE(head.has_line_folding);
  ASSERT_EQ(head.fields.list.size(), 5u);
  EXPECT_EQ(head.fields.list[1].id, field_id::content_length);
  EXPECT_EQ(head.fields.list[1].name, "content-LENGTH");
  EXPECT_EQ(head.fields.list[1].value, "5");
  EXPECT_EQ(head.fields.list[2].value, "");
  EXPECT_EQ(head.fields.value_of("x-quoted"), "\"a, b\"");
  EXPECT_EQ(head.fields.value_of("x-obs"), "caf\xe9");
  for (const auto& f : head.fields.list) {
    EXPECT_GE(f.name.data(), bytes.data());
    EXPECT_LE(f.name.data() + f.name.size(), bytes.data() + bytes.size());
  }
}

TEST(RequestHead, IsReusedWithoutLeavingTracesOfTheLastOne) {
  request_head head;
  ASSERT_EQ(parse_request_head("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", head), head_status::ok);
  EXPECT_TRUE(head.has_line_folding);
  ASSERT_EQ(parse_request_head("GET / HTTP/1.0\r\nHost: b\r\n\r\n", head), head_status::ok);
  EXPECT_FALSE(head.has_line_folding);
  EXPECT_EQ(head.version, 10u);
  ASSERT_EQ(head.fields.list.size(), 1u);
  EXPECT_EQ(head.fields.list[0].value, "b");
}

TEST(RequestHead, SkipsOneEmptyLineBeforeItAndNotTwo) {
  request_head head;
  ASSERT_EQ(parse_request_head("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", head), head_status::ok);
  EXPECT_EQ(head.size_bytes, 29u);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(parse_request_head("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", head), head_status::bad_request);
}

TEST(RequestHead, FoldedLinesAreSeenAndTheirValuesNotKept) {
  for (const char* fields : {"A: first\r\n b", "A: first\r\n\tb", "A: first\r\n ", "A: first\r\n   b\r\n c", "A:\r\n b",
                             "A: \r\n \r\n\tb", "A:\r\n "}) {
    request_head head;
    auto const bytes = "GET / HTTP/1.1\r\nHost: x\r\n"s + fields + "\r\nB: c\r\n\r\n";
    ASSERT_EQ(parse_request_head(bytes, head), head_status::ok) << fields;
    EXPECT_TRUE(head.has_line_folding) << fields;
    EXPECT_EQ(head.fields.value_of("A").find("first"), std::string_view::npos) << fields;
    EXPECT_EQ(head.fields.value_of("B"), "c");
  }
  request_head head;
  ASSERT_EQ(parse_request_head("GET / HTTP/1.1\r\nA:\r\nB: \t \r\nC:d\r\n\r\n", head), head_status::ok);
  EXPECT_FALSE(head.has_line_folding);
}

TEST(RequestHead, ShowsEveryFramingFieldToTheJudge) {
  struct row {
    const char* fields;
    std::size_t lengths;
    std::size_t codings;
    std::size_t hosts;
  };
  for (const auto& r :
       {row{"Content-Length: 5\r\nContent-Length: 5\r\n", 2, 0, 0}, row{"Content-Length: 5, 5\r\n", 1, 0, 0},
        row{"Transfer-Encoding: xchunked\r\n", 0, 1, 0}, row{"Transfer-Encoding: chunked, identity\r\n", 0, 1, 0},
        row{"Transfer-Encoding: gzip\r\n", 0, 1, 0},
        row{"Transfer-Encoding: \xa0"
            "chunked\r\nContent-Length: 3\r\n",
            1, 1, 0},
        row{"Host: a\r\nHost: b\r\n", 0, 0, 2}, row{"", 0, 0, 0}}) {
    request_head head;
    auto const bytes = "POST / HTTP/1.1\r\n"s + r.fields + "\r\n";
    ASSERT_EQ(parse_request_head(bytes, head), head_status::ok) << r.fields;
    EXPECT_EQ(head.fields.count(field_id::content_length), r.lengths) << r.fields;
    EXPECT_EQ(head.fields.count(field_id::transfer_encoding), r.codings) << r.fields;
    EXPECT_EQ(head.fields.count(field_id::host), r.hosts) << r.fields;
  }
}

/// Names are read sixteen bytes at a time where that is possible, and must be judged as if they were not.
TEST(RequestHead, EveryByteOfANameIsJudgedWhereverItStands) {
  constexpr std::string_view token_characters =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (std::size_t length = 1; length <= 34; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string name(length, 'a');
        name[at] = static_cast<char>(byte);
        if (name[at] == ':' || (at == 0 && (name[at] == ' ' || name[at] == '\t' || name[at] == '\r'))) continue;
        request_head head;
        auto const bytes = "GET / HTTP/1.1\r\nA: b\r\n" + name + ": c\r\n\r\n";
        auto const status = parse_request_head(bytes, head);
        bool const token = token_characters.find(name[at]) != std::string_view::npos;
        ASSERT_EQ(status == head_status::ok, token) << length << ' ' << at << ' ' << byte;
        if (!token) continue;
        ASSERT_EQ(head.fields.list.size(), 2u);
        ASSERT_EQ(head.fields.list[1].value, "c");
      }
    }
  }
}

/// The names that rules ask for are compared several letters at a time, without regard to case.
TEST(RequestHead, KnowsAFieldByItsWholeNameOnly) {
  std::pair<std::string_view, field_id> const fields[] = {
      {"Te", field_id::te},
      {"Via", field_id::via},
      {"Host", field_id::host},
      {"Origin", field_id::origin},
      {"Trailer", field_id::trailer},
      {"Location", field_id::unknown},
      {"Connection", field_id::connection},
      {"Authorization", field_id::authorization},
      {"Content-Length", field_id::content_length},
      {"Transfer-Encoding", field_id::transfer_encoding},
      {"Proxy-Authentication-Info", field_id::proxy_authentication_info},
      {"Access-Control-Allow-Credentials", field_id::access_control_allow_credentials},
  };
  auto const id = [](std::string_view name) {
    request_head head;
    EXPECT_EQ(parse_request_head("GET / HTTP/1.1\r\n" + std::string(name) + ": x\r\n\r\n", head), head_status::ok)
        << name;
    return head.fields.list.at(0).id;
  };
  for (const auto& [name, expected] : fields) {
    std::string text(name);
    EXPECT_EQ(id(text), expected) << text;
    for (auto& c : text) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(id(text), expected) << text;
    for (auto& c : text) {
      auto const was = std::exchange(c, c == 'Q' ? 'Z' : 'Q');
      EXPECT_EQ(id(text), field_id::unknown) << text;
      c = was;
    }
  }
}

TEST(RequestHead, RefusesWhatIsNotHttp) {
  auto const after_host = [](const std::string& text) { return "GET / HTTP/1.1\r\nHost: a\r\n" + text + "\r\n"; };
  std::vector<head_case> const cases = {
      {"lower limit of fields", with_fields("GET / HTTP/1.1\r\n", max_request_fields), head_status::ok},
      {"one field too many", with_fields("GET / HTTP/1.1\r\n", max_request_fields + 1), head_status::fields_too_large},
      {"longest target", "GET /" + std::string(max_target_bytes - 1, 'a') + " HTTP/1.1\r\n\r\n", head_status::ok},
      {"target too long", "GET /" + std::string(max_target_bytes, 'a') + " HTTP/1.1\r\n\r\n",
       head_status::target_too_long},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", head_status::version_not_supported},
      {"HTTP/0.9 with a version", "GET / HTTP/0.9\r\n\r\n", head_status::version_not_supported},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", head_status::version_not_supported},
      {"HTTP/3.0 and a bare line feed", "GET / HTTP/3.0\nHost: a\n\n", head_status::bad_request},
      {"version in lower case", "GET / http/1.1\r\n\r\n", head_status::bad_request},
      {"version of two digits", "GET / HTTP/1.10\r\n\r\n", head_status::bad_request},
      {"no version", "GET /\r\n\r\n", head_status::bad_request},
      {"two spaces", "GET  / HTTP/1.1\r\n\r\n", head_status::bad_request},
      {"space in the target", "GET /a b HTTP/1.1\r\n\r\n", head_status::bad_request},
      {"tab as separator", "GET\t/ HTTP/1.1\r\n\r\n", head_status::bad_request},
      {"space before the method", " GET / HTTP/1.1\r\n\r\n", head_status::bad_request},
      {"method with a brace", "G{T / HTTP/1.1\r\n\r\n", head_status::bad_request},
      {"TLS hello", "\x16\x03\x01\x02\n\n", head_status::bad_request},
      {"space before the colon", after_host("A : b\r\n"), head_status::bad_request},
      {"a fold is for the judge", after_host(" : b\r\n"), head_status::ok},
      {"empty name", after_host(": b\r\n"), head_status::bad_request},
      {"line without a colon", after_host("abc\r\n"), head_status::bad_request},
      {"NUL in a value", after_host("A: b\0c\r\n"s), head_status::bad_request},
      {"NUL in a name", after_host("A\0B: c\r\n"s), head_status::bad_request},
      {"bare CR in a value", after_host("A: b\rc\r\n"), head_status::bad_request},
      {"bare LF in a value", after_host("A: b\nC: d\r\n"), head_status::bad_request},
      {"delete in a value", after_host("A: b\x7f\r\n"), head_status::bad_request},
      {"non-ASCII name", after_host("\xc3\xa4: b\r\n"), head_status::bad_request},
      {"space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", head_status::bad_request},
      {"lengths are the judge's", after_host("Content-Length: 5\r\nContent-Length: +6\r\n"), head_status::ok},
  };
  for (const auto& c : cases) {
    request_head head;
    EXPECT_EQ(parse_request_head(c.bytes, head), c.expected) << c.name;
  }
}

TEST(RequestHead, IsNeverOkWhenBytesAreMissingOrLeftOver) {
  std::string const whole = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  request_head head;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(parse_request_head(std::string_view(whole).substr(0, size), head), head_status::ok) << size;
  EXPECT_EQ(parse_request_head(whole, head), head_status::ok);
  EXPECT_NE(parse_request_head(whole + "x", head), head_status::ok);
}

TEST(StatusOfOversize, TellsALongTargetFromManyFields) {
  EXPECT_EQ(status_of_oversize("GET /" + std::string(70000, 'a')), head_status::target_too_long);
  EXPECT_EQ(status_of_oversize("GET /" + std::string(70000, 'a') + " HTTP/1.1\r\nHost"), head_status::target_too_long);
  EXPECT_EQ(status_of_oversize("GET / HTTP/1.1\r\nA: " + std::string(70000, 'a')), head_status::fields_too_large);
  EXPECT_EQ(status_of_oversize("\r\nGET / HTTP/1.1\r\nA: " + std::string(70000, 'a')), head_status::fields_too_large);
}

TEST(ResponseHead, KeepsStatusPhraseAndFields) {
  std::string const bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-Request-Id: r1\r\n\r\n";
  response_head head;
  ASSERT_EQ(parse_response_head(bytes, head), head_status::ok);
  EXPECT_EQ(head.status, 404u);
  EXPECT_EQ(head.reason_phrase, "Not Found");
  EXPECT_EQ(head.version, 11u);
  EXPECT_EQ(head.size_bytes, bytes.size());
  EXPECT_EQ(head.fields.value_of("x-request-id"), "r1");
}

TEST(ResponseHead, NeedsNoReasonPhraseAndNoSpaceBeforeIt) {
  for (const char* line : {"HTTP/1.1 200 \r\n", "HTTP/1.1 200\r\n", "HTTP/1.0 200\r\n"}) {
    response_head head;
    auto const bytes = line + "Content-Length: 2\r\nX: y\r\n\r\n"s;
    ASSERT_EQ(parse_response_head(bytes, head), head_status::ok) << line;
    EXPECT_EQ(head.status, 200u);
    EXPECT_EQ(head.reason_phrase, "");
    EXPECT_EQ(head.version, line[7] == '0' ? 10u : 11u);
    EXPECT_EQ(head.size_bytes, bytes.size());
    ASSERT_EQ(head.fields.list.size(), 2u);
    EXPECT_EQ(head.fields.list[1].value.data(), bytes.data() + bytes.size() - 5);
  }
  response_head head;
  EXPECT_EQ(parse_response_head("HTTP/1.1 200\r\n\r\n", head), head_status::ok);
  EXPECT_TRUE(head.fields.list.empty());
}

TEST(ResponseHead, InterimResponsesAreHeadsToo) {
  response_head head;
  EXPECT_EQ(parse_response_head("HTTP/1.1 100 Continue\r\n\r\n", head), head_status::ok);
  EXPECT_EQ(head.status, 100u);
  EXPECT_EQ(parse_response_head("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", head), head_status::ok);
  EXPECT_EQ(head.status, 103u);
}

TEST(ResponseHead, RefusesWhatIsNotHttp) {
  std::vector<head_case> const cases = {
      {"lower limit of fields", with_fields("HTTP/1.1 200 OK\r\n", max_response_fields), head_status::ok},
      {"one field too many", with_fields("HTTP/1.1 200 OK\r\n", max_response_fields + 1),
       head_status::fields_too_large},
      {"SSH banner", "SSH-2.0-OpenSSH_9.2\r\n\r\n", head_status::bad_request},
      {"HTML without a head", "<html>\n\n", head_status::bad_request},
      {"four digits", "HTTP/1.1 1000 No\r\n\r\n", head_status::bad_request},
      {"two digits", "HTTP/1.1 20 OK\r\n\r\n", head_status::bad_request},
      {"two digits and no phrase", "HTTP/1.1 20\r\nA: b\r\n\r\n", head_status::bad_request},
      {"a sign", "HTTP/1.1 +20 OK\r\n\r\n", head_status::bad_request},
      {"status 600 is for the judge", "HTTP/1.1 600 Odd\r\n\r\n", head_status::ok},
      {"status 099 is for the judge", "HTTP/1.1 099 Odd\r\n\r\n", head_status::ok},
      {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", head_status::version_not_supported},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", head_status::version_not_supported},
      {"HTTP/1.2 without a phrase", "HTTP/1.2 200\r\nA: b\r\n\r\n", head_status::version_not_supported},
      {"empty line before", "\r\nHTTP/1.1 200 OK\r\n\r\n", head_status::bad_request},
      {"bare LF", "HTTP/1.1 200 OK\nA: b\n\n", head_status::bad_request},
      {"bare LF without a phrase", "HTTP/1.1 200\nA: b\n\n", head_status::bad_request},
      {"NUL in the phrase", "HTTP/1.1 200 O\0K\r\n\r\n"s, head_status::bad_request},
      {"CR in the phrase", "HTTP/1.1 200 O\rK\r\n\r\n", head_status::bad_request},
      {"lengths are the judge's", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", head_status::ok},
  };
  for (const auto& c : cases) {
    response_head head;
    EXPECT_EQ(parse_response_head(c.bytes, head), c.expected) << c.name;
  }
}

}  // namespace
}  // namespace tideover::net
