// The machine's wall clock jumps while the daemon runs: set by hand, by NTP after a start without a battery, by a
// virtual machine that was asleep. libfaketime stands for it, for the daemon alone; the monotonic clock stays true.
#include <poll.h>

#include <ctime>
#include <filesystem>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

constexpr long hour = 3600, year = 365L * 24 * 3600;

/// Empty: it is not installed.
std::string faketime_library() {
  std::error_code none;
  for (auto const& entry : std::filesystem::directory_iterator("/usr/lib", none))
    if (auto const file = entry.path() / "faketime/libfaketimeMT.so.1"; std::filesystem::exists(file, none))
      return file.string();
  return {};
}

class Clock : public testing::Test {
 protected:
  void SetUp() override {
    if (has_sanitizers()) GTEST_SKIP() << "sanitizers must be loaded before any other library, libfaketime too";
    library_ = faketime_library();
    if (library_.empty()) GTEST_SKIP() << "libfaketime is not installed (apt-get install faketime)";
    jump(0);
  }

  /// Replaced as a whole: the daemon may be reading it.
  void jump(long seconds) {
    std::filesystem::rename(folder_.write("next", (seconds < 0 ? "" : "+") + std::to_string(seconds) + "\n"),
                            folder_.file("offset"));
    offset_ = seconds;
  }

