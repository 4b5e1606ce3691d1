// The house's own keys: who comes in, where a key leads, and that none of them ever leaves.
#include "integration/world.hpp"

namespace tideover::test {
namespace {

constexpr auto crm_key = "tide-canary-crm";
constexpr auto legal_key = "tide-canary-legal";

world_options with_keys(bool required) {
  world_options options;
  options.more = std::string("clients:\n  required: ") + (required ? "true" : "false") +
                 "\n  keys:\n"
                 // SHA-256 of the two keys above
                 "    - {name: crm, sha256: \"CRM\"}\n"
                 "    - {name: lawyers, sha256: \"LEGAL\", workflow: legal, requests_per_minute: 4}\n";
  auto const put = [&](const std::string& mark, const std::string& hash) {
    options.more.replace(options.more.find(mark), mark.size(), hash);
  };
  put("CRM", "11495e1880a47e3257e30d187a4fa2b76142d586e7fdb6192223fa131394b0b7");
  put("LEGAL", "4ccc2b478ba21f2c0d868553d14e37a7a4e39afd0c9a77de3670594ccf9f24a5");
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.environment = {{"OPENAI_KEY", "sk-configured"}};
  return options;
}

field_list bearer(const char* key) { return {{"Authorization", std::string("Bearer ") + key}}; }

void expect_no_key_left(world& w) {
  for (auto* upstream : {&w.openai, &w.anthropic, &w.ollama})
    for (auto const& r : upstream->requests()) EXPECT_EQ(r.head.find("tide-canary"), std::string::npos) << r.head;
  EXPECT_EQ(w.daemon().all_output().find("tide-canary"), std::string::npos);
  EXPECT_EQ(w.daemon().metrics().find("tide-canary"), std::string::npos);
}

TEST(ClientKeys, OpenTheDoorAndNoOtherDoes) {
  world w;
  w.start(with_keys(true));
  auto const none = w.chat();
  EXPECT_EQ(none.status, 401);
  EXPECT_TRUE(none.has("www-authenticate"));
  EXPECT_EQ(json_of(none)["error"]["code"], "client_key_missing");
  EXPECT_EQ(w.chat(bearer("nonsense")).status, 401);
  auto const anthropic = post(w.port(), "/v1/messages", message_body, {{"x-api-key", "nonsense"}});
  EXPECT_EQ(anthropic.status, 401);
  EXPECT_EQ(json_of(anthropic)["error"]["type"], "authentication_error");
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
  expect_cloud(w.chat(bearer(crm_key)));
  EXPECT_EQ(w.openai.requests().at(0).field("authorization"), "Bearer sk-configured");
  expect_no_key_left(w);
  // Each worker writes its own lines: their order is not that of the requests.
  auto const lines = w.daemon().wait_for_log("request", 4);
  EXPECT_EQ(lines.size(), 4U);
  for (auto const& line : lines)
    EXPECT_EQ(line.value("client", ""), line.value("status", 0) == 200 ? "crm" : "") << line;
}

TEST(ClientKeys, OfTheHouseNeverLeaveOnAFailoverOrWithoutACredential) {
  world w;
  auto options = with_keys(true);
  w.start(options);
  // The anthropic upstream has no credential: the request goes out with no key at all.
  (void)post(w.port(), "/v1/messages", message_body, {{"x-api-key", crm_key}, {"anthropic-version", "2023-06-01"}});
  ASSERT_EQ(w.anthropic.requests().size(), 1U);
  EXPECT_FALSE(w.anthropic.requests()[0].field("x-api-key"));
  EXPECT_FALSE(w.anthropic.requests()[0].field("authorization"));
  w.openai.stop();
  expect_local(w.chat(bearer(crm_key)), "connect");
  (void)get(w.port(), "/v1/files", bearer(crm_key));
  (void)get(w.port(), "/api/tags", bearer(crm_key));
  expect_no_key_left(w);
}

TEST(ClientKeys, AWorkflowThatAKeyIsBoundToCannotBeLeft) {
  world w;
  w.start(with_keys(true));
  for (auto const* path : {"/v1/chat/completions", "/w/default/v1/chat/completions"}) {
    auto fields = bearer(legal_key);
    fields.emplace_back("X-Tideover-Workflow", "default");
    expect_local(post(w.port(), path, chat_body, fields), "policy");
  }
  EXPECT_EQ(w.openai.connections(), 0U);
  for (auto const& line : w.daemon().wait_for_log("request", 2)) EXPECT_EQ(line["workflow"], "legal");
}

TEST(ClientKeys, ThatComeTooOftenAreToldWhenToComeAgain) {
  world w;
  w.start(with_keys(true));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(w.chat(bearer(legal_key)).status, 200);
  auto const refused = w.chat(bearer(legal_key));
  EXPECT_EQ(refused.status, 429);
  auto const wait = std::stoi(refused.field("retry-after"));
  EXPECT_GE(wait, 1);
  EXPECT_LE(wait, 60);
  EXPECT_EQ(json_of(refused)["error"]["type"], "rate_limit_error");
  expect_cloud(w.chat(bearer(crm_key)));
}

TEST(ClientKeys, WrongOnesInARowAreSlowedDownAndRightOnesAreNot) {
  world w;
  w.start(with_keys(true));
  int unauthorised = 0, slowed = 0;
  for (int i = 0; i < 12; ++i) {
    auto const status = w.chat(bearer("guess")).status;
    unauthorised += status == 401;
    slowed += status == 429;
  }
  EXPECT_EQ(unauthorised + slowed, 12);
  EXPECT_GT(slowed, 0);
  expect_cloud(w.chat(bearer(crm_key)));
}

TEST(ClientKeys, ABodyIsNotAskedForBeforeTheKeyIsChecked) {
  world w;
  w.start(with_keys(true));
  raw_client client(w.port());
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
      "8000000\r\n\r\n");
  auto const answer = client.read_answer();
  EXPECT_EQ(answer.status, 401);
  EXPECT_TRUE(answer.interim.empty());
}

TEST(ClientKeys, ThatAreHeldToModelsAskForNoOtherAndNobodyIsAskedForIt) {
  world w;
  auto options = with_keys(true);
  auto const at = options.more.find("{name: crm");
  options.more.insert(at + 1, "models: [\"gpt-4o-mini\", \"claude-haiku*\", \"llama3.1:8b\"], ");
  w.start(options);
  auto const key = bearer(crm_key);
  expect_cloud(w.chat(key));
  auto const asked = w.openai.connections();

  auto const other = post(w.port(), "/v1/chat/completions", R"({"model":"gpt-4o","messages":[]})", key);
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(json_of(other)["error"]["code"], "model_not_allowed");
  EXPECT_EQ(other.field("x-tideover-error"), "model_not_allowed");
  auto const message = json_of(other)["error"]["message"].get<std::string>();
  EXPECT_NE(message.find("`gpt-4o`"), std::string::npos);
  EXPECT_NE(message.find("`crm`"), std::string::npos);

  auto const anthropic = post(w.port(), "/v1/messages", message_body, {{"x-api-key", crm_key}});
  EXPECT_EQ(anthropic.status, 403);
  EXPECT_EQ(json_of(anthropic)["error"]["type"], "permission_error");
  EXPECT_EQ(json_of(anthropic)["error"]["details"]["error_code"], "model_not_allowed");
  for (auto const* path : {"/v1/embeddings", "/v1/responses", "/v1/messages/count_tokens", "/w/legal/v1/completions",
                           "/w/legal/api/chat", "/api/generate", "/api/show"})
    EXPECT_EQ(post(w.port(), path, R"({"Model":"qwen3:8b","input":"x"})", key).status, 403) << path;
  EXPECT_EQ(get(w.port(), "/v1/files", key).status, 403);
  EXPECT_EQ(w.openai.connections(), asked);
  EXPECT_EQ(w.anthropic.connections(), 0U);
  EXPECT_TRUE(w.local_generations().empty());
  EXPECT_EQ(get(w.port(), "/v1/models", key).status, 200);
  EXPECT_EQ(get(w.port(), "/api/tags", key).status, 200);
  EXPECT_EQ(post(w.port(), "/api/show", R"({"model":"llama3.1:8b"})", key).status, 200);
}

TEST(ClientKeys, ThatAreNotRequiredLetCallersBringTheirOwn) {
  world w;
  auto options = with_keys(false);
  options.openai_more = "";
  w.start(options);
  expect_cloud(w.chat(bearer("sk-of-the-caller")));
  EXPECT_EQ(w.openai.requests().at(0).field("authorization"), "Bearer sk-of-the-caller");
  expect_local(w.chat(bearer(legal_key)), "policy");
  EXPECT_EQ(w.chat({{"Authorization", std::string("Bearer ") + crm_key}, {"x-api-key", "sk-1"}}).status, 401);
  expect_no_key_left(w);
}

TEST(AReachableListener, IsAllowedWithRequiredKeys) {
  world w;
  auto options = with_keys(true);
  options.listen = "listen: [{address: \"0.0.0.0:0\"}]";
  w.start(options);
  EXPECT_EQ(w.chat().status, 401);
}

/// One good key must not buy guesses: a right one does not make the wrong ones forgotten, and is served all the while.
TEST(WrongKeys, CountWithRightOnesBetween) {
  world w;
  w.start(with_keys(true));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(w.chat(bearer(("wrong-" + std::to_string(i)).c_str())).status, 401) << i;
    EXPECT_EQ(w.chat(bearer(crm_key)).status, 200) << i;
  }
  EXPECT_EQ(w.chat(bearer("wrong-5")).status, 429);
  EXPECT_EQ(w.chat(bearer(crm_key)).status, 200);
}

/// What is refused before its body is read, but whose body is there, costs no connection.
TEST(ARefusedRequest, LeavesItsConnectionToTheNextWhereItsBodyCameWhole) {
  world w;
  w.start(with_keys(true));
  auto const head = [](const std::string& key) {
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\n";
  };
  auto const sized = "Content-Length: " + std::to_string(chat_body.size()) + "\r\n\r\n" + chat_body;
  auto const chunked = "Transfer-Encoding: chunked\r\n\r\n" + chunk(chat_body) + std::string(last_chunk);
  for (const auto& body : {sized, chunked}) {
    SCOPED_TRACE(body);
    raw_client caller(w.port());
    caller.send(head("wrong") + body + head(crm_key) + sized);  // the second is pipelined behind the first
    EXPECT_EQ(caller.read_answer().status, 401);
    expect_cloud(caller.read_answer());
  }
  // Whose body is still on its way is not waited for.
  raw_client slow(w.port());
  slow.send(head("wrong") + sized.substr(0, sized.size() - 1));
  EXPECT_EQ(slow.read_answer().status, 401);
  std::string rest;
  EXPECT_EQ(slow.read_to_end(rest), io::end);
  EXPECT_EQ(rest, "");
}

}  // namespace
}  // namespace tideover::test
