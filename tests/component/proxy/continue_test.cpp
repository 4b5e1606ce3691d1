// A cloud's stream that is cut at any event, and goes on at the local model in the same stream.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

using namespace std::chrono_literals;

const std::string wire = chunked(stream_body, 100000, "text/event-stream");
const std::size_t after_content = wire.find("\n\n", wire.find("H\xc3\xa9")) + 2;

auto continuing(config::prefill prefill) {
  return [prefill](config::snapshot& made) {
    made.workflows.at("default").on_cut = config::on_cut::continue_it;
    made.models.push_back({.cloud = "*", .local = "llama3.1:8b", .prefill = prefill});
  };
}

void cut(bench_of_one& bench, int cloud, const std::string& what) {
  bench.say(cloud, what);
  ::shutdown(cloud, SHUT_RDWR);
  bench.run();
}

TEST(Continue, TheLocalModelIsGivenWhatWasSaidAndItsWordsGoIntoTheSameStream) {
  bench_of_one bench(continuing(config::prefill::yes));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  cut(bench, cloud, wire.substr(0, after_content));
  auto const asked = bench.hear(local);
  ASSERT_NE(asked.find("POST /api/chat "), std::string::npos) << asked;
  auto const body = nlohmann::json::parse(asked.substr(asked.find("\r\n\r\n") + 4));
  EXPECT_EQ(body["messages"].back(), (nlohmann::json{{"role", "assistant"}, {"content", "H\xc3\xa9"}}));
  bench.say(local, local_answer(true));
  auto const heard = bench.hear(bench.caller());
  EXPECT_EQ(text_of_chat(payload(heard)), "H\xc3\xa9local") << heard;
  EXPECT_NE(heard.find("X-Tideover-Tier: cloud"), std::string::npos) << "that is how it began";
  auto const events = payload(heard);
  for (auto at = events.find("\"id\":"); at != std::string::npos; at = events.find("\"id\":", at + 1))
    EXPECT_EQ(events.substr(at, 8), "\"id\":\"1\"") << "one answer, one id";
  ASSERT_EQ(bench.reported().records.size(), 1U);
  auto const& record = bench.reported().records[0];
  EXPECT_EQ(record.how, outcome::failed_over);
  EXPECT_EQ(record.why, reason::cut);
  EXPECT_EQ(record.upstream, "ollama");
  EXPECT_EQ(record.from, "openai");
  EXPECT_EQ(bench.reported().failovers, std::vector<std::string>{"openai>ollama:cut"});
}

/// What an Ollama of today streams: the text it was to continue in front of its first word, in no count.
std::string echoing_answer(const std::string& echo) {
  auto lines = local_lines;
  lines.insert(lines.find("lo\""), echo);
  return chunked(lines, 100000, "application/x-ndjson");
}

TEST(Continue, AKnownEchoIsLeftOutHoweverShortAndADoubtfulOneIsAnError) {
  for (auto const habit : {policy::prefill_habit::echoes, policy::prefill_habit::unknown}) {
    bench_of_one bench(continuing(config::prefill::yes));
    bench.knowledge().habit = habit;
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    cut(bench, cloud, wire.substr(0, after_content));
    ASSERT_NE(bench.hear(local), "");
    bench.say(local, echoing_answer("H\xc3\xa9"));
    auto const heard = bench.hear(bench.caller());
    if (habit == policy::prefill_habit::echoes)
      EXPECT_EQ(text_of_chat(payload(heard)), "H\xc3\xa9local") << heard;
    else
      EXPECT_NE(heard.find("upstream_ended_early"), std::string::npos) << heard;
  }
}

TEST(Continue, WhatAModelSaysAgainThatIsKnownNotToEchoIsItsContinuation) {
  bench_of_one bench(continuing(config::prefill::yes));
  bench.knowledge().habit = policy::prefill_habit::continues;
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  cut(bench, cloud, wire.substr(0, after_content));
  ASSERT_NE(bench.hear(local), "");
  bench.say(local, echoing_answer("H\xc3\xa9"));
  EXPECT_EQ(text_of_chat(payload(bench.hear(bench.caller()))), "H\xc3\xa9H\xc3\xa9local");
}