  std::map<std::string, std::string> environment() const {
    return {{"LD_PRELOAD", library_},
            {"FAKETIME_TIMESTAMP_FILE", folder_.file("offset")},
            {"FAKETIME_NO_CACHE", "1"},
            {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
            {"NO_FAKE_STAT", "1"}};  // a clock that jumps does not change when files were written
  }

  /// The last request's log line has the time that the clock shows now.
  void expect_log_follows(world& w, const http_answer& answer) const {
    std::string stamp;
    auto const id = answer.field("x-tideover-request-id");
    ASSERT_TRUE(eventually([&] {
      for (auto const& line : w.daemon().log_lines_of("request"))
        if (line.value("request_id", "") == id) stamp = line.value("ts", "");
      return !stamp.empty();
    }));
    std::tm read{};
    ASSERT_NE(::strptime(stamp.c_str(), "%Y-%m-%dT%H:%M:%S", &read), nullptr) << stamp;
    auto const off_by = ::timegm(&read) - (std::time(nullptr) + offset_);
    EXPECT_LT(std::abs(off_by), hour / 2) << stamp;
  }

 private:
  temporary_folder folder_;
  std::string library_;
  long offset_ = 0;
};

field_list key(const std::string& name) { return {{"Authorization", "Bearer sk-" + name}}; }

script server_error() { return reply(500, openai::error("The server had an error", "server_error")); }
script busy(const std::string& seconds) {
  return reply(429, openai::error("Rate limit reached", "requests", "rate_limit_exceeded"), {{"Retry-After", seconds}});
}

int decide(world& w, const std::string& order) {
  raw_client admin(w.daemon().folder().file("admin.sock"));
  admin.request("PUT", "/api/contingency", order);
  return admin.read_answer().status;
}

bool has_said_something(raw_client& client) {
  pollfd entry{client.raw().fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) != 0;
}

TEST_F(Clock, ThatJumpsEndsNothingEarly) {
  world w;
  gate door;
  w.anthropic.on("/v1/messages", [door](served_connection& c, const recorded_request&) {
    if (c.wait(door) == io::ok) c.answer(200, anthropic::message({.model = "claude-sonnet-4-5"}));
  });
  world_options options;
  options.environment = environment();
  options.breaker = "{failures_to_open: 1, open_for: 1h, open_for_max: 1h}";
  options.cloud_timeouts = "{connect: 1h, first_content: 1h, response: 1h, idle: 1h, total: 1h}";
  options.workflows = "workflows: {default: {policy: cloud_first, deadline: 2h}, sales: {policy: cloud_first}}";
  options.more = "limits: {keep_alive: 1h, head_timeout: 1h}";
  w.start(options);
  w.openai.once("/v1/chat/completions", server_error());
  expect_local(w.chat(key("a")), "server_error");
  w.openai.once("/v1/chat/completions", busy("600"));
  expect_local(w.chat(key("b")), "rate_limited");
  ASSERT_EQ(decide(w, R"({"workflows":["sales"],"reason":"test","for":"1h"})"), 200);
  raw_client kept(w.port());
  expect_cloud(kept.post("/v1/chat/completions", chat_body));
  raw_client slow(w.port());
  slow.send("POST /v1/chat/completions HTTP/1.1\r\nHost: loc");
  raw_client waiting(w.port());
  waiting.request("POST", "/v1/messages", message_body);
  ASSERT_TRUE(w.anthropic.wait_for_requests(1));

  for (auto const seconds : {hour, -hour, year, -year, 0L}) {
    SCOPED_TRACE(seconds);
    jump(seconds);
    expect_local(w.chat(key("a")), "breaker_open");
    expect_local(w.chat(key("b")), "rate_limited");
    expect_local(post(w.port(), "/w/sales/v1/chat/completions", chat_body, key("c")), "contingency");
    auto const answer = kept.post("/v1/chat/completions", chat_body);
    expect_cloud(answer);
    expect_log_follows(w, answer);
    EXPECT_FALSE(has_said_something(slow));
    EXPECT_FALSE(has_said_something(waiting));
  }
  door.open();
  auto const answer = waiting.read_answer();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-upstream"), "anthropic");
  slow.send("alhost\r\nContent-Length: " + std::to_string(chat_body.size()) + "\r\n\r\n" + chat_body);
  expect_cloud(slow.read_answer());
}

TEST_F(Clock, ThatJumpsDelaysNoEnd) {
  for (auto const seconds : {-year, year, hour, -hour}) {
    SCOPED_TRACE(seconds);
    jump(0);
    world w;
    w.anthropic.on("/v1/messages", silence());
    world_options options;
    options.environment = environment();
    options.breaker = "{failures_to_open: 1, open_for: 1s, open_for_max: 1s}";
    options.cloud_timeouts = "{connect: 20s, first_content: 2s, response: 2s, idle: 2s, total: 5m}";
    options.workflows = "workflows: {default: {policy: cloud_first}, sales: {policy: cloud_first}}";
    options.more = "limits: {keep_alive: 2s, head_timeout: 2s}";
    w.start(options);
    w.openai.once("/v1/chat/completions", server_error());
    expect_local(w.chat(key("a")), "server_error");
    w.openai.once("/v1/chat/completions", busy("2"));
    expect_local(w.chat(key("b")), "rate_limited");
    ASSERT_EQ(decide(w, R"({"workflows":["sales"],"reason":"test","for":"2s"})"), 200);
    raw_client idle(w.port()), slow(w.port()), waiting(w.port());
    expect_cloud(idle.post("/v1/chat/completions", chat_body, key("c")));
    slow.send("POST /v1/chat/completions HTTP/1.1\r\nHost: loc");
    waiting.request("POST", "/v1/messages", message_body);
    ASSERT_TRUE(w.anthropic.wait_for_requests(1));
    jump(seconds);

    expect_local(waiting.read_answer(), "timeout");
    EXPECT_EQ(slow.read_answer().status, 408);
    std::string rest;
    EXPECT_EQ(idle.read_to_end(rest), io::end);
    http_answer last;
    for (auto const& who : {key("a"), key("b")})
      EXPECT_TRUE(eventually([&] { return (last = w.chat(who)).field("x-tideover-tier") == "cloud"; })) << last.body;
    expect_log_follows(w, last);
    EXPECT_TRUE(eventually([&] {
      return post(w.port(), "/w/sales/v1/chat/completions", chat_body, key("c")).field("x-tideover-tier") == "cloud";
    }));
  }
}

TEST_F(Clock, ThatJumpsStopsNoWatchAndMakesNobodySpin) {
  test_ca const ca;
  temporary_folder const files;
  auto const put = [&](const certificate& from) {
    for (auto const& [name, what] : {std::pair{"key.pem", from.key_file}, {"cert.pem", from.certificate_file}})
      std::filesystem::rename(files.write("next", read_file(what)), files.file(name));
  };
  for (auto const seconds : {-year, year}) {
    SCOPED_TRACE(seconds);
    jump(0);
    put(ca.good());
    world w;
    world_options options;
    options.environment = environment();
    options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + files.file("cert.pem") +
                     "\", key: \"" + files.file("key.pem") + "\"}}]";
    w.start(options);
    auto const is_trusted = [&] {
      try {
        raw_client client(w.port(), ca.ca_file(), "localhost");
        return true;
      } catch (const std::runtime_error&) {
        return false;
      }
    };
    auto const renewals = [&] { return w.daemon().times_said("certificates were renewed"); };
    EXPECT_TRUE(is_trusted());
    // Once before: the daemon has begun to look, and the next look is due by the clock that does not jump.
    put(ca.self_signed());
    EXPECT_TRUE(eventually([&] { return renewals() == 1; }));
    EXPECT_FALSE(is_trusted());
    jump(seconds);
    auto const spent = w.daemon().processor_seconds();
    auto const begun = steady::now();
    put(ca.good());
    EXPECT_TRUE(eventually([&] { return renewals() == 2; }));
    auto const passed = std::chrono::duration<double>(steady::now() - begun).count();
    // Nobody called meanwhile: a loop that does not wait any more would take a whole processor.
    EXPECT_LT(w.daemon().processor_seconds() - spent, 0.5 * passed + 0.5);
    EXPECT_TRUE(is_trusted());
  }
}

}  // namespace
}  // namespace tideover::test
