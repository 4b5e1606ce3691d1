// TLS in both directions: a cloud whose certificate does not hold sees no byte of a request.
#include <filesystem>

#include "integration/world.hpp"

namespace tideover::test {
namespace {

class UpstreamTls : public testing::Test {
 protected:
  world_options trusting(world& w) const {
    world_options options;
    options.openai_url = "https://127.0.0.1:" + std::to_string(w.openai.port());
    options.openai_more = ", tls: {ca_file: \"" + ca.ca_file() + "\"}";
    return options;
  }
  static ssl_context context_for(const certificate& of) {
    return make_server_context(of.certificate_file, of.key_file);
  }
  test_ca const ca;
};

TEST_F(UpstreamTls, AGoodCertificateIsUsedAndItsConnectionAgain) {
  world w(context_for(ca.good()));
  w.start(trusting(w));
  raw_client client(w.port());  // one caller stays with one worker, and a worker with its pool
  for (int i = 0; i < 3; ++i) {
    expect_cloud(client.post("/v1/chat/completions", chat_body));
    expect_cloud(client.post("/v1/chat/completions", chat_stream_body));
  }
  // Beside the connection that is used again a spare may have been opened.
  EXPECT_LE(w.openai.connections(), 2U);
}

TEST_F(UpstreamTls, TheNameToFindCanBeConfigured) {
  for (auto const& [name, served] : {std::pair{"cloud.test", true}, std::pair{"other.test", false}}) {
    world w(context_for(ca.good()));
    auto options = trusting(w);
    options.openai_more = ", tls: {ca_file: \"" + ca.ca_file() + "\", server_name: " + name + "}";
    w.start(options);
    if (served)
      expect_cloud(w.chat());
    else
      expect_local(w.chat(), "tls");
  }
}

TEST_F(UpstreamTls, ABadCertificateSeesNoByteOfTheRequest) {
  for (auto const* bad : {&ca.wrong_host(), &ca.expired(), &ca.not_yet_valid(), &ca.self_signed()}) {
    SCOPED_TRACE(bad->certificate_file);
    world w(context_for(*bad));
    w.start(trusting(w));
    expect_local(w.chat({{"Authorization", "Bearer sk-own"}}), "tls");
    EXPECT_GE(w.openai.connections(), 1U);
    EXPECT_EQ(w.openai.application_bytes(), 0U);
  }
}

TEST_F(UpstreamTls, ACertificateThatNobodyWasToldToTrustSeesNoByteEither) {
  world w(context_for(ca.good()));
  auto options = trusting(w);
  options.openai_more = "";  // the system's authorities do not know ours
  w.start(options);
  expect_local(w.chat({{"Authorization", "Bearer sk-own"}}), "tls");
  EXPECT_EQ(w.openai.application_bytes(), 0U);
}

TEST_F(UpstreamTls, AServerThatAnswersInClearIsNotBelieved) {
  world w(context_for(ca.good()));
  w.openai.on_accept([](wire& raw) {
    std::string hello;
    raw.read_some(hello);
    raw.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    raw.wait_until_peer_leaves();
    return false;
  });
  w.start(trusting(w));
  expect_local(w.chat(), "tls");
}

TEST_F(UpstreamTls, AHandshakeThatStallsIsAConnectTimeout) {
  world w(context_for(ca.good()));
  w.openai.on_accept([](wire& raw) {
    raw.wait_until_peer_leaves();
    return false;
  });
  auto options = trusting(w);
  options.cloud_timeouts = impatient().cloud_timeouts;
  w.start(options);
  expect_local(w.chat(), "connect_timeout");
}

TEST_F(UpstreamTls, AHandshakeThatIsHungUpOnIsAnsweredLocally) {
  for (bool abruptly : {false, true}) {
    world w(context_for(ca.good()));
    w.openai.on_accept([abruptly](wire& raw) {
      std::string hello;
      raw.read_some(hello);
      if (abruptly)
        raw.reset();
      else
        raw.close_abruptly();
      return false;
    });
    w.start(trusting(w));
    auto const answer = w.chat();
    EXPECT_EQ(text_of(answer.body), local_text);
    auto const reason = answer.field("x-tideover-failover");
    EXPECT_TRUE(reason == "tls" || reason == "connect") << reason;
  }
}

TEST_F(UpstreamTls, AnAnswerWithoutLengthThatEndsWithoutCloseNotifyIsCut) {
  world w(context_for(ca.good()));
  auto const body = openai::chat({});
  w.openai.on("/v1/chat/completions", [body](served_connection& c, const recorded_request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + body);
    c.close_abruptly();
  });
  w.start(trusting(w));
  expect_local(w.chat(), "malformed");
}

TEST(ListenerTls, ServesCallersOverTls) {
  test_ca const ca;
  world w;
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + ca.good().certificate_file +
                   "\", key: \"" + ca.good().key_file + "\"}}, {address: \"127.0.0.1:0\"}]";
  w.start(options);
  raw_client secure(w.daemon().port(0), ca.ca_file(), "localhost");
  for (auto const& row : dialects()) {
    auto const upstream = row.anthropic ? "anthropic" : "openai";
    expect_cloud(secure.post(row.path, row.whole), upstream);
    expect_cloud(secure.post(row.path, row.stream), upstream);
  }
  expect_cloud(post(w.daemon().port(1), "/v1/chat/completions", chat_body));
  w.openai.stop();
  expect_local(secure.post("/v1/chat/completions", chat_stream_body), "connect");
}

TEST(ListenerTls, ACutStreamIsSeenAsCut) {
  test_ca const ca;
  world w;
  gate door;
  w.openai.on("/v1/chat/completions", stream_then(openai::chat_events({}), 3, [door](served_connection& c) {
                c.wait(door);
                c.reset();
              }));
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + ca.good().certificate_file +
                   "\", key: \"" + ca.good().key_file + "\"}}]";
  w.start(options);
  raw_client secure(w.port(), ca.ca_file(), "localhost");
  secure.request("POST", "/v1/chat/completions", chat_stream_body);
  EXPECT_EQ(secure.read_head().status, 200);
  std::vector<sse_event> events;
  while (auto event = secure.next_event()) {
    events.push_back(std::move(*event));
    if (events.size() == 3) door.open();
  }
  EXPECT_NE(secure.ended(), io::ok);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_TRUE(is_error_event(dialects()[0], events.back()));
}

TEST(ListenerTls, PlainHttpOnItIsNotServed) {
  test_ca const ca;
  world w;
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + ca.good().certificate_file +
                   "\", key: \"" + ca.good().key_file + "\"}}]";
  w.start(options);
  raw_client plain(w.port());
  plain.request("POST", "/v1/chat/completions", chat_body);
  std::string rest;
  auto const ended = plain.read_to_end(rest);
  EXPECT_TRUE(ended == io::end || ended == io::reset);
  EXPECT_EQ(w.openai.connections(), 0U);
}

TEST(ListenerTls, CallersMayHaveToShowACertificate) {
  test_ca const ca, strangers;
  world w;
  world_options options;
  // That is authentication: the address may be one that others can reach, without keys of the house.
  options.listen = "listen: [{address: \"0.0.0.0:0\", tls: {certificate: \"" + ca.good().certificate_file +
                   "\", key: \"" + ca.good().key_file + "\", client_ca: \"" + ca.ca_file() + "\"}}]";
  w.start(options);
  auto const call = [&](const ssl_context& tls) {
    try {
      raw_client caller(w.port(), tls, "localhost");
      return caller.post("/v1/chat/completions", chat_body);
    } catch (const std::exception&) {  // TLS 1.3 tells in the handshake or behind it
      return http_answer();
    }
  };
  auto const with = [&](const certificate& c) {
    return make_client_context(ca.ca_file(), c.certificate_file, c.key_file);
  };
  expect_cloud(call(with(ca.caller())));
  auto const asked = w.openai.requests().size();
  EXPECT_EQ(call(make_client_context(ca.ca_file())).status, 0);
  EXPECT_EQ(call(with(strangers.caller())).status, 0);
  EXPECT_EQ(call(with(ca.good())).status, 0) << "a server's certificate is none for a caller";
  EXPECT_EQ(call(with(ca.self_signed())).status, 0);
  EXPECT_EQ(w.openai.requests().size(), asked);
}

TEST(ListenerTls, TakesUpACertificateThatWasRenewed) {
  test_ca const ca;
  temporary_folder const folder;
  auto const put = [&](const std::string& name, const std::string& from) {
    folder.write(name + ".new", read_file(from));
    std::filesystem::rename(folder.file(name + ".new"), folder.file(name));
  };
  put("cert.pem", ca.self_signed().certificate_file);
  put("key.pem", ca.self_signed().key_file);
  world w;
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + folder.file("cert.pem") +
                   "\", key: \"" + folder.file("key.pem") + "\"}}]";
  w.start(options);
  auto const trusted = [&] {
    try {
      raw_client caller(w.port(), ca.ca_file(), "localhost");
      return caller.post("/v1/chat/completions", chat_body).status == 200;
    } catch (const std::exception&) {
      return false;
    }
  };
  auto const said = [&](const char* words) {
    return eventually([&] { return w.daemon().all_output().find(words) != std::string::npos; });
  };
  EXPECT_FALSE(trusted());
  raw_client old(w.port(), std::string(), "localhost");
  expect_cloud(old.post("/v1/chat/completions", chat_body));
  // Half of a pair is refused, and the listener goes on with what it has.
  put("cert.pem", ca.good().certificate_file);
  EXPECT_TRUE(said("does not belong to the certificate"));
  raw_client meanwhile(w.port(), std::string(), "localhost");
  expect_cloud(meanwhile.post("/v1/chat/completions", chat_body));
  put("key.pem", ca.good().key_file);
  EXPECT_TRUE(said("certificates were renewed"));
  EXPECT_TRUE(trusted());
  expect_cloud(old.post("/v1/chat/completions", chat_body));
}

TEST(PlainHttpAtATlsListener, IsToldWhatIsWrong) {
  test_ca const ca;
  world w;
  temporary_folder const folder;
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:0\", tls: {certificate: \"" + ca.good().certificate_file +
                   "\", key: \"" + ca.good().key_file + "\"}}]";
  w.start(options);
  raw_client plain(w.port());
  auto const answer = plain.post("/v1/chat/completions", chat_body);
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("https://"), std::string::npos) << answer.body;
  std::string rest;
  EXPECT_EQ(plain.read_to_end(rest), io::end);
  auto const lines = w.daemon().wait_for_log("request", 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].value("error_code", ""), "tls_needed");
  EXPECT_EQ(w.openai.connections(), 0U);
  raw_client secure(w.port(), ca.ca_file(), "localhost");
  expect_cloud(secure.post("/v1/chat/completions", chat_body));
}

}  // namespace
}  // namespace tideover::test