std::string begun_request(bool stream) {
  std::string const body =
      std::string(
          R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"So "}])") +
      (stream ? R"(,"stream":true})" : "}");
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(Continue, ACallersOwnBeginningIsPartOfTheEcho) {
  bench_of_one bench(continuing(config::prefill::yes));
  bench.knowledge().habit = policy::prefill_habit::echoes;
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), begun_request(true));
  cut(bench, cloud, wire.substr(0, after_content));
  auto const asked = bench.hear(local);
  ASSERT_NE(asked.find("\"content\":\"So H\xc3\xa9\""), std::string::npos) << asked;
  bench.say(local, echoing_answer("So H\xc3\xa9"));
  EXPECT_EQ(text_of_chat(payload(bench.hear(bench.caller()))), "H\xc3\xa9local");
}

TEST(Prefill, TheCallerGetsOnlyWhatFollowsItsOwnBeginning) {
  for (bool const stream : {false, true}) {
    for (auto const* echo : {"So ", "So", ""}) {
      for (auto const habit : {policy::prefill_habit::unknown, policy::prefill_habit::echoes,
                               policy::prefill_habit::begins_anew, policy::prefill_habit::continues}) {
        bench_of_one bench([](config::snapshot& made) {
          made.workflows.at("default").policy = policy_kind::local_only;
          made.models.push_back({.cloud = "*", .local = "llama3.1:8b"});
        });
        bench.knowledge().habit = habit;
        int const local = bench.connect(bench_of_one::local);
        bench.say(bench.caller(), begun_request(stream));
        ASSERT_NE(bench.hear(local), "");
        auto body = local_whole;
        body.insert(body.find("local\""), echo);
        bench.say(local, stream ? echoing_answer(echo) : with_length(body));
        auto const heard = bench.hear(bench.caller());
        // The test of the model says that this is no echo then.
        auto const expected = habit == policy::prefill_habit::continues ? echo + std::string("local") : "local";
        EXPECT_EQ(text_of_chat(payload(heard)), expected) << heard;
      }
    }
  }
}

TEST(Continue, WhereverTheStreamIsCutTheTextIsWholeAndNothingIsSaidTwice) {
  auto const end = wire.find("\"finish_reason\":\"stop\"");
  auto const first = wire.find("H\xc3\xa9");
  for (std::size_t at = 1; at < end; ++at) {
    bench_of_one bench(continuing(config::prefill::yes));
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    cut(bench, cloud, wire.substr(0, at));
    ASSERT_NE(bench.hear(local), "") << at;
    bench.say(local, local_answer(true));
    auto const text = text_of_chat(payload(bench.hear(bench.caller())));
    auto const second = wire.find("\n\n", wire.find("llo")) + 2;
    // Chunk framing may have brought a whole event although its last byte was not the last that was sent.
    std::string const expected = at < first ? "local" : at >= second ? "H\xc3\xa9llolocal" : "";
    if (expected.empty())
      ASSERT_TRUE(text == "local" || text == "H\xc3\xa9local") << at << text;
    else
      ASSERT_EQ(text, expected) << at;
  }
}

TEST(Continue, AnErrorEventOfTheCloudIsNotTheEnd) {
  bench_of_one bench(continuing(config::prefill::yes));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  auto const said = stream_body.substr(0, stream_body.find("data: ", stream_body.find("H\xc3\xa9")));
  std::string const error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
  bench.say(cloud, head + chunk(said));
  bench.say(cloud, chunk(error));
  ASSERT_NE(bench.hear(local), "");
  bench.say(local, local_answer(true));
  auto const heard = bench.hear(bench.caller());
  EXPECT_EQ(text_of_chat(payload(heard)), "H\xc3\xa9local") << heard;
  EXPECT_EQ(heard.find("overloaded"), std::string::npos);
}

std::string with_line_ends(std::string text, std::string_view end) {
  for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + end.size()))
    text.replace(at, 1, end);
  return text;
}

TEST(Continue, WhatWasSaidRightBeforeTheErrorEventIsKeptWhateverEndsTheLines) {
  auto const second = stream_body.find("data: ", stream_body.find("H\xc3\xa9"));
  auto const third = stream_body.find("data: ", stream_body.find("llo"));
  std::string const error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
  std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (auto const* end : {"\n", "\r\n", "\r"}) {
    auto const said = chunk(with_line_ends(stream_body.substr(0, second), end));
    auto const last = chunk(with_line_ends(stream_body.substr(second, third - second) + error, end));
    for (std::size_t at = 1; at <= last.size(); ++at) {
      bench_of_one bench(continuing(config::prefill::yes));
      int const cloud = bench.connect(bench_of_one::cloud);
      int const local = bench.connect(bench_of_one::local);
      bench.say(bench.caller(), chat_request(true));
      bench.say(cloud, head + said);
      bench.say(cloud, last.substr(0, at));
      bench.say(cloud, last.substr(at));
      ASSERT_NE(bench.hear(local), "") << at;
      bench.say(local, local_answer(true));
      auto const heard = bench.hear(bench.caller());
      ASSERT_EQ(text_of_chat(payload(heard)), "H\xc3\xa9llolocal") << at << heard;
      ASSERT_EQ(heard.find("overloaded"), std::string::npos) << at;
    }
  }
}

