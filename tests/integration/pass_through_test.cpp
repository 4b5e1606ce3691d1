// A cloud that is well: what callers send arrives, what it answers arrives, and connections are used again.
#include <cctype>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

TEST(PassThrough, BodiesAreIdenticalInBothDirections) {
  world w;
  w.start();
  // Odd spacing, key order, escapes and number forms are the caller's business.
  std::string const odd =
      "{ \"messages\" : [ {\"content\":\"\\u00e9\\ud83c\\udf0a \xE2\x82\xAC\",\"role\":\"user\"} "
      "],\n\t\"temperature\":1e-0,"
      "\"model\":\"gpt-4o-mini\", \"unknown\": {\"z\":1,\"a\":[1.0,2.50]} }\n";
  auto const answer = post(w.port(), "/v1/chat/completions?beta=true", odd, {{"Authorization", "Bearer sk-own"}});
  expect_cloud(answer);
  EXPECT_EQ(answer.body, openai::chat({}));
  auto const seen = w.openai.requests_to("/v1/chat/completions");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].body, odd);
  EXPECT_EQ(seen[0].target, "/v1/chat/completions?beta=true");
  EXPECT_EQ(seen[0].field("content-length"), std::to_string(odd.size()));
  EXPECT_FALSE(seen[0].field("transfer-encoding"));
}

TEST(PassThrough, EveryDialectReachesItsOwnCloud) {
  world w;
  w.start();
  for (auto const& row : dialects()) {
    SCOPED_TRACE(row.name);
    expect_cloud(post(w.port(), row.path, row.whole), row.anthropic ? "anthropic" : "openai");
    EXPECT_EQ((row.anthropic ? w.anthropic : w.openai).requests_to(row.path).size(), 1U);
    EXPECT_TRUE((row.anthropic ? w.openai : w.anthropic).requests_to(row.path).empty());
  }
  EXPECT_TRUE(w.local_generations().empty());
}

