// Who knocks at the doors, in which way, and in what numbers: floods, guesses, pretenders, odd targets.
#include <functional>

#include "integration/world.hpp"
#include "support/own_network.hpp"

namespace tideover::test {
namespace {

constexpr auto house_key = "tide-canary-crm";
const std::string house_keys =
    "clients: {required: true, keys: [{name: crm, sha256: "
    "\"11495e1880a47e3257e30d187a4fa2b76142d586e7fdb6192223fa131394b0b7\"}]}\n";

http_answer say(std::uint16_t port, const std::string& bytes) {
  raw_client client(port);
  client.send(bytes);
  return client.read_answer();
}

std::string post_bytes(const std::string& fields) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + fields +
         "Content-Length: " + std::to_string(chat_body.size()) + "\r\n\r\n" + chat_body;
}

TEST(SlowCallers, InHundredsDoNotKeepOthersFromBeingServed) {
  world w;
  world_options options;
  options.more = "limits: {head_timeout: 1s, keep_alive: 2s}";
  w.start(options);
  std::vector<std::unique_ptr<raw_client>> crowd;
  for (int i = 0; i < 600; ++i) {
    crowd.push_back(std::make_unique<raw_client>(w.port()));
    switch (i % 3) {
      case 0: crowd.back()->send("POST /v1/chat/completions HTTP/1.1\r\nHost: loc"); break;
      case 1: crowd.back()->send(post_bytes("").substr(0, 130)); break;
      default: break;  // never says a word
    }
  }
  for (int i = 0; i < 50; ++i) expect_cloud(w.chat());
  // All of them are ended, the silent ones without a word and the others with one.
  for (std::size_t i = 0; i < crowd.size(); ++i) {
    std::string heard;
    auto const ended = crowd[i]->read_to_end(heard);
    EXPECT_TRUE(ended == io::end || ended == io::reset);
    if (i % 3 == 2)
      EXPECT_EQ(heard, "");
    else
      EXPECT_TRUE(heard.starts_with("HTTP/1.1 408 ")) << heard.substr(0, 60);
  }
  EXPECT_EQ(w.openai.requests().size(), 50U);
}

TEST(IdleCallers, CostLittleMemoryEach) {
  if (has_sanitizers()) GTEST_SKIP() << "sanitizers have memory of their own";
  world w;
  w.start();
  for (int i = 0; i < 20; ++i) expect_cloud(w.chat());
  constexpr std::size_t many = 400;  // of the test's own descriptors, too
  auto const before = w.daemon().resident_kib();
  std::vector<std::unique_ptr<raw_client>> crowd;
  for (std::size_t i = 0; i < many; ++i) {
    crowd.push_back(std::make_unique<raw_client>(w.port()));
    EXPECT_EQ(crowd.back()->get("/api/version").status, 200);  // idle after a request: the usual kind
  }
  auto const after = w.daemon().resident_kib();
  EXPECT_LE(after - std::min(before, after), many * 32);
  expect_cloud(w.chat());
}

TEST(TooManyCallers, AreToldAndTheOthersAreServed) {
  world w;
  world_options options;
  options.more = "limits: {connections: 20}";
  w.start(options);
  std::vector<std::unique_ptr<raw_client>> inside;
  for (int i = 0; i < 20; ++i) {
    inside.push_back(std::make_unique<raw_client>(w.port()));
    EXPECT_EQ(inside.back()->get("/api/version").status, 200);
  }
  auto const refused = w.chat();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("x-tideover-error"), "too_many_connections");
  expect_cloud(inside[0]->post("/v1/chat/completions", chat_body));
  inside.clear();
  EXPECT_TRUE(eventually([&] { return w.chat().status == 200; }));
}

TEST(TooManyCallers, WhoSayNothingDoNotStay) {
  world w;
  world_options options;
  options.more = "limits: {connections: 5, keep_alive: 1h, head_timeout: 1h}";
  w.start(options);
  std::vector<std::unique_ptr<raw_client>> inside;
  for (int i = 0; i < 5; ++i) {
    inside.push_back(std::make_unique<raw_client>(w.port()));
    EXPECT_EQ(inside.back()->get("/api/version").status, 200);
  }
  std::vector<std::unique_ptr<raw_client>> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(std::make_unique<raw_client>(w.port()));
  for (auto& one : silent) {
    std::string heard;
    auto const ended = one->read_to_end(heard);
    EXPECT_TRUE(ended == io::end || ended == io::reset);
    EXPECT_EQ(heard, "");
  }
  for (auto& one : inside) EXPECT_EQ(one->get("/api/version").status, 200) << "they may idle as before";
}