TEST(Continue, IsAnErrorWhereTheModelIsNotKnownToGoOn) {
  for (auto const prefill : {config::prefill::no, config::prefill::automatic}) {
    bench_of_one bench(continuing(prefill));
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    cut(bench, cloud, wire.substr(0, after_content));
    EXPECT_EQ(bench.hear(local), "");
    auto const heard = bench.hear(bench.caller());
    EXPECT_NE(heard.find("upstream_ended_early"), std::string::npos) << heard;
    EXPECT_EQ(heard.find("[DONE]"), std::string::npos);
    EXPECT_EQ(bench.reported().records.at(0).how, outcome::cut);
    EXPECT_NE(bench.reported().records.at(0).not_continued, "");
  }
}

TEST(Continue, IsAnErrorAfterAToolCallAndWhenTheLocalTierFailsToo) {
  std::string const tool =
      "data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
      "\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},\"finish_reason\":null}]"
      "}"
      "\n\n";
  for (bool const calls : {true, false}) {
    bench_of_one bench(continuing(config::prefill::yes));
    int const cloud = bench.connect(bench_of_one::cloud);
    int const local = bench.connect(bench_of_one::local);
    bench.say(bench.caller(), chat_request(true));
    std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    cut(bench, cloud, calls ? head + chunk(tool) : wire.substr(0, after_content));
    EXPECT_EQ(bench.hear(local).empty(), calls);
    if (!calls) bench.say(local, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    auto const heard = bench.hear(bench.caller());
    EXPECT_NE(heard.find("upstream_ended_early"), std::string::npos) << heard;
    EXPECT_FALSE(heard.ends_with("0\r\n\r\n"));
    EXPECT_EQ(bench.reported().records.at(0).how, outcome::cut);
    if (calls) {
      EXPECT_EQ(bench.reported().records.at(0).not_continued, "tool_calls");
    }
  }
}

TEST(Continue, ALocalStreamThatBreaksOffInItsTurnIsTold) {
  bench_of_one bench(continuing(config::prefill::yes));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  cut(bench, cloud, wire.substr(0, after_content));
  auto const answer = local_answer(true);
  cut(bench, local, answer.substr(0, answer.find('\n', answer.find("cal")) + 1));
  auto const heard = bench.hear(bench.caller());
  EXPECT_NE(heard.find("upstream_ended_early"), std::string::npos) << heard;
  EXPECT_EQ(heard.find("[DONE]"), std::string::npos);
  EXPECT_EQ(bench.reported().records.at(0).how, outcome::cut);
}

TEST(Continue, KeepsTheCallerAwakeWhileTheModelLoads) {
  bench_of_one bench([](config::snapshot& made) {
    continuing(config::prefill::yes)(made);
    made.upstreams[bench_of_one::local].timeouts.first_content = 2min;
  });
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  cut(bench, cloud, wire.substr(0, after_content));
  ASSERT_NE(bench.hear(local), "");
  (void)bench.hear(bench.caller());
  bench.let_pass(16s);
  EXPECT_EQ(bench.hear(bench.caller()), chunk(": keep-alive\n\n"));
  bench.say(local, local_answer(true));
  EXPECT_TRUE(bench.hear(bench.caller()).ends_with("0\r\n\r\n"));
}

TEST(Continue, ACallerWhoLeavesWhileItIsPreparedEndsIt) {
  bench_of_one bench(continuing(config::prefill::yes));
  int const cloud = bench.connect(bench_of_one::cloud);
  int const local = bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(true));
  cut(bench, cloud, wire.substr(0, after_content));
  ASSERT_NE(bench.hear(local), "");
  ::shutdown(bench.caller(), SHUT_RDWR);
  bench.run();
  EXPECT_TRUE(bench.at_end(local));
  ASSERT_EQ(bench.reported().records.size(), 1U);
  EXPECT_EQ(bench.reported().records[0].how, outcome::client_gone);
}

}  // namespace
}  // namespace tideover::proxy::test
