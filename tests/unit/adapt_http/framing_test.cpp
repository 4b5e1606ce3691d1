#include "tideover/adapt/framing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tideover/net/http_head.hpp"

namespace tideover::adapt {
namespace {

using namespace std::string_literals;

/// A head as the parser would leave it; fields are given by name and value so that no parser repairs them first.
struct fields_of {
  std::vector<std::pair<std::string, std::string>> list;

  void fill(header_fields& fields) const {
    for (const auto& [name, value] : list)
      fields.list.push_back({boost::beast::http::string_to_field(name), name, value});
  }
};

struct request_row {
  const char* name;
  fields_of fields;
  int refuse_status = 0;
  body_kind body = body_kind::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
  unsigned version = 11;
};

request_framing judge(const fields_of& fields, unsigned version = 11, std::string_view method = "POST",
                      std::string_view target = "/v1/messages") {
  request_head head;
  head.method = method;
  head.target = target;
  head.version = version;
  fields.fill(head.fields);
  return judge_request(head);
}

TEST(RequestFraming, IsAcceptedOnlyWhenOneReadingExists) {
  std::pair<std::string, std::string> const host{"Host", "localhost"};
  auto const length = [&](const char* value) { return fields_of{{host, {"Content-Length", value}}}; };
  auto const coding = [&](const char* value) { return fields_of{{host, {"Transfer-Encoding", value}}}; };
  std::vector<request_row> const rows = {
      {"no body", {{host}}},
      {"zero length", length("0"), 0, body_kind::length, 0},
      {"a length", length("5"), 0, body_kind::length, 5},
      {"leading zeros", length("007"), 0, body_kind::length, 7},
      {"the largest length", length("9223372036854775807"), 0, body_kind::length, 9223372036854775807u},
      {"beyond the largest length", length("9223372036854775808"), 400},
      {"2^64", length("18446744073709551616"), 400},
      {"huge", length("99999999999999999999999999"), 400},
      {"empty length", length(""), 400},
      {"sign", length("+5"), 400},
      {"negative", length("-5"), 400},
      {"white space around", length(" 5 "), 400},
      {"hexadecimal", length("0x5"), 400},
      {"fraction", length("5.0"), 400},
      {"exponent", length("5e1"), 400},
      {"list of equal lengths", length("5, 5"), 400},
      {"list of different lengths", length("5,6"), 400},
      {"two equal lengths", {{host, {"Content-Length", "5"}, {"content-length", "5"}}}, 400},
      {"two different lengths", {{host, {"Content-Length", "5"}, {"Content-Length", "6"}}}, 400},
      {"chunked", coding("chunked"), 0, body_kind::chunked},
      {"chunked in capitals", coding("CHUNKED"), 0, body_kind::chunked},
      {"unknown coding", coding("xchunked"), 400},
      {"chunked not last", coding("chunked, identity"), 400},
      {"gzip then chunked", coding("gzip, chunked"), 400},
      {"gzip", coding("gzip"), 400},
      {"identity", coding("identity"), 400},
      {"empty coding", coding(""), 400},
      {"chunked twice in one field", coding("chunked, chunked"), 400},
      {"trailing comma", coding("chunked,"), 400},
      {"quoted", coding("\"chunked\""), 400},
      {"with parameter", coding("chunked;a=b"), 400},
      {"no-break space before",
       coding("\xa0"
              "chunked"),
       400},
      {"vertical tab before",
       coding("\x0b"
              "chunked"),
       400},
      {"two codings", {{host, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}}, 400},
      {"coding and length", {{host, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}}, 400},
      {"length and coding", {{host, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}}, 400},
      {"odd coding and length",
       {{host,
         {"Transfer-Encoding",
          "\xa0"
          "chunked"},
         {"Content-Length", "5"}}},
       400},
      {"chunked in HTTP/1.0", coding("chunked"), 400, body_kind::none, 0, true, 10},
      {"a length in HTTP/1.0", length("5"), 0, body_kind::length, 5, false, 10},
      {"no Host", {{}}, 400},
      {"no Host in HTTP/1.0", {{}}, 400, body_kind::none, 0, true, 10},
      {"two Hosts", {{host, {"Host", "other"}}}, 400},
      {"two equal Hosts", {{host, host}}, 400},
      {"list of Hosts", {{{"Host", "a, b"}}}, 400},
      {"Host with userinfo", {{{"Host", "evil@localhost"}}}, 400},
      {"Host with a path", {{{"Host", "localhost/x"}}}, 400},
      {"Host with a space", {{{"Host", "local host"}}}, 400},
      {"Host with a non-ASCII byte", {{{"Host", "loc\xc3\xa4l"}}}, 400},
      {"IPv6 Host", {{{"Host", "[::1]:6837"}}}},
      {"HTTP/1.2", {{host}}, 505, body_kind::none, 0, true, 12},
  };
  for (const auto& row : rows) {
    auto const verdict = judge(row.fields, row.version);
    EXPECT_EQ(verdict.refuse_status, row.refuse_status) << row.name << ": " << verdict.why;
    if (row.refuse_status != 0) {
      EXPECT_FALSE(verdict.why.empty()) << row.name;
      EXPECT_FALSE(verdict.keep_alive) << row.name << ": the connection closes after a refusal";
      continue;
    }
    EXPECT_EQ(verdict.body, row.body) << row.name;
    EXPECT_EQ(verdict.length, row.length) << row.name;
    EXPECT_EQ(verdict.keep_alive, row.keep_alive) << row.name;
  }
}

TEST(RequestFraming, FoldedLinesAreRefused) {
  request_head head;
  head.method = "GET";
  head.target = "/";
  fields_of const fields{{{"Host", "a"}}};  // the head holds views of it
  fields.fill(head.fields);
  EXPECT_EQ(judge_request(head).refuse_status, 0);
  head.has_line_folding = true;
  EXPECT_EQ(judge_request(head).refuse_status, 400);
}

TEST(RequestFraming, KnowsTheMethodsAndNoOthers) {
  fields_of const host{{{"Host", "localhost"}}};
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    EXPECT_EQ(judge(host, 11, method).refuse_status, 0) << method;
  for (const char* method : {"CONNECT", "TRACE"}) EXPECT_EQ(judge(host, 11, method, "/").refuse_status, 405) << method;
  for (const char* method : {"get", "Post", "PROPFIND", "PRI", "TRACK", "POSTS", "X"})
    EXPECT_EQ(judge(host, 11, method).refuse_status, 501) << method;
  EXPECT_EQ(judge(host, 11, "CONNECT", "localhost:443").refuse_status, 405);
}

TEST(RequestFraming, ABodyOnGetIsFramedLikeAnyOther) {
  fields_of const fields{{{"Host", "localhost"}, {"Content-Length", "3"}}};
  auto const verdict = judge(fields, 11, "GET", "/v1/models");
  EXPECT_EQ(verdict.refuse_status, 0);
  EXPECT_EQ(verdict.body, body_kind::length);
  EXPECT_EQ(verdict.length, 3u);
}

TEST(RequestFraming, TheTargetIsInOneOfTheFormsAndInVisibleAscii) {
  struct row {
    std::string method;
    std::string target;
    int refuse_status;
  };
  std::vector<row> const rows = {
      {"GET", "/", 0},
      {"GET", "/v1/models?limit=1&x=%00", 0},
      {"GET", "//v1/models", 0},  // odd, but unambiguous: the route table refuses it
      {"GET", "/" + std::string(8 * 1024 - 1, 'a'), 0},
      {"GET", "/" + std::string(8 * 1024, 'a'), 414},
      {"GET", "/caf\xc3\xa9", 400},
      {"GET", "/a\x7f", 400},
      {"GET", "/a\tb", 400},
      {"GET", "/a b", 400},
      {"GET", "/a\r\nX: y", 400},
      {"GET", "/a\0b"s, 400},
      {"GET", "/a#b", 400},
      {"GET", "", 400},
      {"GET", "v1/models", 400},
      {"GET", "localhost:443", 400},
      {"OPTIONS", "*", 0},
      {"GET", "*", 400},
      {"GET", "http://localhost:6837/v1/models", 0},
      {"GET", "HTTP://LOCALHOST:6837/v1/models", 0},
      {"GET", "http://localhost:6837", 0},
      {"GET", "http://localhost:6837?x", 0},
      {"GET", "http://localhost/v1/models", 400},
      {"GET", "http://evil.test/v1/models", 400},
      {"GET", "http://evil@localhost:6837/", 400},
      {"GET", "http:///v1/models", 400},
      {"GET", "ftp://localhost:6837/", 400},
      {"GET", "file:///etc/passwd", 400},
  };
  fields_of const host{{{"Host", "localhost:6837"}}};
  for (const auto& r : rows)
    EXPECT_EQ(judge(host, 11, r.method, r.target).refuse_status, r.refuse_status) << r.method << ' ' << r.target;
}

TEST(RequestFraming, ConnectionIsReadAsAListOverAllItsFields) {
  struct row {
    unsigned version;
    std::vector<const char*> values;
    bool keep_alive;
  };
  for (const auto& r :
       {row{11, {}, true}, row{11, {"keep-alive"}, true}, row{11, {"close"}, false}, row{11, {"Close"}, false},
        row{11, {"TE, close"}, false}, row{11, {" close ,TE"}, false}, row{11, {"TE", "close"}, false},
        row{11, {"keep-alive, close"}, false}, row{11, {"closed"}, true}, row{11, {"x-close"}, true},
        row{11, {""}, true}, row{11, {",,"}, true}, row{10, {}, false}, row{10, {"keep-alive"}, true},
        row{10, {"Keep-Alive"}, true}, row{10, {"x, keep-alive"}, true}, row{10, {"keep-alive", "close"}, false},
        row{10, {"TE"}, false}}) {
    fields_of fields{{{"Host", "localhost"}}};
    for (const char* value : r.values) fields.list.emplace_back("Connection", value);
    EXPECT_EQ(judge(fields, r.version).keep_alive, r.keep_alive)
        << r.version << ' ' << (r.values.empty() ? "-" : r.values.front());
  }
}

TEST(RequestFraming, TheOnlyExpectationIs100Continue) {
  auto const expecting = [](const char* value) {
    return fields_of{{{"Host", "localhost"}, {"Content-Length", "5"}, {"Expect", value}}};
  };
  EXPECT_TRUE(judge(expecting("100-continue")).expect_continue);
  EXPECT_TRUE(judge(expecting("100-Continue")).expect_continue);
  EXPECT_FALSE(judge(expecting("100-continue"), 10).expect_continue);
  EXPECT_EQ(judge(expecting("100-continue"), 10).refuse_status, 0);
  EXPECT_FALSE(judge({{{"Host", "localhost"}}}).expect_continue);
  for (const char* other : {"", "200-ok", "100-continue, x", "100-continue2"})
    EXPECT_EQ(judge(expecting(other)).refuse_status, 417) << other;
}

TEST(RequestFraming, WhatTheParserReadsIsJudgedTheSameWay) {
  struct row {
    const char* fields;
    bool acceptable;
  };
  for (const auto& r :
       {row{"Host: a\r\nContent-Length:   5  \r\n", true}, row{"Host: a\r\nContent-Length: 5, 5\r\n", false},
        row{"Host: a\r\nTransfer-Encoding: xchunked\r\n", false},
        row{"Host: a\r\nTransfer-Encoding: chunked, identity\r\n", false},
        row{"Host: a\r\nTransfer-Encoding: \xa0"
            "chunked\r\nContent-Length: 5\r\n",
            false},
        row{"Host: a\r\nA: b\r\n c\r\n", false}, row{"Host: a\r\n b\r\n", false}, row{"Host: a\r\nHost: a\r\n", false},
        row{"Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n", false}, row{"A: b\r\n", false}}) {
    request_head head;
    auto const bytes = "POST / HTTP/1.1\r\n"s + r.fields + "\r\n";
    auto const parsed = net::parse_request_head(bytes, head);
    EXPECT_EQ(parsed == net::head_status::ok && judge_request(head).refuse_status == 0, r.acceptable) << r.fields;
  }
}

struct response_row {
  const char* name;
  unsigned status;
  fields_of fields;
  bool acceptable = true;
  body_kind body = body_kind::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
  unsigned version = 11;
  bool to_head = false;
};

TEST(ResponseFraming, DistrustsUpstreamsAsMuchAsCallers) {
  std::vector<response_row> const rows = {
      {"a length", 200, {{{"Content-Length", "5"}}}, true, body_kind::length, 5},
      {"zero length", 200, {{{"Content-Length", "0"}}}, true, body_kind::length, 0},
      {"chunked", 200, {{{"Transfer-Encoding", "chunked"}}}, true, body_kind::chunked},
      {"neither", 200, {{}}, true, body_kind::until_close, 0, false},
      {"neither, keep-alive said", 200, {{{"Connection", "keep-alive"}}}, true, body_kind::until_close, 0, false},
      {"close", 200, {{{"Content-Length", "5"}, {"Connection", "close"}}}, true, body_kind::length, 5, false},
      {"HTTP/1.0", 200, {{{"Content-Length", "5"}}}, true, body_kind::length, 5, false, 10},
      {"HTTP/1.0 keep-alive",
       200,
       {{{"Content-Length", "5"}, {"Connection", "keep-alive"}}},
       true,
       body_kind::length,
       5,
       true,
       10},
      {"HTTP/1.0 to the end", 200, {{}}, true, body_kind::until_close, 0, false, 10},
      {"HTTP/1.0 chunked", 200, {{{"Transfer-Encoding", "chunked"}}}, false, body_kind::none, 0, false, 10},
      {"HTTP/2.0", 200, {{{"Content-Length", "5"}}}, false, body_kind::none, 0, false, 20},
      {"two equal lengths", 200, {{{"Content-Length", "5"}, {"Content-Length", "5"}}}, false},
      {"list of lengths", 200, {{{"Content-Length", "5, 5"}}}, false},
      {"sign", 200, {{{"Content-Length", "+5"}}}, false},
      {"coding and length", 200, {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}}, false},
      {"gzip, chunked", 200, {{{"Transfer-Encoding", "gzip, chunked"}}}, false},
      {"xchunked", 200, {{{"Transfer-Encoding", "xchunked"}}}, false},
      {"chunked, identity", 200, {{{"Transfer-Encoding", "chunked, identity"}}}, false},
      {"identity", 200, {{{"Transfer-Encoding", "identity"}}}, false},
      {"two codings", 200, {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}}, false},
      {"101", 101, {{}}, false},
      {"99", 99, {{}}, false},
      {"0", 0, {{}}, false},
      {"600", 600, {{}}, false},
      {"599", 599, {{{"Content-Length", "0"}}}, true, body_kind::length, 0},
      {"100", 100, {{}}},
      {"103", 103, {{}}},
      {"100 with a length", 100, {{{"Content-Length", "3"}}}, true, body_kind::none, 0, false},
      {"204", 204, {{}}},
      {"204 with zero length", 204, {{{"Content-Length", "0"}}}},
      {"204 with a length", 204, {{{"Content-Length", "3"}}}, true, body_kind::none, 0, false},
      {"204 chunked", 204, {{{"Transfer-Encoding", "chunked"}}}, true, body_kind::none, 0, false},
      {"204 with an odd length", 204, {{{"Content-Length", "x"}}}, false},
      {"304 tells the length of what it stands for", 304, {{{"Content-Length", "300"}}}},
      {"HEAD", 200, {{{"Content-Length", "300"}}}, true, body_kind::none, 0, true, 11, true},
      {"HEAD chunked", 200, {{{"Transfer-Encoding", "chunked"}}}, true, body_kind::none, 0, true, 11, true},
      {"HEAD without any", 200, {{}}, true, body_kind::none, 0, true, 11, true},
      {"HEAD with both",
       200,
       {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}},
       false,
       body_kind::none,
       0,
       false,
       11,
       true},
  };
  for (const auto& row : rows) {
    response_head head;
    head.status = row.status;
    head.version = row.version;
    row.fields.fill(head.fields);
    auto const verdict = judge_response(head, row.to_head);
    EXPECT_EQ(verdict.acceptable, row.acceptable) << row.name << ": " << verdict.why;
    if (!row.acceptable) {
      EXPECT_FALSE(verdict.why.empty()) << row.name;
      EXPECT_FALSE(verdict.keep_alive) << row.name;
      continue;
    }
    EXPECT_EQ(verdict.body, row.body) << row.name;
    EXPECT_EQ(verdict.length, row.length) << row.name;
    EXPECT_EQ(verdict.keep_alive, row.keep_alive) << row.name;
  }
  response_head folded;
  folded.status = 200;
  folded.has_line_folding = true;
  EXPECT_FALSE(judge_response(folded, false).acceptable);
}