/// All of 127.0.0.0/8 is this machine.
std::unique_ptr<raw_client> caller_from(std::uint16_t port, const char* address) {
  return std::make_unique<raw_client>(wire::connect(port, "127.0.0.1", address));
}

bool is_one_too_many(const http_answer& answer) {
  return answer.status == 503 && answer.field("x-tideover-error") == "too_many_connections_from_address";
}

TEST(TooManyCallersOfOneAddress, AreToldWhicheverWorkerTheyComeToAndOthersAreServed) {
  world w;
  world_options options;
  options.arguments = {"--workers", "4"};
  options.more = "limits: {connections: 100, connections_per_address: 12}";
  w.start(options);
  std::vector<std::unique_ptr<raw_client>> inside;
  for (int i = 0; i < 12; ++i) {
    inside.push_back(caller_from(w.port(), "127.0.0.2"));
    EXPECT_EQ(inside.back()->get("/api/version").status, 200);
  }
  for (int i = 0; i < 5; ++i) {
    auto const late = caller_from(w.port(), "127.0.0.2");
    auto const refused = late->post("/v1/chat/completions", chat_body);
    EXPECT_TRUE(is_one_too_many(refused)) << refused.status << refused.body;
    EXPECT_EQ(refused.field("connection"), "close");
    EXPECT_TRUE(refused.has("retry-after"));
    std::string rest;
    EXPECT_EQ(late->read_to_end(rest), io::end);
  }
  EXPECT_EQ(w.openai.requests().size(), 0U);
  expect_cloud(caller_from(w.port(), "127.0.0.3")->post("/v1/chat/completions", chat_body));
  expect_cloud(inside[0]->post("/v1/chat/completions", chat_body));
  inside.pop_back();
  EXPECT_TRUE(eventually(
      [&] { return caller_from(w.port(), "127.0.0.2")->post("/v1/chat/completions", chat_body).status == 200; }));
}

TEST(TooManyCallersOfOneAddress, TakeNoPlaceOfOthersHoweverManyTheyAre) {
  world w;
  world_options options;
  options.more = "limits: {connections: 6, connections_per_address: 3, keep_alive: 1h, head_timeout: 1h}";
  w.start(options);
  std::vector<std::unique_ptr<raw_client>> inside, beyond;
  for (int i = 0; i < 3; ++i) {
    inside.push_back(caller_from(w.port(), "127.0.0.2"));
    EXPECT_EQ(inside.back()->get("/api/version").status, 200);
  }
  for (int i = 0; i < 60; ++i) beyond.push_back(caller_from(w.port(), "127.0.0.2"));
  for (int i = 0; i < 3; ++i) {
    inside.push_back(caller_from(w.port(), "127.0.0.3"));
    EXPECT_EQ(inside.back()->get("/api/version").status, 200);
  }
  for (auto& one : beyond) {
    std::string heard;
    auto const ended = one->read_to_end(heard);
    EXPECT_TRUE(ended == io::end || ended == io::reset);
    EXPECT_EQ(heard, "");
  }
  for (auto& one : inside) EXPECT_EQ(one->get("/api/version").status, 200) << "they may idle as before";
}

