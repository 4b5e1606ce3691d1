// Streams: what fails before the first content is nobody's business, what fails after it is plainly seen.
#include <atomic>
#include <thread>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

/// How many of this dialect's events come before the first usable content.
std::size_t events_before_content(const dialect_row& row) {
  std::string const path = row.path;
  if (path == "/v1/completions") return 0;
  if (path == "/v1/responses") return 4;  // created, in_progress, output_item.added, content_part.added
  if (path == "/v1/messages") return 3;   // message_start, content_block_start, ping
  return 1;                               // the role chunk
}

scripted_upstream& cloud_of(world& w, const dialect_row& row) { return row.anthropic ? w.anthropic : w.openai; }

TEST(Stream, PassesByteForByteFromTheCloud) {
  world w;
  w.start();
  for (auto const& row : dialects()) {
    SCOPED_TRACE(row.name);
    auto const answer = post(w.port(), row.path, row.stream);
    expect_cloud(answer, row.anthropic ? "anthropic" : "openai");
    auto expected = cloud_events(row);
    if (row.anthropic) {
      said claude;
      claude.model = "claude-sonnet-4-5";
      expected = anthropic::message_events(claude);
    }
    EXPECT_EQ(answer.body, joined(expected));
  }
}

TEST(Stream, EventsArriveWhenTheyAreSentAndNotAtTheEnd) {
  world w;
  gate door;
  auto const events = openai::chat_events({});
  w.openai.on("/v1/chat/completions", stream_gated(events, 3, door));
  w.start();
  raw_client client(w.port());
  client.request("POST", "/v1/chat/completions", chat_stream_body);
  EXPECT_EQ(client.read_head().status, 200);
  for (std::size_t i = 0; i < 3; ++i) {
    auto const event = client.next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->raw, events[i]);
  }
  door.open();
  for (std::size_t i = 3; i < events.size(); ++i) EXPECT_EQ(client.next_event()->raw, events[i]);
  EXPECT_FALSE(client.next_event());
  EXPECT_EQ(client.ended(), io::ok);
}

TEST(Stream, SurvivesAnySplitOfItsBytes) {
  world w;
  said what;
  what.words = {"Grüße ", "von ", "日本", " 🌊"};
  auto const text = joined(openai::chat_events(what));
  w.openai.on("/v1/chat/completions", [text](served_connection& c, const recorded_request&) {
    c.begin_stream();
    for (char byte : text) c.send_chunk(std::string(1, byte));
    c.end_stream();
  });
  w.start();
  auto const answer = w.chat_stream();
  EXPECT_EQ(answer.body, text);
  EXPECT_TRUE(answer.complete());
}

TEST(Stream, OddLineEndsCommentsAndUnknownEventsPassUntouched) {
  world w;
  auto const text = std::string("\xEF\xBB\xBF: hello\r\n\r\nretry: 10\r\n\r\n") +
                    "event: strange\r\ndata: {\"choices\":[]}\r\n\r\n" + joined(openai::chat_events({}));
  w.openai.on("/v1/chat/completions", [text](served_connection& c, const recorded_request&) {
    c.begin_stream();
    c.send_chunk(text);
    c.end_stream();
  });
  w.start();
  EXPECT_EQ(w.chat_stream().body, text);
}

TEST(Stream, ThatDiesBeforeContentIsAnsweredLocallyInEveryDialect) {
  struct way {
    const char* name;
    std::function<void(served_connection&)> end;
  };
  std::vector<way> const ways{{"close", [](served_connection& c) { c.close(); }},
                              {"reset", [](served_connection& c) { c.reset(); }},
                              {"clean end", [](served_connection& c) { c.end_stream(); }},
                              {"bad chunk",
                               [](served_connection& c) {
                                 c.send("ZZ\r\n");
                                 c.close();
                               }},
                              {"half an event", [](served_connection& c) {
                                 c.send_chunk("data: {\"choi");
                                 c.close();
                               }}};
  for (auto const& row : dialects())
    for (auto const& how : ways) {
      SCOPED_TRACE(std::string(row.name) + ", " + how.name);
      world w;
      cloud_of(w, row).on(row.path, stream_then(cloud_events(row), events_before_content(row), how.end));
      w.start();
      auto const answer = post(w.port(), row.path, row.stream);
      EXPECT_EQ(answer.status, 200);
      EXPECT_TRUE(answer.complete());
      EXPECT_EQ(answer.field("x-tideover-tier"), "local");
      EXPECT_NE(answer.field("x-tideover-failover"), "");
      EXPECT_EQ(text_of(answer.body), local_text);  // nothing of the cloud's beginning is left
      EXPECT_TRUE(has_terminator(row, answer.events()));
      EXPECT_EQ(answer.body.find("gpt-4o-mini"), std::string::npos);
    }
}

