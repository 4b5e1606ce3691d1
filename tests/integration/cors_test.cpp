// Web pages at the proxy's door: none unless the configuration names their origin, and those can read what they get.
#include "integration/world.hpp"

namespace tideover::test {
namespace {

const std::string page = "https://chat.example.com";

world_options with_pages(const std::string& more = {}) {
  world_options options;
  options.more = "cors: {origins: [\"" + page + "\", \"http://localhost:3000\"]}\n" + more;
  return options;
}

http_answer ask(world& w, std::string_view method, std::string_view target, std::string_view body,
                const field_list& fields) {
  raw_client client(w.port());
  client.request(method, target, body, fields);
  return client.read_answer(method == "HEAD");
}

void expect_readable(const http_answer& answer, const std::string& by = page) {
  EXPECT_EQ(answer.field("access-control-allow-origin"), by) << answer.head.raw;
  EXPECT_NE(answer.field("access-control-expose-headers").find("X-Tideover-Tier"), std::string::npos);
  EXPECT_NE(answer.head.raw.find("Vary: Origin\r\n"), std::string::npos) << answer.head.raw;
  EXPECT_FALSE(answer.has("access-control-allow-credentials"));
}

void expect_no_word_of_pages(const http_answer& answer) {
  EXPECT_EQ(answer.head.raw.find("Access-Control"), std::string::npos) << answer.head.raw;
}

TEST(WithoutOrigins, EveryForeignPageIsRefusedAndNothingIsSaidOfPages) {
  world w;
  w.start();
  for (auto const* origin : {"https://chat.example.com", "null", "http://localhost:3000", "http://evil.test"}) {
    auto const answer = w.chat({{"Origin", origin}});
    EXPECT_EQ(answer.status, 403) << origin;
    EXPECT_EQ(answer.field("x-tideover-error"), "origin_not_allowed");
    expect_no_word_of_pages(answer);
    auto const asked =
        ask(w, "OPTIONS", "/v1/chat/completions", {}, {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_EQ(asked.status, 403) << origin;
    expect_no_word_of_pages(asked);
  }
  // What a browser sends for an image or a script on another page, which has no Origin.
  EXPECT_EQ(get(w.port(), "/v1/models", {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "no-cors"}}).status, 403);
  EXPECT_EQ(w.openai.connections(), 0U);
  auto const plain = w.chat();
  expect_cloud(plain);
  expect_no_word_of_pages(plain);
  EXPECT_FALSE(plain.has("vary"));
}

TEST(AllowedPages, AskFirstAndAreToldYesWithoutAKey) {
  world w;
  w.start(
      with_pages("clients:\n  required: true\n  keys: [{name: a, sha256: "
                 "\"4ccc2b478ba21f2c0d868553d14e37a7a4e39afd0c9a77de3670594ccf9f24a5\"}]\n"));
  auto const asked = ask(w, "OPTIONS", "/w/legal/v1/chat/completions", {},
                         {{"Origin", page},
                          {"Access-Control-Request-Method", "POST"},
                          {"Access-Control-Request-Headers", "authorization,content-type,x-tideover-workflow"}});
  EXPECT_EQ(asked.status, 204);
  EXPECT_EQ(asked.field("access-control-allow-origin"), page);
  EXPECT_EQ(asked.field("access-control-allow-headers"), "authorization,content-type,x-tideover-workflow");
  EXPECT_NE(asked.field("access-control-allow-methods").find("POST"), std::string::npos);
  EXPECT_EQ(asked.body, "");
  // The request itself needs its key, and the page can read that it was refused.
  auto const refused = w.chat({{"Origin", page}});
  EXPECT_EQ(refused.status, 401);
  expect_readable(refused);
  auto const served = post(w.port(), "/w/legal/v1/chat/completions", chat_body,
                           {{"Origin", page}, {"Authorization", "Bearer tide-canary-legal"}});
  expect_local(served, "policy");
  expect_readable(served);
  EXPECT_FALSE(w.local_generations().at(0).field("origin"));
}

TEST(AllowedPages, ReadAnswersErrorsAndStreamsOfEveryTier) {
  world w;
  w.start(with_pages());
  field_list const from_page{{"Origin", page}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "cors"}};
  for (auto const& row : dialects()) {
    auto const whole = post(w.port(), row.path, row.whole, from_page);
    EXPECT_EQ(whole.field("x-tideover-tier"), "cloud");
    expect_readable(whole);
    auto const streamed = post(w.port(), row.path, row.stream, from_page);
    EXPECT_TRUE(streamed.complete());
    EXPECT_TRUE(has_terminator(row, streamed.events()));
    expect_readable(streamed);
  }
  EXPECT_FALSE(w.openai.requests().at(0).field("origin"));
  expect_readable(get(w.port(), "/v1/models", from_page));
  expect_readable(get(w.port(), "/api/tags", from_page));
  expect_readable(get(w.port(), "/no/such/path", from_page));
  expect_readable(ask(w, "HEAD", "/v1/models", {}, from_page));
  expect_readable(post(w.port(), "/v1/files", std::string(100'000, 'x'), from_page));
  w.openai.on("/v1/chat/completions", reply(400, openai::error("bad", "invalid_request_error"),
                                            {{"Access-Control-Allow-Origin", "*"}, {"Vary", "Accept"}}));
  auto const error = w.chat(from_page);
  EXPECT_EQ(error.status, 400);
  expect_readable(error);
  EXPECT_EQ(error.head.raw.find("Allow-Origin: *"), std::string::npos);
  w.openai.stop();
  expect_readable(w.chat(from_page));
  expect_readable(w.chat_stream(from_page));
  w.ollama.stop();
  auto const nobody = w.chat(from_page);
  EXPECT_EQ(nobody.status, 503);
  expect_readable(nobody);
}

TEST(AllowedPages, AreOnlyThoseThatAreNamedExactly) {
  world w;
  w.start(with_pages("headers: none\n"));
  expect_readable(w.chat({{"Origin", "http://localhost:3000"}}), "http://localhost:3000");
  for (auto const* origin :
       {"http://localhost:3001", "http://chat.example.com", "https://chat.example.com.evil.test", "null",
        "https://chat.example.com, http://localhost:3000", "https://CHAT.example.com", "https://chat.example.com/"}) {
    auto const answer = w.chat({{"Origin", origin}});
    EXPECT_EQ(answer.status, 403) << origin;
    EXPECT_FALSE(answer.has("access-control-allow-origin")) << origin;
    EXPECT_NE(answer.head.raw.find("Vary: Origin\r\n"), std::string::npos);
  }
  EXPECT_EQ(w.chat({{"Origin", page}, {"Origin", page}}).status, 403);
  // A rebound name is refused although the page's origin is allowed.
  auto const rebound = w.chat({{"Origin", page}, {"Host", "evil.test"}});
  EXPECT_EQ(rebound.status, 421);
  auto const without = w.chat();
  EXPECT_FALSE(without.has("access-control-allow-origin"));
  EXPECT_NE(without.head.raw.find("Vary: Origin\r\n"), std::string::npos) << "a cache must keep the two apart";
}

TEST(AllowedPages, OfTheProxyAreStrangersAtTheAdminDoor) {
  world w;
  auto options = with_pages();
  options.admin_more = ", token: {env: ADMIN_TOKEN}";
  options.environment = {{"ADMIN_TOKEN", "token-of-this-test-0123456789"}};
  w.start(options);
  field_list const fields{{"Origin", page},
                          {"Authorization", "Bearer token-of-this-test-0123456789"},
                          {"Content-Type", "application/json"}};
  raw_client client(w.daemon().admin_port());
  client.request("PUT", "/api/contingency", R"({"reason":"x"})", fields);
  auto const answer = client.read_answer();
  EXPECT_EQ(answer.status, 403);
  expect_no_word_of_pages(answer);
  auto const read = get(w.daemon().admin_port(), "/api/status", {{"Origin", page}});
  EXPECT_EQ(read.status, 403);
  expect_no_word_of_pages(read);
}

TEST(AllowedPages, APreflightOnAKeptConnectionIsFollowedByItsRequest) {
  world w;
  w.start(with_pages());
  raw_client client(w.port());
  for (int i = 0; i < 3; ++i) {
    client.request("OPTIONS", "/v1/chat/completions", {},
                   {{"Origin", page}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_EQ(client.read_answer().status, 204);
    expect_cloud(client.post("/v1/chat/completions", chat_body, {{"Origin", page}}));
  }
  EXPECT_EQ(w.daemon().wait_for_log("request", 6).size(), 6U) << "each has its line";
}

}  // namespace
}  // namespace tideover::test