TEST(TooManyCallersOfOneAddress, AreCountedRightHoweverConnectionsEnd) {
  test_ca const ca;
  world w;
  w.openai.on("/v1/completions", silence());
  w.openai.on("/v1/chat/completions",
              stream_then(openai::chat_events({}), 3, [](served_connection& c) { c.say_nothing(); }));
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\", tls: {certificate: \"" +
                   ca.good().certificate_file + "\", key: \"" + ca.good().key_file + "\"}}]";
  options.more = "limits: {connections_per_address: 8, head_timeout: 500ms, keep_alive: 1h}";
  w.start(options);
  auto const secure = w.daemon().port(1);
  auto const all_inside = [&](const std::string& address) {
    std::vector<std::unique_ptr<raw_client>> crowd;
    for (int i = 0; i < 8; ++i) {
      crowd.push_back(caller_from(w.port(), address.c_str()));
      if (crowd.back()->get("/api/version").status != 200) return false;
    }
    return true;
  };
  using ending = std::function<void(raw_client&)>;
  unsigned next = 2;
  struct row {
    const char* what;
    bool tls;
    ending end;
  };
  for (auto const& r : std::vector<row>{
           {"without a word", false, [](raw_client& c) { c.close(); }},
           {"a reset at once", false, [](raw_client& c) { c.reset(); }},
           {"half a head, then a reset", false,
            [](raw_client& c) {
              c.send("POST /v1/chat/completions HT");
              c.reset();
            }},
           {"half a body, then a reset", false,
            [](raw_client& c) {
              c.send(post_bytes("").substr(0, 150));
              c.reset();
            }},
           {"half a head, then silence", false,
            [](raw_client& c) {
              c.send("POST /v1/chat/completions HT");
              EXPECT_EQ(c.read_answer().status, 408);
            }},
           {"what is no HTTP", false,
            [](raw_client& c) {
              c.send("\x16\x03\x01 hello\r\n\r\n");
              EXPECT_EQ(c.read_answer().status, 400);
            }},
           {"a reset while a cloud is asked", false,
            [](raw_client& c) {
              c.request("POST", "/v1/completions", R"({"model":"m","prompt":"x"})");
              c.reset();
            }},
           {"a reset in a stream", false,
            [](raw_client& c) {
              c.request("POST", "/v1/chat/completions", chat_stream_body);
              EXPECT_EQ(c.read_head().status, 200);
              EXPECT_TRUE(c.next_event());
              c.reset();
            }},
           {"a handshake that is none", true,
            [](raw_client& c) {
              c.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
              std::string rest;
              EXPECT_NE(c.read_to_end(rest), io::timed_out);
            }},
           {"a handshake that does not go on", true,
            [](raw_client& c) {
              c.send("\x16\x03\x01");
              std::string rest;
              EXPECT_NE(c.read_to_end(rest), io::timed_out);
            }},
       }) {
    SCOPED_TRACE(r.what);
    // Another for each, so that nobody is still there whose end has not been seen yet.
    auto const address = "127.0.0." + std::to_string(next++);
    {
      std::vector<std::unique_ptr<raw_client>> crowd;
      for (int i = 0; i < 8; ++i) crowd.push_back(caller_from(r.tls ? secure : w.port(), address.c_str()));
      for (auto& one : crowd) r.end(*one);
    }
    EXPECT_TRUE(eventually([&] { return all_inside(address); }));
  }
}

TEST(TooManyCallersOfOneAddress, AreHeldToWhatTheLastReloadSays) {
  world w;
  world_options options;
  auto const limit = [&](const std::string& most) {
    options.more = "limits: {connections_per_address: " + most + "}";
    return options;
  };
  w.start(limit("4"));
  auto const reload = [&](const std::string& most) {
    w.daemon().folder().write("tideover.yaml", w.yaml(limit(most)));
    auto const done = w.daemon().metric("tideover_config_last_reload_successful");
    EXPECT_EQ(done, 1);
    raw_client admin(w.daemon().folder().file("admin.sock"));
    EXPECT_EQ(admin.post("/api/reload", "").status, 200);
  };
  std::vector<std::unique_ptr<raw_client>> inside;
  auto const come = [&] {
    auto one = caller_from(w.port(), "127.0.0.2");
    auto const answer = one->get("/api/version");
    if (answer.status == 200) inside.push_back(std::move(one));
    return answer;
  };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(come().status, 200);
  EXPECT_TRUE(is_one_too_many(come()));
  reload("8");
  // Who was told may not have gone yet.
  EXPECT_TRUE(eventually([&] { return inside.size() == 8 || (come(), false); }));
  EXPECT_TRUE(is_one_too_many(come()));
  reload("7");
  EXPECT_TRUE(is_one_too_many(come()));
  for (auto& one : inside) EXPECT_EQ(one->get("/api/version").status, 200) << "who is inside stays";
  reload("auto");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(come().status, 200) << "loopback has no limit unless a number is set";
}