TEST(HostRules, LetInWhatNoWebPageCanPointAtUs) {
  host_rules const rules{.machine_name = "Buchhaltung", .configured = {"ai.example.com", "proxy.lan."}};
  for (const char* allowed : {"localhost",
                              "LOCALHOST",
                              "localhost:6837",
                              "localhost.",
                              "localhost.:6837",
                              "app.localhost",
                              "127.0.0.1",
                              "127.0.0.1:6837",
                              "192.168.1.20:80",
                              "8.8.8.8",
                              "[::1]",
                              "[::1]:6837",
                              "[2001:db8::1]",
                              "[::ffff:127.0.0.1]",
                              "printer.local",
                              "ollama.internal:11434",
                              "a.b.internal",
                              "buchhaltung",
                              "Buchhaltung:6837",
                              "ai.example.com",
                              "AI.Example.COM:443",
                              "ai.example.com.",
                              "proxy.lan",
                              "host.docker.internal"})
    EXPECT_TRUE(host_allowed(allowed, rules)) << allowed;
  for (const char* refused : {"",
                              ":6837",
                              "evil.test",
                              "evil.test:6837",
                              "localhost.evil.test",
                              "evillocalhost",
                              "localhost..",
                              ".localhost",
                              ".local",
                              "local",
                              "internal",
                              "a..local",
                              "127.0.0.1.evil.test",
                              "127.0.0.1.",
                              "127.1",
                              "2130706433",
                              "0x7f.0.0.1",
                              "0177.0.0.1",
                              "256.1.1.1",
                              "evil@localhost",
                              "evil.test@127.0.0.1",
                              "localhost@evil.test",
                              "localhost:",
                              "localhost:x",
                              "localhost:99999",
                              "localhost:65536",
                              "localhost:6837:1",
                              "localhost:-1",
                              "[::1",
                              "[::1]x",
                              "[::1]:",
                              "[::1]:x",
                              "::1",
                              "[127.0.0.1]",
                              "[]",
                              "[::1%25eth0]",
                              "[evil.test]",
                              "localhost ",
                              "local host",
                              "localhost,evil.test",
                              "localhost/x",
                              "xai.example.com",
                              "ai.example.com.evil.test",
                              "loc\xc3\xa4lhost",
                              "*",
                              "example.com"})
    EXPECT_FALSE(host_allowed(refused, rules)) << refused;
  EXPECT_TRUE(host_allowed("localhost:65535", rules));
}