TEST(PassThrough, TheCallersOwnFieldsArriveAndWhatIsNotTheCloudsBusinessDoesNot) {
  world w;
  w.start();
  w.chat({{"Authorization", "Bearer sk-own"},
          {"OpenAI-Organization", "org-1"},
          {"User-Agent", "OpenAI/Python 3.3.1"},
          {"X-Stainless-Lang", "python"},
          {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
          {"Accept-Encoding", "gzip, br"},
          {"Cookie", "session=1"},
          {"Forwarded", "for=1.2.3.4"},
          {"X-Forwarded-For", "1.2.3.4"},
          {"Connection", "keep-alive, X-Hop, Authorization"},
          {"X-Hop", "1"},
          {"Keep-Alive", "timeout=5"},
          {"TE", "trailers"},
          {"Upgrade", "h2c"},
          {"Proxy-Authorization", "Basic x"},
          {"X-Tideover-Tier", "local"},
          {"X-Tideover-Failover", "spoofed"}});
  auto const seen = w.openai.requests_to("/v1/chat/completions").at(0);
  EXPECT_EQ(seen.field("authorization"), "Bearer sk-own") << "Connection must not strip an end-to-end field";
  EXPECT_EQ(seen.field("openai-organization"), "org-1");
  EXPECT_EQ(seen.field("user-agent"), "OpenAI/Python 3.3.1");
  EXPECT_EQ(seen.field("x-stainless-lang"), "python");
  EXPECT_EQ(seen.field("traceparent").value_or("").substr(0, 35), "00-0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(seen.field("accept-encoding"), "identity");
  EXPECT_EQ(seen.field("host"), "127.0.0.1:" + std::to_string(w.openai.port()));
  EXPECT_EQ(count_field(seen.fields, "host"), 1U);
  for (auto const* gone : {"origin", "cookie", "forwarded", "x-forwarded-for", "x-hop", "keep-alive", "te", "upgrade",
                           "proxy-authorization", "x-tideover-tier", "x-tideover-failover"})
    EXPECT_FALSE(seen.field(gone)) << gone;
}

TEST(PassThrough, TheCloudsFieldsArriveAndThoseOfOneConnectionDoNot) {
  world w;
  w.openai.on("/v1/chat/completions", reply(200, openai::chat({}),
                                            {{"x-request-id", "req_1"},
                                             {"x-ratelimit-remaining-tokens", "7"},
                                             {"Keep-Alive", "timeout=1"},
                                             {"Connection", "x-hop"},
                                             {"x-hop", "1"},
                                             {"Set-Cookie", "a=b"},
                                             {"Strict-Transport-Security", "max-age=1"},
                                             {"Alt-Svc", "h3=\":443\""},
                                             {"X-Tideover-Tier", "forged"}}));
  w.start();
  auto const answer = w.chat();
  expect_cloud(answer);
  EXPECT_EQ(answer.field("x-request-id"), "req_1");
  EXPECT_EQ(answer.field("x-ratelimit-remaining-tokens"), "7");
  EXPECT_EQ(count_field(answer.head.fields, "x-tideover-tier"), 1U);
  for (auto const* gone : {"x-hop", "set-cookie", "strict-transport-security", "alt-svc"})
    EXPECT_FALSE(answer.has(gone)) << gone;
}

TEST(PassThrough, TheServedModelIsNamed) {
  world w;
  w.start();
  EXPECT_EQ(w.chat().field("x-tideover-model"), "gpt-4o-mini");
  EXPECT_EQ(w.chat_stream().field("x-tideover-model"), "gpt-4o-mini");
}

TEST(PassThrough, HeadersNoneHidesWhoServed) {
  world w;
  world_options options;
  options.more = "headers: none";
  w.start(options);
  for (auto const& answer : {w.chat(), w.chat_stream(), get(w.port(), "/nothing")})
    for (auto const& [name, value] : answer.head.fields)
      EXPECT_NE(std::string(name).substr(0, 11), "X-Tideover-") << name << ": " << value;
}

TEST(PassThrough, CompressedAnswersPassWhenTheCallerCanReadThem) {
  world w;
  std::string const gzipped("\x1f\x8b\x08\x00 not really gzip", 20);
  w.openai.on("/v1/chat/completions", reply(200, gzipped, {{"Content-Encoding", "gzip"}}));
  w.start();
  auto const answer = w.chat({{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("content-encoding"), "gzip");
  EXPECT_EQ(answer.body, gzipped);
  EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
}

TEST(PassThrough, InterimAnswersAreNotTheAnswer) {
  world w;
  std::string hints;
  for (int i = 0; i < 10; ++i) hints += "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  auto const body = openai::chat({});
  w.openai.on("/v1/chat/completions",
              raw_bytes(hints +
                            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            "Content-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body,
                        false));
  w.start();
  expect_cloud(w.chat());
}

TEST(PassThrough, AnswersOfHttp10AndWithoutLengthArriveWhole) {
  world w;
  auto const body = openai::chat({});
  w.openai.on("/v1/chat/completions", raw_bytes("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body));
  w.start();
  auto const answer = w.chat();
  expect_cloud(answer);
  EXPECT_EQ(answer.body, body);
}

TEST(Connections, AreUsedAgainOnBothSides) {
  world w;
  w.start();
  raw_client client(w.port());
  for (int i = 0; i < 20; ++i) expect_cloud(client.post("/v1/chat/completions", chat_body));
  EXPECT_EQ(w.openai.connections(), 1U);
}

TEST(Connections, ThatDieWhileIdleAreReplacedUnseen) {
  world w;
  auto const body = openai::chat({});
  w.openai.on("/v1/chat/completions", [body](served_connection& c, const recorded_request&) {
    c.answer(200, body);
    c.close();  // without having said so
  });
  w.start();
  raw_client client(w.port());
  for (int i = 0; i < 50; ++i) expect_cloud(client.post("/v1/chat/completions", chat_body));
}

TEST(Connections, AReusedOneThatDiesWithoutAByteIsRetriedOnceOnAFreshOne) {
  world w;
  auto const body = openai::chat({});
  w.openai.on("/v1/chat/completions", [body](served_connection& c, const recorded_request& r) {
    if (r.on_reused_connection())
      c.close();
    else
      c.answer(200, body);
  });
  w.start();
  raw_client client(w.port());  // one caller stays with one worker, and a worker with its pool
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  auto const seen = w.openai.requests_to("/v1/chat/completions");
  ASSERT_EQ(seen.size(), 3U);  // served, died on reuse, served afresh
  EXPECT_TRUE(seen[1].on_reused_connection());
  EXPECT_FALSE(seen[2].on_reused_connection());
}

TEST(Connections, AFreshOneThatDiesIsNeverAskedTwice) {
  world w;
  w.openai.on("/v1/chat/completions", hang_up());
  w.start();
  expect_local(w.chat(), "connect");
  EXPECT_EQ(w.openai.requests_to("/v1/chat/completions").size(), 1U);
}

TEST(Connections, SurplusBytesAfterAnAnswerAreNobodysAnswer) {
  world w;
  auto const body = openai::chat({});
  std::string const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
  w.openai.once("/v1/chat/completions", [=](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body + evil);
  });
  w.start();
  raw_client client(w.port());
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  EXPECT_EQ(w.openai.connections(), 2U);
}

TEST(Pipelining, AHundredRequestsInOneWriteAreAnsweredInOrder) {
  world w;
  w.openai.on("/v1/chat/completions", [](served_connection& c, const recorded_request& r) {
    said echo;
    echo.id = nlohmann::json::parse(r.body).value("user", "");
    c.answer(200, openai::chat(echo));
  });
  w.start();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    auto const body =
        R"({"model":"m","user":")" + std::to_string(i) + R"(","messages":[{"role":"user","content":"?"}]})";
    all += "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  raw_client client(w.port());
  ASSERT_EQ(client.send(all), io::ok);
  for (int i = 0; i < 100; ++i) {
    auto const answer = client.read_answer();
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(json_of(answer).value("id", ""), "chatcmpl-" + std::to_string(i));
  }
}

TEST(Bodies, ChunkedOnesAreDecodedAndForwardedWithALength) {
  world w;
  w.start();
  raw_client client(w.port());
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Evil\r\n\r\n");
  for (char byte : chat_body) client.send(chunk(std::string(1, byte)));
  client.send("0\r\nX-Evil: 1\r\nAuthorization: Bearer trailer\r\n\r\n");
  expect_cloud(client.read_answer());
  auto const seen = w.openai.requests_to("/v1/chat/completions").at(0);
  EXPECT_EQ(seen.body, chat_body);
  EXPECT_EQ(seen.field("content-length"), std::to_string(chat_body.size()));
  EXPECT_FALSE(seen.field("transfer-encoding"));
  EXPECT_FALSE(seen.field("x-evil")) << "trailers never become fields";
  EXPECT_FALSE(seen.field("authorization"));
}

TEST(Bodies, ACallerThatExpectsAContinueGetsOne) {
  world w;
  w.start();
  raw_client client(w.port());
  client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: " +
              std::to_string(chat_body.size()) + "\r\n\r\n");
  std::string interim;
  ASSERT_EQ(client.raw().read_some(interim), io::ok);
  EXPECT_EQ(interim.substr(0, 21), "HTTP/1.1 100 Continue");
  client.send(chat_body);
  expect_cloud(client.read_answer());
  EXPECT_FALSE(w.openai.requests_to("/v1/chat/completions").at(0).field("expect"));
}

TEST(Bodies, OneByteOverTheLimitIsRefusedBeforeItIsRead) {
  world w;
  world_options options;
  options.more = "limits: {request_body: 64KiB}";
  w.start(options);
  auto const sized = [](std::size_t bytes) {
    std::string body = R"({"model":"m","messages":[{"role":"user","content":")";
    std::string const tail = R"("}]})";
    body.append(bytes - body.size() - tail.size(), 'x');
    return body + tail;
  };
  expect_cloud(post(w.port(), "/v1/chat/completions", sized(64 * 1024)));

  raw_client client(w.port());
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n");
  auto const refused = client.read_answer();
  EXPECT_EQ(refused.status, 413);
  EXPECT_TRUE(refused.interim.empty()) << "no byte of it may be asked for";
  EXPECT_EQ(refused.field("x-tideover-error"), "request_too_large");
  EXPECT_TRUE(json_of(refused).contains("error"));

  raw_client chunked(w.port());
  chunked.send("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.send(chunk(sized(65537)));
  chunked.send(last_chunk);
  EXPECT_EQ(chunked.read_answer().status, 413);
  EXPECT_EQ(w.openai.requests_to("/v1/chat/completions").size(), 1U);
  EXPECT_EQ(w.anthropic.application_bytes(), 0U);
}