TEST(Stream, WhoseFirstWordIsAnErrorIsAnsweredLocally) {
  std::vector<std::pair<const dialect_row*, std::string>> const cases{
      {&dialects()[0], "data: " + nlohmann::json::parse(openai::error("Overloaded", "server_error")).dump() + "\n\n"},
      {&dialects()[2],
       "event: error\ndata: "
       "{\"type\":\"error\",\"code\":\"server_is_overloaded\",\"message\":\"busy\",\"param\":null,\"sequence_number\":"
       "0}\n\n"},
      {&dialects()[3], "event: error\ndata: " + anthropic::error("overloaded_error", "Overloaded") + "\n\n"},
  };
  for (auto const& [row, event] : cases) {
    SCOPED_TRACE(row->name);
    world w;
    cloud_of(w, *row).on(row->path, stream({event}));
    w.start();
    expect_local(post(w.port(), row->path, row->stream), "error_in_200");
  }
}

TEST(Stream, ThatStaysSilentUntilTheLimitIsAnsweredLocally) {
  for (auto const& row : dialects()) {
    SCOPED_TRACE(row.name);
    world w;
    cloud_of(w, row).on(row.path, stream_then(cloud_events(row), events_before_content(row),
                                              [](served_connection& c) { c.say_nothing(); }));
    w.start(impatient());
    expect_local(post(w.port(), row.path, row.stream), "timeout");
    EXPECT_TRUE(eventually([&] { return cloud_of(w, row).peers_that_left() == 1; }));
  }
}

TEST(Stream, ThatIsNoStreamIsJudgedLikeAnyAnswer) {
  struct row {
    const char* name;
    script cloud;
    const char* reason;
  };
  for (auto const& r :
       std::vector<row>{{"503", reply(503, openai::error("busy", "server_error")), "server_error"},
                        {"HTML", reply(200, std::string(html_page), {}, "text/html"), "malformed"},
                        {"an error in JSON", reply(200, openai::error("busy", "server_error")), "error_in_200"},
                        {"pings and [DONE]", stream({": ping\n\n", ": ping\n\n", "data: [DONE]\n\n"}), "empty"}}) {
    SCOPED_TRACE(r.name);
    world w;
    w.openai.on("/v1/chat/completions", r.cloud);
    w.start();
    auto const answer = w.chat_stream();
    expect_local(answer, r.reason);
    EXPECT_EQ(answer.field("content-type").substr(0, 17), "text/event-stream");
  }
  world w;  // a whole good answer instead of the stream is an answer
  w.openai.on("/v1/chat/completions", reply(200, openai::chat({})));
  w.start();
  expect_cloud(w.chat_stream());
}

/// What a caller of a stream got, and how it ended.
struct received {
  std::vector<sse_event> events;
  std::string unfinished;
  io ended = io::ok;
};

/// Reads until the end; opens `door` once `content` events have come. So the cloud's fault comes when content is out,
/// and never in the same read as the content: then a failover would still be right.
received read_stream(std::uint16_t port, const dialect_row& row, std::size_t content, gate door) {
  raw_client client(port);
  client.request("POST", row.path, row.stream);
  EXPECT_EQ(client.read_head().status, 200);
  received got;
  while (auto event = client.next_event()) {
    got.events.push_back(std::move(*event));
    if (got.events.size() == content) door.open();
  }
  got.unfinished = client.unfinished();
  got.ended = client.ended();
  return got;
}

TEST(Stream, ThatIsCutAfterContentEndsWithAnErrorEventAndNeverWithItsTerminator) {
  struct way {
    const char* name;
    std::function<void(served_connection&)> end;
  };
  std::vector<way> const ways{{"close", [](served_connection& c) { c.close(); }},
                              {"reset", [](served_connection& c) { c.reset(); }},
                              {"clean end without terminator", [](served_connection& c) { c.end_stream(); }},
                              {"bad chunk",
                               [](served_connection& c) {
                                 c.send("ZZ\r\n");
                                 c.close();
                               }},
                              {"half an event",
                               [](served_connection& c) {
                                 c.send_chunk("data: {\"half-an-eve");
                                 c.close();
                               }},
                              {"silence", [](served_connection& c) { c.say_nothing(); }}};
  for (auto const& row : dialects())
    for (auto const& how : ways) {
      SCOPED_TRACE(std::string(row.name) + ", " + how.name);
      world w;
      gate door;
      auto const sent = cloud_events(row);
      auto const count = events_before_content(row) + 2;  // two words
      cloud_of(w, row).on(row.path, stream_then(sent, count, [door, how](served_connection& c) {
                            if (c.wait(door) == io::ok) how.end(c);
                          }));
      auto options = world_options();
      options.cloud_timeouts = "{connect: 20s, first_content: 60s, response: 60s, idle: 400ms, total: 5m}";
      w.start(options);
      auto const got = read_stream(w.port(), row, count, door);
      EXPECT_NE(got.ended, io::ok) << "a clean end says: this is all";
      EXPECT_FALSE(has_terminator(row, got.events));
      EXPECT_EQ(got.unfinished, "") << "only whole events are relayed";
      ASSERT_EQ(got.events.size(), count + 1);
      for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(got.events[i].raw, sent[i]);
      EXPECT_TRUE(is_error_event(row, got.events.back())) << got.events.back().raw;
      EXPECT_TRUE(w.local_generations().empty()) << "too late for another tier";
      auto const lines = w.daemon().wait_for_log("request", 1);
      ASSERT_EQ(lines.size(), 1U);
      EXPECT_EQ(lines[0].value("outcome", ""), "cut");
      EXPECT_EQ(lines[0].value("reason", ""), "cut");
    }
}

