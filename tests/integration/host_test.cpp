// The machine runs short of something, or is odd: descriptors, memory, disk, outputs, sleep. Serving goes on, or one
// line says why not.
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "integration/world.hpp"
#include "support/own_network.hpp"
#include "support/run_program.hpp"

namespace tideover::test {
namespace {

void set_limit(const daemon_process& daemon, __rlimit_resource what, rlim_t soft) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(daemon.pid(), what, nullptr, &limit), 0);
  limit.rlim_cur = std::min(soft, limit.rlim_max);
  ASSERT_EQ(::prlimit(daemon.pid(), what, &limit, nullptr), 0);
}

/// The undefined-behaviour sanitizer looks at memory through a pipe, and takes what it cannot look at for broken.
class OutOfDescriptors : public testing::Test {
 protected:
  void SetUp() override {
    if (has_sanitizers()) GTEST_SKIP() << "sanitizers need descriptors of their own";
  }
};

TEST_F(OutOfDescriptors, RunningStreamsFinishAcceptingPausesAndItHeals) {
  world w;
  gate door;
  auto const events = openai::chat_events({});
  w.openai.on("/v1/chat/completions", stream_gated(events, 3, door));
  w.start();
  raw_client streaming(w.port());
  streaming.request("POST", "/v1/chat/completions", chat_stream_body);
  EXPECT_EQ(streaming.read_head().status, 200);
  ASSERT_TRUE(streaming.next_event());

  set_limit(w.daemon(), RLIMIT_NOFILE, w.daemon().open_descriptors() + 10);
  auto const spent_before = w.daemon().processor_seconds();
  auto const begun = steady::now();
  {
    std::vector<std::unique_ptr<raw_client>> crowd;
    for (int i = 0; i < 200; ++i) crowd.push_back(std::make_unique<raw_client>(w.port()));
    EXPECT_TRUE(
        eventually([&] { return w.daemon().all_output().find("accepting connections pauses") != std::string::npos; }));
    door.open();
    std::string text;
    while (auto event = streaming.next_event()) text += event->raw;
    EXPECT_EQ(streaming.ended(), io::ok);
    EXPECT_NE(text.find("[DONE]"), std::string::npos);
    // A loop that tries again at once would take a whole processor for each worker.
    auto const spent = w.daemon().processor_seconds() - spent_before;
    auto const passed = std::chrono::duration<double>(steady::now() - begun).count();
    EXPECT_LT(spent, 0.5 * passed + 0.5);
  }
  w.openai.on("/v1/chat/completions", reply(200, openai::chat({})));
  expect_cloud(w.chat());
  set_limit(w.daemon(), RLIMIT_NOFILE, RLIM_INFINITY);
  for (int i = 0; i < 20; ++i) expect_cloud(w.chat());
  EXPECT_GE(w.daemon().metric("tideover_accept_errors_total", {"reason=\"EMFILE\""}), 1);
  EXPECT_EQ(w.daemon().metric("tideover_accept_errors_total", {"reason=\"other\""}), 0);
}

TEST_F(OutOfDescriptors, IsSaidOnceWhenItBeginsAndOnceWhenItIsOver) {
  world w;
  world_options options;
  options.arguments = {"--workers", "1"};
  w.start(options);
  expect_cloud(w.chat());
  raw_client scraper(w.daemon().admin_port());  // has its descriptor before there are none
  EXPECT_EQ(scraper.get("/livez").status, 200);
  set_limit(w.daemon(), RLIMIT_NOFILE, 3);
  raw_client waiting(w.port());
  waiting.request("POST", "/v1/chat/completions", chat_body);
  // Several tries, one line.
  EXPECT_TRUE(eventually([&] {
    auto const text = scraper.get("/metrics").body;
    auto const at = text.find("tideover_accept_errors_total{reason=\"EMFILE\"} ");
    return at != std::string::npos && std::stod(text.substr(text.find(' ', at))) >= 3;
  }));
  EXPECT_EQ(w.daemon().times_said("accepting connections pauses"), 1U);
  EXPECT_EQ(w.daemon().times_said("accepting connections goes on"), 0U);
  set_limit(w.daemon(), RLIMIT_NOFILE, RLIM_INFINITY);
  expect_cloud(waiting.read_answer());
  EXPECT_TRUE(eventually([&] { return w.daemon().times_said("accepting connections goes on") == 1; }));
  EXPECT_EQ(w.daemon().times_said("accepting connections pauses"), 1U);
}

