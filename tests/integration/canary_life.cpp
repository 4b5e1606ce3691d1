#include "integration/canary_life.hpp"

namespace tideover::test {
namespace {

/// With a model of its own, breakers and rests of one kind of failure do not keep the next from the cloud.
std::string body_of(const dialect_row& row, bool streamed, const std::string& prompt, int model = 0) {
  auto json = nlohmann::json::parse(streamed ? row.stream : row.whole);
  if (model != 0) json["model"] = "model-" + std::to_string(model);
  if (json.contains("messages"))
    json["messages"][0]["content"] = prompt;
  else
    json[json.contains("input") ? "input" : "prompt"] = prompt;
  return json.dump();
}

constexpr auto prompt = "pr0mpt-7c41aa90e2 of a caller";
constexpr auto cloud_said = "cl0ud-said-5512f0 this";
constexpr auto local_said = "l0cal-said-88ab31 that";
constexpr auto cookie = "c00kie-2f90b1c3d7e8";
constexpr auto query = "qu3ry-19ab77f0c3d2";
constexpr auto stranger = "env-s3cret-40d17c9e55";
constexpr auto proxy_password = "pr0xy-pass-7e21b9c4a0";
constexpr auto admin_token = "adm1n-token-c1d2e3f4a5b6";
constexpr auto wrong_token = "wr0ng-token-9988aabbccdd";

/// A gateway of the talkative kind: everything that it was sent stands in its error, in the body and in the head.
script telltale(int status, std::string before = {}) {
  return [=](served_connection& c, const recorded_request& r) {
    std::string const keys = r.field("authorization").value_or("") + " " + r.field("x-api-key").value_or("");
    // Tideover's own test of a local model holds no prompt of a caller's.
    bool const own_test = r.path() == "/api/chat" && r.body.find(prompt) == std::string::npos;
    std::string const echo = "you sent " + keys + (own_test ? "" : std::string(" and ") + prompt);
    auto const body = before.empty() ? openai::error(echo, "server_error") : before + echo;
    c.answer(status, body,
             {{"Set-Cookie", std::string("cloud=") + cookie},
              {"WWW-Authenticate", "Bearer realm=\"" + keys + "\""},
              {"Location", "http://elsewhere.test/" + r.field("x-api-key").value_or("")}});
  };
}

/// One whose head gives nothing away. Its body does: in chunks, in no framing, behind a coding or very much of it.
script whisper(int status, int how) {
  return [=](served_connection& c, const recorded_request& r) {
    auto const keys = r.field("authorization").value_or("") + " " + r.field("x-api-key").value_or("");
    auto const body = openai::error("you sent " + keys + " and " + prompt, "server_error");
    auto const line = "HTTP/1.1 " + std::to_string(status) + " No\r\n";
    switch (how) {
      case 0:
        c.begin_stream("application/json", {}, status);
        for (std::size_t i = 0; i < body.size(); i += 7) c.send_chunk(body.substr(i, 7));
        c.end_stream();
        break;
      case 1:
        c.send(line + "Connection: close\r\n\r\n" + body);
        c.close();
        break;
      case 2: c.answer(status, body, {{"Content-Encoding", "gzip"}}); break;
      default: c.answer(status, body + std::string(70'000, ' ')); break;
    }
  };
}
constexpr int ways_to_whisper = 4;

}  // namespace

void live(scan& s, world& w, const field_list& keys) {
  auto fields = keys;
  for (auto const& extra : field_list{{"Cookie", std::string("session=") + cookie},
                                      {"Proxy-Authorization", std::string("Basic ") + cookie},
                                      {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
    fields.push_back(extra);
  int phase = 0;
  auto const all_routes = [&](const std::string& prefix) {
    ++phase;
    for (auto const& row : dialects())
      for (bool const streamed : {false, true})
        s.ask("POST", prefix + row.path + "?trace=" + query, body_of(row, streamed, prompt, phase), fields);
  };
  auto const clouds_do = [&](const script& what) {
    for (auto const& row : dialects()) (row.anthropic ? w.anthropic : w.openai).on(row.path, what);
  };
  std::vector<int> const statuses{500, 529, 429, 402, 401, 403, 302, 400, 404, 422};

  all_routes("");
  s.ask("GET", "/v1/models", {}, fields);
  s.ask("POST", "/v1/messages/count_tokens", body_of(dialects()[3], false, prompt), fields);
  all_routes("/w/legal");
  s.ask(
      "POST", "/api/chat",
      R"({"model":"llama3.1:8b","stream":false,"messages":[{"role":"user","content":")" + std::string(prompt) + "\"}]}",
      fields);
  auto const unjudged = [&](const script& what) {
    for (auto* cloud : {&w.openai, &w.anthropic}) cloud->on("/v1/files", what);
    s.ask("GET", "/v1/files", {}, fields);
    s.ask("POST", "/v1/files", "a short file", fields);
    s.ask("POST", "/v1/files", std::string(100'000, 'f'), fields);  // streamed through
    auto anthropic = fields;
    anthropic.emplace_back("anthropic-version", "2023-06-01");
    s.ask("GET", "/v1/files", {}, anthropic);
  };
  for (int const status : statuses) {
    clouds_do(telltale(status));
    all_routes("");
    unjudged(telltale(status));
    for (int how = 0; how < ways_to_whisper; ++how) unjudged(whisper(status, how));
  }
  for (auto const& broken :
       {std::string(html_page), std::string("{\"x\":\""), std::string(R"({"error":{"message":")")}) {
    clouds_do(telltale(200, broken));
    all_routes("");
  }
  for (auto const& row : dialects())
    (row.anthropic ? w.anthropic : w.openai).on(row.path, stream_then(cloud_events(row), 3, [](served_connection& c) {
                                                  c.reset();
                                                }));
  all_routes("");

  // Then nobody can help: whatever the cloud said may become the caller's answer.
  for (auto const* path : {"/api/chat", "/api/tags"}) w.ollama.on(path, telltale(500));
  for (int const status : statuses) {
    clouds_do(telltale(status));
    all_routes("");
  }
  all_routes("/w/legal");
  w.ollama.on("/api/chat", telltale(400));
  all_routes("/w/legal");
  for (int const status : {302, 400, 401, 404, 500}) {
    for (auto const* path : {"/api/chat", "/api/tags"}) w.ollama.on(path, telltale(status));
    s.ask("GET", "/api/tags", {}, fields);
    s.ask("POST", "/api/chat", R"({"model":"llama3.1:8b","messages":[]})", fields);
  }
  w.openai.stop();
  w.anthropic.stop();
  w.ollama.stop();
  all_routes("");
  all_routes("/w/legal");

  // None of it proves anything if the cloud was not asked.
  EXPECT_GE(w.openai.requests().size(), 6U * 14);
  EXPECT_GE(w.anthropic.requests().size(), 2U * 14);

  // And requests that are none.
  std::string head;
  for (auto const& [name, value] : fields) head += name + ": " + value + "\r\n";
  s.send("POST /v1/chat/completions HTTP/1.1\r\n" + head + "\r\n");
  s.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + head +
         "\r\n{}");
  s.send("GET /no/such/path?" + std::string(query) + " HTTP/1.1\r\nHost: localhost\r\n" + head + "\r\n");
  s.send("GET /v1/../x HTTP/1.1\r\nHost: localhost\r\n" + head + "\r\n");
  s.send("GET /v1/models HTTP/1.1\r\nHost: evil.test\r\n" + head + "\r\n");
  s.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n" + head + "\r\n");
  s.send("TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\n" + head + "\r\n");
  s.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + head +
         "\r\nzz\r\n" + prompt);
  s.ask("POST", "/v1/chat/completions", std::string("not json ") + prompt, fields);
}

namespace {

/// Explanations of a request with everything that a caller sends, and every command that tells of the daemon.
void ask_about(scan& s, const field_list& right, const field_list& keys) {
  temporary_folder const mine;
  for (auto const& row : dialects()) {
    nlohmann::json asked{{"path", std::string(row.path) + "?trace=" + query},
                         {"headers", {{"Cookie", std::string("session=") + cookie}}},
                         {"body", nlohmann::json::parse(body_of(row, true, prompt))}};
    std::vector<std::string> more{"--path", asked["path"], "--header", std::string("Cookie: session=") + cookie};
    for (auto const& [name, value] : keys) {
      asked["headers"][name] = value;
      more.insert(more.end(), {"--header", name + ": " + value});
    }
    s.administer("POST", "/api/explain", asked.dump(), right);
    mine.write("request.json", body_of(row, true, prompt));
    more.insert(more.end(), {"--request", mine.file("request.json")});
    for (auto const& how : std::vector<std::vector<std::string>>{{"--socket", s.socket()},
                                                                 {"--json", "--socket", s.socket()},
                                                                 {"--offline", "--config", s.configuration()}}) {
      std::vector<std::string> words{"explain"};
      words.insert(words.end(), more.begin(), more.end());
      words.insert(words.end(), how.begin(), how.end());
      s.command(words, {0});
    }
  }
  s.administer("GET", "/api/readiness", {}, right);
  s.administer("POST", "/api/readiness", R"({"wait":"1s"})", right);
  s.reload(right);
  s.command({"status", "--socket", s.socket()}, {0, 10});
  s.command({"status", "--json", "--socket", s.socket()}, {0, 10});
  s.command({"contingency", "status", "--socket", s.socket()}, {0});
  s.command({"readiness", "--socket", s.socket()}, {2});
  s.command({"readiness", "--once", "--json", "--config", s.configuration()}, {2});
  s.command({"check", "--config", s.configuration()}, {0});
  s.command({"check", "--json", "--config", s.configuration()}, {0});
  s.command({"env", "--socket", s.socket()}, {0});
  s.command({"env", "--json", "--socket", s.socket()}, {0});
  s.command({"init", "--yes", "--output", mine.file("first.yaml")}, {0});
  s.command({"init", "--yes", "--json", "--force", "--output", mine.file("first.yaml")}, {0});
  s.read(mine.file("first.yaml"));
}

}  // namespace

void administrate(scan& s, const field_list& keys) {
  field_list const right{{"Authorization", std::string("Bearer ") + admin_token}, {"Content-Type", "application/json"}};
  field_list const wrong{{"Authorization", std::string("Bearer ") + wrong_token}, {"Content-Type", "application/json"}};
  for (auto const* path : {"/", "/metrics", "/api/status", "/api/contingency", "/livez", "/readyz", "/nothing",
                           "/api/status?x=qu3ry-19ab77f0c3d2"})
    s.administer("GET", path, {}, right);
  s.administer("PUT", "/api/contingency", R"({"workflows":["sales"],"reason":"drill"})", right);
  s.administer("DELETE", "/api/contingency", "{}", right);
  for (int i = 0; i < 8; ++i) s.administer("PUT", "/api/contingency", R"({"reason":"x"})", wrong);
  s.administer("PUT", "/api/contingency", R"({"reason":)", {}, false);
  s.administer("POST", "/api/explain", R"({"workflow":"legal","model":"gpt-4o"})", {}, false);
  s.listen_to_events();
  ask_about(s, right, keys);
}

world_options marked_options() {
  world_options options;
  options.workflows =
      "workflows: {default: {policy: cloud_first}, legal: {policy: local_only}, sales: {policy: cloud_first}}";
  options.admin_more = ", token: {env: ADMIN_TOKEN}";
  options.environment = {{"ADMIN_TOKEN", admin_token},
                         {"SOMEBODYS_SECRET", stranger},
                         {"HTTPS_PROXY", std::string("http://user:") + proxy_password + "@127.0.0.1:9"},
                         {"TIDEOVER_LOG_LEVEL", "trace"}};
  return options;
}

void give_words(world& w) {
  said cloud;
  cloud.words = {cloud_said};
  serve_cloud(w.openai, cloud);
  cloud.model = "claude-sonnet-4-5";
  serve_cloud(w.anthropic, cloud);
  serve_ollama(w.ollama, {ollama::model{}}, {local_said});
}

std::vector<mark> marks_of_everybody() {
  return {
      {"a prompt", prompt, {"openai", "anthropic", "ollama"}, {"answers"}},  // a cloud's error may quote it
      {"a cloud's answer", cloud_said, {"answers"}},
      {"a local answer", local_said, {"answers"}},
      {"a cookie", cookie, {}},
      {"a query", query, {"openai", "anthropic"}},
      {"a variable of the environment", stranger, {}},
      {"the password of an HTTP proxy", proxy_password, {}},
      {"the admin token", admin_token, {}},
      {"a wrong admin token", wrong_token, {}},
      {"a key in the shell of whoever runs commands", stranger_key, {}},
  };
}

}  // namespace tideover::test
