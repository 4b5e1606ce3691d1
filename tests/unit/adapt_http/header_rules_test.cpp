#include "tideover/adapt/header_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tideover/net/http_head.hpp"

namespace tideover::adapt {
namespace {

using namespace std::string_literals;

std::string request_for(const std::string& fields, upstream_request to) {
  auto const bytes = "POST /v1/chat/completions HTTP/1.1\r\n" + fields + "\r\n";
  request_head head;
  EXPECT_EQ(net::parse_request_head(bytes, head), net::head_status::ok) << fields;
  to.method = head.method;
  if (to.target.empty()) to.target = head.target;
  if (to.authority.empty()) to.authority = "upstream.test";
  std::string out;
  write_request_head(out, head, to);
  return out;
}

bool has_line(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

upstream_request cloud(dialect speaks = dialect::openai) {
  return {.tier = tier::cloud, .dialect = speaks, .body = body_kind::length, .length = 2, .judged = true};
}
upstream_request local() {
  return {.tier = tier::local, .dialect = dialect::ollama, .body = body_kind::length, .length = 2, .judged = true};
}

TEST(RequestToUpstream, IsBuiltAfreshWithOurHostAndLength) {
  EXPECT_EQ(request_for("Host: localhost:6837\r\nContent-Type: application/json\r\nContent-Length: 99\r\nX-A: b\r\n",
                        {.base_path = "/base",
                         .target = "/v1/chat/completions",
                         .authority = "api.openai.com",
                         .tier = tier::cloud,
                         .body = body_kind::length,
                         .length = 12345678901}),
            "POST /base/v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n"
            "X-A: b\r\nContent-Length: 12345678901\r\n\r\n");
}

struct field_row {
  const char* field;  // as the caller sends it
  bool to_cloud;      // with the caller's own key, openai dialect
  bool to_local;
};

TEST(RequestToUpstream, FieldsCrossByTier) {
  std::vector<field_row> const rows = {
      {"Content-Type: application/json", true, true},
      {"Accept: application/json", true, true},
      {"User-Agent: OpenAI/Python 1.0", true, true},
      {"traceparent: 00-a-b-01", true, true},
      {"tracestate: a=b", true, true},
      {"Idempotency-Key: k", true, true},
      {"X-Custom: v", true, true},
      {"Content-Encoding: zstd", true, true},
      {"X-Keyboard: qwerty", true, true},
      {"Authorization: Bearer sk-caller", true, false},
      {"api-key: azure", true, false},
      {"OpenAI-Organization: org", true, false},
      {"OpenAI-Project: proj", true, false},
      {"OpenAI-Beta: x", true, false},
      {"anthropic-version: 2023-06-01", true, false},
      {"anthropic-beta: a", true, false},
      {"X-Stainless-Lang: python", true, false},
      {"x-stainless-retry-count: 0", true, false},
      {"Referer: http://x/", true, false},
      {"Sec-Fetch-Mode: cors", true, false},
      {"Sec-CH-UA: x", true, false},
      {"Via: 1.1 p", true, false},
      {"X-Real-IP: 10.0.0.1", true, false},
      {"X-Auth-Token: t", true, false},
      {"X-Goog-Api-Key: t", true, false},
      {"Helicone-Auth: t", true, false},
      {"chatgpt-authorization: t", true, false},
      // Never, to nobody.
      {"x-api-key: made-for-another-cloud", false, false},
      {"Connection: keep-alive", false, false},
      {"Keep-Alive: timeout=5", false, false},
      {"Proxy-Authorization: Basic x", false, false},
      {"Proxy-Connection: keep-alive", false, false},
      {"Proxy-Whatever: x", false, false},
      {"TE: trailers", false, false},
      {"Trailer: X", false, false},
      {"Upgrade: h2c", false, false},
      {"HTTP2-Settings: AAMAAABk", false, false},
      {"Expect: 100-continue", false, false},
      {"Cookie: a=b", false, false},
      {"Origin: http://evil.test", false, false},
      {"Forwarded: for=1.2.3.4", false, false},
      {"X-Forwarded-For: 1.2.3.4", false, false},
      {"x-forwarded-host: evil.test", false, false},
      {"X-Forwarded-Proto: https", false, false},
      {"X-Tideover-Workflow: legal", false, false},
      {"X-Tideover-Tier: cloud", false, false},
      {"x-tideover-request-id: forged", false, false},
      // Spelled for gateways that read the underscore as a hyphen.
      {"Transfer_Encoding: chunked", false, false},
      {"content_length: 5", false, false},
      {"x_tideover_tier: cloud", false, false},
      {"X_Api_Key: k", false, false},
      {"OPENAI_ORGANIZATION: org", true, false},
      {"X_Custom: v", true, true},
  };
  for (const auto& r : rows) {
    auto const fields = "Host: localhost\r\n"s + r.field + "\r\n";
    EXPECT_EQ(has_line(request_for(fields, cloud()), r.field), r.to_cloud) << "to cloud: " << r.field;
    EXPECT_EQ(has_line(request_for(fields, local()), r.field), r.to_local) << "to local: " << r.field;
  }
}

TEST(RequestToUpstream, ACallersKeyGoesOnlyToTheCloudOfItsDialect) {
  auto const fields = "Host: a\r\nAuthorization: Bearer sk-caller\r\nx-api-key: sk-ant\r\napi-key: azure\r\n"s;
  auto const openai = request_for(fields, cloud(dialect::openai));
  EXPECT_TRUE(has_line(openai, "Authorization: Bearer sk-caller"));
  EXPECT_TRUE(has_line(openai, "api-key: azure"));
  EXPECT_EQ(openai.find("sk-ant"), std::string::npos);
  auto const anthropic = request_for(fields, cloud(dialect::anthropic));
  EXPECT_TRUE(has_line(anthropic, "Authorization: Bearer sk-caller"));
  EXPECT_TRUE(has_line(anthropic, "x-api-key: sk-ant"));
  EXPECT_EQ(anthropic.find("azure"), std::string::npos);
  auto const nearby = request_for(fields, local());
  for (const char* key : {"sk-caller", "sk-ant", "azure"}) EXPECT_EQ(nearby.find(key), std::string::npos) << key;
}

TEST(RequestToUpstream, AConfiguredKeyReplacesEveryKeyOfTheCaller) {
  auto const fields = "Host: a\r\nAuthorization: Bearer caller\r\nx-api-key: caller\r\napi-key: caller\r\n"s;
  auto with_key = cloud(dialect::openai);
  with_key.credential = "sk-ours";
  auto const openai = request_for(fields, with_key);
  EXPECT_TRUE(has_line(openai, "Authorization: Bearer sk-ours"));
  EXPECT_EQ(openai.find("caller"), std::string::npos);
  EXPECT_EQ(openai.find("x-api-key"), std::string::npos);
  with_key.dialect = dialect::anthropic;
  auto const anthropic = request_for(fields, with_key);
  EXPECT_TRUE(has_line(anthropic, "x-api-key: sk-ours"));
  EXPECT_EQ(anthropic.find("caller"), std::string::npos);
  EXPECT_EQ(anthropic.find("Authorization"), std::string::npos);
}

TEST(RequestToUpstream, AKeyThatOpensTideoverItselfGoesNowhere) {
  auto to = cloud();
  to.caller_key_is_ours = true;
  auto const head = request_for("Host: a\r\nAuthorization: Bearer mine\r\nx-api-key: mine\r\napi-key: mine\r\n", to);
  EXPECT_EQ(head.find("mine"), std::string::npos);
}

TEST(RequestToUpstream, ALocalServerGetsOnlyTheKeyThatIsConfiguredForIt) {
  auto to = local();
  to.dialect = dialect::openai;
  to.credential = "vllm-key";
  auto const head = request_for("Host: a\r\nAuthorization: Bearer caller\r\n", to);
  EXPECT_TRUE(has_line(head, "Authorization: Bearer vllm-key"));
  EXPECT_EQ(head.find("caller"), std::string::npos);
}

TEST(RequestToUpstream, JudgedAnswersAreAskedForUncompressed) {
  auto const fields = "Host: a\r\nAccept-Encoding: gzip, br\r\n"s;
  auto to = cloud();
  auto const judged = request_for(fields, to);
  EXPECT_TRUE(has_line(judged, "Accept-Encoding: identity"));
  EXPECT_EQ(judged.find("gzip"), std::string::npos);
  to.judged = false;
  EXPECT_TRUE(has_line(request_for(fields, to), "Accept-Encoding: gzip, br"));
  to.credential = "sk-ours";  // errors are searched for it
  EXPECT_TRUE(has_line(request_for(fields, to), "Accept-Encoding: identity"));
  EXPECT_EQ(request_for(fields, local()).find("Accept-Encoding"), std::string::npos);
}

TEST(RequestToUpstream, ConnectionStripsWhatItListsButNothingThatACheckReliesOn) {
  auto const head = request_for(
      "Host: a\r\nConnection: close, X-Drop , authorization,x-api-key\r\nConnection: content-type, traceparent\r\n"
      "X-Drop: 1\r\nX-Stay: 2\r\nAuthorization: Bearer k\r\nx-api-key: ka\r\nContent-Type: application/json\r\n"
      "traceparent: 00-a\r\nanthropic-version: 2023-06-01\r\n",
      cloud(dialect::anthropic));
  EXPECT_EQ(head.find("X-Drop"), std::string::npos);
  EXPECT_EQ(head.find("Connection"), std::string::npos);
  for (const char* line : {"X-Stay: 2", "Authorization: Bearer k", "x-api-key: ka", "Content-Type: application/json",
                           "traceparent: 00-a", "anthropic-version: 2023-06-01"})
    EXPECT_TRUE(has_line(head, line)) << line;
}

TEST(RequestToUpstream, FramingIsOurs) {
  auto to = cloud();
  to.body = body_kind::chunked;
  auto const chunked = request_for("Host: a\r\nContent-Length: 7\r\n", to);
  EXPECT_TRUE(has_line(chunked, "Transfer-Encoding: chunked"));
  EXPECT_EQ(chunked.find("Content-Length"), std::string::npos);
  to.body = body_kind::none;
  EXPECT_TRUE(has_line(request_for("Host: a\r\nTransfer-Encoding: chunked\r\n", to), "Content-Length: 0"));
  request_head get;
  get.method = "GET";
  to.method = "GET";
  to.target = "/v1/models";
  to.authority = "h";
  std::string out;
  write_request_head(out, get, to);
  EXPECT_EQ(out, "GET /v1/models HTTP/1.1\r\nHost: h\r\nAccept-Encoding: identity\r\n\r\n");
}

TEST(RequestToUpstream, ARewrittenBodyLosesTheFieldsThatDescribedTheOldOne) {
  auto const fields =
      "Host: a\r\nContent-Encoding: zstd\r\nContent-MD5: x\r\nDigest: x\r\nContent-Digest: x\r\nRepr-Digest: x\r\n"
      "Signature: x\r\nSignature-Input: x\r\nContent-Type: application/json\r\n"s;
  auto to = local();
  to.body_rewritten = true;
  EXPECT_EQ(request_for(fields, to),
            "POST /v1/chat/completions HTTP/1.1\r\nHost: upstream.test\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n");
  to.body_rewritten = false;
  EXPECT_TRUE(has_line(request_for(fields, to), "Content-Digest: x"));
}

TEST(RequestToUpstream, TheRequestIdGoesToLocalOnly) {
  auto near = local();
  near.request_id = "req_1";
  EXPECT_TRUE(has_line(request_for("Host: a\r\n", near), "X-Tideover-Request-Id: req_1"));
  auto far = cloud();
  far.request_id = "req_1";
  EXPECT_EQ(request_for("Host: a\r\n", far).find("req_1"), std::string::npos);
}

TEST(RequestToUpstream, LineEndsInWhatWeAddDoNotReachTheWire) {
  auto to = local();
  to.target = "/v1\r\nX: y HTTP/1.1";
  to.authority = "h\r\nEvil: 1";
  to.credential = "key\r\nEvil: 2\n";
  to.request_id = "id\0\rEvil: 3";
  auto const head = request_for("Host: a\r\n", to);
  EXPECT_EQ(head.find("\r\nEvil"), std::string::npos);
  EXPECT_EQ(head.find("\nX:"), std::string::npos);
  EXPECT_TRUE(head.starts_with("POST /v1X:yHTTP/1.1 HTTP/1.1\r\nHost: hEvil: 1\r\n"));
  EXPECT_TRUE(has_line(head, "Authorization: Bearer keyEvil: 2"));
}

std::string answer_for(const std::string& fields, const downstream_response& to, const answer_marks& marks) {
  auto const bytes = "HTTP/1.1 200 Fine\r\n" + fields + "\r\n";
  response_head head;
  EXPECT_EQ(net::parse_response_head(bytes, head), net::head_status::ok) << fields;
  std::string out;
  write_response_head(out, head, to, marks);
  return out;
}

TEST(AnswerToCaller, CarriesTheMarksInTheirOrder) {
  EXPECT_EQ(answer_for("Content-Type: application/json\r\nContent-Length: 99\r\nX-Request-Id: r\r\n",
                       {.status = 200, .reason_phrase = {}, .length = 17},
                       {.tier = tier::local,
                        .upstream = "ollama",
                        .model = "llama3.1:8b",
                        .failover = "timeout",
                        .request_id = "req_1",
                        .error_code = "local_unavailable"}),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r\r\nX-Tideover-Tier: local\r\n"
            "X-Tideover-Upstream: ollama\r\nX-Tideover-Model: llama3.1:8b\r\nX-Tideover-Failover: timeout\r\n"
            "X-Tideover-Request-Id: req_1\r\nX-Tideover-Error: local_unavailable\r\nContent-Length: 17\r\n\r\n");
}

TEST(AnswerToCaller, LeavesOutEmptyMarksAndHidesAllOnRequest) {
  EXPECT_EQ(answer_for("", {.status = 200, .reason_phrase = "Fine"}, {.tier = tier::cloud, .upstream = "openai"}),
            "HTTP/1.1 200 Fine\r\nX-Tideover-Tier: cloud\r\nX-Tideover-Upstream: openai\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(answer_for("", {.status = 200}, {.tier = tier::cloud, .upstream = "openai", .show = false}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(AnswerToCaller, MarksFromACallersModelNameAreEncoded) {
  auto const head =
      answer_for("", {.status = 200}, {.tier = tier::local, .model = "a\r\nEvil: 1\x1b[31m\xc3\xa9\x7f b"});
  EXPECT_TRUE(has_line(head, "X-Tideover-Model: a%0D%0AEvil: 1%1B[31m%C3%A9%7F b")) << head;
}

TEST(AnswerToCaller, FieldsCrossByTheirMeaning) {
  struct row {
    const char* field;
    bool passes;
  };
  for (const auto& r : {row{"Content-Type: text/event-stream", true},
                        row{"Content-Encoding: gzip", true},
                        row{"Date: Tue, 01 Jul 2025 00:00:00 GMT", true},
                        row{"Server: cloudflare", true},
                        row{"x-request-id: r", true},
                        row{"request-id: r", true},
                        row{"Retry-After: 3", true},
                        row{"retry-after-ms: 300", true},
                        row{"x-should-retry: true", true},
                        row{"x-ratelimit-limit-requests: 5", true},
                        row{"anthropic-ratelimit-unified-status: ok", true},
                        row{"openai-processing-ms: 5", true},
                        row{"Vary: Origin", true},
                        row{"WWW-Authenticate: Bearer", true},
                        row{"Connection: keep-alive", false},
                        row{"Keep-Alive: timeout=5", false},
                        row{"Proxy-Authenticate: Basic", false},
                        row{"Proxy-Status: x", false},
                        row{"Trailer: X", false},
                        row{"Upgrade: h2", false},
                        row{"Set-Cookie: __cf_bm=x", false},
                        row{"Strict-Transport-Security: max-age=1", false},
                        row{"Alt-Svc: h3=\":443\"", false},
                        row{"Access-Control-Allow-Origin: *", false},
                        row{"access-control-expose-headers: X-Request-ID", false},
                        row{"X-Tideover-Tier: local", false},
                        row{"x-tideover-error: forged", false},
                        row{"Transfer_Encoding: chunked", false},
                        row{"set_cookie: a=b", false},
                        row{"x_custom: 1", true}}) {
    auto const head = answer_for(r.field + "\r\n"s, {.status = 200}, {.show = false});
    EXPECT_EQ(has_line(head, r.field), r.passes) << r.field;
  }
}

TEST(AnswerToCaller, ConnectionStripsWhatItListsButNotWhatTheBodyIs) {
  auto const head = answer_for("Connection: X-Hop, content-type\r\nX-Hop: 1\r\nContent-Type: text/plain\r\n",
                               {.status = 200}, {.show = false});
  EXPECT_EQ(head.find("X-Hop"), std::string::npos);
  EXPECT_TRUE(has_line(head, "Content-Type: text/plain"));
}

TEST(AnswerToCaller, FramingAndConnectionFitTheCaller) {
  struct row {
    const char* name;
    downstream_response to;
    const char* expected;
    written_framing framing;
  };
  for (const auto& r : {
           row{"length", {.status = 200, .length = 3}, "Content-Length: 3\r\n", {body_kind::length, true}},
           row{"length, closing",
               {.status = 200, .length = 3, .keep_alive = false},
               "Content-Length: 3\r\nConnection: close\r\n",
               {body_kind::length, false}},
           row{"length to HTTP/1.0",
               {.status = 200, .length = 3, .client_version = 10},
               "Content-Length: 3\r\nConnection: keep-alive\r\n",
               {body_kind::length, true}},
           row{"chunked",
               {.status = 200, .body = body_kind::chunked},
               "Transfer-Encoding: chunked\r\n",
               {body_kind::chunked, true}},
           row{"chunked to HTTP/1.0",
               {.status = 200, .body = body_kind::chunked, .client_version = 10},
               "Connection: close\r\n",
               {body_kind::until_close, false}},
           row{"until close",
               {.status = 200, .body = body_kind::until_close},
               "Connection: close\r\n",
               {body_kind::until_close, false}},
           row{"204", {.status = 204, .body = body_kind::none}, "", {body_kind::none, true}},
           row{"304 with a length", {.status = 304, .length = 7}, "", {body_kind::none, true}},
           row{"empty 200", {.status = 200, .body = body_kind::none}, "Content-Length: 0\r\n", {body_kind::none, true}},
           row{"HEAD with a length",
               {.status = 200, .length = 7, .to_head_request = true},
               "Content-Length: 7\r\n",
               {body_kind::none, true}},
           row{"HEAD without",
               {.status = 200, .body = body_kind::none, .to_head_request = true},
               "",
               {body_kind::none, true}},
       }) {
    auto const head = answer_for("Content-Length: 99\r\n", r.to, {.show = false});
    EXPECT_EQ(head.substr(head.find("\r\n") + 2), r.expected + "\r\n"s) << r.name;
    auto const framing = framing_for(r.to);
    EXPECT_EQ(framing.body, r.framing.body) << r.name;
    EXPECT_EQ(framing.keep_alive, r.framing.keep_alive) << r.name;
  }
}

std::string own(const own_response& response, const answer_marks& marks = {.show = false}) {
  std::string out;
  write_own_head(out, response, marks);
  return out;
}

TEST(OwnHead, SaysWhatTheCallerNeedsToDoNext) {
  EXPECT_EQ(own({.status = 503, .length = 12, .keep_alive = false, .retry_after_seconds = 5, .should_retry = false},
                {.tier = tier::none, .request_id = "req_1", .error_code = "local_unavailable"}),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Tideover-Tier: none\r\n"
            "X-Tideover-Request-Id: req_1\r\nX-Tideover-Error: local_unavailable\r\nRetry-After: 5\r\n"
            "x-should-retry: false\r\nContent-Length: 12\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(own({.status = 405, .length = 2, .allow = allowed_methods}),
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\n"
            "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(has_line(own({.status = 401}), "WWW-Authenticate: Bearer"));
  EXPECT_TRUE(has_line(own({.status = 429, .should_retry = true}), "x-should-retry: true"));
  EXPECT_TRUE(has_line(own({.status = 429, .retry_after_seconds = -3}), "Retry-After: 0"));
  EXPECT_TRUE(
      has_line(own({.status = 200, .extra_lines = "X-Tideover-Estimate: true\r\n"}), "X-Tideover-Estimate: true"));
}

TEST(OwnHead, HasNoBodyFieldsWhereNoBodyMayBe) {
  EXPECT_EQ(own({.status = 204}), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(own({.status = 200, .content_type = "", .client_version = 10}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(OwnHead, BeginsAStreamInTheFramingTheCallerUnderstands) {
  EXPECT_EQ(own({.status = 200, .content_type = "text/event-stream", .body = body_kind::chunked}),
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(own({.status = 200, .content_type = "text/event-stream", .body = body_kind::chunked, .client_version = 10}),
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
}

TEST(ReasonPhrase, IsKnownForEveryStatusWeAnswerWith) {
  for (unsigned status : {200u, 204u, 400u, 401u, 403u, 404u, 405u, 408u, 413u, 414u, 415u, 417u,
                          421u, 422u, 429u, 431u, 500u, 501u, 502u, 503u, 504u, 505u, 529u})
    EXPECT_FALSE(reason_phrase(status).empty()) << status;
  EXPECT_EQ(reason_phrase(299), "");
  EXPECT_EQ(own({.status = 299, .content_type = ""}), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace tideover::adapt
