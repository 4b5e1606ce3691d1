// Keys that a cloud refuses: whose affair they are, and who hears of it.
#include "integration/world.hpp"

namespace tideover::test {
namespace {

field_list key(const std::string& name) { return {{"Authorization", "Bearer sk-" + name}}; }

const std::string refusal = openai::error("Incorrect API key provided", "invalid_request_error", "invalid_api_key");

/// The caller's own answer, untouched.
void expect_refused(const http_answer& answer, int code = 401) {
  EXPECT_EQ(answer.status, code);
  EXPECT_EQ(answer.body, refusal);
  EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
  EXPECT_FALSE(answer.has("x-tideover-failover"));
}

TEST(AuthOutage, TheThirdCallerWhoseKeyWorkedIsServedLocallyAndSoAreAllAfter) {
  for (int const code : {401, 403}) {
    SCOPED_TRACE(code);
    world w;
    w.start();
    for (const char* name : {"alpha", "beta", "gamma"}) expect_cloud(w.chat(key(name)));
    expect_cloud(w.chat_stream(key("delta")));

    w.openai.on("/v1/chat/completions", reply(code, refusal));
    expect_refused(w.chat(key("alpha")), code);
    expect_refused(w.chat(key("alpha")), code);  // an SDK that repeats is no second key
    expect_refused(w.chat_stream(key("beta")), code);
    expect_local(w.chat(key("gamma")), "auth");
    expect_local(w.chat_stream(key("delta")), "auth");
    expect_local(w.chat(key("alpha")), "auth");
    expect_refused(w.chat(key("never-worked")), code);
    expect_refused(w.chat(), code);

    auto const said = w.daemon().wait_for_log("auth", 1);
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].value("level", ""), "error");
    EXPECT_EQ(said[0].value("upstream", ""), "openai");
    EXPECT_EQ(said[0].value("status", 0), code);
    EXPECT_NE(said[0].value("msg", "").find("keys that worked"), std::string::npos);

    serve_cloud(w.openai);
    expect_cloud(w.chat(key("gamma")));
    w.openai.on("/v1/chat/completions", reply(code, refusal));
    expect_refused(w.chat(key("beta")), code);  // it was over
    for (const char* name : {"sk-alpha", "sk-beta", "sk-gamma", "sk-delta", "sk-never-worked"})
      EXPECT_EQ(w.daemon().all_output().find(name), std::string::npos) << name;
  }
}

TEST(AuthOutage, AWrongKeyIsItsCallersOwnAnswerHoweverOften) {
  world w;
  w.start();
  for (const char* name : {"alpha", "beta", "gamma"}) expect_cloud(w.chat(key(name)));
  w.openai.on("/v1/chat/completions", reply(401, refusal));
  for (int i = 0; i < 5; ++i) expect_refused(w.chat(key("alpha")));
  for (int i = 0; i < 5; ++i) expect_refused(w.chat(key("mistyped-" + std::to_string(i))));
  expect_refused(w.chat(key("beta")));
  EXPECT_TRUE(w.local_generations().empty());
  (void)w.daemon().wait_for_log("request", 14);
  EXPECT_EQ(w.daemon().all_output().find("\"event\":\"auth\""), std::string::npos);
}

TEST(AuthOutage, OneProvidersTroubleIsNotTheOthers) {
  world w;
  w.start();
  auto const claude = [&](const std::string& name) {
    return post(w.port(), "/v1/messages", message_body, {{"x-api-key", "sk-ant-" + name}});
  };
  for (const char* name : {"alpha", "beta", "gamma"}) {
    expect_cloud(w.chat(key(name)));
    expect_cloud(claude(name), "anthropic");
  }
  w.openai.on("/v1/chat/completions", reply(401, refusal));
  for (const char* name : {"alpha", "beta", "gamma"}) (void)w.chat(key(name));
  expect_local(w.chat(key("alpha")), "auth");
  auto const error = anthropic::error("authentication_error", "invalid x-api-key");
  w.anthropic.on("/v1/messages", reply(401, error));
  auto const answer = claude("alpha");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.body, error);
}

TEST(ConfiguredKey, ThatIsRefusedIsAnErrorInTheLogOnceAMinuteAndServedLocallyEachTime) {
  for (int const code : {401, 403}) {
    SCOPED_TRACE(code);
    world w;
    w.openai.on("/v1/chat/completions", reply(code, refusal));
    world_options options;
    options.openai_more = ", credential: {env: CLOUD_KEY}";
    options.environment["CLOUD_KEY"] = "sk-configured";
    w.start(options);
    for (int i = 0; i < 4; ++i) expect_local(w.chat(), "auth");
    expect_local(w.chat_stream(), "auth");
    EXPECT_EQ(w.openai.requests_to("/v1/chat/completions").size(), 5U) << "one try a request, and no loop";

    (void)w.daemon().wait_for_log("request", 5);
    auto const said = w.daemon().wait_for_log("auth", 1);
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].value("level", ""), "error");
    EXPECT_EQ(said[0].value("upstream", ""), "openai");
    EXPECT_EQ(said[0].value("status", 0), code);
    EXPECT_NE(said[0].value("msg", "").find("configured key"), std::string::npos);
    EXPECT_EQ(w.daemon().all_output().find("sk-configured"), std::string::npos);
  }
}

}  // namespace
}  // namespace tideover::test
