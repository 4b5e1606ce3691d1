// What `POST /api/explain` and `tideover explain` say beside what then really happens to the same request.
#include <algorithm>
#include <fstream>

#include "integration/world.hpp"
#include "support/run_program.hpp"

namespace tideover::test {
namespace {

using nlohmann::json;

std::string socket_of(const world& w) { return const_cast<world&>(w).daemon().folder().file("admin.sock"); }

http_answer ask_to_explain(const world& w, const json& order) {
  raw_client client(socket_of(w));
  client.request("POST", "/api/explain", order.dump(), {{"Content-Type", "application/json"}});
  return client.read_answer();
}

json explain(const world& w, const json& order) {
  auto const answer = ask_to_explain(w, order);
  EXPECT_EQ(answer.status, 200) << answer.body;
  return json_of(answer);
}

/// A request, as both the API and the wire take it.
struct asked {
  std::string name;
  std::string method = "POST";
  std::string path = "/v1/chat/completions";
  field_list fields = {};
  json body = nullptr;

  json order() const {
    json made{{"path", path}, {"method", method}, {"headers", json::object()}};
    for (const auto& [field, value] : fields) made["headers"][field] = value;
    if (!body.is_null()) made["body"] = body;
    return made;
  }
  http_answer send(std::uint16_t port) const {
    raw_client client(port);
    client.request(method, path, body.is_null() ? "" : body.dump(), fields);
    return client.read_answer();
  }
};

json chat(json more = json::object()) {
  json body{{"model", "gpt-4o"}, {"messages", json::array({{{"role", "user"}, {"content", "Why tides?"}}})}};
  body.update(more);
  return body;
}

std::string text_or_nothing(const json& value) { return value.is_string() ? value.get<std::string>() : ""; }

/// The explained outcome against the answer's own words.
void expect_as_explained(const json& told, const http_answer& answer) {
  const auto& outcome = told["outcome"];
  auto const context = told.dump(2) + "\n" + answer.body;
  EXPECT_EQ(answer.field("x-tideover-tier"), outcome["tier"]) << context;
  EXPECT_EQ(answer.field("x-tideover-upstream"), text_or_nothing(outcome["upstream"])) << context;
  EXPECT_EQ(answer.field("x-tideover-failover"), text_or_nothing(outcome["failover"])) << context;
  auto const model = outcome["tier"] == "local" ? text_or_nothing(outcome["model"]) : answer.field("x-tideover-model");
  EXPECT_EQ(answer.field("x-tideover-model"), model);
  if (outcome["error"].is_null()) {
    EXPECT_EQ(answer.status, 200) << context;
    EXPECT_FALSE(answer.has("x-tideover-error")) << context;
  } else {
    EXPECT_EQ(answer.status, outcome["error"]["status"]) << context;
    EXPECT_EQ(answer.field("x-tideover-error"), outcome["error"]["code"]) << context;
  }
}

world_options many_workflows() {
  world_options options;
  options.models =
      R"(models: [{cloud: "nomic-embed-text", local: nomic-embed-text}, {cloud: "*", local: "llama3.1:8b"}])";
  options.workflows =
      "workflows: {default: {policy: cloud_first}, legal: {policy: local_only}, near: {policy: local_first}, "
      "far: {policy: cloud_only}, fast: {policy: cloud_first, hedge_after: 30s}, "
      "own: {policy: local_only, models: [{cloud: \"*\", local: \"phi4:14b\"}], parameters: {temperature: 0.5}, "
      "system_prompt: {text: Short.}}}";
  options.more =
      "clients: {keys: [{name: crm, workflow: legal, sha256: "
      // of the text `tide-crm`
      "\"0577820a691608278e039803c972ef12985b7f97ab0f2c870d66c51af4e5a31a\"}]}";
  return options;
}

std::vector<asked> requests() {
  auto const tool =
      json::array({{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", json::object()}}}}});
  auto const picture = json::array(
      {{{"role", "user"},
        {"content",
         json::array({{{"type", "image_url"}, {"image_url", {{"url", "data:image/png;base64,iVBORw0KGgo="}}}}})}}});
  json const message{{"model", "claude-sonnet-4-5"},
                     {"max_tokens", 64},
                     {"messages", json::array({{{"role", "user"}, {"content", "Why tides?"}}})}};
  const auto in = [](std::string workflow) { return field_list{{"X-Tideover-Workflow", std::move(workflow)}}; };
  return {
      {.name = "plain", .body = chat()},
      {.name = "stream", .body = chat({{"stream", true}})},
      {.name = "local only", .fields = in("legal"), .body = chat()},
      {.name = "local first", .fields = in("near"), .body = chat()},
      {.name = "cloud only", .fields = in("far"), .body = chat()},
      {.name = "hedged", .fields = in("fast"), .body = chat({{"stream", true}})},
      {.name = "by path", .path = "/w/legal/v1/chat/completions", .body = chat()},
      {.name = "tightened", .path = "/w/far/v1/chat/completions", .fields = in("legal"), .body = chat()},
      {.name = "not loosened", .path = "/w/legal/v1/chat/completions", .fields = in("far"), .body = chat()},
      {.name = "own model, prompt and parameters",
       .fields = in("own"),
       .body = chat({{"user", "me"}, {"store", true}})},
      {.name = "unknown workflow", .fields = in("lgal"), .body = chat()},
      {.name = "tools", .fields = in("legal"), .body = chat({{"tools", tool}})},
      {.name = "vision nobody has", .fields = in("legal"), .body = chat({{"messages", picture}})},
      {.name = "too long",
       .fields = in("legal"),
       .body = chat({{"messages", json::array({{{"role", "user"}, {"content", std::string(500'000, 'x')}}})}})},
      {.name = "several answers", .fields = in("legal"), .body = chat({{"n", 2}})},
      {.name = "not replayable",
       .path = "/v1/responses",
       .body = {{"model", "gpt-4o"}, {"input", "x"}, {"previous_response_id", "resp_1"}}},
      {.name = "not replayable, local only",
       .path = "/v1/responses",
       .fields = in("legal"),
       .body = {{"model", "gpt-4o"}, {"input", "x"}, {"previous_response_id", "resp_1"}}},
      {.name = "responses",
       .path = "/v1/responses",
       .fields = in("near"),
       .body = {{"model", "gpt-4o"}, {"input", "x"}}},
      {.name = "completions",
       .path = "/v1/completions",
       .fields = in("legal"),
       .body = {{"model", "gpt-3.5"}, {"prompt", "x"}}},
      {.name = "messages", .path = "/v1/messages", .body = message},
      {.name = "messages, local", .path = "/v1/messages", .fields = in("legal"), .body = message},
      {.name = "count tokens, local only", .path = "/v1/messages/count_tokens", .fields = in("legal"), .body = message},
      {.name = "other vectors",
       .path = "/v1/embeddings",
       .fields = in("legal"),
       .body = {{"model", "text-embedding-3-small"}, {"input", "x"}}},
      {.name = "vectors nobody has",
       .path = "/v1/embeddings",
       .fields = in("legal"),
       .body = {{"model", "nomic-embed-text"}, {"input", "x"}}},
      {.name = "models, local", .method = "GET", .path = "/v1/models", .fields = in("legal")},
      {.name = "a model, local", .method = "GET", .path = "/v1/models/llama3.1:8b", .fields = in("legal")},
      {.name = "no such model, local", .method = "GET", .path = "/v1/models/gpt-4o", .fields = in("near")},
      {.name = "files, local only", .method = "GET", .path = "/v1/files", .fields = in("legal")},
      {.name = "pull", .path = "/api/pull", .body = {{"model", "x"}}},
      {.name = "Ollama's own",
       .path = "/api/chat",
       .body = {{"model", "llama3.1:8b"},
                {"stream", false},
                {"messages", json::array({{{"role", "user"}, {"content", "x"}}})}}},
      {.name = "Ollama's cloud",
       .path = "/api/chat",
       .body = {{"model", "gpt-oss:120b-cloud"}, {"messages", json::array()}}},
      {.name = "nothing there", .method = "GET", .path = "/v2/x"},
      {.name = "wrong method", .method = "DELETE", .path = "/v1/messages"},
      {.name = "foreign host", .fields = {{"Host", "evil.example"}}, .body = chat()},
  };
}

/// The world of the tables: two local models, one of them loaded.
struct explained_world : world {
  explained_world() {
    ollama::model small, large;
    large.name = "phi4:14b";
    large.digest = std::string(64, 'b');
    large.capabilities = {"completion"};
    large.loaded = false;
    serve_ollama(ollama, {small, large});
  }
};

TEST(Explain, AgreesWithWhatThenHappens) {
  explained_world w;
  auto options = many_workflows();
  options.more.clear();
  w.start(options);
  (void)w.chat({{"X-Tideover-Workflow", "legal"}});  // from here on the models are known
  std::size_t lines = w.daemon().wait_for_log("request", 1).size();
  for (const auto& request : requests()) {
    SCOPED_TRACE(request.name);
    auto const told = explain(w, request.order());
    EXPECT_EQ(told["source"], "daemon");
    auto const before = w.local_generations().size();
    auto const answer = request.send(w.port());
    expect_as_explained(told, answer);
    // What was said to the local server, and what the log says was changed.
    auto const log = w.daemon().wait_for_log("request", ++lines);
    ASSERT_EQ(log.size(), lines);
    for (const auto& u : told["upstreams"]) {
      if (!u.contains("local") || told["outcome"]["tier"] != "local" || u["upstream"] != told["outcome"]["upstream"])
        continue;
      std::string changes;
      for (const auto& change : u["local"]["changes"])
        changes += (changes.empty() ? "" : "; ") + change.get<std::string>();
      EXPECT_EQ(log.back().value("adapted", ""), changes);
      auto const generations = w.local_generations();
      if (u["local"]["window"].is_null() || generations.size() == before) continue;
      auto const sent = json::parse(generations.back().body, nullptr, false);
      EXPECT_EQ(generations.back().path(), u["local"]["path"]);
      EXPECT_EQ(sent["model"], u["local"]["model"]);
      if (u["local"]["loaded"] != true) continue;  // what a load brings is not known before
      EXPECT_EQ(sent["options"].value("num_ctx", json()), u["local"]["window"]["num_ctx"]);
    }
  }
}

TEST(Explain, NamesWhoTakesOverWhenTheCloudFails) {
  explained_world w;
  w.start(many_workflows());
  for (auto const* path : {"/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings"})
    w.openai.on(path, reply(503, openai::error("down", "server_error")));
  w.anthropic.on("/v1/messages", reply(529, anthropic::error("overloaded_error", "Overloaded")));
  (void)w.chat({{"X-Tideover-Workflow", "legal"}});
  for (const auto& request : requests()) {
    SCOPED_TRACE(request.name);
    auto const told = explain(w, request.order());
    if (told["outcome"]["tier"] != "cloud") continue;
    std::string next;
    json local = nullptr;
    for (const auto& u : told["upstreams"])
      if (u["asked"] == "next") {
        next = u["upstream"];
        local = u["local"];
        break;
      }
    auto const answer = request.send(w.port());
    if (!next.empty()) {
      EXPECT_EQ(answer.field("x-tideover-upstream"), next) << answer.body;
      EXPECT_EQ(answer.field("x-tideover-model"), local["model"]) << answer.body;
      EXPECT_EQ(answer.field("x-tideover-failover"), "server_error");
    } else {
      // The cloud's own error where it may be told, else the one that was announced.
      EXPECT_TRUE(answer.field("x-tideover-tier") == "cloud" ||
                  answer.field("x-tideover-error") == told["if_all_fail"]["code"])
          << answer.body << told.dump(2);
      EXPECT_GE(answer.status, 500);
    }
  }
}

TEST(Explain, KnowsContingencyBreakersAndRests) {
  explained_world w;
  auto options = many_workflows();
  options.breaker = "{failures_to_open: 1, open_for: 60s}";
  w.start(options);
  (void)w.chat({{"X-Tideover-Workflow", "legal"}});
  asked const plain{.name = "plain", .body = chat()};
  w.openai.once("/v1/chat/completions",
                reply(429, openai::error("slow down", "requests", "rate_limit_exceeded"), {{"Retry-After", "60"}}));
  EXPECT_EQ(plain.send(w.port()).field("x-tideover-failover"), "rate_limited");
  auto told = explain(w, plain.order());
  EXPECT_EQ(told["upstreams"][0]["asked"], "skipped");
  EXPECT_EQ(told["upstreams"][0]["reason"], "rate_limited");
  EXPECT_GT(told["upstreams"][0]["for_seconds"], 50);
  expect_as_explained(told, plain.send(w.port()));

  w.openai.stop();
  asked const other{.name = "other model", .body = chat({{"model", "gpt-5"}})};
  EXPECT_EQ(other.send(w.port()).field("x-tideover-failover"), "connect");
  told = explain(w, other.order());
  EXPECT_EQ(told["upstreams"][0]["reason"], "breaker_open");
  expect_as_explained(told, other.send(w.port()));

  auto const on =
      run_tideover({"contingency", "on", "--workflow", "near", "--reason", "audit", "--socket", socket_of(w)});
  ASSERT_EQ(on.exit_code, 0) << on.err;
  asked const near{.name = "near", .fields = {{"X-Tideover-Workflow", "near"}}, .body = chat()};
  told = explain(w, near.order());
  EXPECT_EQ(told["contingency"]["active"], true);
  EXPECT_EQ(told["contingency"]["causes"][0]["reason"], "audit");
  EXPECT_EQ(told["may_leave_the_house"], false);
  expect_as_explained(told, near.send(w.port()));
}

TEST(Explain, LeavesTheOneTrialOfAHalfOpenBreakerToARealRequest) {
  world w;
  world_options options;
  options.breaker = "{failures_to_open: 1, open_for: 200ms}";
  w.start(options);
  asked const plain{.name = "plain", .body = chat()};
  w.openai.once("/v1/chat/completions", reply(503, openai::error("down", "server_error")));
  EXPECT_EQ(plain.send(w.port()).field("x-tideover-failover"), "server_error");
  auto const asked_first = [&] { return explain(w, plain.order())["upstreams"][0]["asked"] == "first"; };
  ASSERT_TRUE(eventually(asked_first));
  EXPECT_TRUE(asked_first()) << "the explanation before took the trial";
  expect_cloud(plain.send(w.port()));
}

TEST(Explain, TouchesNoCloud) {
  explained_world w;
  w.start(many_workflows());
  for (const auto& request : requests()) (void)explain(w, request.order());
  EXPECT_EQ(w.openai.connections(), 0u);
  EXPECT_EQ(w.anthropic.connections(), 0u);
  EXPECT_TRUE(w.local_generations().empty());
  EXPECT_TRUE(w.daemon().log_lines_of("request").empty());
}

TEST(Explain, ALocalOnlyHouseStaysClosedWhileItIsExplained) {
  explained_world w;
  world_options options;
  options.workflows = "workflows: {default: {policy: local_only}}";
  w.start(options);
  auto const told = explain(w, {{"model", "gpt-4o"}});
  EXPECT_EQ(told["may_leave_the_house"], false);
  EXPECT_EQ(told["assumed"].size(), 1u);
  EXPECT_EQ(told["upstreams"][1]["reason"], "policy");
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0u);
}

TEST(Explain, IsAskedLikeAChangeAndReadsStrictly) {
  world w;
  w.start(many_workflows());
  raw_client tcp(w.daemon().admin_port());
  auto const closed = tcp.post("/api/explain", "{}", {{"Content-Type", "application/json"}});
  EXPECT_EQ(closed.status, 403) << closed.body;
  raw_client reading(socket_of(w));
  EXPECT_EQ(reading.get("/api/explain").status, 405);
  struct {
    json order;
    const char* says;
  } const rows[] = {
      {{{"wrkflow", "legal"}}, "`wrkflow` means nothing here"},
      {{{"path", 7}}, "`path` must be text"},
      {{{"path", "v1/models"}}, "`path` must begin with a slash"},
      {{{"headers", json::array()}}, "`headers` must be an object"},
      {{{"headers", {{"a b", "c"}}}}, "no name of a header field"},
      {{{"headers", {{"A", "b\r\nC: d"}}}}, "without control characters"},
      {{{"workflow", "a\nb"}}, "without control characters"},
      {{{"client", "crn"}}, "did you mean `crm`?"},
      {{{"body", 7}}, "`body` must be an object, or text"},
      {{{"body", "text"}, {"model", "m"}}, "write it there"},
  };
  for (const auto& row : rows) {
    auto const answer = ask_to_explain(w, row.order);
    EXPECT_EQ(answer.status, 400) << row.says;
    EXPECT_EQ(json_of(answer)["error"]["code"], "bad_request_description");
    EXPECT_NE(answer.body.find(row.says), std::string::npos) << answer.body;
  }
  // Pictures are large; what is larger still is refused as before it is read.
  EXPECT_EQ(ask_to_explain(w, {{"body", chat({{"x", std::string(600'000, 'x')}})}}).status, 200);
  EXPECT_EQ(ask_to_explain(w, {{"body", chat({{"x", std::string(1'200'000, 'x')}})}}).status, 413);
  raw_client elsewhere(socket_of(w));
  elsewhere.request("PUT", "/api/contingency", std::string(100'000, ' '), {{"Content-Type", "application/json"}});
  EXPECT_EQ(elsewhere.read_answer().status, 413);
}

TEST(Explain, SaysNothingOfPromptsHeadersOrKeys) {
  world w;
  auto options = many_workflows();
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.environment = {{"OPENAI_KEY", "sk-of-the-house-123456"}};
  w.start(options);
  json const order{{"headers", {{"Authorization", "Bearer sk-of-the-caller"}, {"Cookie", "session=cookie-value"}}},
                   {"body", chat({{"messages", json::array({{{"role", "user"}, {"content", "prompt-words"}}})},
                                  {"user", "user-value"},
                                  {"metadata", {{"note", "metadata-value"}}}})}};
  auto const answer = ask_to_explain(w, order);
  ASSERT_EQ(answer.status, 200) << answer.body;
  for (auto const* hidden :
       {"sk-of-the-house", "sk-of-the-caller", "cookie-value", "prompt-words", "user-value", "metadata-value"})
    EXPECT_EQ(answer.body.find(hidden), std::string::npos) << hidden;
  auto const told = json_of(answer);
  EXPECT_EQ(told["upstreams"][0]["credential"], "configured");
  EXPECT_EQ(told["upstreams"][0]["headers"]["replaced"], json::array({"Authorization"}));
}

TEST(Explain, SpeaksOfTheConfigurationInForceAfterAReload) {
  world w;
  auto options = many_workflows();
  w.start(options);
  EXPECT_EQ(explain(w, {{"workflow", "far"}})["outcome"]["tier"], "cloud");
  auto const at = options.workflows.find("far: {policy: cloud_only}");
  options.workflows.replace(at, std::string("far: {policy: cloud_only}").size(), "far: {policy: local_only}");
  std::ofstream(w.daemon().folder().file("tideover.yaml")) << w.yaml(options);
  raw_client client(socket_of(w));
  client.request("POST", "/api/reload", "{}", {{"Content-Type", "application/json"}});
  auto const reloaded = client.read_answer();
  ASSERT_EQ(reloaded.status, 200) << reloaded.body;
  EXPECT_EQ(explain(w, {{"workflow", "far"}})["outcome"]["tier"], "local");
}

TEST(Explain, AClientsNameStandsForItsKey) {
  world w;
  w.start(many_workflows());
  auto const told = explain(w, {{"client", "crm"}});
  EXPECT_EQ(told["workflow"]["name"], "legal");
  EXPECT_EQ(told["workflow"]["by"], "key");
  EXPECT_EQ(told["workflow"]["rule"], "clients.keys[0].workflow");
  EXPECT_EQ(told["outcome"]["tier"], "local");
}

TEST(ExplainCommand, AsksTheDaemonAndNamesTheRules) {
  explained_world w;
  w.start(many_workflows());
  (void)w.chat({{"X-Tideover-Workflow", "legal"}});
  auto const said = run_tideover({"explain", "--workflow", "own", "--model", "gpt-4o", "--socket", socket_of(w)});
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_EQ(said.err, "");
  for (auto const* part :
       {"of the running daemon", "own  [the header X-Tideover-Workflow]", "local_only  [workflows.own.policy]",
        "model phi4:14b, has to be loaded  [workflows.own.models[0]: * -> phi4:14b]", "[workflows.own.system_prompt]",
        "[workflows.own.parameters]", "not asked: the policy local_only",
        "answer       local, by ollama with phi4:14b; X-Tideover-Failover: policy", "0 waiting"})
    EXPECT_NE(said.out.find(part), std::string::npos) << part << " in\n" << said.out;

  auto const document = run_tideover({"explain", "--json", "--path", "/v1/models", "--socket", socket_of(w)});
  EXPECT_EQ(document.exit_code, 0);
  EXPECT_EQ(json::parse(document.out)["request"]["method"], "GET");
}

TEST(ExplainCommand, ExplainsFromTheConfigurationWhereNoDaemonAnswers) {
  explained_world w;  // never started: only its Ollama is asked
  temporary_folder const folder;
  auto options = many_workflows();
  auto yaml = w.yaml(options);
  yaml.replace(yaml.find("${TMPDIR}"), std::string("${TMPDIR}").size(), folder.path());
  auto const file = folder.file("tideover.yaml"), request = folder.file("request.json");
  std::ofstream(file) << yaml;
  std::ofstream(request) << chat({{"stream", true}, {"user", "me"}}).dump();

  auto const url = w.ollama.url();
  auto const said = run_tideover({"explain", "--config", file, "--request", request, "--header", "Cookie: a=b"});
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_NE(said.err.find("explained from the configuration"), std::string::npos) << said.err;
  for (auto const* part : {"of the configuration alone", url.c_str(), "model llama3.1:8b, loaded",
                           "changed: dropped user", "first content within", "only a running daemon knows them"})
    EXPECT_NE(said.out.find(part), std::string::npos) << part << " in\n" << said.out;
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0u);

  auto const offline = run_tideover({"explain", "--offline", "--json", "--config", file, "--client", "crm"});
  EXPECT_EQ(offline.exit_code, 0);
  EXPECT_EQ(offline.err, "");
  EXPECT_EQ(json::parse(offline.out)["workflow"]["by"], "key");

  w.ollama.stop();
  auto const away = run_tideover({"explain", "--offline", "--json", "--config", file});
  EXPECT_EQ(away.exit_code, 0);
  EXPECT_EQ(json::parse(away.out)["unknown"].size(), 2u) << away.out;
}

TEST(ExplainCommand, HasTheExitCodesOfTheContract) {
  temporary_folder const folder;
  auto const broken = folder.file("broken.yaml");
  std::ofstream(broken) << "workflows: {default: {polcy: cloud_first}}\n";
  struct {
    std::vector<std::string> words;
    int exit_code;
    const char* says;
  } const rows[] = {
      {{"explain", "--offline", "--config", broken}, 78, "polcy"},
      {{"explain", "--offline", "--client", "crm"}, 2, "no key `crm`"},
      {{"explain", "--offline", "--header", "nonsense"}, 2, "Name: value"},
      {{"explain", "--offline", "--header", "A: b", "--header", "a: c"}, 2, "twice"},
      {{"explain", "--offline", "--request", folder.file("none.json")}, 1, "cannot read"},
      {{"explain", "--socket", folder.file("none.sock")}, 1, "none.sock"},
      {{"explain", "--wrkflow", "x"}, 2, "did you mean `--workflow`?"},
  };
  for (const auto& row : rows) {
    auto const result = run_tideover(row.words);
    EXPECT_EQ(result.exit_code, row.exit_code) << row.says << result.err;
    EXPECT_NE(result.err.find(row.says), std::string::npos) << row.says << " in " << result.err;
    EXPECT_EQ(result.out, "") << row.says;
  }
}

}  // namespace
}  // namespace tideover::test
