// The admin API of the running daemon, through both doors: status, contingency, events, and what is refused.
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

const field_list token{{"Authorization", "Bearer token-of-this-test-0123456789"}, {"Content-Type", "application/json"}};

world_options with_token() {
  world_options options;
  options.admin_more = ", token: {env: ADMIN_TOKEN}";
  options.environment = {{"ADMIN_TOKEN", "token-of-this-test-0123456789"}};
  return options;
}

std::string socket_of(world& w) { return w.daemon().folder().file("admin.sock"); }

http_answer over_socket(world& w, std::string_view method, std::string_view target, std::string_view body = {},
                        const field_list& fields = {}) {
  raw_client client(socket_of(w));
  client.request(method, target, body, fields);
  return client.read_answer(method == "HEAD");
}

http_answer over_tcp(world& w, std::string_view method, std::string_view target, std::string_view body = {},
                     const field_list& fields = {}) {
  raw_client client(w.daemon().admin_port());
  client.request(method, target, body, fields);
  return client.read_answer(method == "HEAD");
}

TEST(AdminSocket, HasModeSixSixtyAndIsRemovedAtTheEnd) {
  world w;
  w.start();
  struct stat about {};
  ASSERT_EQ(::stat(socket_of(w).c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0660U);
  EXPECT_TRUE(S_ISSOCK(about.st_mode));
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_NE(::stat(socket_of(w).c_str(), &about), 0);
}

TEST(AdminSocket, OfAKilledDaemonIsTakenOverAndOneInUseIsNot) {
  world first;
  temporary_folder const shared;
  auto options = with_token();
  options.admin_more += ", socket: \"" + shared.file("s") + "\"";
  // The world's own socket key would stand there twice.
  auto yaml = first.yaml(options);
  auto const at = yaml.find("socket: \"${TMPDIR}/admin.sock\", ");
  yaml.erase(at, std::string("socket: \"${TMPDIR}/admin.sock\", ").size());
  daemon_options how;
  how.yaml = yaml;
  how.environment = options.environment;
  {
    daemon_process killed(how);
    ASSERT_TRUE(killed.serves()) << killed.all_output();
    killed.signal(SIGKILL);
    ASSERT_TRUE(killed.wait_for_exit());
  }
  daemon_process next(how);
  ASSERT_TRUE(next.serves()) << next.all_output();
  daemon_process third(how);
  EXPECT_FALSE(third.serves());
  EXPECT_EQ(third.wait_for_exit(), 1);
  EXPECT_NE(third.standard_error().find("another Tideover listens there"), std::string::npos);
  raw_client client(shared.file("s"));
  EXPECT_EQ(client.get("/livez").status, 200);
}

TEST(Contingency, ByAnOperatorIsInForceForTheNextRequestAndSurvivesARestart) {
  world w;
  temporary_folder const state;
  world_options options;
  options.environment = {{"STATE_DIRECTORY", state.path()}};
  w.start(options);
  expect_cloud(w.chat());
  auto const on =
      over_socket(w, "PUT", "/api/contingency", R"({"workflows":["default"],"reason":"outage","for":"1h"})");
  ASSERT_EQ(on.status, 200) << on.body;
  expect_local(w.chat(), "contingency");
  EXPECT_NE(json_of(on)["sources"][0]["who"].get<std::string>().find("uid "), std::string::npos);
  w.daemon().signal(SIGKILL);
  ASSERT_TRUE(w.daemon().wait_for_exit());
  w.start(options);
  expect_local(w.chat(), "contingency");
  auto const off = over_socket(w, "DELETE", "/api/contingency");
  EXPECT_EQ(json_of(off)["lifted"][0], "default");
  expect_cloud(w.chat());
}

TEST(Contingency, ThatTheEnvironmentImposesIsNamedWhenAnOperatorLifts) {
  world w;
  world_options options;
  options.environment = {{"TIDEOVER_CONTINGENCY", "default"}};
  w.start(options);
  auto const off = over_socket(w, "DELETE", "/api/contingency");
  EXPECT_EQ(off.status, 200);
  EXPECT_EQ(json_of(off)["active"], true);
  EXPECT_EQ(json_of(off)["sources"][0]["source"], "environment");
  EXPECT_NE(json_of(off)["sources"][0]["how_to_lift"].get<std::string>().find("TIDEOVER_CONTINGENCY"),
            std::string::npos);
  expect_local(w.chat(), "contingency");
}

TEST(Contingency, LetsRunningStreamsEndWhereTheyAre) {
  world w;
  w.start();
  gate go_on;
  auto const events = openai::chat_events({});
  w.openai.on("/v1/chat/completions", [&](served_connection& c, const recorded_request&) {
    c.begin_stream();
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i == events.size() / 2) c.wait(go_on);
      c.send_chunk(events[i]);
    }
    c.end_stream();
  });
  raw_client client(w.port());
  client.request("POST", "/v1/chat/completions", chat_stream_body);
  auto const head = client.read_head();
  EXPECT_EQ(head.field("x-tideover-tier"), "cloud");
  ASSERT_EQ(over_socket(w, "PUT", "/api/contingency", R"({"reason":"outage"})").status, 200);
  expect_local(w.chat(), "contingency");
  go_on.open();
  std::size_t heard = 0;
  while (client.next_event()) ++heard;
  EXPECT_EQ(heard, events.size());
  EXPECT_EQ(client.ended(), io::ok);
}

