#include "tideover/ops/access_log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "tideover/ops/notice_pace.hpp"

namespace tideover::ops {
namespace {

using nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr std::int64_t when = 1'755'999'999'123'456;  // 2025-08-24T01:46:39.123Z

proxy::exchange_record served() {
  proxy::exchange_record r;
  r.request_id = "req_01kb3m5z70f8q6m4zv";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.method = "POST";
  r.path = "/v1/chat/completions";
  r.workflow = "default";
  r.upstream = "openai";
  r.title = "OpenAI";
  r.tier = tier::cloud;
  r.what = endpoint::chat_completions;
  r.model_requested = "gpt-4o";
  r.model_served = "gpt-4o-2024-08-06";
  r.status = 200;
  r.attempts = 1;
  r.first_byte = 12345us;
  r.total = 67891234ns;
  r.bytes_in = 100;
  r.bytes_out = 2000;
  r.how = proxy::outcome::answered;
  return r;
}

proxy::exchange_record failed_over() {
  auto r = served();
  r.upstream = "ollama";
  r.title = "Ollama";
  r.from = "openai";
  r.tier = tier::local;
  r.model_served = "llama3.1:8b";
  r.why = reason::server_error;
  r.attempts = 2;
  r.detail = "status 503";
  r.stream = true;
  r.sdk_retry = 1;
  r.how = proxy::outcome::failed_over;
  return r;
}

std::vector<std::string> keys(const std::string& line) {
  std::vector<std::string> result;
  auto const object = ordered_json::parse(line);
  for (const auto& [key, value] : object.items()) result.push_back(key);
  return result;
}

TEST(Timestamp, IsRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(timestamp(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp(when), "2025-08-24T01:46:39.123Z");
  EXPECT_EQ(timestamp(951'782'399'999'999), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(timestamp(951'782'400'000'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(timestamp(951'782'400'999'000), "2000-02-29T00:00:00.999Z");  // the second that was written last
  EXPECT_EQ(timestamp(951'782'399'000'000), "2000-02-28T23:59:59.000Z");  // and back, as clocks may go
  EXPECT_EQ(timestamp(-1), "1969-12-31T23:59:59.999Z");
}

TEST(RequestLine, HasTheContractsKeysInTheContractsOrder) {
  // With `endpoint`, which says `unknown` as the metric's label does.
  std::vector<std::string> const contract{"ts",           "level",    "msg",       "event",    "request_id",
                                          "trace_id",     "workflow", "upstream",  "tier",     "model_requested",
                                          "model_served", "status",   "reason",    "attempts", "ttfb_ms",
                                          "duration_ms",  "bytes_in", "bytes_out", "outcome",  "endpoint"};
  EXPECT_EQ(keys(request_line({}, when, line_format::json)), contract);

  auto full = contract;
  for (const auto* extra : {"method", "path", "from", "to", "error_code", "detail", "stream", "sdk_retry"})
    full.emplace_back(extra);
  auto record = failed_over();
  record.error_code = "local_unavailable";
  EXPECT_EQ(keys(request_line(record, when, line_format::json)), full);
}

TEST(RequestLine, SaysWhatHappened) {
  EXPECT_EQ(request_line(failed_over(), when, line_format::json),
            R"({"ts":"2025-08-24T01:46:39.123Z","level":"info","msg":"request served by Ollama instead",)"
            R"("event":"request","request_id":"req_01kb3m5z70f8q6m4zv","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
            R"("workflow":"default","upstream":"ollama","tier":"local","model_requested":"gpt-4o",)"
            R"("model_served":"llama3.1:8b","status":200,"reason":"server_error","attempts":2,"ttfb_ms":12.345,)"
            R"("duration_ms":67.891,"bytes_in":100,"bytes_out":2000,"outcome":"failed_over",)"
            R"("endpoint":"chat_completions","method":"POST","path":"/v1/chat/completions","from":"openai",)"
            R"("to":"ollama","detail":"status 503","stream":true,"sdk_retry":1})"
            "\n");
}

TEST(RequestLine, WhatNeverWasIsNull) {
  proxy::exchange_record r;
  r.first_byte = -1ns;
  auto const line = ordered_json::parse(request_line(r, when, line_format::json));
  EXPECT_TRUE(line["ttfb_ms"].is_null());
  EXPECT_TRUE(line["status"].is_null());
  EXPECT_EQ(line["upstream"], "");
  EXPECT_EQ(line["tier"], "none");
  EXPECT_EQ(line["reason"], "");
}

TEST(RequestLine, EveryOutcomeHasItsLevelAndMessage) {
  struct {
    proxy::outcome how;
    std::string_view level, message;
  } const rows[] = {
      {proxy::outcome::answered, "info", "request served by OpenAI"},
      {proxy::outcome::failed_over, "info", "request served by OpenAI instead"},
      {proxy::outcome::refused, "info", "request refused"},
      {proxy::outcome::failed, "warn", "request failed"},
      {proxy::outcome::cut, "warn", "answer of OpenAI was cut"},
      {proxy::outcome::client_gone, "info", "caller left"},
  };
  static_assert(std::size(rows) == proxy::outcome_count);
  for (const auto& row : rows) {
    auto r = served();
    r.how = row.how;
    auto const line = ordered_json::parse(request_line(r, when, line_format::json));
    EXPECT_EQ(line["level"], row.level);
    EXPECT_EQ(line["msg"], row.message);
    EXPECT_EQ(line["outcome"], token(row.how));
  }
}

TEST(RequestLine, HostileTextStaysInsideItsString) {
  auto r = served();
  r.path = "/v1/\r\n{\"event\":\"request\"}\x1b[2J\"\\";
  r.model_requested = "bad \xff\xfe utf-8 \xe2\x82";
  r.model_served = "\xe6\xa8\xa1\xe5\x9e\x8b";  // good UTF-8
  auto const line = request_line(r, when, line_format::json);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  auto const read = ordered_json::parse(line);
  EXPECT_EQ(read["path"], r.path);
  EXPECT_EQ(read["model_served"], r.model_served);
  EXPECT_NE(read["model_requested"].get<std::string>().find("\xef\xbf\xbd"), std::string::npos);  // U+FFFD
}

// The line is put together by hand for speed; the library that knows JSON says what it must be.
TEST(RequestLine, IsWhatNlohmannWouldWrite) {
  std::uint64_t seed = std::random_device{}();
  if (const char* given = std::getenv("TIDEOVER_SIM_SEED")) seed = std::strtoull(given, nullptr, 10);
  std::mt19937_64 random(seed);
  auto const text = [&] {
    std::string s(random() % 24, ' ');
    for (auto& c : s) c = static_cast<char>(random() % 4 == 0 ? random() % 256 : 0x20 + random() % 0x5f);
    return s;
  };
  for (int step = 0; step < 5000; ++step) {
    proxy::exchange_record r;
    for (auto* s : {&r.request_id, &r.trace_id, &r.method, &r.path, &r.workflow, &r.upstream, &r.title, &r.from,
                    &r.model_requested, &r.model_served, &r.error_code, &r.detail})
      *s = text();
    r.bytes_in = random() >> (random() % 64);
    r.bytes_out = random() >> (random() % 64);
    r.attempts = static_cast<unsigned>(random());
    r.total = std::chrono::nanoseconds(random() >> (2 + random() % 60));
    auto const line = request_line(r, when, line_format::json);
    auto const read = ordered_json::parse(line, nullptr, false);
    ASSERT_FALSE(read.is_discarded()) << "seed " << seed << " step " << step << ": " << line;
    auto again = read;  // numbers with decimals are ours: 1.500 is written 1.5 by nlohmann
    for (const auto* key : {"ttfb_ms", "duration_ms"}) again.erase(key);
    for (const auto& [key, value] : again.items()) {
      auto const member = '"' + key + "\":" + value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
      EXPECT_NE(line.find(member), std::string::npos) << "seed " << seed << " step " << step << ": " << member;
    }
    EXPECT_EQ(read["bytes_in"], r.bytes_in);
    std::chrono::duration<double, std::milli> const total = r.total;
    EXPECT_NEAR(read["duration_ms"].get<double>(), total.count(), 0.001 + 1e-9 * total.count());
  }
}

TEST(RequestLine, EscapesEveryByteAtEveryPlace) {
  proxy::exchange_record r;
  for (std::size_t size = 1; size <= 18; ++size)
    for (std::size_t place = 0; place < size; ++place)
      for (int byte = 0; byte < 256; ++byte) {
        r.detail.assign(size, 'a');
        r.detail[place] = static_cast<char>(byte);
        auto const expected =
            "\"detail\":" + ordered_json(r.detail).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
        ASSERT_NE(request_line(r, when, line_format::json).find(expected), std::string::npos) << size << place << byte;
      }
}

TEST(RequestLine, TheLargestNumbersHaveRoom) {
  auto r = failed_over();
  r.status = std::numeric_limits<int>::max();
  r.attempts = r.sdk_retry = std::numeric_limits<unsigned>::max();
  r.bytes_in = r.bytes_out = std::numeric_limits<std::uint64_t>::max();
  r.first_byte = r.total = duration::max();
  r.why = reason::connect_timeout;
  r.error_code = "x";
  auto const line = ordered_json::parse(request_line(r, when, line_format::json));
  EXPECT_EQ(line["bytes_out"], std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(line["sdk_retry"], std::numeric_limits<unsigned>::max());
}

TEST(RequestLine, TextForATerminalPerformsNothing) {
  auto r = failed_over();
  r.path = "/v1/x\n\x1b[31m\\\xc2\x9b";
  auto const line = request_line(r, when, line_format::text);
  EXPECT_EQ(
      line,
      "2025-08-24T01:46:39.123Z INFO  request served by Ollama instead: POST /v1/x\\x0a\\x1b[31m\\x5c\\xc2\\x9b 200 in "
      "67.891 ms workflow=default model=gpt-4o served_as=llama3.1:8b reason=server_error from=openai "
      "detail=status 503 id=req_01kb3m5z70f8q6m4zv\n");
}

TEST(FailoverLine, CarriesTheContractsMessage) {
  auto r = failed_over();
  config::upstream openai, ollama;
  openai.name = "openai";
  openai.tier = tier::cloud;
  ollama.name = "ollama";
  ollama.title = "Ollama";
  ollama.tier = tier::local;
  proxy::failover_step const step{.from = openai, .to = ollama, .why = reason::server_error};
  auto line = ordered_json::parse(failover_line(r, step, when, line_format::json));
  EXPECT_EQ(line["event"], "failover");
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["msg"], "Cloud unavailable, falling back to Ollama");
  EXPECT_EQ(line["from"], "openai");
  EXPECT_EQ(line["to"], "ollama");
  EXPECT_EQ(line["reason"], "server_error");
  EXPECT_EQ(line["request_id"], r.request_id);
  ollama.title.clear();
  EXPECT_NE(failover_line(r, step, when, line_format::text)
                .find("WARN  Cloud unavailable, falling back to ollama reason=server_error from=openai to=ollama"),
            std::string::npos);
}

TEST(FailoverLine, FromALocalUpstreamSpeaksOfNoCloud) {
  config::upstream ollama, gpu;
  ollama.name = "ollama";
  ollama.title = "Ollama";
  ollama.tier = tier::local;
  gpu.name = "gpu";
  gpu.title = "Gpu";
  gpu.tier = tier::local;
  proxy::failover_step const step{.from = ollama, .to = gpu, .why = reason::connect, .detail = "ollama: refused"};
  auto const line = ordered_json::parse(failover_line(failed_over(), step, when, line_format::json));
  EXPECT_EQ(line["msg"], "Ollama unavailable, falling back to Gpu");
  EXPECT_EQ(line["from"], "ollama");
  EXPECT_EQ(line["to"], "gpu");
  EXPECT_EQ(line["reason"], "connect");
  EXPECT_EQ(line["detail"], "ollama: refused");
  EXPECT_NE(failover_line(failed_over(), step, when, line_format::text)
                .find("Ollama unavailable, falling back to Gpu reason=connect from=ollama to=gpu workflow=default "
                      "detail=ollama: refused"),
            std::string::npos);
}

TEST(BreakerLine, SaysWhichUpstreamWhatNowAndWhy) {
  using state = policy::circuit_breaker::state;
  policy::breaker_change change{
      .upstream = 0, .model = {}, .state = state::open, .why = reason::connect, .by_probe = false};
  auto const parsed = [&] {
    return ordered_json::parse(breaker_line(change, "openai", "OpenAI", when, line_format::json));
  };
  auto line = parsed();
  EXPECT_EQ(line["event"], "breaker");
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["upstream"], "openai");
  EXPECT_EQ(line["state"], "open");
  EXPECT_EQ(line["reason"], "connect");
  EXPECT_FALSE(line.contains("model"));
  change.model = std::string(200, '"') + "\x01";
  change.state = state::half_open;
  line = parsed();
  EXPECT_EQ(line["model"], change.model);
  EXPECT_EQ(line["state"], "half_open");
  change.state = state::closed;
  EXPECT_EQ(parsed()["level"], "info");
  EXPECT_EQ(parsed()["msg"], "OpenAI answers again");
  change.by_probe = true;
  EXPECT_EQ(parsed()["msg"], "OpenAI can be reached again");
  change.model = "m";
  EXPECT_NE(breaker_line(change, "openai", "", when, line_format::text)
                .find("INFO  openai can be reached again upstream=openai state=closed reason=connect model=m\n"),
            std::string::npos);
}

TEST(AuthLine, SaysAsAnErrorWhoHasToMendWhat) {
  failure what;
  what.why = reason::auth;
  what.status = 401;
  what.detail = "status 401 invalid_api_key";
  auto line = ordered_json::parse(auth_line(what, "openai", "OpenAI", true, when, line_format::json));
  EXPECT_EQ(line["event"], "auth");
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["upstream"], "openai");
  EXPECT_EQ(line["status"], 401);
  EXPECT_EQ(line["detail"], "status 401 invalid_api_key");
  EXPECT_EQ(line["msg"], "OpenAI refuses the configured key: look at this upstream's credential");
  line = ordered_json::parse(auth_line(what, "openai", "", false, when, line_format::json));
  EXPECT_EQ(line["msg"], "openai refuses keys that worked until now: its authentication seems to be out");
  EXPECT_NE(auth_line(what, "openai", "OpenAI", true, when, line_format::text)
                .find("ERROR OpenAI refuses the configured key: look at this upstream's credential upstream=openai "
                      "status=401 detail=status 401 invalid_api_key\n"),
            std::string::npos);
}

TEST(RemoteLine, IsAnErrorWithItsModel) {
  proxy::exchange_record r;
  r.request_id = "req_1";
  r.workflow = "legal";
  auto const line = ordered_json::parse(remote_line(r, "ollama", "Ollama", "m:1b", when, line_format::json));
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["event"], "answered_remotely");
  EXPECT_EQ(line["msg"], "Ollama had a model run at ollama.com that was known as local: a prompt has left");
  EXPECT_EQ(line["request_id"], "req_1");
  EXPECT_EQ(line["workflow"], "legal");
  EXPECT_EQ(line["upstream"], "ollama");
  EXPECT_EQ(line["model"], "m:1b");
  auto const text = remote_line(r, "ollama", "", "m:1b\n", when, line_format::text);
  EXPECT_NE(text.find(" ERROR ollama had a model run at ollama.com"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << "no name makes a line of its own";
}

TEST(NoticePace, SaysTheSameThingOnceAPauseForEachSubject) {
  using namespace std::chrono_literals;
  notice_pace pace(1min);
  time_point const now{1h};
  EXPECT_TRUE(pace.due("openai", now));
  EXPECT_FALSE(pace.due("openai", now + 59s));
  EXPECT_TRUE(pace.due("anthropic", now + 59s));
  EXPECT_TRUE(pace.due("openai", now + 60s)) << "counted from when it was said, not from when it was last asked";
  EXPECT_FALSE(pace.due("openai", now + 119s));
}

}  // namespace
}  // namespace tideover::ops