TEST(TooManyCallersOfOneAddress, OfAnotherMachineLeaveHalfOfAllPlacesByThemselves) {
  if (!has_own_network()) GTEST_SKIP() << "addresses beyond loopback need a network of the test's own, and that root";
  world w;
  world_options options;
  options.listen = std::string("listen: [{address: \"") + cloud_address + ":0\", allow_unauthenticated: true}]";
  options.more = "limits: {connections: 8}";
  w.start(options);
  auto const come = [&] { return std::make_unique<raw_client>(wire::connect(w.port(), cloud_address)); };
  std::vector<std::unique_ptr<raw_client>> inside;
  field_list const host{{"Host", cloud_address}};
  for (int i = 0; i < 4; ++i) {
    inside.push_back(come());
    EXPECT_EQ(inside.back()->get("/api/version", host).status, 200);
  }
  EXPECT_TRUE(is_one_too_many(come()->get("/api/version", host)));
  for (int i = 0; i < 4; ++i) {
    inside.push_back(std::make_unique<raw_client>(wire::connect(w.port(), cloud_address, second_cloud_address)));
    EXPECT_EQ(inside.back()->get("/api/version", host).status, 200);
  }
}

TEST(Keys, AreTakenInOneFormAndNoOther) {
  std::string const key = house_key;
  struct row {
    const char* what;
    std::string fields;
    int status;
  };
  for (auto const& r : std::vector<row>{
           {"none", "", 401},
           {"empty", "Authorization: \r\n", 401},
           {"the scheme alone", "Authorization: Bearer \r\n", 401},
           {"another scheme", "Authorization: Basic " + key + "\r\n", 401},
           {"no scheme", "Authorization: " + key + "\r\n", 401},
           {"its beginning", "Authorization: Bearer " + key.substr(0, 8) + "\r\n", 401},
           {"more than it", "Authorization: Bearer " + key + "x\r\n", 401},
           {"in capitals", "Authorization: Bearer TIDE-CANARY-CRM\r\n", 401},
           {"two fields, a wrong one first", "Authorization: Bearer x\r\nAuthorization: Bearer " + key + "\r\n", 401},
           {"two fields, a wrong one second", "Authorization: Bearer " + key + "\r\nAuthorization: Bearer x\r\n", 401},
           {"struck out by Connection", "Authorization: Bearer " + key + "\r\nConnection: close, authorization\r\n",
            200},
           {"right", "Authorization: Bearer " + key + "\r\n", 200},
           {"in the other field", "x-api-key: " + key + "\r\n", 200},
       }) {
    SCOPED_TRACE(r.what);
    // A daemon for each row: the guesses of one would slow down the next.
    world w;
    world_options options;
    options.more = house_keys;
    w.start(options);
    auto const answer = say(w.port(), post_bytes(r.fields));
    EXPECT_EQ(answer.status, r.status);
    EXPECT_EQ(answer.has("www-authenticate"), answer.status == 401);
    EXPECT_EQ(w.openai.requests().size(), r.status == 200 ? 1U : 0U);
    for (auto const& seen : w.openai.requests()) EXPECT_EQ(seen.head.find(house_key), std::string::npos);
  }
}

// Nothing of this was ever forwarded, and a log that is flooded still has one line for each request and no more.
TEST(GuessersOfKeys, AreSlowedDownByAddressAndAKeyThatIsRightStillOpens) {
  world w;
  auto options = world_options();
  options.more = house_keys;
  w.start(options);
  int slowed = 0;
  for (int i = 0; i < 300; ++i) {
    auto const answer = w.chat({{"Authorization", "Bearer guess-" + std::to_string(i)}});
    ASSERT_TRUE(answer.status == 401 || answer.status == 429) << answer.status;
    if (answer.status == 429) {
      ++slowed;
      EXPECT_GE(std::stoi(answer.field("retry-after")), 1);
    }
  }
  EXPECT_GT(slowed, 250);
  expect_cloud(w.chat({{"Authorization", std::string("Bearer ") + house_key}}));
  EXPECT_EQ(w.daemon().wait_for_log("request", 301).size(), 301U);
  EXPECT_EQ(w.openai.requests().size(), 1U);
}

TEST(GuessersOfTheAdminToken, AreLockedOutAndTheSocketIsNot) {
  world w;
  world_options options;
  options.admin_more = ", token: {env: ADMIN_TOKEN}";
  options.environment = {{"ADMIN_TOKEN", "token-of-this-test-0123456789"}};
  w.start(options);
  int locked = 0;
  for (int i = 0; i < 100; ++i) {
    raw_client client(w.daemon().admin_port());
    client.request("PUT", "/api/contingency", R"({"reason":"x"})",
                   {{"Authorization", "Bearer guess-" + std::to_string(i)}, {"Content-Type", "application/json"}});
    locked += client.read_answer().status == 429;
  }
  EXPECT_GT(locked, 80);
  EXPECT_EQ(get(w.daemon().admin_port(), "/livez").status, 200);
  raw_client socket(w.daemon().folder().file("admin.sock"));
  socket.request("PUT", "/api/contingency", R"({"reason":"x"})");
  EXPECT_EQ(socket.read_answer().status, 200);
}

