// The life of the process: starting, being watched, counting, draining, ending.
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

TEST(Start, WithoutAnyConfigurationServesOnTheGivenAddresses) {
  world w;
  daemon_process daemon({.yaml = "",
                         .environment = {{"XDG_CONFIG_HOME", "/nonexistent"}},
                         .arguments = {"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cloud", w.openai.url(),
                                       "--local", w.ollama.url()}});
  ASSERT_TRUE(daemon.serves()) << daemon.all_output();
  expect_cloud(post(daemon.port(), "/v1/chat/completions", chat_body));
  w.openai.stop();
  expect_local(post(daemon.port(), "/v1/chat/completions", chat_body), "connect");
}

TEST(Start, FlagsWinOverEnvironmentAndEnvironmentOverTheFile) {
  world w;
  scripted_upstream other;
  serve_cloud(other);
  auto const yaml = w.yaml({});
  daemon_process by_environment({.yaml = yaml, .environment = {{"TIDEOVER_CLOUD_URL", other.url()}}, .arguments = {}});
  ASSERT_TRUE(by_environment.serves()) << by_environment.all_output();
  expect_cloud(post(by_environment.port(), "/v1/chat/completions", chat_body));
  EXPECT_EQ(other.connections(), 1U);
  daemon_process by_flag(
      {.yaml = yaml, .environment = {{"TIDEOVER_CLOUD_URL", other.url()}}, .arguments = {"--cloud", w.openai.url()}});
  ASSERT_TRUE(by_flag.serves()) << by_flag.all_output();
  expect_cloud(post(by_flag.port(), "/v1/chat/completions", chat_body));
  EXPECT_EQ(w.openai.connections(), 1U);
}

TEST(Start, SucceedsWhileNoUpstreamIsThere) {
  world w;
  w.openai.stop();
  w.anthropic.stop();
  w.ollama.stop();
  w.start();
  EXPECT_EQ(w.chat().status, 503);
  w.ollama.start();
  EXPECT_TRUE(eventually([&] { return w.chat().field("x-tideover-tier") == "local"; }));
}

TEST(Start, OpensNothingToACloudThatNoWorkflowMayUse) {
  world w;
  world_options options;
  options.workflows = "workflows: {default: {policy: local_only}}";
  w.start(options);
  expect_local(w.chat(), "policy");
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
}

TEST(Start, ABadConfigurationEndsWithItsLineAndCode78) {
  struct row {
    const char* name;
    std::string yaml;
    const char* line;
    const char* word;
  };
  for (auto const& r : std::vector<row>{
           {"unknown key", "listen:\n  - adress: 127.0.0.1:0\n", "tideover.yaml:2:", "address"},
           {"wrong unit", "limits:\n  drain: 30\n", "tideover.yaml:2:", "limits.drain"},
           {"unknown policy", "workflows:\n  default:\n    policy: cloud_frist\n", "tideover.yaml:3:", "cloud_first"},
           {"duplicate key", "hosts: []\nhosts: []\n", "tideover.yaml:2:", "hosts"},
           {"broken YAML", "listen: [\n", "tideover.yaml:", ""},
           {"unknown contingency workflow", "contingency: {workflows: [nobody]}\n", "tideover.yaml:1:", "nobody"},
           {"open to the world", "listen: [{address: \"0.0.0.0:0\"}]\n",
            "tideover.yaml:1:", "allow_unauthenticated"}}) {
    SCOPED_TRACE(r.name);
    daemon_process daemon({.yaml = r.yaml, .environment = {}, .arguments = {}});
    EXPECT_FALSE(daemon.serves());
    EXPECT_EQ(daemon.wait_for_exit(), 78);
    EXPECT_NE(daemon.standard_error().find(r.line), std::string::npos) << daemon.standard_error();
    EXPECT_NE(daemon.standard_error().find(r.word), std::string::npos) << daemon.standard_error();
  }
}