TEST(Stream, AnErrorEventOfTheCloudAfterContentPassesAndIsNotFollowedByDone) {
  world w;
  gate door;
  auto const& row = dialects()[0];
  auto events = cloud_events(row);
  events.resize(3);
  auto const error = "data: " + nlohmann::json::parse(openai::error("went wrong", "server_error")).dump() + "\n\n";
  w.openai.on(row.path, stream_then(events, 3, [=](served_connection& c) {
                c.wait(door);
                c.send_chunk(error);
                c.end_stream();
              }));
  w.start();
  auto const got = read_stream(w.port(), row, 3, door);
  ASSERT_GE(got.events.size(), 4U);
  EXPECT_EQ(got.events[3].raw, error);
  EXPECT_FALSE(has_terminator(row, got.events));
  EXPECT_EQ(w.daemon().wait_for_log("request", 1).at(0).value("outcome", ""), "cut");
}

TEST(Stream, ThatLacksOnlyItsLastLineIsCompleted) {
  world w;
  auto events = openai::chat_events({});
  auto const whole = joined(events);
  events.pop_back();  // the finish reason came, [DONE] did not
  w.openai.on("/v1/chat/completions", stream(events));
  w.start();
  auto const answer = w.chat_stream();
  expect_cloud(answer);
  EXPECT_EQ(answer.body, whole);
}

TEST(Stream, OfOllamaThatEndsWithoutItsTerminatorIsACutToo) {
  for (bool in_order : {true, false}) {
    world w;
    gate door;
    auto lines = ollama::native_chat_lines({.model = "llama3.1:8b", .words = {"a ", "b "}});
    w.ollama.on("/api/chat", stream_then(lines, 2, [=](served_connection& c) {
                  c.wait(door);
                  if (in_order)
                    c.end_stream();
                  else
                    c.reset();
                }));
    w.start();
    w.openai.stop();
    auto const got = read_stream(w.port(), dialects()[0], 2, door);
    EXPECT_NE(got.ended, io::ok);
    ASSERT_GE(got.events.size(), 3U);
    EXPECT_FALSE(has_terminator(dialects()[0], got.events));
    EXPECT_TRUE(is_error_event(dialects()[0], got.events.back()));
  }
}

TEST(Stream, OfOllamasOwnApiShowsThatItWasCut) {
  // The framing of such a stream ends in order whatever happened: only its last line tells.
  auto const lines = ollama::native_chat_lines({.model = "llama3.1:8b", .words = {"a ", "b "}});
  std::string const error = "{\"error\":\"model runner has unexpectedly stopped\"}\n";
  for (bool const says_why : {true, false}) {
    world w;
    auto some = std::vector<std::string>(lines.begin(), lines.end() - 1);
    if (says_why) some.push_back(error);
    w.ollama.on("/api/chat", stream(some, {}, "application/x-ndjson"));
    w.start();
    auto const answer =
        post(w.port(), "/api/chat", R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"hi"}]})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.complete()) << "no clean end";
    EXPECT_TRUE(answer.body.starts_with(lines[0] + lines[1]));
    EXPECT_NE(answer.body.find("\"error\":"), std::string::npos) << answer.body;
    auto const log = w.daemon().wait_for_log("request", 1);
    ASSERT_EQ(log.size(), 1U);
    EXPECT_EQ(log[0].value("outcome", ""), "cut");
  }
}

