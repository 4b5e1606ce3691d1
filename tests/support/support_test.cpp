// The harness against itself: a test that leans on a scripted fault must know that the fault really happens.
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/answers.hpp"
#include "support/raw_client.hpp"
#include "support/scripted_upstream.hpp"
#include "support/test_ca.hpp"

namespace tideover::test {
namespace {

TEST(ScriptedUpstream, AnswersAndRemembersEveryByteOfARequest) {
  scripted_upstream upstream;
  upstream.on("/x", reply(201, "made", {{"X-Extra", "1"}}, "text/plain"));
  raw_client client(upstream.port());
  auto const answer = client.post("/x?q=1", "the body", {{"X-Odd", "  value "}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, "made");
  EXPECT_EQ(answer.field("x-extra"), "1");
  EXPECT_TRUE(answer.complete());
  client.get("/x");
  auto const seen = upstream.requests();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].target, "/x?q=1");
  EXPECT_EQ(seen[0].path(), "/x");
  EXPECT_EQ(seen[0].body, "the body");
  EXPECT_NE(seen[0].head.find("X-Odd:   value \r\n"), std::string::npos);
  EXPECT_FALSE(seen[0].on_reused_connection());
  EXPECT_TRUE(seen[1].on_reused_connection());
  EXPECT_EQ(upstream.connections(), 1U);
}

TEST(ScriptedUpstream, OneOffScriptsComeBeforeTheLastingOne) {
  scripted_upstream upstream;
  upstream.on("*", reply(200, "always"));
  upstream.once("/a", reply(503, "once"));
  EXPECT_EQ(get(upstream.port(), "/a").status, 503);
  EXPECT_EQ(get(upstream.port(), "/a").status, 200);
}

TEST(ScriptedUpstream, AStoppedOneRefusesAndAStartedOneServesOnTheSamePort) {
  scripted_upstream upstream;
  upstream.on("*", reply(200, "here"));
  upstream.stop();
  EXPECT_THROW(raw_client{upstream.port()}, std::runtime_error);
  upstream.start();
  EXPECT_EQ(get(upstream.port(), "/").body, "here");
}

TEST(ScriptedUpstream, StopsWhileAScriptWaits) {
  scripted_upstream upstream;
  gate never;
  upstream.on("/stream", stream_gated({"data: 1\n\n", "data: 2\n\n"}, 1, never));
  raw_client client(upstream.port());
  client.request("GET", "/stream");
  EXPECT_EQ(client.read_head().status, 200);
  ASSERT_TRUE(client.next_event());
  upstream.stop_with_reset();
  EXPECT_FALSE(client.next_event());
  EXPECT_EQ(client.ended(), io::reset);
}

TEST(ScriptedUpstream, AGateHoldsAStreamUntilTheTestOpensIt) {
  scripted_upstream upstream;
  gate door;
  upstream.on("/stream", stream_gated({"data: 1\n\n", "data: 2\n\n"}, 1, door));
  raw_client client(upstream.port());
  client.request("GET", "/stream");
  client.read_head();
  EXPECT_EQ(client.next_event()->data, "1");
  EXPECT_FALSE(client.next_event(steady::now() + 50ms));
  EXPECT_EQ(client.ended(), io::timed_out);
  door.open();
  EXPECT_EQ(client.next_event()->data, "2");
  EXPECT_FALSE(client.next_event());
  EXPECT_EQ(client.ended(), io::ok);
}

TEST(ScriptedUpstream, NoticesThatAPeerLeftWhileItSaidNothing) {
  scripted_upstream upstream;
  upstream.on("*", silence());
  {
    raw_client client(upstream.port());
    client.request("GET", "/");
    ASSERT_TRUE(upstream.wait_for_requests(1));
    EXPECT_EQ(upstream.peers_that_left(), 0U);
  }
  EXPECT_TRUE(eventually([&] { return upstream.peers_that_left() == 1; }));
  EXPECT_TRUE(eventually([&] { return upstream.open_connections() == 0; }));
}

struct ending {
  const char* name;
  script what;
  io expected;
};

TEST(RawClient, TellsTheWaysAnAnswerCanEndApart) {
  std::vector<ending> const endings{
      {"whole", reply(200, "abc"), io::ok},
      {"closed without a byte", hang_up(), io::end},
      {"reset without a byte", reset_connection(), io::reset},
      {"short body", raw_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), io::end},
      {"no last chunk", raw_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), io::end},
      {"until close", raw_bytes("HTTP/1.1 200 OK\r\n\r\nabc"), io::ok},
      {"half a head", raw_bytes("HTTP/1.1 200 OK\r\nContent-Le"), io::end},
  };
  for (auto const& row : endings) {
    SCOPED_TRACE(row.name);
    scripted_upstream upstream;
    upstream.on("*", row.what);
    EXPECT_EQ(get(upstream.port(), "/").ended, row.expected);
  }
}