TEST(Start, AnUnknownContingencyWorkflowInTheEnvironmentIsAConfigurationError) {
  world w;
  daemon_process daemon({.yaml = w.yaml({}), .environment = {{"TIDEOVER_CONTINGENCY", "nobody"}}, .arguments = {}});
  EXPECT_FALSE(daemon.serves());
  EXPECT_EQ(daemon.wait_for_exit(), 78);
  EXPECT_NE(daemon.standard_error().find("nobody"), std::string::npos) << daemon.standard_error();
}

TEST(Start, APortInUseIsOneClearErrorThatNamesIt) {
  world w;
  reserved_port const port;
  auto const taken = port.listen();
  world_options options;
  auto const address = "127.0.0.1:" + std::to_string(port.number());
  options.listen = "listen: [{address: \"" + address + "\"}]";
  daemon_process daemon({.yaml = w.yaml(options), .environment = {}, .arguments = {}});
  EXPECT_FALSE(daemon.serves());
  auto const code = daemon.wait_for_exit();
  EXPECT_TRUE(code == 1 || code == 78) << code.value_or(-1);
  EXPECT_NE(daemon.all_output().find(address), std::string::npos) << daemon.all_output();
}

TEST(Health, IsToldOnTheAdminListener) {
  world w;
  w.start();
  EXPECT_EQ(get(w.daemon().admin_port(), "/livez").status, 200);
  EXPECT_EQ(get(w.daemon().admin_port(), "/readyz").status, 200);
  EXPECT_EQ(get(w.daemon().admin_port(), "/nothing").status, 404);
  raw_client client(w.daemon().admin_port());
  EXPECT_EQ(client.post("/livez", "").status, 405);
  w.chat();
  (void)w.daemon().wait_for_log("request", 1);
  auto const metrics = get(w.daemon().admin_port(), "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.field("content-type").substr(0, 10), "text/plain");
  EXPECT_NE(metrics.body.find("# TYPE tideover_requests_total counter"), std::string::npos);
  EXPECT_EQ(w.daemon().metric("tideover_build_info"), 1);
  EXPECT_GT(w.daemon().metric("process_resident_memory_bytes"), 0);
}

TEST(Counting, ClientsLogLinesAndMetricsAgree) {
  world w;
  w.start();
  int sent = 0;
  auto const count = [&](const http_answer& answer) {
    EXPECT_NE(answer.status, 0);
    ++sent;
  };
  for (auto const& row : dialects()) {
    count(post(w.port(), row.path, row.whole));
    count(post(w.port(), row.path, row.stream));
  }
  w.openai.once("/v1/chat/completions", reply(500, "{}"));
  count(w.chat());
  w.openai.once("/v1/chat/completions",
                stream_then(openai::chat_events({}), 1, [](served_connection& c) { c.reset(); }));
  count(w.chat_stream());
  w.openai.once("/v1/chat/completions", reply(400, openai::error("bad", "invalid_request_error")));
  count(w.chat());
  count(get(w.port(), "/v1/models"));
  count(get(w.port(), "/api/tags"));
  count(get(w.port(), "/no/such/path"));
  count(w.chat({{"X-Tideover-Workflow", "nobody"}}));
  count(w.chat({{"Host", "evil.test"}}));
  {
    raw_client broken(w.port());
    broken.send("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
    count(broken.read_answer());
  }
  w.openai.once("/v1/chat/completions", silence());
  {
    raw_client leaving(w.port());
    leaving.request("POST", "/v1/chat/completions", chat_body);
    ASSERT_TRUE(
        eventually([&] { return w.openai.open_connections() > 0 && w.openai.requests().back().body == chat_body; }));
  }
  ++sent;
  w.openai.stop();
  w.ollama.stop();
  count(w.chat());

  auto const lines = w.daemon().wait_for_log("request", static_cast<std::size_t>(sent));
  EXPECT_EQ(lines.size(), static_cast<std::size_t>(sent));
  EXPECT_TRUE(eventually([&] { return w.daemon().metric("tideover_requests_total") == sent; }, steady::now() + 10s))
      << w.daemon().metrics();
  std::map<std::string, int> by_outcome;
  std::map<std::string, int> ids;
  for (auto const& line : lines) {
    ++by_outcome[line.value("outcome", "")];
    ++ids[line.value("request_id", "")];
  }
  EXPECT_EQ(ids.size(), lines.size()) << "request ids are unique";
  for (auto const& [outcome, n] : by_outcome)
    EXPECT_EQ(w.daemon().metric("tideover_requests_total", {"outcome=\"" + outcome + '"'}), n) << outcome;
}

TEST(LogLine, SaysWhatTheContractSays) {
  world w;
  w.start();
  auto const answer = w.chat({{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  auto const& line = lines[0];
  EXPECT_EQ(line.value("request_id", ""), answer.field("x-tideover-request-id"));
  EXPECT_EQ(line.value("trace_id", ""), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line.value("workflow", ""), "default");
  EXPECT_EQ(line.value("upstream", ""), "openai");
  EXPECT_EQ(line.value("tier", ""), "cloud");
  EXPECT_EQ(line.value("model_requested", ""), "gpt-4o-mini");
  EXPECT_EQ(line.value("model_served", ""), "gpt-4o-mini");
  EXPECT_EQ(line.value("status", 0), 200);
  EXPECT_EQ(line.value("attempts", 0), 1);
  EXPECT_EQ(line.value("bytes_in", 0U), chat_body.size());
  EXPECT_EQ(line.value("bytes_out", 0U), answer.body.size());
  EXPECT_EQ(line.value("outcome", ""), "answered");
  EXPECT_EQ(line.value("level", ""), "info");
  EXPECT_GE(line.value("duration_ms", -1.0), 0.0);
  EXPECT_GE(line.value("ttfb_ms", -1.0), 0.0);
  EXPECT_EQ(line.value("ts", "").size(), std::string("2026-03-01T09:30:00.123Z").size());
}

TEST(Sigterm, LetsRunningStreamsFinishAndExitsWithZero) {
  world w;
  gate door;
  auto const events = openai::chat_events({});
  w.openai.on("/v1/chat/completions", stream_gated(events, 3, door));
  w.start();
  raw_client streaming(w.port());
  streaming.request("POST", "/v1/chat/completions", chat_stream_body);
  streaming.read_head();
  ASSERT_TRUE(streaming.next_event());
  raw_client idle(w.port());
  EXPECT_EQ(idle.get("/api/version").status, 200);

  w.daemon().signal(SIGTERM);
  std::string rest;
  EXPECT_EQ(idle.read_to_end(rest), io::end) << "an idle connection is closed at once";
  EXPECT_TRUE(eventually([&] {
    try {
      raw_client late(w.port());
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  })) << "nobody new is let in";
  EXPECT_FALSE(w.daemon().wait_for_exit(steady::now() + 50ms)) << "somebody is still being served";
  door.open();
  std::string text;
  while (auto event = streaming.next_event()) text += event->raw;
  EXPECT_EQ(streaming.ended(), io::ok);
  EXPECT_NE(text.find("[DONE]"), std::string::npos);
  EXPECT_EQ(w.daemon().wait_for_exit(), 0);
}

TEST(Sigterm, AnswersARequestThatIsStillWaitingForTheCloud) {
  world w;
  gate door;
  w.openai.on("/v1/chat/completions", [door](served_connection& c, const recorded_request&) {
    if (c.wait(door) == io::ok) c.answer(200, openai::chat({}));
  });
  w.start();
  raw_client client(w.port());
  client.request("POST", "/v1/chat/completions", chat_body);
  ASSERT_TRUE(w.openai.wait_for_requests(1));
  w.daemon().signal(SIGTERM);
  EXPECT_FALSE(w.daemon().wait_for_exit(steady::now() + 50ms));
  door.open();
  expect_cloud(client.read_answer());
  EXPECT_EQ(w.daemon().wait_for_exit(), 0);
}

TEST(Sigterm, WaitsNoLongerThanTheDrainTime) {
  world w;
  w.openai.on("/v1/chat/completions",
              stream_then(openai::chat_events({}), 3, [](served_connection& c) { c.say_nothing(); }));
  world_options options;
  options.more = "limits: {drain: 300ms}";
  w.start(options);
  raw_client streaming(w.port());
  streaming.request("POST", "/v1/chat/completions", chat_stream_body);
  streaming.read_head();
  ASSERT_TRUE(streaming.next_event());
  EXPECT_EQ(w.daemon().stop(), 0);
  while (streaming.next_event()) {
  }
  EXPECT_NE(streaming.ended(), io::ok) << "a stream that was not finished is visibly cut";
  EXPECT_EQ(w.daemon().log_lines_of("request").size(), 1U);
}

TEST(Sigterm, TheSecondOneEndsTheDrain) {
  world w;
  w.openai.on("/v1/chat/completions", silence());
  world_options options;
  options.more = "limits: {drain: 1h}";
  w.start(options);
  raw_client client(w.port());
  client.request("POST", "/v1/chat/completions", chat_body);
  ASSERT_TRUE(w.openai.wait_for_requests(1));
  w.daemon().signal(SIGTERM);
  EXPECT_FALSE(w.daemon().wait_for_exit(steady::now() + 100ms));
  w.daemon().signal(SIGTERM);
  EXPECT_TRUE(w.daemon().wait_for_exit());
}

TEST(Descriptors, AreAllGivenBackAfterCallersOfEveryKind) {
  world w;
  w.start();
  w.chat();
  auto const before = w.daemon().open_descriptors();
  for (int i = 0; i < 200; ++i) {
    raw_client client(w.port());
    switch (i % 4) {
      case 0: break;  // leaves without a word
      case 1: client.send("POST /v1/chat/completions HT"); break;
      case 2: client.request("POST", "/v1/chat/completions", chat_stream_body); break;
      default: client.post("/v1/chat/completions", chat_body); break;
    }
    if (i % 2 == 0)
      client.reset();
    else
      client.close();
  }
  // Pooled connections to upstreams may stay; a leak would be two hundred.
  EXPECT_TRUE(eventually([&] { return w.daemon().open_descriptors() <= before + 60; }, steady::now() + 20s))
      << before << " -> " << w.daemon().open_descriptors();
}

TEST(Slowloris, ABodyThatTricklesInIsEndedAlthoughItNeverStandsStill) {
  world w;
  world_options options;
  options.more = "limits: {head_timeout: 300ms}";
  w.start(options);
  raw_client client(w.port());
  client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
  // A byte each time nothing came back for a moment: always sooner than the limit for standing still.
  std::string heard;
  int bytes = 0;
  while (heard.empty() && bytes < 2000) {
    if (client.send("x") != io::ok) break;
    ++bytes;
    auto const waited = client.raw().read_some(heard, 65536, steady::now() + std::chrono::milliseconds(50));
    if (waited != io::ok && waited != io::timed_out) break;
  }
  EXPECT_LT(bytes, 2000) << "a trickle kept its connection for ever";
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 408 ")) << heard;
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(Slowloris, AHeadThatNeverEndsIsEndedByUs) {
  world w;
  world_options options;
  options.more = "limits: {head_timeout: 300ms}";
  w.start(options);
  raw_client client(w.port());
  client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: loc");
  auto const answer = client.read_answer();
  EXPECT_TRUE(answer.status == 408 || answer.ended == io::end) << answer.status;
  expect_cloud(w.chat());
}

/// What a service manager hears (sd_notify).
struct notify_socket {
  notify_socket() : path(folder.file("notify")), fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  bool waiting(int milliseconds) const {
    pollfd entry{fd.get(), POLLIN, 0};
    return ::poll(&entry, 1, milliseconds) == 1;
  }
  std::string next() const {
    if (!waiting(60'000)) return "nothing";
    char text[512];
    auto const n = ::recv(fd.get(), text, sizeof text, 0);
    return n < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(n));
  }
  temporary_folder folder;
  std::string path;
  descriptor fd;
};

TEST(AServiceManager, HearsReadyAliveAndStopping) {
  notify_socket const manager;
  world w;
  world_options options;
  options.environment = {{"NOTIFY_SOCKET", manager.path}, {"WATCHDOG_USEC", "400000"}};
  w.start(options);
  auto heard = manager.next();
  bool ready = false, alive = false;
  for (; !(ready && alive) && heard != "nothing"; heard = manager.next()) {
    ready = ready || heard.starts_with("READY=1");
    alive = alive || heard == "WATCHDOG=1";
  }
  EXPECT_TRUE(ready && alive);
  w.daemon().signal(SIGTERM);
  while (heard != "nothing" && !heard.starts_with("STOPPING=1")) heard = manager.next();
  EXPECT_TRUE(heard.starts_with("STOPPING=1"));
  EXPECT_EQ(w.daemon().wait_for_exit(), 0);
}

/// Holds one thread of another process and none of its others (ptrace(2), PTRACE_INTERRUPT). Of this test's own thread.
class held_thread {
 public:
  explicit held_thread(pid_t thread) : thread_(thread) {
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) return;
    int status = 0;
    holds_ = ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0 &&
             ::waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status);
  }
  ~held_thread() { let_go(); }
  held_thread(const held_thread&) = delete;
  held_thread& operator=(const held_thread&) = delete;
  bool holds() const { return holds_; }
  void let_go() {
    if (std::exchange(holds_, false)) ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
  }

 private:
  pid_t thread_;
  bool holds_ = false;
};

TEST(AServiceManager, HearsNothingWhileOneWorkerHangsAndIsToldAgainWhenItGoesOn) {
  notify_socket const manager;
  world w;
  world_options options;
  options.environment = {{"NOTIFY_SOCKET", manager.path}, {"WATCHDOG_USEC", "200000"}};
  options.arguments = {"--workers", "2"};
  w.start(options);
  auto const workers = w.daemon().threads("worker-");
  ASSERT_EQ(workers.size(), 2U);
  auto heard = manager.next();
  while (heard != "nothing" && heard != "WATCHDOG=1") heard = manager.next();
  ASSERT_EQ(heard, "WATCHDOG=1");
  held_thread hanging(workers[0]);
  if (!hanging.holds()) GTEST_SKIP() << "ptrace is not permitted here: " << std::strerror(errno);

  // The control loop answers again and again, and still no word comes; at a tenth of a second each it would.
  auto const silent_for_twenty_answers = [&] {
    while (manager.waiting(0)) (void)manager.next();
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(get(w.daemon().admin_port(), "/livez").status, 200);
      if (manager.waiting(100)) return false;
    }
    return true;
  };
  EXPECT_TRUE(eventually(silent_for_twenty_answers));

  // Connections are spread by the kernel: some come to the one who hangs, and the other serves its own.
  std::vector<std::unique_ptr<raw_client>> crowd;
  std::vector<pollfd> answers;
  for (int i = 0; i < 32; ++i) {
    crowd.push_back(std::make_unique<raw_client>(w.port()));
    crowd.back()->request("POST", "/v1/chat/completions", chat_body);
    answers.push_back({crowd.back()->raw().fd(), POLLIN, 0});
  }
  EXPECT_GT(::poll(answers.data(), answers.size(), 60'000), 0) << "nobody was served";
  EXPECT_FALSE(manager.waiting(0));

  hanging.let_go();
  heard = manager.next();
  EXPECT_EQ(heard, "WATCHDOG=1");
  for (auto& one : crowd) expect_cloud(one->read_answer());
}

TEST(TheLog, IsOneStreamWithOneSetOfWords) {
  world w;
  temporary_folder const state;
  state.write("contingency.json", "no JSON");  // something to complain of at the start
  world_options options;
  options.environment = {{"STATE_DIRECTORY", state.path()}};
  w.start(options);
  w.chat();
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_EQ(w.daemon().standard_error().find("{\"ts\""), std::string::npos) << w.daemon().standard_error();
  EXPECT_NE(w.daemon().standard_output().find("SIGTERM: draining"), std::string::npos);
  std::set<std::string> levels;
  for (const auto& line : w.daemon().log_lines()) levels.insert(line.value("level", ""));
  EXPECT_EQ(levels, (std::set<std::string>{"info", "warn", "error"}));
  EXPECT_EQ(w.daemon().log_lines_of("request").at(0).value("endpoint", ""), "chat_completions");
}

TEST(TheReadyFile, IsGoneAfterAnOrderlyEndUnlessItIsAnothers) {
  world w;
  auto& d = w.start();
  auto const file = d.folder().file("ready.json");
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(d.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(file));
  auto& next = w.start();
  auto const theirs = next.folder().write("ready.json", "{\"proxy\":[],\"pid\":1}");
  EXPECT_EQ(next.stop(), 0);
  EXPECT_TRUE(std::filesystem::exists(theirs));
}

TEST(BytesIn, AreThoseThatCame) {
  for (bool chunked : {false, true}) {
    SCOPED_TRACE(chunked);
    world w;
    w.start();
    raw_client caller(w.port());
    caller.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" +
                std::string(chunked ? "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"
                                    : "Content-Length: 1000066\r\n\r\n12345"));
    caller.half_close();
    std::string rest;
    caller.read_to_end(rest);
    caller.close();
    auto const lines = w.daemon().wait_for_log("request", 1);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].value("bytes_in", 0U), 5U);
  }
}

/// A caller that stops reading took what its socket holds, not what the cloud said.
TEST(BytesOut, AreThoseThatTheCallersConnectionTook) {
  constexpr std::size_t all = 20'000'000;
  for (bool whole : {true, false}) {
    SCOPED_TRACE(whole);
    world w;
    auto const text = openai::chat({.words = {std::string(all, 'x')}});
    w.openai.on("/v1/chat/completions", reply(200, text));
    w.openai.on("/v1/files", reply(200, text));
    world_options options;
    options.more = "limits: {write_stall: 300ms}";
    w.start(options);
    raw_client caller(w.port());
    if (whole)
      caller.request("POST", "/v1/chat/completions", chat_body);
    else
      caller.request("GET", "/v1/files");
    auto const lines = w.daemon().wait_for_log("request", 1);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].value("outcome", ""), "client_gone");
    // What is in the socket now is what it took, to the byte: the answer has a length, so there is no other framing.
    std::string got;
    while (caller.raw().read_some(got, 1U << 20, soon()) == io::ok) {
    }
    auto const body = got.substr(got.find("\r\n\r\n") + 4);
    EXPECT_EQ(lines[0].value("bytes_out", std::size_t{0}), body.size());
    EXPECT_LT(body.size(), all);
    EXPECT_GT(body.size(), 0U);
  }
}

/// Of a time that somebody else took, nothing is Tideover's.
TEST(Overhead, IsNotWhatACallerTakesToSendOrToRead) {
  world w;
  w.start();
  raw_client slow(w.port());
  slow.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
            std::to_string(chat_body.size()) + "\r\n\r\n" + chat_body.substr(0, 5));
  std::string nothing;  // is said before the body is there
  EXPECT_EQ(slow.raw().read_some(nothing, 1, steady::now() + std::chrono::milliseconds(1500)), io::timed_out);
  slow.send(chat_body.substr(5));
  expect_cloud(slow.read_answer());
  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  auto const all = lines[0].value("duration_ms", 0.0) / 1000;
  EXPECT_LE(w.daemon().metric("tideover_overhead_seconds_sum"), all - 1.4);
}

}  // namespace
}  // namespace tideover::test