TEST(Bodies, UploadsOfAnySizeAreStreamedThroughByteForByte) {
  world w;
  w.openai.on("/v1/files", reply(200, R"({"id":"file_1","object":"file"})"));
  world_options options;
  options.more = "limits: {request_body: 1MiB, replay_memory: 8MiB}";
  w.start(options);
  std::string upload(50U << 20, '\0');
  for (std::size_t i = 0; i < upload.size(); ++i) upload[i] = static_cast<char>((i * 2654435761U) >> 13);
  auto const before = w.daemon().resident_kib();
  raw_client client(w.port());
  auto const answer = client.post("/v1/files", upload,
                                  {{"Content-Type", "application/octet-stream"}, {"Authorization", "Bearer sk-own"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
  auto const seen = w.openai.requests_to("/v1/files");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].body == upload);
  EXPECT_EQ(seen[0].field("authorization"), "Bearer sk-own");
  EXPECT_LT(w.daemon().resident_kib(), before + 40 * 1024) << "an upload is never held whole";
  expect_cloud(client.post("/v1/chat/completions", chat_body));

  client.send("POST /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (std::size_t at = 0; at < (4U << 20); at += 65536) client.send(chunk(std::string_view(upload).substr(at, 65536)));
  client.send(last_chunk);
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_TRUE(w.openai.requests_to("/v1/files").at(1).body == upload.substr(0, 4U << 20));
}

TEST(Bodies, ThatAreOnlyAnnouncedHoldNoMemoryThatOthersNeed) {
  world w;
  world_options options;
  options.more = "limits: {request_body: 6MiB, replay_memory: 16MiB}";
  w.start(options);
  std::vector<std::unique_ptr<raw_client>> idle;
  for (int i = 0; i < 10; ++i) {
    idle.push_back(std::make_unique<raw_client>(w.port()));
    idle.back()->send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000000\r\n\r\n{");
  }
  expect_cloud(w.chat());
  // One of them was honest: a body that has to be moved on its way in arrives byte for byte.
  std::string const padded = chat_body.substr(1) + std::string(6'000'000 - chat_body.size(), ' ');
  idle[3]->send(padded);
  expect_cloud(idle[3]->read_answer());
  EXPECT_TRUE(w.openai.requests_to("/v1/chat/completions").back().body == "{" + padded);
}

TEST(Bodies, DownloadsOfAnySizeAreStreamedThroughByteForByte) {
  world w;
  std::string content(20U << 20, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>((i * 40503U) >> 7);
  w.openai.on("/v1/files/file_1/content", reply(200, content, {}, "application/octet-stream"));
  world_options options;
  options.more = "limits: {response_body: 1MiB}";
  w.start(options);
  auto const answer = get(w.port(), "/v1/files/file_1/content");
  EXPECT_TRUE(answer.complete());
  EXPECT_TRUE(answer.body == content);
}

TEST(Models, AreTheCloudsListWhileItIsThereAndTheLocalOnesWhenItIsAway) {
  world w;
  w.start();
  auto const list = openai::models({"gpt-4o-mini", "o9-cloud"});
  EXPECT_EQ(get(w.port(), "/v1/models").body, list);
  w.openai.stop();
  w.anthropic.stop();
  auto const local = get(w.port(), "/v1/models");
  EXPECT_EQ(local.status, 200);
  EXPECT_EQ(json_of(local).value("object", ""), "list");
  EXPECT_NE(local.field("x-tideover-tier"), "cloud");

  auto const for_anthropic = get(w.port(), "/v1/models", {{"anthropic-version", "2023-06-01"}, {"x-api-key", "k"}});
  EXPECT_EQ(for_anthropic.status, 200);
  EXPECT_TRUE(json_of(for_anthropic).contains("has_more")) << for_anthropic.body;
  EXPECT_NE(for_anthropic.body.find("llama3.1:8b"), std::string::npos);
}

TEST(Models, AreTheLocalOnesWhenTheCloudWasNeverThere) {
  world w;
  w.openai.stop();
  w.start();
  auto const json = json_of(get(w.port(), "/v1/models"));
  ASSERT_TRUE(json.contains("data"));
  ASSERT_EQ(json["data"].size(), 1U);
  EXPECT_EQ(json["data"][0].value("id", ""), "llama3.1:8b");
  EXPECT_EQ(json["data"][0].value("object", ""), "model");
}

TEST(Head, RequestsGetHeadsWithoutBodies) {
  world w;
  w.openai.on("/v1/models", [](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n");
  });
  w.start();
  raw_client client(w.port());
  client.request("HEAD", "/v1/models");
  EXPECT_EQ(client.read_answer(true).status, 200);
  expect_cloud(client.post("/v1/chat/completions", chat_body));
}

TEST(NativeRoutes, ReachOllamaAndOnlyThoseThatAreSafe) {
  world w;
  w.start();
  EXPECT_EQ(get(w.port(), "/api/version").body, R"({"version":"0.33.0"})");
  auto const tags = get(w.port(), "/api/tags");
  EXPECT_EQ(tags.body, ollama::tags({ollama::model{}}));
  EXPECT_EQ(tags.field("x-tideover-tier"), "local");
  auto const chat =
      post(w.port(), "/api/chat", R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(text_of(chat.body), local_text);
  EXPECT_EQ(chat.field("content-type"), "application/x-ndjson");
  for (auto const* path : {"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/me"})
    EXPECT_EQ(post(w.port(), path, "{}").status, 403) << path;
  raw_client client(w.port());
  client.request("DELETE", "/api/delete", "{}");
  EXPECT_EQ(client.read_answer().status, 403);
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
  for (auto const& r : w.ollama.requests()) EXPECT_EQ(r.path().find("pull"), std::string::npos);
}

}  // namespace
}  // namespace tideover::test