TEST_F(OutOfDescriptors, ACloudThatCannotBeDialledIsNotBlamed) {
  world w;
  world_options options;
  options.breaker = "{failures_to_open: 1}";
  w.start(options);
  raw_client client(w.port());
  EXPECT_EQ(client.get("/api/version").status, 200);  // it has its connection, and Ollama's is in the pool
  set_limit(w.daemon(), RLIMIT_NOFILE, 3);
  auto const answer = client.post("/v1/chat/completions", chat_body);
  EXPECT_NE(answer.status, 0);
  set_limit(w.daemon(), RLIMIT_NOFILE, RLIM_INFINITY);
  expect_cloud(w.chat());
  EXPECT_EQ(w.daemon().metric("tideover_breaker_state", {"openai", "\"closed\""}), 1);
}

TEST(OutOfReplayMemory, OneLargeRequestIsToldAndTheOthersAreServed) {
  world w;
  gate door;
  w.openai.on("/v1/chat/completions", [door](served_connection& c, const recorded_request&) {
    if (c.wait(door) == io::ok) c.answer(200, openai::chat({}));
  });
  world_options options;
  options.more = "limits: {replay_memory: 4MiB}";
  w.start(options);
  auto large = chat_body;
  large.insert(1, "\"filler\":\"" + std::string(2'000'000, 'x') + "\",");
  raw_client first(w.port());
  first.request("POST", "/v1/chat/completions", large);
  ASSERT_TRUE(w.openai.wait_for_requests(1));
  auto const second = post(w.port(), "/v1/chat/completions", large);
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(second.field("x-tideover-error"), "replay_memory_exhausted");
  EXPECT_TRUE(second.has("retry-after"));
  door.open();
  expect_cloud(w.chat());
  expect_cloud(first.read_answer());
  expect_cloud(post(w.port(), "/v1/chat/completions", large));
}

// RLIMIT_AS stands for a machine that has no more memory: an allocation fails, and with it one request.
TEST(OutOfMemory, EndsTheRequestThatNeededItAndNothingElse) {
  if (has_sanitizers()) GTEST_SKIP() << "sanitizers reserve address space of their own";
  world w;
  world_options options;
  options.more = "limits: {request_body: 1GiB, replay_memory: 1GiB}";
  w.start(options);
  expect_cloud(w.chat());
  rlim_t pages = 0;
  std::ifstream("/proc/" + std::to_string(w.daemon().pid()) + "/statm") >> pages;
  set_limit(w.daemon(), RLIMIT_AS, pages * 4096 + (24u << 20));
  {
    raw_client hungry(w.port());
    hungry.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n");
    std::string const piece(1 << 20, 'x');
    for (int i = 0; i < 100; ++i)
      if (hungry.send(piece) != io::ok) break;
    auto const answer = hungry.read_answer();
    EXPECT_TRUE(answer.status == 503 || answer.status == 0) << answer.status;
  }
  ASSERT_FALSE(w.daemon().wait_for_exit(steady::now())) << w.daemon().standard_error();
  expect_cloud(w.chat());
  set_limit(w.daemon(), RLIMIT_AS, RLIM_INFINITY);
  expect_cloud(w.chat());
}

TEST(ASuspendedMachine, ServesItsFirstRequestAlthoughEveryKeptConnectionDiedMeanwhile) {
  world w;
  w.start();
  raw_client client(w.port());
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  w.daemon().signal(SIGSTOP);
  w.openai.stop();  // as a cloud, or a gateway on the way, forgets connections
  w.ollama.stop_with_reset();
  w.openai.start();
  w.ollama.start();
  w.daemon().signal(SIGCONT);
  expect_cloud(client.post("/v1/chat/completions", chat_body));
  EXPECT_EQ(client.get("/api/version").status, 200);
}

