// Every way in which an attempt can end, told to upstream health once and as what it was: as one of many requests, and
// as the one request of half-open.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>

#include "component/proxy/answers.hpp"
#include "component/proxy/bench_of_one.hpp"

namespace tideover::proxy::test {
namespace {

using namespace std::chrono_literals;
using state = policy::circuit_breaker::state;

const std::string stream_wire = chunked(stream_body, 100000, "text/event-stream");

std::string status(const char* line, const std::string& more = "") {
  std::string const body = R"({"error":{"message":"no","type":"x"}})";
  return "HTTP/1.1 " + std::string(line) + "\r\nContent-Type: application/json\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct ending {
  const char* name;
  bool stream;
  std::function<void(bench_of_one&, int cloud)> happen;
  std::vector<state> usual;  // what changes when it is one of many; one failure opens
  std::vector<state> trial;  // and when it is the one request of half-open
};

void say_and_close(bench_of_one& bench, int cloud, const std::string& bytes) {
  bench.say(cloud, bytes);
  ::shutdown(cloud, SHUT_RDWR);
  bench.run();
}

std::vector<ending> endings() {
  auto const half = state::half_open, open = state::open, closed = state::closed;
  auto const say = [](std::string bytes) {
    return [bytes](bench_of_one& bench, int cloud) { bench.say(cloud, bytes); };
  };
  auto const first_content = stream_wire.find("llo");
  return {
      {"a whole answer", false, say(with_length(whole_body)), {}, {half, closed}},
      {"a whole stream", true, say(stream_wire), {}, {half, closed}},
      {"a stream that goes on", true, say(stream_wire.substr(0, first_content)), {}, {half, closed}},
      {"a stream that is cut after content",
       true,
       [=](bench_of_one& b, int cloud) { say_and_close(b, cloud, stream_wire.substr(0, first_content)); },
       {open},
       {half, closed}},  // its content closed the breaker, and what began before that counts no more
      {"a stream that is cut before content",
       true,
       [](bench_of_one& b, int cloud) { say_and_close(b, cloud, stream_wire.substr(0, 120)); },
       {open},
       {half, open}},
      {"a body that breaks off",
       false,
       [](bench_of_one& b, int cloud) { say_and_close(b, cloud, with_length(whole_body).substr(0, 200)); },
       {open},
       {half, open}},
      {"status 500", false, say(status("500 Internal Server Error")), {open}, {half, open}},
      {"an error in a 200",
       false,
       say(with_length(R"({"error":{"message":"m","type":"server_error"}})")),
       {open},
       {half, open}},
      {"status 400", false, say(status("400 Bad Request")), {}, {half}},
      {"status 404", false, say(status("404 Not Found")), {}, {half}},
      {"status 429", false, say(status("429 Too Many Requests", "Retry-After: 1\r\n")), {}, {half}},
      {"a caller who leaves before the answer",
       false,
       [](bench_of_one& b, int) {
         ::shutdown(b.caller(), SHUT_RDWR);
         b.run();
       },
       {},
       {half}},
      {"a caller who leaves in mid-stream",
       true,
       [=](bench_of_one& b, int cloud) {
         b.say(cloud, stream_wire.substr(0, first_content));
         ::shutdown(b.caller(), SHUT_RDWR);
         b.run();
       },
       {},
       {half, closed}},
      {"a caller who leaves after the terminator",
       true,
       [=](bench_of_one& b, int cloud) {
         b.say(cloud, stream_wire.substr(0, stream_wire.size() - 5));  // all but the last chunk
         ::shutdown(b.caller(), SHUT_RDWR);
         b.run();
       },
       {},
       {half, closed}},
      {"a worker that stops", false, [](bench_of_one& b, int) { b.stop(); }, {}, {half}},
  };
}

config::breaker nervous() {
  config::breaker b;
  b.failures_to_open = 1;
  b.open_for = 1ms;  // over before the next line of the test runs, or soon after
  return b;
}

request_head head_of_caller() {
  request_head head;
  head.fields.list.push_back({field_id::authorization, "Authorization", "Bearer sk-canary"});
  return head;
}

std::vector<state> changes(bench_of_one& bench) {
  std::vector<state> all;
  for (const auto& c : bench.health().take_changes()) all.push_back(c.state);
  return all;
}

void live_through(bench_of_one& bench, const ending& e) {
  int const cloud = bench.connect(bench_of_one::cloud);
  bench.connect(bench_of_one::local);
  bench.say(bench.caller(), chat_request(e.stream));
  ASSERT_NE(bench.hear(cloud), "") << "the cloud was not asked";
  e.happen(bench, cloud);
}

TEST(Health, HearsOnceOfEveryEnding) {
  for (const auto& e : endings()) {
    SCOPED_TRACE(e.name);
    bench_of_one bench(nervous());
    ASSERT_NO_FATAL_FAILURE(live_through(bench, e));
    EXPECT_EQ(changes(bench), e.usual);
  }
}

TEST(Health, LearnsFromTheOneRequestOfHalfOpenAndNeverLosesItsPlace) {
  for (const auto& e : endings()) {
    SCOPED_TRACE(e.name);
    bench_of_one bench(nervous());
    auto& health = bench.health();
    auto const key = health.fingerprint(bench_of_one::cloud, head_of_caller());
    health_table::admission asked;
    ASSERT_FALSE(health.admit(bench_of_one::cloud, key, "gpt-4o", asked));
    failure down;
    down.why = reason::server_error;
    down.at = phase::read_body;
    asked.failed(down);
    ASSERT_EQ(changes(bench), std::vector{state::open});
    auto const limit = clock::now() + 5s;
    while (health.admit(bench_of_one::cloud, key, "gpt-4o", asked) && clock::now() < limit) {
    }
    asked.abandon();  // the pause is over: whoever comes next is the one
    ASSERT_EQ(changes(bench), std::vector{state::half_open});

    ASSERT_NO_FATAL_FAILURE(live_through(bench, e));
    std::vector<state> expected(e.trial.begin() + 1, e.trial.end());
    EXPECT_EQ(changes(bench), expected);
    // The place of half-open is free again: after a rest or a new pause at the latest, somebody may ask.
    auto const until = clock::now() + 5s;
    bool admitted = false;
    while (!admitted && clock::now() < until) admitted = !health.admit(bench_of_one::cloud, key, "gpt-4o", asked);
    EXPECT_TRUE(admitted);
  }
}

TEST(Health, TellsKeysApartAndKeepsNone) {
  auto const configured = [](const char* key) {
    config::snapshot s;
    config::upstream u;
    u.name = "openai";
    if (key != nullptr) u.credential = secret(key);
    s.upstreams = {u};
    return s;
  };
  auto const callers = configured(nullptr);
  health_table health(callers);
  auto const with = [](field_id id, const char* name, const char* value) {
    request_head head;
    head.fields.list.push_back({id, name, value});
    return head;
  };
  auto const mark = [&](const request_head& head) { return health.fingerprint(0, head); };
  auto const one = mark(with(field_id::authorization, "Authorization", "Bearer sk-1"));
  EXPECT_EQ(one, mark(with(field_id::authorization, "authorization", "Bearer sk-1")));
  EXPECT_NE(one, mark(with(field_id::authorization, "Authorization", "Bearer sk-2")));
  EXPECT_NE(mark(with(field_id::unknown, "X-Api-Key", "a")), mark(with(field_id::unknown, "x-api-key", "b")));
  EXPECT_NE(mark(with(field_id::unknown, "x-api-key", "a")), mark({}));
  EXPECT_EQ(mark(with(field_id::user_agent, "User-Agent", "a")), mark({}));

  auto const ours = configured("sk-ours");
  health_table own(ours);
  EXPECT_EQ(own.fingerprint(0, with(field_id::authorization, "Authorization", "Bearer sk-1")), own.fingerprint(0, {}))
      << "the caller's key is not what is sent";
  EXPECT_NE(own.mark_of(with(field_id::authorization, "Authorization", "Bearer sk-1")),
            own.mark_of(with(field_id::authorization, "Authorization", "Bearer sk-2")))
      << "but callers are told apart";
  health_table another(callers);
  EXPECT_NE(one, another.fingerprint(0, with(field_id::authorization, "Authorization", "Bearer sk-1")))
      << "nobody outside can know a mark";
}

}  // namespace
}  // namespace tideover::proxy::test
