// `local_only` is a promise. Each row is a way in which a request of such a workflow might slip out; a cloud that
// counts connections and keeps every byte says whether one did. Refusing is always allowed, asking the cloud never.
#include "integration/escapes.hpp"
#include "integration/world.hpp"

namespace tideover::test {
namespace {

using namespace escapes;

/// Sends a row and waits for the first answer, or for the end of the connection.
void send(world& w, const row& r) {
  SCOPED_TRACE(r.what);
  // A daemon that has ended could not let anything out, but would not prove anything either.
  ASSERT_FALSE(w.daemon().wait_for_exit(steady::now())) << w.daemon().standard_error();
  raw_client client(w.port());
  client.send(r.bytes);
  // To the answer: a caller who has closed its side, even half of it, would be taken for gone before anything could
  // fail.
  auto const answer = client.read_answer();
  EXPECT_NE(answer.status, 0);
  EXPECT_NE(answer.field("x-tideover-tier"), "cloud") << answer.head.raw;
}

void expect_nothing_left(world& w, const char* what) {
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U) << what;
}

world_options quick() {
  world_options options;
  options.local_timeouts = "{connect: 300ms, first_content: 300ms, response: 300ms, idle: 300ms, total: 1s}";
  return options;
}

TEST(LocalOnly, LetsNothingOutWhileTheLocalTierWorks) {
  ASSERT_GE(attacks().size(), 40U);
  world w;
  w.start(quick());
  for (auto const& r : attacks()) {
    send(w, r);
    expect_nothing_left(w, r.what);
  }
}

TEST(LocalOnly, LetsNothingOutWhileTheLocalTierFails) {
  world w;
  w.ollama.on("*",
              [](served_connection& c, const recorded_request&) { c.answer(500, R"({"error":"out of memory"})"); });
  for (auto const* path : {"/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"})
    w.ollama.on(path, [](served_connection& c, const recorded_request&) { c.answer(500, R"({"error":"no"})"); });
  w.start(quick());
  for (auto const& r : attacks()) {
    send(w, r);
    expect_nothing_left(w, r.what);
  }
}

TEST(LocalOnly, LetsNothingOutWhileTheLocalTierIsDown) {
  world w;
  w.start(quick());
  w.ollama.stop();
  for (auto const& r : attacks()) {
    send(w, r);
    expect_nothing_left(w, r.what);
  }
}

TEST(LocalOnly, LetsNothingOutWhileTheLocalTierIsCold) {
  world w;
  for (auto const* path : {"/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"})
    w.ollama.on(path, [](served_connection& c, const recorded_request&) { c.say_nothing(); });
  w.start(quick());
  for (auto const& r : attacks()) {
    send(w, r);
    expect_nothing_left(w, r.what);
  }
}

TEST(LocalOnly, OnOneConnectionWithOtherWorkflowsKeepsItsOwnInside) {
  world w;
  w.start(quick());
  raw_client client(w.port());
  std::string all;
  for (int i = 0; i < 5; ++i) {
    all += request("POST", "/v1/chat/completions", "", chat_body);
    all += request("POST", "/w/legal/v1/chat/completions", "", chat());
    all += request("POST", "/v1/chat/completions", "X-Tideover-Workflow: legal\r\n", chat());
  }
  client.send(all);
  for (int i = 0; i < 15; ++i) {
    auto const answer = client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-tideover-tier"), i % 3 == 0 ? "cloud" : "local") << i;
  }
  EXPECT_EQ(w.openai.requests().size(), 5U);
  for (auto const& r : w.openai.requests()) EXPECT_EQ((r.head + r.body).find(canary), std::string::npos);
}

TEST(WhereNoWorkflowMayUseACloud, NothingIsOpenedToOneNotEvenThroughAnHttpProxy) {
  world w;
  scripted_upstream proxy;
  auto options = quick();
  options.workflows = "workflows: {default: {policy: local_only}, legal: {policy: local_only}}";
  options.environment = {{"HTTPS_PROXY", proxy.url()},
                         {"https_proxy", proxy.url()},
                         {"HTTP_PROXY", proxy.url()},
                         {"ALL_PROXY", proxy.url()}};
  options.openai_url = "https://localhost:" + std::to_string(w.openai.port());
  w.start(options);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(w.chat().field("x-tideover-tier"), "local");
  for (auto const& r : attacks()) send(w, r);
  EXPECT_EQ(proxy.connections(), 0U);
  expect_nothing_left(w, "the whole run");
}

TEST(WhereNoWorkflowMayUseACloud, LiftingContingencyOpensNothing) {
  world w;
  auto options = quick();
  options.workflows = "workflows: {default: {policy: local_only}}";
  w.start(options);
  raw_client admin(w.daemon().folder().file("admin.sock"));
  admin.request("PUT", "/api/contingency", R"({"reason":"x"})");
  EXPECT_EQ(admin.read_answer().status, 200);
  admin.request("DELETE", "/api/contingency", "{}");
  EXPECT_EQ(admin.read_answer().status, 200);
  EXPECT_EQ(w.chat().field("x-tideover-tier"), "local");
  expect_nothing_left(w, "after contingency");
}

TEST(InContingency, NoSpareConnectionIsMade) {
  test_ca ca;
  world w(make_server_context(ca.good().certificate_file, ca.good().key_file));
  world_options options;
  options.openai_more = ", tls: {ca_file: \"" + ca.ca_file() + "\"}";
  w.start(options);
  expect_cloud(w.chat());
  raw_client admin(w.daemon().folder().file("admin.sock"));
  admin.request("PUT", "/api/contingency", R"({"reason":"x"})");
  EXPECT_EQ(admin.read_answer().status, 200);
  // One that was already on its way may still arrive; after that there is only silence.
  expect_local(w.chat(), "contingency");
  auto const before = w.openai.connections();
  for (int i = 0; i < 5; ++i) expect_local(w.chat(), "contingency");
  EXPECT_LE(w.openai.connections(), before + 1);
}

}  // namespace
}  // namespace tideover::test