TEST(OriginRules, PagesOfThisHostMayCallAndForeignOnesMayNot) {
  auto const allowed = [](std::vector<std::string> origins) {
    header_fields fields;
    fields.list.push_back({field_id::host, "Host", "127.0.0.1:6837"});
    for (const auto& o : origins) fields.list.push_back({field_id::origin, "Origin", o});
    return origin_allowed(fields);
  };
  EXPECT_TRUE(allowed({}));
  EXPECT_TRUE(allowed({"http://127.0.0.1:6837"}));
  EXPECT_TRUE(allowed({"https://127.0.0.1:6837"}));
  for (const char* foreign : {"http://evil.test", "null", "", "http://", "http://127.0.0.1", "http://127.0.0.1:6838",
                              "http://127.0.0.1:6837.evil.test", "127.0.0.1:6837", "file://127.0.0.1:6837"})
    EXPECT_FALSE(allowed({foreign})) << foreign;
  EXPECT_FALSE(allowed({"http://127.0.0.1:6837", "http://127.0.0.1:6837"}));
}

TEST(HostRules, AnUnnamedMachineOpensNothing) {
  host_rules const rules{.machine_name = "", .configured = {"", "."}};
  EXPECT_FALSE(host_allowed("", rules));
  EXPECT_FALSE(host_allowed(".", rules));
  EXPECT_TRUE(host_allowed("127.0.0.1", rules));
}

}  // namespace
}  // namespace tideover::adapt
