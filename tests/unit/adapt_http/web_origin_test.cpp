// Which pages may call, and what their browsers are told.
#include "tideover/adapt/web_origin.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tideover/adapt/header_rules.hpp"

namespace tideover::adapt {
namespace {

using kind = page_verdict::kind;
using pairs = std::vector<std::pair<std::string, std::string>>;

/// Views into `list`, which must outlive them.
header_fields fields_of(const pairs& list) {
  header_fields fields;
  for (const auto& [name, value] : list)
    fields.list.push_back({boost::beast::http::string_to_field(name), name, value});
  return fields;
}

const std::vector<std::string> allowed{"https://chat.example.com", "http://localhost:3000", "tauri://localhost"};

TEST(Pages, OfConfiguredOriginsMayCallAndNoOthers) {
  struct row {
    const char* what;
    pairs fields;
    kind expected;
    const char* method = "GET";
  };
  std::pair<std::string, std::string> const host{"Host", "localhost:6837"};
  for (auto const& r : std::vector<row>{
           {"no page", {host}, kind::none},
           {"its own page", {host, {"Origin", "http://localhost:6837"}}, kind::none},
           {"its own page, with metadata", {host, {"Sec-Fetch-Site", "same-origin"}}, kind::none},
           {"typed into the address bar", {host, {"Sec-Fetch-Site", "none"}}, kind::none},
           {"an allowed page", {host, {"Origin", "https://chat.example.com"}}, kind::allowed},
           {"an allowed page elsewhere",
            {host, {"Origin", "http://localhost:3000"}, {"Sec-Fetch-Site", "same-site"}},
            kind::allowed},
           {"an app shell", {host, {"Origin", "tauri://localhost"}, {"Sec-Fetch-Site", "cross-site"}}, kind::allowed},
           {"another page", {host, {"Origin", "https://evil.test"}}, kind::foreign},
           {"a page of this host on another port", {host, {"Origin", "http://localhost:3001"}}, kind::foreign},
           {"another scheme", {host, {"Origin", "http://chat.example.com"}}, kind::foreign},
           {"another port", {host, {"Origin", "https://chat.example.com:444"}}, kind::foreign},
           {"a longer name", {host, {"Origin", "https://chat.example.com.evil.test"}}, kind::foreign},
           {"a name before it", {host, {"Origin", "https://evilchat.example.com"}}, kind::foreign},
           {"in capitals, as no browser writes it", {host, {"Origin", "https://CHAT.example.com"}}, kind::foreign},
           {"with a slash", {host, {"Origin", "https://chat.example.com/"}}, kind::foreign},
           {"no origin at all", {host, {"Origin", "null"}}, kind::foreign},
           {"an empty origin", {host, {"Origin", ""}}, kind::foreign},
           {"two origins",
            {host, {"Origin", "https://chat.example.com"}, {"Origin", "https://chat.example.com"}},
            kind::foreign},
           {"two in one", {host, {"Origin", "https://chat.example.com https://evil.test"}}, kind::foreign},
           {"an image on another page", {host, {"Sec-Fetch-Site", "cross-site"}}, kind::foreign},
           {"a link on another page",
            {host, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "document"}},
            kind::none},
           {"a form on another page",
            {host, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "document"}},
            kind::foreign,
            "POST"},
           {"a frame in another page",
            {host, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "iframe"}},
            kind::foreign},
           {"an image on a sister page", {host, {"Sec-Fetch-Site", "same-site"}}, kind::foreign},
       }) {
    request_head head;
    head.method = r.method;
    head.fields = fields_of(r.fields);
    auto const verdict = judge_page(head, allowed);
    EXPECT_EQ(verdict.what, r.expected) << r.what;
    EXPECT_EQ(verdict.origin.empty(), r.expected != kind::allowed) << r.what;
    if (r.expected == kind::allowed) {
      EXPECT_EQ(judge_page(head, {}).what, kind::foreign) << r.what << ", and none is configured";
    }
  }
}

TEST(Preflights, AreToldByTheirMethodAndTwoFields) {
  pairs const both{{"Origin", "https://a"}, {"Access-Control-Request-Method", "POST"}};
  request_head head;
  head.method = "OPTIONS";
  head.fields = fields_of(both);
  EXPECT_TRUE(is_preflight(head));
  head.method = "POST";
  EXPECT_FALSE(is_preflight(head));
  head.method = "OPTIONS";
  pairs const one{{"Origin", "https://a"}};
  head.fields = fields_of(one);
  EXPECT_FALSE(is_preflight(head));
}

TEST(Preflights, NameBackTheFieldsThatThePageWants) {
  pairs const asked{{"Access-Control-Request-Headers", "authorization,content-type, x-api-key"}};
  auto const lines = preflight_lines(fields_of(asked));
  EXPECT_NE(lines.find("Access-Control-Allow-Headers: authorization,content-type, x-api-key\r\n"), std::string::npos);
  EXPECT_NE(lines.find("Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"), std::string::npos);
  EXPECT_EQ(lines.find("Private-Network"), std::string::npos);
  EXPECT_TRUE(lines.ends_with("\r\n"));
}

TEST(Preflights, NameNothingBackThatIsNoName) {
  for (auto const& odd : {std::string("a b"), std::string("a,,b"), std::string("a\"b"), std::string("\xc3\xa9"),
                          std::string("a:b"), std::string(5000, 'a'), std::string("*/*")}) {
    pairs const asked{{"Access-Control-Request-Headers", odd}};
    EXPECT_EQ(preflight_lines(fields_of(asked)).find("Allow-Headers"), std::string::npos) << odd.substr(0, 20);
  }
}

TEST(Answers, TellAnAllowedPagesBrowserThatItMayRead) {
  answer_marks marks;
  marks.show = false;
  marks.allowed_origin = "https://chat.example.com";
  marks.depends_on_origin = true;
  std::string own;
  write_own_head(own, {.status = 503}, marks);
  std::string relayed;
  pairs const upstream{{"Access-Control-Allow-Origin", "*"}, {"Access-Control-Allow-Credentials", "true"}};
  response_head head;
  head.status = 200;
  head.fields = fields_of(upstream);
  write_response_head(relayed, head, {}, marks);
  for (auto const& text : {own, relayed}) {
    EXPECT_NE(text.find("Access-Control-Allow-Origin: https://chat.example.com\r\n"), std::string::npos) << text;
    EXPECT_NE(text.find("Vary: Origin\r\n"), std::string::npos);
    EXPECT_NE(text.find("X-Tideover-Request-Id, "), std::string::npos) << "exposed to the page";
    EXPECT_EQ(text.find("Allow-Origin: *"), std::string::npos) << "what the upstream says of pages is not ours to say";
    EXPECT_EQ(text.find("Credentials"), std::string::npos);
  }
  std::string plain;
  write_own_head(plain, {}, {});
  EXPECT_EQ(plain.find("Access-Control"), std::string::npos);
  EXPECT_EQ(plain.find("Vary"), std::string::npos);
}

}  // namespace
}  // namespace tideover::adapt
