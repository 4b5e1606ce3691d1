// Requests that two programs could read in two ways are refused, and nobody behind the proxy hears of them.
#include <algorithm>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

struct hostile_row {
  std::string name;
  std::string bytes;
  std::vector<int> statuses;  // any of these
};

std::string post_with(const std::string& fields, const std::string& body = chat_body) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body;
}
std::string length_of(const std::string& body) { return "Content-Length: " + std::to_string(body.size()) + "\r\n"; }
std::string get_with(const std::string& fields) { return "GET /v1/models HTTP/1.1\r\n" + fields + "\r\n"; }

std::vector<hostile_row> hostile_rows() {
  auto const good = length_of(chat_body);
  auto const chunked_body = chunk(chat_body) + std::string(last_chunk);
  // What a smuggler hopes will be read as a request of its own.
  std::string const smuggled = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::vector<hostile_row> rows{
      {"two identical lengths", post_with(good + good), {400}},
      {"lengths in a list", post_with("Content-Length: 5, 5\r\n", "12345" + smuggled), {400}},
      {"two different lengths", post_with(good + "Content-Length: 3\r\n"), {400}},
      {"length with a plus", post_with("Content-Length: +5\r\n", "12345"), {400}},
      {"negative length", post_with("Content-Length: -1\r\n", ""), {400}},
      {"length in hex", post_with("Content-Length: 0x5\r\n", "12345"), {400}},
      {"length of 2^64", post_with("Content-Length: 18446744073709551616\r\n", ""), {400, 413}},
      {"empty length", post_with("Content-Length: \r\n", ""), {400}},
      {"length and chunked", post_with("Transfer-Encoding: chunked\r\n" + good, chunked_body + smuggled), {400}},
      {"chunked twice", post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked_body), {400}},
      {"xchunked", post_with("Transfer-Encoding: xchunked\r\n", chunked_body + smuggled), {400, 501}},
      {"chunked, identity", post_with("Transfer-Encoding: chunked, identity\r\n", chunked_body + smuggled), {400, 501}},
      {"gzip, chunked", post_with("Transfer-Encoding: gzip, chunked\r\n", chunked_body), {400, 501}},
      {"gzip alone", post_with("Transfer-Encoding: gzip\r\n", chunked_body + smuggled), {400, 501}},
      {"identity", post_with("Transfer-Encoding: identity\r\n" + good), {400, 501}},
      {"no-break space before chunked",
       post_with("Transfer-Encoding: \xa0"
                 "chunked\r\n" +
                 good),
       {400, 501}},
      {"vertical tab before chunked",
       post_with("Transfer-Encoding: \x0b"
                 "chunked\r\n",
                 chunked_body),
       {400, 501}},
      {"chunked in quotes", post_with("Transfer-Encoding: \"chunked\"\r\n", chunked_body), {400, 501}},
      {"chunked in HTTP/1.0",
       "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked_body,
       {400}},
      {"space before the colon", post_with("Content-Length : 5\r\n", "12345"), {400}},
      {"space before the colon of a coding", post_with("Transfer-Encoding : chunked\r\n" + good), {400}},
      {"folded field", post_with("X-A: 1\r\n 2\r\n" + good), {400}},
      {"folded coding", post_with("Transfer-Encoding:\r\n chunked\r\n" + good), {400}},
      {"field line that begins with a space",
       "POST /v1/chat/completions HTTP/1.1\r\n Host: localhost\r\n" + good + "\r\n" + chat_body,
       {400}},
      {"NUL in a value", post_with(std::string("X-A: a\0b\r\n", 10) + good), {400}},
      {"bare CR in a value", post_with("X-A: a\rb\r\n" + good), {400}},
      {"bare LF after a field", post_with("X-A: a\n" + good), {400}},
      {"bare LFs everywhere", "GET /v1/models HTTP/1.1\nHost: localhost\n\n", {400}},
      {"field without a colon", post_with("nonsense\r\n" + good), {400}},
      {"empty field name", post_with(": x\r\n" + good), {400}},
      {"control byte in a field name", post_with("X\x01Y: x\r\n" + good), {400}},
      {"no Host", get_with(""), {400}},
      {"two Hosts", get_with("Host: localhost\r\nHost: localhost\r\n"), {400}},
      {"two different Hosts", get_with("Host: localhost\r\nHost: evil.test\r\n"), {400}},
      {"empty Host", get_with("Host: \r\n"), {400, 421}},
      {"a list of Hosts", get_with("Host: localhost, evil.test\r\n"), {400, 421}},
      {"a foreign Host", get_with("Host: evil.test\r\n"), {421}},
      {"a foreign Host with our port", get_with("Host: evil.test:6837\r\n"), {421}},
      {"a Host that looks local", get_with("Host: localhost.evil.test\r\n"), {421}},
      {"a Host that begins like an address", get_with("Host: 127.0.0.1.evil.test\r\n"), {421}},
      {"a page of another origin", get_with("Host: localhost\r\nOrigin: http://evil.test\r\n"), {403}},
      {"a page of no origin", get_with("Host: localhost\r\nOrigin: null\r\n"), {403}},
      {"userinfo in Host", get_with("Host: localhost@evil.test\r\n"), {400, 421}},
      {"absolute form for a foreign host",
       "GET http://evil.test/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
       {400, 421}},
      {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 404, 405}},
      {"CONNECT", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", {405}},
      {"TRACE", "TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", {405}},
      {"unknown method", "BREW /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 405, 501}},
      {"method in small letters", "get /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 405, 501}},
      {"HTTP/1.2", "GET /v1/models HTTP/1.2\r\nHost: localhost\r\n\r\n", {400, 505}},
      {"HTTP/2.0", "GET /v1/models HTTP/2.0\r\nHost: localhost\r\n\r\n", {400, 505}},
      {"HTTP/0.9", "GET /v1/models\r\n\r\n", {400, 505}},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 501, 505}},
      {"two spaces in the request line", "GET  /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}},
      {"a space in the target", "GET /v1/models x HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 505}},
      {"non-ASCII in the target", "GET /v1/mod\xc3\xa9ls HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}},
      {"control byte in the target", "GET /v1/mod\x01ls HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}},
      {"dots in the path", "GET /v1/../api/pull HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}},
      {"encoded slash in the path", "GET /v1%2fmodels HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 404}},
      {"double slash", "GET //v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}},
      {"backslash in the path", "GET /v1\\models HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}},
      {"a target of 200 KB",
       "GET /v1/models?" + std::string(200'000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
       {414, 431}},
      {"a field of 200 KB", get_with("Host: localhost\r\nX-A: " + std::string(200'000, 'a') + "\r\n"), {431}},
      {"5000 fields",
       [] {
         std::string fields = "Host: localhost\r\n";
         for (int i = 0; i < 5000; ++i) fields += "X-" + std::to_string(i) + ": some value\r\n";
         return get_with(fields);
       }(),
       {431}},
      {"chunk size that is none", post_with("Transfer-Encoding: chunked\r\n", "ZZ\r\nabc\r\n0\r\n\r\n"), {400}},
      {"chunk size of 17 digits", post_with("Transfer-Encoding: chunked\r\n", "11111111111111111\r\nabc"), {400, 413}},
      {"chunk size with 0x", post_with("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), {400}},
      {"negative chunk size", post_with("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"), {400}},
      {"chunk without its CRLF", post_with("Transfer-Encoding: chunked\r\n", "3\r\nabcdef\r\n0\r\n\r\n"), {400}},
      {"chunks that end in bare LF", post_with("Transfer-Encoding: chunked\r\n", "3\nabc\n0\n\n"), {400}},
      {"chunk extension of 70 KB",
       post_with("Transfer-Encoding: chunked\r\n", "3;" + std::string(70'000, 'x') + "\r\nabc\r\n0\r\n\r\n"),
       {400, 413, 431}},
      {"unknown expectation", post_with("Expect: 200-maybe\r\n" + good), {417}},
      {"TLS on the plain port",
       std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(60, 'x') + "\r\n\r\n",
       {400}},
      {"noise", std::string("\x00\xff\x13\x37\r\n\r\n", 8), {400}},
  };
  return rows;
}

class HostileRequest : public testing::TestWithParam<hostile_row> {
 protected:
  // One daemon for all rows: it must survive them all, and nothing of one may reach another.
  static void SetUpTestSuite() {
    shared = std::make_unique<world>();
    shared->start();
  }
  static void TearDownTestSuite() { shared.reset(); }
  static std::unique_ptr<world> shared;
};
std::unique_ptr<world> HostileRequest::shared;

TEST_P(HostileRequest, IsRefusedAndReachesNobody) {
  auto const& row = GetParam();
  raw_client client(shared->port());
  client.send(row.bytes);
  auto const answer = client.read_answer();
  EXPECT_NE(std::find(row.statuses.begin(), row.statuses.end(), answer.status), row.statuses.end())
      << "status " << answer.status << " " << answer.body;
  EXPECT_EQ(answer.has("allow"), answer.status == 405);
  EXPECT_TRUE(json_of(answer).contains("error")) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-tier"), "none");
  EXPECT_EQ(shared->openai.application_bytes() + shared->anthropic.application_bytes(), 0U);
  EXPECT_TRUE(shared->local_generations().empty());

  // Whatever stood behind it is not taken for a request. Where only the wish was refused and the message is clear, the
  // connection may go on.
  bool const clear = answer.status == 403 || answer.status == 404 || answer.status == 405 || answer.status == 421;
  if (!clear) {
    std::string rest;
    auto const ended = client.read_to_end(rest);
    EXPECT_TRUE(ended == io::end || ended == io::reset);
    EXPECT_EQ(rest, "");
  }
}

void PrintTo(const hostile_row& row, std::ostream* out) { *out << row.name; }

std::string row_name(const testing::TestParamInfo<hostile_row>& info) {
  std::string name = std::to_string(info.index) + "_";
  for (char c : info.param.name) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Rows, HostileRequest, testing::ValuesIn(hostile_rows()), row_name);

TEST(HostileResponse, NeverReachesTheNextCaller) {
  // The two ways in which a pooled connection could give one caller's answer to another.
  world w;
  w.openai.once("/v1/chat/completions", [](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nEVIL");
  });
  w.openai.once("/v1/models", [](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nEVIL");
  });
  w.start();
  raw_client client(w.port());  // one caller stays with one worker, and a worker with its pool
  client.post("/v1/chat/completions", chat_body);
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  client.request("HEAD", "/v1/models");
  client.read_answer(true);
  expect_cloud(client.post("/v1/chat/completions", chat_body));
}

TEST(HostileRequestGood, OnesNextToTheHostileAreServed) {
  world w;
  w.start();
  for (auto const& bytes : std::vector<std::string>{
           post_with(length_of(chat_body)),
           post_with("content-length:" + std::to_string(chat_body.size()) + " \t \r\n"),
           post_with("Transfer-Encoding: Chunked\r\n", chunk(chat_body) + std::string(last_chunk)),
           post_with("Transfer-Encoding: chunked\r\n", "00" + chunk(chat_body) + "0;last=1\r\n\r\n"),
           "POST http://localhost/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + length_of(chat_body) + "\r\n" +
               chat_body,
           "POST /v1/chat/completions HTTP/1.1\r\nHost: [::1]:6837\r\n" + length_of(chat_body) + "\r\n" + chat_body,
           "POST /v1/chat/completions HTTP/1.1\r\nHost: 192.168.1.7\r\n" + length_of(chat_body) + "\r\n" + chat_body,
           "POST /v1/chat/completions HTTP/1.1\r\nHost: box.local\r\n" + length_of(chat_body) + "\r\n" + chat_body,
           "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n" + length_of(chat_body) + "\r\n" + chat_body}) {
    SCOPED_TRACE(bytes);
    raw_client client(w.port());
    client.send(bytes);
    expect_cloud(client.read_answer());
  }
}

TEST(HostileRequestGood, AStreamForHttp10HasNoChunks) {
  world w;
  w.start();
  raw_client client(w.port());
  client.send("POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n" + length_of(chat_stream_body) + "\r\n" +
              chat_stream_body);
  auto const answer = client.read_answer();
  EXPECT_FALSE(answer.has("transfer-encoding"));
  EXPECT_EQ(answer.body, joined(openai::chat_events({})));
}

TEST(HostileJson, IsNeverFatal) {
  world w;
  w.start();
  for (auto const& body :
       {std::string(1'000'000, '['), std::string("{\"model\":\"\\ud800\",\"messages\":[]}"),
        std::string("{\"model\":1e999999,\"messages\":[]}"), std::string("{\"model\":\"m\",\"model\":\"n\"}"),
        std::string("\0\0\0", 3), R"({"a":)" + std::string(100'000, '{')}) {
    auto const answer = post(w.port(), "/v1/chat/completions", body);
    EXPECT_NE(answer.status, 0);
  }
  w.openai.on("/v1/chat/completions", reply(200, std::string(1'000'000, '[')));
  EXPECT_NE(w.chat().status, 0);
  w.openai.on("/v1/chat/completions", reply(200, openai::chat({})));
  expect_cloud(w.chat());
}

TEST(HostileNames, DoNotForgeLogLines) {
  world w;
  w.start();
  w.openai.stop();
  post(
      w.port(), "/v1/chat/completions",
      R"({"model":"x\n{\"event\":\"request\",\"outcome\":\"forged\"}\u001b[31m","messages":[{"role":"user","content":"x"}]})");
  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].value("outcome", ""), "forged");
  EXPECT_EQ(w.daemon().all_output().find('\x1b'), std::string::npos);
}

TEST(AdminHosts, AreCheckedLikeTheProxys) {
  world w;
  w.start();
  for (auto const* path : {"/metrics", "/livez", "/readyz"}) {
    EXPECT_EQ(get(w.daemon().admin_port(), path, {{"Host", "evil.test"}}).status, 421) << path;
    EXPECT_EQ(get(w.daemon().admin_port(), path).status, 200) << path;
  }
}

}  // namespace
}  // namespace tideover::test
