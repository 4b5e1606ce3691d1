// Ollama's own paths, where the caller names the model that is to serve: none may run elsewhere, whatever it is called
// and whenever that is found out (OL §13). And redirects, by which a caller would be sent elsewhere itself.
#include "integration/journal_lines.hpp"
#include "integration/world.hpp"

namespace tideover::test {
namespace {

const std::vector<const char*> working_paths{"/api/chat", "/api/generate", "/api/embed"};

std::string naming(const std::string& model_json, const std::string& more = {}) {
  return R"({"model":)" + model_json + R"(,"messages":[{"role":"user","content":"legal-canary-71c3"}],"prompt":"x")" +
         more + "}";
}

/// What Ollama was sent on paths that name a model, by callers: Tideover's own looks carry no prompt.
std::size_t prompts(const world& w) {
  std::size_t n = 0;
  for (auto const& r : w.ollama.requests())
    for (auto const* path : working_paths)
      if (r.path() == path && r.body.find("legal-canary-71c3") != std::string::npos) ++n;
  return n;
}

ollama::model stub(const std::string& name = "innocent:latest") {
  ollama::model m;
  m.name = name;
  m.digest = std::string(64, 'b');
  m.remote_host = "https://ollama.com:443";
  return m;
}

const std::string native_line = R"({"model":"llama3.1:8b","created_at":"2026-01-01T00:00:00Z","message":)"
                                R"({"role":"assistant","content":"From afar."},"done":true,"done_reason":"stop")";
const std::string remote_mark = R"(,"remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443"})";

TEST(NativePaths, ServeNoModelOfOllamasCloudHoweverItsNameIsWritten) {
  world w;
  w.start();
  // OL §13: Ollama trims Unicode white space around the name and behind its last colon, and takes any letter case.
  for (auto const* name :
       {R"("x: cloud")", R"("x:\tcloud")", R"("x:cloud ")", R"("x:cloud\n")", "\"x:cloud\u00a0\"",
        "\"x:120b-cloud\u3000\"", R"("gpt-oss:120b-cloud\u0085")", R"(" x:Cloud")", R"("x:CLOUD\u2029")"})
    for (auto const* path : {"/api/chat", "/api/generate", "/api/embed", "/api/show"}) {
      auto const answer = post(w.port(), std::string("/w/legal") + path, naming(name));
      EXPECT_EQ(answer.status, 403) << path << ' ' << name << ' ' << answer.body;
      EXPECT_EQ(answer.field("x-tideover-error"), "cloud_model_refused");
    }
  EXPECT_EQ(post(w.port(), "/api/chat", naming(R"("llama3.1:8b ")")).status, 400) << "nothing that has to be mended";
  EXPECT_EQ(post(w.port(), "/api/chat", naming(R"("llama3.1:8b","model":"phi4:14b")")).status, 400) << "which one?";
  EXPECT_EQ(prompts(w), 0U);
}

TEST(NativePaths, ServeNoStubThatIsCalledLikeALocalModel) {
  world w;
  serve_ollama(w.ollama, {ollama::model{}, stub()});
  w.start();
  for (auto const* prefix : {"", "/w/legal"})
    for (auto const* name : {R"("innocent")", R"("innocent:latest")", R"("INNOCENT:Latest")", R"("innocent:local")",
                             R"("registry.ollama.ai/library/innocent")", R"("library/innocent")",
                             R"("https://registry.ollama.ai/library/innocent:latest")"})
      for (auto const* path : {"/api/chat", "/api/generate", "/api/embed", "/api/show"}) {
        auto const answer = post(w.port(), std::string(prefix) + path, naming(name));
        EXPECT_EQ(answer.status, 403) << path << ' ' << name << ' ' << answer.body;
        EXPECT_EQ(answer.field("x-tideover-error"), "cloud_model_refused") << name;
      }
  EXPECT_EQ(prompts(w), 0U);
}

TEST(NativePaths, AskTheServerAboutAModelThatItHasNotListed) {
  world w;
  w.start();
  expect_local(w.chat({{"X-Tideover-Workflow", "legal"}}), "policy");  // the list is known
  // Both come later than the list, which is read again in half a minute.
  auto late = nlohmann::json::parse(ollama::show(stub()));
  late["remote_host"] = "https://ollama.com:443";
  ollama::model fresh;
  fresh.name = "fresh:1b";
  w.ollama.on("/api/show", [=](served_connection& c, const recorded_request& r) {
    auto const name = nlohmann::json::parse(r.body).value("model", "");
    EXPECT_EQ(r.body.find("legal-canary"), std::string::npos) << "a question is no place for a prompt";
    if (name == "innocent") return void(c.answer(200, late.dump()));
    if (name == "fresh:1b") return void(c.answer(200, ollama::show(fresh)));
    if (name == "broken:1b") return void(c.answer(500, R"({"error":"no"})"));
    c.answer(404, R"({"error":"model ')" + name + R"(' not found"})");
  });
  w.ollama.on("/api/chat", reply(200, native_line + "}"));
  EXPECT_EQ(post(w.port(), "/w/legal/api/chat", naming(R"("innocent")")).field("x-tideover-error"),
            "cloud_model_refused");
  auto const absent = post(w.port(), "/w/legal/api/chat", naming(R"("nobody:1b")"));
  EXPECT_EQ(absent.status, 404);
  EXPECT_EQ(json_of(absent)["error"], "model 'nobody:1b' not found");
  EXPECT_EQ(post(w.port(), "/w/legal/api/chat", naming(R"("broken:1b")")).status, 503);
  EXPECT_EQ(prompts(w), 0U);
  auto const served = post(w.port(), "/w/legal/api/chat", naming(R"("fresh:1b")"));
  EXPECT_EQ(served.status, 200) << served.body;
  EXPECT_EQ(served.field("x-tideover-tier"), "local");
  EXPECT_EQ(prompts(w), 1U);
}

// The list cannot be read, so that the model which the file names is taken on trust: its server has the last word.
TEST(TranslatedChats, AskTheServerAboutAModelWhileNoListIsKnown) {
  world w;
  auto late = nlohmann::json::parse(ollama::show({}));
  late["remote_host"] = "https://ollama.com:443";
  w.ollama.on("/api/tags", reply(500, R"({"error":"no"})"));
  w.ollama.on("/api/show", reply(200, late.dump()));
  w.start();
  for (auto const* body : {&chat_body, &chat_stream_body}) {
    auto const answer = post(w.port(), "/w/legal/v1/chat/completions", *body);
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-error"), "local_model_missing");
    EXPECT_NE(answer.body.find("served by ollama.com"), std::string::npos) << answer.body;
  }
  EXPECT_TRUE(w.local_generations().empty());
  w.ollama.on("/api/show", reply(200, ollama::show({})));
  expect_local(post(w.port(), "/w/legal/v1/chat/completions", chat_body), "policy");
}

struct told {
  const char* name;
  const char* path;
  std::string body;
};
void PrintTo(const told& t, std::ostream* out) { *out << t.name; }

class RemoteAnswers : public testing::TestWithParam<told> {};

// A model was replaced between two looks at the list: the prompt is gone, but nobody takes the answer for local.
TEST_P(RemoteAnswers, AreKeptBackAndRaiseAnAlarmAndTheModelIsAskedNoMore) {
  world w;
  w.ollama.on("/api/chat", [](served_connection& c, const recorded_request& r) {
    if (r.body.find("Why tides?") == std::string::npos && r.body.find("legal-canary") == std::string::npos)
      return void(c.answer(200, native_line + "}"));  // a load
    if (!r.asks_for_stream()) return void(c.answer(200, native_line + remote_mark));
    c.begin_stream("application/x-ndjson");
    c.send_chunk((native_line + remote_mark).substr(0, 40));  // a line comes in pieces, too
    c.send_chunk((native_line + remote_mark).substr(40) + "\n");
    c.end_stream();
  });
  w.ollama.on("/api/embed", reply(200, R"({"model":"llama3.1:8b","embeddings":[[0.5]])" + remote_mark));
  world_options options;
  options.models = R"(models: [{cloud: "*", local: "llama3.1:8b"}])";
  w.start(options);
  auto const& t = GetParam();
  auto const answer = post(w.port(), std::string("/w/legal") + t.path, t.body);
  EXPECT_EQ(answer.status, 502) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-error"), "answered_remotely");
  EXPECT_EQ(answer.field("x-tideover-tier"), "none");
  EXPECT_FALSE(answer.has("retry-after"));
  EXPECT_EQ(answer.body.find("From afar"), std::string::npos);

  auto const alarm = w.daemon().wait_for_log("answered_remotely", 1).at(0);
  EXPECT_EQ(alarm["level"], "error");
  EXPECT_EQ(alarm["model"], "llama3.1:8b");
  EXPECT_EQ(alarm["workflow"], "legal");
  EXPECT_EQ(alarm["upstream"], "ollama");
  std::vector<nlohmann::json> kept;
  ASSERT_TRUE(eventually(
      [&] { return (kept = journal_of(w.daemon().folder().file("state"), "answered_remotely")).size() == 1; }));
  EXPECT_EQ(kept[0]["request_id"], answer.field("x-tideover-request-id"));

  auto const before = w.ollama.requests_to("/api/chat").size() + w.ollama.requests_to("/api/embed").size();
  auto const again = post(w.port(), std::string("/w/legal") + t.path, t.body);
  EXPECT_NE(again.status, 200);
  EXPECT_NE(again.field("x-tideover-error"), "answered_remotely") << "it was asked again";
  EXPECT_EQ(w.ollama.requests_to("/api/chat").size() + w.ollama.requests_to("/api/embed").size(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Of, RemoteAnswers,
    testing::Values(told{"native_stream", "/api/chat", naming(R"("llama3.1:8b")", R"(,"stream":true)")},
                    told{"native_whole", "/api/chat", naming(R"("llama3.1:8b")", R"(,"stream":false)")},
                    told{"native_vectors", "/api/embed", R"({"model":"llama3.1:8b","input":"x"})"},
                    told{"translated_stream", "/v1/chat/completions", chat_stream_body},
                    told{"translated_whole", "/v1/chat/completions", chat_body},
                    told{"messages", "/v1/messages", message_body}),
    [](const auto& of) { return of.param.name; });

TEST(TranslatedChats, AMarkInALaterLineCutsTheStreamAndRaisesTheAlarm) {
  world w;
  gate seen;
  w.ollama.on("/api/chat", [=](served_connection& c, const recorded_request&) {
    c.begin_stream("application/x-ndjson");
    c.send_chunk(R"({"model":"llama3.1:8b","message":{"role":"assistant","content":"Here."},"done":false})"
                 "\n");
    if (c.wait(seen) != io::ok) return;
    c.send_chunk(native_line + remote_mark + "\n");
    c.end_stream();
  });
  w.start();
  raw_client client(w.port());
  client.request("POST", "/w/legal/v1/chat/completions", chat_stream_body);
  EXPECT_EQ(client.read_head().status, 200);
  seen.open();
  std::string rest;
  client.read_to_end(rest);
  EXPECT_EQ(rest.find("From afar"), std::string::npos) << rest;
  EXPECT_EQ(rest.find("[DONE]"), std::string::npos) << rest;
  EXPECT_EQ(w.daemon().wait_for_log("answered_remotely", 1).size(), 1U);
}

TEST(NativePaths, AMarkInALaterLineCutsTheStream) {
  world w;
  gate seen;
  w.ollama.on("/api/chat", [=](served_connection& c, const recorded_request&) {
    c.begin_stream("application/x-ndjson");
    c.send_chunk(R"({"model":"llama3.1:8b","message":{"role":"assistant","content":"Here."},"done":false})"
                 "\n");
    if (c.wait(seen) != io::ok) return;
    c.send_chunk(native_line + remote_mark + "\n");
    c.end_stream();
  });
  w.start();
  raw_client client(w.port());
  client.request("POST", "/w/legal/api/chat", naming(R"("llama3.1:8b")"));
  EXPECT_EQ(client.read_head().status, 200);  // with the first line
  seen.open();
  std::string rest;
  client.read_to_end(rest);
  EXPECT_EQ(rest.find("From afar"), std::string::npos) << rest;
  EXPECT_EQ(w.daemon().wait_for_log("answered_remotely", 1).size(), 1U);
}

TEST(NativePaths, SayWhichModelWasAskedForAndServed) {
  world w;
  w.ollama.on("/api/chat", reply(200, native_line + "}"));  // takes any letter case, as Ollama does
  w.start();
  auto const good = post(w.port(), "/w/legal/api/chat", naming(R"("LLAMA3.1:8b")", R"(,"stream":false)"));
  EXPECT_EQ(good.field("x-tideover-model"), "llama3.1:8b");
  auto const list = get(w.port(), "/api/tags");
  EXPECT_FALSE(list.has("x-tideover-model"));
  w.ollama.on("/api/chat", reply(400, R"({"error":"no"})"));
  auto const bad = post(w.port(), "/api/chat", naming(R"("llama3.1:8b")"));
  EXPECT_FALSE(bad.has("x-tideover-model")) << "an error is no model's";
  auto const refused = post(w.port(), "/w/legal/api/chat", naming(R"("x:cloud")"));
  auto const lines = w.daemon().wait_for_log("request", 4);
  ASSERT_EQ(lines.size(), 4U);
  // One connection each, on several workers: the order is not ours to say.
  auto const models_of = [&](const http_answer& answer) -> std::string {
    for (auto const& line : lines)
      if (line["request_id"] == answer.field("x-tideover-request-id"))
        return line["model_requested"].get<std::string>() + " " + line["model_served"].get<std::string>();
    return "no line";
  };
  EXPECT_EQ(models_of(good), "LLAMA3.1:8b llama3.1:8b");
  EXPECT_EQ(models_of(list), " ");
  EXPECT_EQ(models_of(bad), "llama3.1:8b ");
  EXPECT_EQ(models_of(refused), "x:cloud ");
}

TEST(Redirects, AreNotPassedOnWhereAnswersPassUnjudged) {
  world w;
  for (auto const* path : {"/api/chat", "/api/tags"})
    w.ollama.on(path, reply(307, "", {{"Location", "https://cloud.test/api/chat"}}));
  w.openai.on("*", reply(302, "elsewhere", {{"Location", "https://elsewhere.test/"}}));
  w.start();
  w.ollama.on("/api/show", reply(200, ollama::show({})));
  for (auto const& answer :
       {post(w.port(), "/w/legal/api/chat", naming(R"("llama3.1:8b")")), get(w.port(), "/api/tags")}) {
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-error"), "local_unavailable");
    EXPECT_FALSE(answer.has("location"));
    EXPECT_NE(answer.body.find("(redirect)"), std::string::npos) << answer.body;
  }
  for (auto const& answer : {post(w.port(), "/v1/files", "x"), post(w.port(), "/v1/files", std::string(300'000, 'x')),
                             get(w.port(), "/v1/files/1/content")}) {
    EXPECT_EQ(answer.status, 502) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-error"), "upstream_redirected");
    EXPECT_EQ(answer.field("x-tideover-failover"), "redirect");
    EXPECT_FALSE(answer.has("location"));
    EXPECT_FALSE(answer.has("retry-after"));
  }
}

TEST(Redirects, NotModifiedIsNone) {
  world w;
  w.openai.on("*", reply(304, "", {{"ETag", "\"1\""}}));
  w.openai.on("/v1/models", reply(304, "", {{"ETag", "\"1\""}}));
  w.start();
  for (auto const* path : {"/v1/files/1", "/v1/models"}) {
    raw_client client(w.port());
    client.request("GET", path, "", {{"If-None-Match", "\"1\""}});
    auto const answer = client.read_answer();
    EXPECT_EQ(answer.status, 304) << path;
    EXPECT_EQ(answer.field("etag"), "\"1\"");
    EXPECT_EQ(answer.field("x-tideover-tier"), "cloud");
  }
  EXPECT_EQ(get(w.port(), "/v1/files/1").status, 502) << "nobody asked whether it was modified";
}

TEST(Refusals, SayThatThePolicyIsTheReasonAndNotToWait) {
  world w;
  w.start();
  auto const vectors = post(w.port(), "/w/legal/v1/embeddings", R"({"model":"text-embedding-3-small","input":"x"})");
  EXPECT_EQ(vectors.field("x-tideover-error"), "no_same_embedding_model");
  auto const files = post(w.port(), "/w/legal/v1/files", "x");
  EXPECT_EQ(files.field("x-tideover-error"), "no_upstream");
  EXPECT_NE(files.body.find("policy of workflow legal (local_only)"), std::string::npos) << files.body;
  for (auto const& answer : {vectors, files}) {
    EXPECT_EQ(answer.status, 503);
    EXPECT_FALSE(answer.has("retry-after")) << answer.body;
    EXPECT_EQ(answer.field("x-should-retry"), "false") << "an SDK would repeat it by itself";
  }
  w.ollama.stop();
  auto const down = post(w.port(), "/w/legal/v1/chat/completions", chat_body);
  EXPECT_NE(down.body.find("The cloud was not asked (policy), and Ollama failed (connect). Is it running?"),
            std::string::npos)
      << down.body;
  EXPECT_TRUE(down.has("retry-after"));
  auto const native = post(w.port(), "/w/legal/api/chat", naming(R"("llama3.1:8b")"));
  EXPECT_EQ(native.status, 503);
  EXPECT_NE(native.body.find("Ollama failed (connect)"), std::string::npos) << native.body;
}

TEST(Methods, AllowNamesAllThatAreServed) {
  world w;
  w.start();
  raw_client client(w.port());
  client.request("DELETE", "/v1/chat/completions", "");
  auto const answer = client.read_answer();
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.field("allow"), "GET, HEAD, POST");
}

TEST(HeadersNone, AnEstimateStillSaysThatItIsOne) {
  world w;
  world_options options;
  options.more = "headers: none";
  w.start(options);
  w.anthropic.stop();
  auto const answer = post(w.port(), "/v1/messages/count_tokens", message_body);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("x-tideover-estimate"), "true");
  EXPECT_FALSE(answer.has("x-tideover-tier"));
}

}  // namespace
}  // namespace tideover::test