TEST(Stream, AHundredCallersOfACloudThatDiesBeforeContentAllGetWholeLocalAnswers) {
  world w;
  w.openai.on("/v1/chat/completions", stream_then(openai::chat_events({}), 1, [](served_connection& c) { c.reset(); }));
  world_options options;
  options.local_more = ", queue: {limit: 200}";
  w.start(options);
  constexpr int callers = 100;
  std::atomic<int> whole{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&] {
      try {
        auto const answer = w.chat_stream();
        if (answer.complete() && answer.status == 200 && text_of(answer.body) == local_text &&
            has_terminator(dialects()[0], answer.events()) && answer.field("x-tideover-tier") == "local")
          ++whole;
      } catch (const std::exception&) {
        // not whole
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(whole, callers);
  EXPECT_EQ(w.daemon().wait_for_log("request", callers).size(), static_cast<std::size_t>(callers));
}

TEST(Stream, OneThatDiesLeavesItsNeighboursAlone) {
  world w;
  gate door;
  auto const events = openai::chat_events({});
  w.openai.once("/v1/chat/completions", stream_gated(events, 3, door));
  w.start();
  raw_client patient(w.port());
  patient.request("POST", "/v1/chat/completions", chat_stream_body);
  patient.read_head();
  ASSERT_TRUE(patient.next_event());
  gate other_door;
  w.openai.once("/v1/chat/completions", stream_then(events, 3, [other_door](served_connection& c) {
                  c.wait(other_door);
                  c.reset();
                }));
  EXPECT_NE(read_stream(w.port(), dialects()[0], 3, other_door).ended, io::ok);
  door.open();
  while (patient.next_event()) {
  }
  EXPECT_EQ(patient.ended(), io::ok);
}

TEST(CallerGone, WhileTheCloudIsSilentEndsTheCloudsWorkAndStartsNoOther) {
  for (auto const& body : {chat_body, chat_stream_body}) {
    world w;
    w.openai.on("/v1/chat/completions", silence());
    w.start();
    {
      raw_client client(w.port());
      client.request("POST", "/v1/chat/completions", body);
      ASSERT_TRUE(w.openai.wait_for_requests(1));
    }
    EXPECT_TRUE(eventually([&] { return w.openai.peers_that_left() == 1; }));
    auto const lines = w.daemon().wait_for_log("request", 1);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].value("outcome", ""), "client_gone");
    EXPECT_TRUE(w.local_generations().empty());
    EXPECT_EQ(w.daemon().metric("tideover_failovers_total"), 0);
  }
}

TEST(CallerGone, InMidStreamEndsTheCloudsWork) {
  for (bool abruptly : {false, true}) {
    world w;
    w.openai.on("/v1/chat/completions",
                stream_then(openai::chat_events({}), 3, [](served_connection& c) { c.say_nothing(); }));
    w.start();
    raw_client client(w.port());
    client.request("POST", "/v1/chat/completions", chat_stream_body);
    client.read_head();
    ASSERT_TRUE(client.next_event());
    if (abruptly)
      client.reset();
    else
      client.close();
    EXPECT_TRUE(eventually([&] { return w.openai.peers_that_left() == 1; }));
    auto const lines = w.daemon().wait_for_log("request", 1);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].value("outcome", ""), "client_gone");
  }
}

TEST(CallerGone, WhileOllamaIsSilentEndsOllamasWork) {
  world w;
  w.ollama.on("/api/chat", silence());
  w.start();
  w.openai.stop();
  {
    raw_client client(w.port());
    client.request("POST", "/v1/chat/completions", chat_stream_body);
    ASSERT_TRUE(eventually([&] { return w.local_generations().size() == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return w.ollama.peers_that_left() == 1; }));
}

TEST(CallerGone, BeforeItsRequestIsWholeSendsNothingAnywhere) {
  world w;
  w.start();
  {
    raw_client client(w.port());
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{\"mod");
    client.reset();
  }
  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].value("outcome", ""), "client_gone");
  EXPECT_EQ(w.openai.application_bytes(), 0U);
  EXPECT_TRUE(w.local_generations().empty());
}

TEST(CallerGone, RightAfterTheTerminatorIsNoCut) {
  world w;
  gate door;
  auto const events = openai::chat_events({});
  w.openai.on("/v1/chat/completions", [=](served_connection& c, const recorded_request&) {
    c.begin_stream();
    for (auto const& event : events) c.send_chunk(event);
    c.wait(door);  // the last chunk comes late; SDKs do not wait for it
    c.end_stream();
  });
  w.start();
  {
    raw_client client(w.port());
    client.request("POST", "/v1/chat/completions", chat_stream_body);
    client.read_head();
    while (auto event = client.next_event())
      if (event->data == "[DONE]") break;
  }
  door.open();
  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].value("outcome", ""), "answered");
}

}  // namespace
}  // namespace tideover::test