TEST(AdminOverTcp, ReadsAreOpenAndChangesNeedTheToken) {
  world w;
  w.start(with_token());
  EXPECT_EQ(over_tcp(w, "GET", "/api/contingency").status, 200);
  std::string const order = R"({"reason":"outage"})";
  EXPECT_EQ(over_tcp(w, "PUT", "/api/contingency", order).status, 401);
  EXPECT_EQ(over_tcp(w, "PUT", "/api/contingency", order, {{"Authorization", "Bearer nonsense"}}).status, 401);
  expect_cloud(w.chat());
  EXPECT_EQ(over_tcp(w, "PUT", "/api/contingency", order, token).status, 200);
  expect_local(w.chat(), "contingency");
  EXPECT_EQ(w.daemon().all_output().find("token-of-this-test"), std::string::npos);
  EXPECT_EQ(over_tcp(w, "GET", "/api/status").body.find("token-of-this-test"), std::string::npos);
}

TEST(AdminOverTcp, RefusesAPageOfAnotherSiteAndAForeignHost) {
  world w;
  w.start(with_token());
  auto foreign = token;
  foreign.emplace_back("Origin", "http://evil.test");
  EXPECT_EQ(over_tcp(w, "PUT", "/api/contingency", R"({"reason":"x"})", foreign).status, 403);
  EXPECT_EQ(over_tcp(w, "GET", "/api/status", {}, {{"Host", "evil.test"}}).status, 421);
  EXPECT_EQ(over_tcp(w, "GET", "/api/events", {}, {{"Host", "evil.test"}}).status, 421);
  expect_cloud(w.chat());
}

// A POST with a body to a path that takes none used to be closed without an answer.
TEST(AdminOverTcp, AnswersAWrongMethodAlsoWhenItHasABody) {
  world w;
  w.start();
  auto const answer = over_tcp(w, "POST", "/livez", std::string(5000, 'x'));
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.field("allow"), "GET, HEAD");
  EXPECT_TRUE(json_of(answer)["error"].is_object());
}