TEST(RawClient, ReadsInterimAnswersBeforeTheRealOne) {
  scripted_upstream upstream;
  upstream.on("*",
              raw_bytes("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"));
  auto const answer = get(upstream.port(), "/");
  EXPECT_EQ(answer.status, 200);
  ASSERT_EQ(answer.interim.size(), 1U);
}

TEST(RawClient, SplitsEventsAtEveryKindOfLineEnd) {
  auto const events = split_events(": ping\n\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata: unfinished\n");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].is_comment());
  EXPECT_EQ(events[1].name, "a");
  EXPECT_EQ(events[1].data, "1\n2");
}

TEST(TestCa, OnlyTheGoodCertificateIsTrusted) {
  test_ca const ca;
  scripted_upstream upstream(make_server_context(ca.good().certificate_file, ca.good().key_file));
  upstream.on("*", reply(200, "safe"));
  EXPECT_EQ(raw_client(upstream.port(), ca.ca_file(), "cloud.test").get("/").body, "safe");
  auto const before = upstream.application_bytes();
  for (auto const* bad : {&ca.wrong_host(), &ca.expired(), &ca.not_yet_valid(), &ca.self_signed()}) {
    SCOPED_TRACE(bad->certificate_file);
    upstream.present(make_server_context(bad->certificate_file, bad->key_file));
    EXPECT_THROW(raw_client(upstream.port(), ca.ca_file(), "cloud.test"), std::runtime_error);
  }
  EXPECT_EQ(upstream.application_bytes(), before);
}

TEST(FullBacklog, NeitherAcceptsNorRefuses) {
  full_backlog const port;
  EXPECT_NE(port.port(), 0);
}

TEST(Answers, EveryDialectSaysTheSameWordsWholeAndInPieces) {
  said const what;
  for (auto const& body :
       {openai::chat(what), joined(openai::chat_events(what, true)), openai::completion(what),
        joined(openai::completion_events(what)), openai::response(what), joined(openai::response_events(what)),
        anthropic::message(what), joined(anthropic::message_events(what)), ollama::chat(what),
        joined(ollama::chat_events(what)), ollama::message(what), joined(ollama::message_events(what)),
        ollama::native_chat(what), joined(ollama::native_chat_lines(what)), ollama::native_generate(what)}) {
    SCOPED_TRACE(body);
    EXPECT_EQ(text_of(body), cloud_text);
  }
}

TEST(ScriptedOllama, IsAsStrictAsTheRealOne) {
  scripted_upstream server;
  serve_ollama(server);
  auto const ask = [&](const std::string& body) { return post(server.port(), "/v1/chat/completions", body); };
  EXPECT_EQ(ask(R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]})").status, 404);
  EXPECT_EQ(ask(R"({"model":"llama3.1:8b","messages":[]})").status, 400);
  EXPECT_EQ(ask("not json").status, 400);
  auto const good = ask(R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(text_of(good.body), local_text);
}

}  // namespace
}  // namespace tideover::test