TEST(AClientKey, OpensNothingAtTheAdminDoor) {
  world w;
  auto options = world_options();
  options.more = house_keys;
  options.admin_more = ", token: {env: ADMIN_TOKEN}";
  options.environment = {{"ADMIN_TOKEN", "token-of-this-test-0123456789"}};
  w.start(options);
  raw_client client(w.daemon().admin_port());
  client.request("PUT", "/api/contingency", R"({"reason":"x"})",
                 {{"Authorization", std::string("Bearer ") + house_key}, {"Content-Type", "application/json"}});
  EXPECT_EQ(client.read_answer().status, 401);
  EXPECT_EQ(w.chat({{"Authorization", "Bearer token-of-this-test-0123456789"}}).status, 401)
      << "nor the other way round";
}

TEST(Hosts, ThatAreForeignAreRefusedOnEveryPathOfBothListeners) {
  world w;
  world_options options;
  options.more = "hosts: [ai.example.com]";
  w.start(options);
  for (auto const* host : {"evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "2130706433", "0x7f.1", "127.1",
                           "localhost@evil.test", "[::1].evil.test", "ai.example.com.evil.test", "xai.example.com"}) {
    for (auto const* path : {"/v1/models", "/api/tags", "/v1/files", "/nothing"}) {
      auto const status = get(w.port(), path, {{"Host", host}}).status;
      EXPECT_TRUE(status == 421 || status == 400) << host << path << status;
    }
    for (auto const* path : {"/", "/livez", "/readyz", "/metrics", "/api/status", "/api/events", "/api/contingency"}) {
      auto const status = get(w.daemon().admin_port(), path, {{"Host", host}}).status;
      EXPECT_TRUE(status == 421 || status == 400) << host << path << status;
    }
  }
  for (auto const* host :
       {"localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:6837", "ai.example.com", "AI.Example.com."}) {
    EXPECT_EQ(get(w.port(), "/api/version", {{"Host", host}}).status, 200) << host;
    EXPECT_EQ(get(w.daemon().admin_port(), "/livez", {{"Host", host}}).status, 200) << host;
  }
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(Targets, WithTricksReachNobody) {
  world w;
  w.start();
  struct row {
    const char* target;
    int status;
  };
  for (auto const& r : std::vector<row>{
           {"/api/../api/pull", 400},
           {"/api/%2e%2e/api/pull", 400},
           {"/api/.%2E/api/pull", 400},
           {"/api%2fpull", 400},
           {"/api%5cpull", 400},
           {"//api/pull", 400},
           {"/api//pull", 400},
           {"/api/pull%00", 400},
           {"/api\\pull", 400},
           {"/api/pull;x=1", 404},
           {"/API/PULL", 404},
           {"/api/pull/", 403},
           {"/api/pull?x=/v1/models", 403},
           {"/api/%70ull", 404},
           {"/w/legal/api/pull", 403},
           {"/w/legal/w/legal/api/tags", 404},
           {"/w/legal/../api/tags", 400},
           {"/api/tags#", 400},
           {"/api/tags/../pull", 400},
           {"/debug/pprof", 403},
           {"/api/blobs/sha256:x", 403},
       }) {
    auto const status = get(w.port(), r.target).status;
    EXPECT_EQ(status, r.status) << r.target;
  }
  for (auto const& seen : w.ollama.requests()) EXPECT_EQ(seen.target.find("pull"), std::string::npos) << seen.target;
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(Tunnels, AreRefusedAtBothDoorsInEveryForm) {
  world w;
  w.start();
  for (auto const port : {w.port(), w.daemon().admin_port()}) {
    for (auto const* bytes :
         {"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n",
          "CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\nMax-Forwards: 0\r\n\r\n"}) {
      auto const answer = say(port, bytes);
      EXPECT_EQ(answer.status, 405) << bytes;
      EXPECT_FALSE(answer.field("allow").empty()) << bytes;
      EXPECT_EQ(answer.body.find("Max-Forwards"), std::string::npos);
    }
  }
}

TEST(Upgrades, AreNotMadeAndTheirFieldsGoNowhere) {
  world w;
  w.start();
  for (auto const* upgrade :
       {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n"}) {
    expect_cloud(say(w.port(), post_bytes(upgrade)));
    auto const seen = w.openai.requests().back();
    for (auto const* gone : {"upgrade", "http2-settings", "connection"})
      EXPECT_TRUE(!seen.field(gone) || *seen.field(gone) == "keep-alive") << gone << seen.head;
    auto const admin =
        say(w.daemon().admin_port(), std::string("GET /api/status HTTP/1.1\r\nHost: localhost\r\n") + upgrade + "\r\n");
    EXPECT_EQ(admin.status, 200);
  }
  // An upstream that switches although nobody asked for it.
  w.openai.on("/v1/chat/completions",
              raw_bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nbytes"));
  expect_local(w.chat(), "malformed");
}

TEST(Pretenders, OnEitherSideCannotSpeakForTideover) {
  world w;
  field_list const pretended{{"X-Tideover-Tier", "local"},          {"X-Tideover-Upstream", "ollama"},
                             {"X-Tideover-Model", "evil"},          {"X-Tideover-Failover", "drill"},
                             {"X-Tideover-Request-Id", "req_evil"}, {"x-TIDEOVER-error", "evil"},
                             {"X_Tideover_Tier", "local"},          {"X-Tideover-Made-Up", "evil"}};
  w.openai.on("/v1/chat/completions", reply(200, openai::chat({}), pretended));
  w.start();
  auto const answer = w.chat(pretended);
  expect_cloud(answer);
  EXPECT_EQ(answer.head.raw.find("evil"), std::string::npos) << answer.head.raw;
  EXPECT_EQ(answer.head.raw.find("drill"), std::string::npos);
  EXPECT_EQ(answer.field("x-tideover-model"), "gpt-4o-mini");
  auto const seen = w.openai.requests().back();
  EXPECT_EQ(seen.head.find("ideover"), std::string::npos) << seen.head;
  EXPECT_EQ(seen.head.find("IDEOVER"), std::string::npos) << seen.head;
  w.ollama.on("/api/chat", reply(200, ollama::native_chat({}), pretended));
  w.openai.stop();
  auto const local = w.chat(pretended);
  EXPECT_EQ(local.field("x-tideover-failover"), "connect");
  EXPECT_EQ(local.head.raw.find("evil"), std::string::npos) << local.head.raw;
}

TEST(Injection, ThroughValuesThatWeAddMakesNoLineOfItsOwn) {
  world w;
  w.start();
  w.openai.stop();
  auto const body =
      R"({"model":"m\r\nX-Evil: 1\r\n\r\n<html>","messages":[{"role":"user","content":"x"}],"user":"\r\nSet-Cookie: a"})";
  for (auto const& target : {std::string("/v1/chat/completions"), std::string("/w/legal/v1/chat/completions")}) {
    auto const answer =
        post(w.port(), target, body,
             {{"traceparent", "00-\"},\"outcome\":\"forged\",\"x\":\"aaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"}});
    EXPECT_FALSE(answer.has("x-evil")) << answer.head.raw;
    EXPECT_FALSE(answer.has("set-cookie"));
  }
  EXPECT_EQ(say(w.port(), post_bytes("X-Tideover-Workflow: legal\\r\\nX-Evil: 1\r\n")).status, 400);
  auto const path = get(w.port(), "/v1/%0d%0aX-Evil:%201%1b%5b31m/x");
  EXPECT_FALSE(path.has("x-evil"));
  for (auto const& line : w.daemon().wait_for_log("request", 4)) EXPECT_NE(line.value("outcome", ""), "forged");
  EXPECT_EQ(w.daemon().all_output().find('\x1b'), std::string::npos);
}

TEST(CompressedRequests, PassUntouchedAndAreNeverUnpackedHere) {
  world w;
  w.start();
  std::string const packed("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01\x02\x03", 13);
  field_list const fields{{"Content-Encoding", "gzip"}, {"Content-Type", "application/json"}};
  (void)post(w.port(), "/v1/chat/completions", packed, fields);
  ASSERT_EQ(w.openai.requests().size(), 1U);
  EXPECT_EQ(w.openai.requests()[0].body, packed);
  EXPECT_EQ(w.openai.requests()[0].field("content-encoding"), "gzip");
  w.openai.stop();
  auto const nobody = post(w.port(), "/v1/chat/completions", packed, fields);
  EXPECT_EQ(nobody.status, 503);
  EXPECT_EQ(nobody.field("x-tideover-error"), "not_replayable");
}

}  // namespace
}  // namespace tideover::test