TEST(AdminOverTcp, AnswersWhatItDoesNotReadWithAStatus) {
  world w;
  w.start(with_token());
  struct row {
    std::string bytes;
    int status;
  };
  std::string const start =
      "PUT /api/contingency HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Authorization: Bearer token-of-this-test-0123456789\r\n";
  for (auto const& [bytes, status] : std::vector<row>{
           {start + "Content-Length: 100000\r\n\r\n" + std::string(100000, ' '), 413},
           {"GET /" + std::string(20000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
           {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
           {"GET / HTTP/1.1\r\n\r\n", 400},
           {start + "Transfer-Encoding: xchunked\r\n\r\n{}", 400},
           {start + "Content-Length: 5, 5\r\n\r\n{    }", 400},
           {"nonsense\r\n\r\n", 400},
           {"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
       }) {
    raw_client client(w.daemon().admin_port());
    client.send(bytes);
    EXPECT_EQ(client.read_answer().status, status) << bytes.substr(0, 120);
  }
  EXPECT_EQ(over_tcp(w, "HEAD", "/api/status").status, 200);
  EXPECT_EQ(over_tcp(w, "HEAD", "/api/status").body, "");
}

TEST(AdminOverTcp, TakesAChunkedOrderAndExpectContinueAndASecondRequestBehindIt) {
  world w;
  w.start(with_token());
  raw_client client(w.daemon().admin_port());
  client.send(
      "PUT /api/contingency HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
      "Authorization: Bearer token-of-this-test-0123456789\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\n{\"rea\r\nd\r\nson\":\"x\"}    \r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto const first = client.read_answer();
  EXPECT_EQ(first.interim.size(), 1U);
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Status, TellsWhatAnOperatorWantsToKnow) {
  world w;
  world_options options;
  options.breaker = "{failures_to_open: 1}";
  w.start(options);
  EXPECT_TRUE(eventually([&] { return get(w.daemon().admin_port(), "/readyz?tier=local").status == 200; }));
  expect_cloud(w.chat());
  auto d = json_of(over_tcp(w, "GET", "/api/status"));
  EXPECT_EQ(d["health"], "ok");
  EXPECT_EQ(d["listeners"]["socket"], socket_of(w));
  EXPECT_EQ(d["upstreams"].size(), 3U);
  EXPECT_EQ(d["local"]["models"][0]["name"], "llama3.1:8b");
  w.openai.stop();
  expect_local(w.chat(), "connect");
  d = json_of(over_tcp(w, "GET", "/api/status"));
  EXPECT_EQ(d["health"], "degraded");
  EXPECT_EQ(d["upstreams"][0]["breaker"]["state"], "open");
  EXPECT_EQ(d["upstreams"][0]["breaker"]["reason"], "connect");
}

TEST(Events, BeginWithASnapshotAndTellOfAChange) {
  world w;
  w.start();
  raw_client client(w.daemon().admin_port());
  client.request("GET", "/api/events");
  EXPECT_EQ(client.read_head().field("content-type"), "text/event-stream");
  auto event = client.next_event();
  while (event && event->data.empty()) event = client.next_event();  // `retry:` alone
  ASSERT_TRUE(event);
  EXPECT_EQ(event->name, "snapshot");
  EXPECT_EQ(nlohmann::json::parse(event->data)["contingency"]["active"], false);
  ASSERT_EQ(over_socket(w, "PUT", "/api/contingency", R"({"reason":"outage"})").status, 200);
  std::map<std::string, nlohmann::json> news;
  while (!news.contains("contingency") && (event = client.next_event()))
    news[event->name] = nlohmann::json::parse(event->data);
  EXPECT_EQ(news["contingency"]["active"], true);
  // An event's id, sent by somebody who comes back, leaves the snapshot out.
  auto const id = event->raw.substr(event->raw.find("id: ") + 4,
                                    event->raw.find('\n', event->raw.find("id: ")) - 4 - event->raw.find("id: "));
  raw_client again(w.daemon().admin_port());
  again.request("GET", "/api/events", {}, {{"Last-Event-ID", id}});
  again.read_head();
  ASSERT_EQ(over_socket(w, "DELETE", "/api/contingency").status, 200);
  event = again.next_event();
  while (event && event->data.empty()) event = again.next_event();
  ASSERT_TRUE(event);
  EXPECT_NE(event->name, "snapshot");
}

TEST(Events, EndWhenTheDaemonDrains) {
  world w;
  w.start();
  raw_client client(w.daemon().admin_port());
  client.request("GET", "/api/events");
  client.read_head();
  w.daemon().signal(SIGTERM);
  while (client.next_event()) {
  }
  EXPECT_NE(client.ended(), io::timed_out);
  EXPECT_EQ(w.daemon().wait_for_exit(), 0);
}

TEST(Events, GoToABoundedNumberOfListenersAndThoseWhoGoMakeRoom) {
  world w;
  w.start();
  std::vector<std::unique_ptr<raw_client>> all;
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    all.push_back(std::make_unique<raw_client>(w.daemon().admin_port()));
    all.back()->request("GET", "/api/events");
    if (all.back()->read_head().status == 503) ++refused;
  }
  EXPECT_EQ(refused, 8);
  all.clear();
  EXPECT_TRUE(eventually([&] {
    raw_client client(w.daemon().admin_port());
    client.request("GET", "/api/events");
    return client.read_head().status == 200;
  }));
}

TEST(AdminSocket, ComesBackWhenSomebodyRemovesItsFile) {
  world w;
  w.start();
  std::filesystem::remove(socket_of(w));
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(socket_of(w)); }));
  EXPECT_EQ(over_socket(w, "GET", "/api/status").status, 200);
  auto const said = [&] {
    std::size_t lines = 0;
    for (const auto& line : w.daemon().log_lines_of("program"))
      lines += line.value("msg", "").find("admin socket") != std::string::npos;
    return lines;
  };
  EXPECT_TRUE(eventually([&] { return said() == 1; }));
  // At once where somebody asks for a reload.
  std::filesystem::remove(socket_of(w));
  w.daemon().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(socket_of(w)); }));
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(socket_of(w)));
}