/// Serves, streams, fails over, and its answers are its own: nothing that it logs may end in somebody's connection.
void expect_to_serve_whole_answers(world& w, daemon_process& daemon) {
  ASSERT_TRUE(daemon.serves());
  for (int i = 0; i < 30; ++i) {
    raw_client client(daemon.port());
    auto const whole = client.post("/v1/chat/completions", chat_body);
    EXPECT_EQ(whole.body, openai::chat({}));
    EXPECT_EQ(client.post("/v1/chat/completions", chat_stream_body).body, joined(openai::chat_events({})));
    EXPECT_EQ(get(daemon.admin_port(), "/livez").body, "ok\n");
  }
  for (auto const& r : w.openai.requests()) EXPECT_TRUE(r.head.starts_with("POST ")) << r.head;
  EXPECT_EQ(daemon.stop(), 0);
}

TEST(OddOutputs, AreNoReasonNotToServe) {
  for (auto const* output :
       {">&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full", "| true", "2>&1 | true"}) {
    SCOPED_TRACE(output);
    world w;
    daemon_process daemon({.yaml = w.yaml({}), .environment = {}, .arguments = {}, .redirections = output});
    if (std::string(output).find('|') != std::string::npos) {
      // The shell is the child then, and the daemon its own: only that it serves is seen from here.
      ASSERT_TRUE(daemon.serves());
      for (int i = 0; i < 10; ++i) expect_cloud(post(daemon.port(), "/v1/chat/completions", chat_body));
      auto const ready = nlohmann::json::parse(read_file(daemon.folder().file("ready.json")));
      ::kill(ready.at("pid").get<pid_t>(), SIGTERM);
      EXPECT_TRUE(daemon.wait_for_exit());
      continue;
    }
    expect_to_serve_whole_answers(w, daemon);
  }
}

TEST(OddEnvironments, OfLocaleAndTimeZoneChangeNothing) {
  world w;
  daemon_process daemon({.yaml = w.yaml({}),
                         .environment = {{"LC_ALL", "xx_YY.nonsense"}, {"LANG", "tr_TR"}, {"TZ", "Nowhere/Nothing"}},
                         .arguments = {}});
  expect_to_serve_whole_answers(w, daemon);
}

TEST(StateDirectories, ThatCannotBeWrittenAreToldAndServingGoesOn) {
  if (!has_own_network()) GTEST_SKIP() << "a mount of its own needs root";
  temporary_folder const read_only;
  ASSERT_EQ(::mount("tmpfs", read_only.path().c_str(), "tmpfs", MS_RDONLY, nullptr), 0);
  for (auto const& place : {read_only.path(), std::string("/dev/null")}) {
    SCOPED_TRACE(place);
    world w;
    world_options options;
    options.environment = {{"STATE_DIRECTORY", place}};
    w.start(options);
    expect_cloud(w.chat());
    EXPECT_TRUE(eventually([&] { return w.daemon().all_output().find("state directory") != std::string::npos; }))
        << w.daemon().all_output();
    // A decision holds all the same, and whoever makes it is told.
    raw_client admin(w.daemon().folder().file("admin.sock"));
    admin.request("PUT", "/api/contingency", R"({"reason":"x"})");
    auto const order = admin.read_answer();
    EXPECT_EQ(order.status, 200);
    EXPECT_EQ(json_of(order)["persisted"], false) << order.body;
    expect_local(w.chat(), "contingency");
  }
  ::umount(read_only.path().c_str());
}

TEST(SecretFiles, ThatOthersMayReadAreAWarningAtStartAndAnErrorForTheCheck) {
  world w;
  temporary_folder const keys;
  keys.write("key", "sk-readable-by-all\n");
  ASSERT_EQ(::chmod(keys.file("key").c_str(), 0644), 0);
  world_options options;
  options.openai_more = ", credential: {file: \"" + keys.file("key") + "\"}";
  w.start(options);
  expect_cloud(w.chat());
  EXPECT_NE(w.daemon().standard_error().find("chmod"), std::string::npos) << w.daemon().standard_error();
  keys.write("check.yaml", "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: {file: \"" +
                               keys.file("key") + "\"}}}\n");
  auto const checked = run_tideover({"check", "--config", keys.file("check.yaml")});
  EXPECT_EQ(checked.exit_code, 78) << checked.out << checked.err;
  EXPECT_NE((checked.out + checked.err).find("chmod"), std::string::npos);
  EXPECT_EQ((checked.out + checked.err).find("sk-readable"), std::string::npos);
}

}  // namespace
}  // namespace tideover::test