TEST(Contingency, TakesNoBodyOfAnotherTypeAndNoUnknownName) {
  world w;
  w.start(with_token());
  auto const bearer = field_list{token[0]};
  auto with_form = bearer;
  with_form.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(over_tcp(w, "DELETE", "/api/contingency", "workflows=legal", with_form).status, 415);
  auto as_text = bearer;
  as_text.emplace_back("Content-Type", "text/plain");
  EXPECT_EQ(over_tcp(w, "DELETE", "/api/contingency", R"({"workflows":["legal"]})", as_text).status, 415);
  EXPECT_EQ(over_tcp(w, "DELETE", "/api/contingency", {}, bearer).status, 200) << "there is nothing to misread";
  auto const unknown = over_tcp(w, "DELETE", "/api/contingency", R"({"workflows":["nope"]})", token);
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("there is no workflow `nope`"), std::string::npos) << unknown.body;
  auto const number = over_tcp(w, "PUT", "/api/contingency", R"({"reason":5})", token);
  EXPECT_EQ(number.status, 400);
  EXPECT_NE(number.body.find("must be a text"), std::string::npos) << number.body;
}

TEST(Health, IsDegradedWhileTheJournalCannotBeWritten) {
  world w;
  world_options options;
  options.environment = {{"STATE_DIRECTORY", "/dev/null/nowhere"}};
  w.start(options);
  over_socket(w, "PUT", "/api/contingency", R"({"workflows":["default"],"reason":"x","for":"1s"})");
  over_socket(w, "DELETE", "/api/contingency");
  nlohmann::json told;
  EXPECT_TRUE(eventually([&] {
    told = json_of(over_socket(w, "GET", "/api/status"));
    return told["health"] == "degraded";
  })) << told;
  EXPECT_EQ(told["journal"]["writable"], false);
  EXPECT_NE(told["journal"]["problem"], "");
}

}  // namespace
}  // namespace tideover::test
