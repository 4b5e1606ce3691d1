// One scan for every secret: each has a mark of its own, the daemon goes through successes, failovers, errors and
// administration, and then every byte that it wrote anywhere is searched for every mark. A mark may be found only where
// it belongs, and must be found there: a scan that never finds anything would prove nothing.
#include <algorithm>
#include <filesystem>
#include <set>

#include "integration/world.hpp"
#include "support/run_program.hpp"

namespace tideover::test {
namespace {

namespace fs = std::filesystem;

/// Everything that was written, by where.
using sinks = std::map<std::string, std::string>;

struct mark {
  std::string what;
  std::string text;  // found whole or in its beginning, so that a shortened secret is a leak too
  std::set<std::string> belongs;
  std::set<std::string> may = {};  // be in there as well
};

constexpr std::size_t enough_to_leak = 12;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string base64(const std::string& text) {
  constexpr auto digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i + 3 <= text.size(); i += 3) {
    unsigned const three = (static_cast<unsigned char>(text[i]) << 16) |
                           (static_cast<unsigned char>(text[i + 1]) << 8) | static_cast<unsigned char>(text[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) out += digits[(three >> shift) & 63];
  }
  return out;
}

bool holds(const std::string& haystack, const std::string& secret) {
  return lower(haystack).find(lower(secret.substr(0, enough_to_leak))) != std::string::npos ||
         haystack.find(base64(secret).substr(0, enough_to_leak)) != std::string::npos;
}

void expect_each_where_it_belongs(const std::vector<mark>& marks, const sinks& written) {
  for (auto const& m : marks) {
    for (auto const& [where, bytes] : written) {
      bool const found = holds(bytes, m.text);
      bool const belongs = m.belongs.contains(where) || m.may.contains(where);
      EXPECT_FALSE(found && !belongs) << m.what << " is in: " << where;
    }
    for (auto const& where : m.belongs) {
      auto const it = written.find(where);
      ASSERT_NE(it, written.end()) << where;
      EXPECT_TRUE(holds(it->second, m.text)) << m.what << " should have been in: " << where;
    }
  }
}

std::string bytes_of(const http_answer& answer) {
  std::string all = answer.head.raw + answer.body;
  for (auto const& interim : answer.interim) all += interim.raw;
  return all;
}

constexpr auto stranger_key = "sk-shell-canary-3c4d5e6f7a";

class scan {
 public:
  /// `environment`: of commands, the daemon's own.
  scan(world& home, environment_of_program environment) : w(home), environment_(std::move(environment)) {
    // Where apps have their keys, commands look for them.
    for (auto const& name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}) environment_[name] = stranger_key;
    environment_["OLLAMA_HOST"] = w.ollama.url();
    environment_["TMPDIR"] = w.daemon().folder().path();  // where its socket is, says the file
  }

  void ask(std::string_view method, std::string_view target, std::string_view body, const field_list& fields) {
    raw_client client(w.port());
    client.request(method, target, body, fields);
    hear("answers", client.read_answer(method == "HEAD"));
  }
  void send(const std::string& bytes) {
    raw_client client(w.port());
    client.send(bytes);
    hear("answers", client.read_answer());
  }
  void administer(std::string_view method, std::string_view target, std::string_view body = {},
                  const field_list& fields = {}, bool over_tcp = true) {
    auto const client = over_tcp ? std::make_unique<raw_client>(w.daemon().admin_port())
                                 : std::make_unique<raw_client>(w.daemon().folder().file("admin.sock"));
    client->request(method, target, body, fields);
    hear("admin answers", client->read_answer());
  }
  /// What a command of ours says, whatever it says.
  void command(const std::vector<std::string>& words, const std::set<int>& exit_codes) {
    auto const told = run_tideover(words, environment_);
    EXPECT_TRUE(exit_codes.contains(told.exit_code)) << words[0] << told.exit_code << ": " << told.out << told.err;
    EXPECT_FALSE(told.out.empty() && told.err.empty()) << words[0];
    collected["commands"] += told.out + told.err;
  }
  /// With the file as it is, and with one that is wrong in a place where a secret stands.
  void reload(const field_list& right) {
    auto const file = w.daemon().folder().file("tideover.yaml");
    auto const good = read_file(file);
    administer("POST", "/api/reload", "{}", right);
    command({"reload", "--socket", socket()}, {0});
    w.daemon().folder().write("tideover.yaml",
                              good + "\nbogus: \"${SOMEBODYS_SECRET}\"\nhosts: [\"${SOMEBODYS_SECRET}/\"]\n");
    administer("POST", "/api/reload", "{}", right);
    for (auto const* how : {"--json", "--socket"}) {
      std::vector<std::string> words{"reload", "--socket", socket()};
      if (how == std::string("--json")) words.emplace_back(how);
      command(words, {78});
    }
    command({"check", "--config", file}, {78});
    command({"check", "--json", "--config", file}, {78});
    w.daemon().folder().write("tideover.yaml", good);
  }
  std::string socket() const { return w.daemon().folder().file("admin.sock"); }
  std::string configuration() const { return w.daemon().folder().file("tideover.yaml"); }
  void read(const std::string& file) { collected["commands"] += read_file(file); }

  /// Snapshot and whatever comes until something changes.
  void listen_to_events() {
    raw_client client(w.daemon().admin_port());
    client.request("GET", "/api/events");
    collected["events"] += client.read_head().head.raw;
    administer("PUT", "/api/contingency", R"({"workflows":["sales"],"reason":"listening"})", {}, false);
    for (bool changed = false; !changed;) {
      auto const event = client.next_event();
      if (!event) break;
      collected["events"] += event->raw;
      changed = event->name == "contingency";
    }
    administer("DELETE", "/api/contingency", {}, {}, false);
  }

  sinks all() {
    auto made = collected;
    made["metrics"] = w.daemon().metrics();
    made["status"] = bytes_of(get(w.daemon().admin_port(), "/api/status"));
    made["openai"] = heard_by(w.openai);
    made["anthropic"] = heard_by(w.anthropic);
    made["ollama"] = heard_by(w.ollama);
    made["file ready.json"] = read_file(w.daemon().folder().file("ready.json"));
    EXPECT_EQ(w.daemon().stop(), 0);  // with what it says and keeps at its end
    made["stdout"] = w.daemon().standard_output();
    made["stderr"] = w.daemon().standard_error();
    EXPECT_NE(made["stdout"].find("\"event\":\"request\""), std::string::npos);
    for (auto const& file : fs::recursive_directory_iterator(w.daemon().folder().path()))
      if (file.is_regular_file() && file.path().filename() != "tideover.yaml")
        made["file " + file.path().filename().string()] = read_file(file.path().string());
    EXPECT_TRUE(made.contains("file events.jsonl"));
    EXPECT_NE(made["file ready.json"], "");
    return made;
  }

 private:
  void hear(const std::string& where, const http_answer& answer) {
    EXPECT_NE(answer.status, 0);
    collected[where] += bytes_of(answer);
  }
  static std::string heard_by(const scripted_upstream& upstream) {
    std::string all;
    for (auto const& r : upstream.requests()) all += r.head + r.raw_body;
    return all;
  }

  world& w;
  environment_of_program environment_;
  sinks collected;
};

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

/// Every dialect, whole and streamed, while the cloud behaves in every way that writes something somewhere.
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
  auto const unjudged = [&](int status) {
    w.openai.on("/v1/files", telltale(status));
    w.anthropic.on("/v1/files", telltale(status));
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
    unjudged(status);
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

TEST(CanaryScan, OfConfiguredKeys) {
  world w;
  give_words(w);
  temporary_folder const keys;
  constexpr auto in_environment = "sk-env-canary-aa01bb02cc03", in_file = "sk-file-canary-dd04ee05ff06",
                 of_local = "sk-local-canary-1a2b3c4d5e", of_caller = "sk-caller-canary-0f1e2d3c4b";
  keys.write("anthropic.key", std::string(in_file) + "\n");
  keys.write("ollama.key", std::string(of_local) + "\n");
  auto options = marked_options();
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.anthropic_more = ", credential: {file: \"" + keys.file("anthropic.key") + "\"}";
  options.local_more = ", credential: {file: \"" + keys.file("ollama.key") + "\"}";
  options.environment["OPENAI_KEY"] = in_environment;
  w.start(options);
  scan s(w, options.environment);
  field_list const keys_of_caller{{"Authorization", std::string("Bearer ") + of_caller}, {"x-api-key", of_caller}};
  live(s, w, keys_of_caller);
  administrate(s, keys_of_caller);
  auto marks = marks_of_everybody();
  marks.push_back({"the key from the environment", in_environment, {"openai"}});
  marks.push_back({"the key from a file", in_file, {"anthropic"}});
  marks.push_back({"the local server's key", of_local, {"ollama"}});
  marks.push_back({"a caller's key", of_caller, {}});
  expect_each_where_it_belongs(marks, s.all());
}

TEST(CanaryScan, OfCallersKeys) {
  world w;
  give_words(w);
  constexpr auto openai_key = "sk-caller-0penai-77aa88bb99", anthropic_key = "sk-ant-caller-66cc55dd44";
  auto const options = marked_options();
  w.start(options);
  scan s(w, options.environment);
  field_list const keys_of_caller{{"Authorization", std::string("Bearer ") + openai_key}, {"x-api-key", anthropic_key}};
  live(s, w, keys_of_caller);
  administrate(s, keys_of_caller);
  auto marks = marks_of_everybody();
  // Its own goes to the cloud that it called, and comes back where that cloud quotes it.
  marks.push_back({"a caller's bearer key", openai_key, {"openai", "anthropic"}, {"answers"}});
  marks.push_back({"a caller's x-api-key", anthropic_key, {"anthropic"}, {"answers"}});
  expect_each_where_it_belongs(marks, s.all());
}

TEST(CanaryScan, OfTheHousesOwnKeys) {
  world w;
  give_words(w);
  constexpr auto house_key = "tide-canary-crm", wrong_key = "wr0ng-house-key-123abc";
  auto options = marked_options();
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.environment["OPENAI_KEY"] = "sk-env-canary-aa01bb02cc03";
  options.more =
      "clients:\n  required: true\n  keys: [{name: crm, sha256: "
      "\"11495e1880a47e3257e30d187a4fa2b76142d586e7fdb6192223fa131394b0b7\"}]\n";
  w.start(options);
  scan s(w, options.environment);
  for (int i = 0; i < 8; ++i)
    s.ask("POST", "/v1/chat/completions", chat_body, {{"Authorization", std::string("Bearer ") + wrong_key}});
  field_list const keys_of_caller{{"Authorization", std::string("Bearer ") + house_key}};
  live(s, w, keys_of_caller);
  administrate(s, keys_of_caller);
  auto marks = marks_of_everybody();
  marks.push_back({"the house's key", house_key, {}});
  marks.push_back({"a wrong key", wrong_key, {}});
  marks.push_back({"the configured key", "sk-env-canary-aa01bb02cc03", {"openai"}});
  expect_each_where_it_belongs(marks, s.all());
}

TEST(CanaryScan, OfConfigurationsThatAreRefused) {
  constexpr auto secret = "sk-misplaced-5e6f7a8b9c";
  temporary_folder const folder;
  folder.write("key", secret);
  for (auto const& yaml : std::vector<std::string>{
           "admin: {token: SECRET}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: SECRET}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: \"https://user:SECRET@h\"}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: \"SECRET\"}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: {env: \"${KEY}\"}}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: {file: \"${KEY}\"}}}\n",
           "upstreams: {o: {tier: \"${KEY}\", dialect: openai, url: https://h}}\n",
           "clients: {required: true, keys: [{name: a, sha256: SECRET}]}\n",
           "cors: {origins: [\"https://user:SECRET@h\"]}\n",
           "cors: {origins: [\"${KEY}\"]}\n",
           "hosts: [\"${KEY}/\"]\n",
           "limits: {drain: \"${KEY}\"}\n",
           "listen: [{address: \"${KEY}\"}]\n",
           "workflows: {default: {policy: \"${KEY}\"}}\n",
           "contingency: {workflows: [\"${KEY}\"]}\n",
       }) {
    auto text = yaml;
    while (text.find("SECRET") != std::string::npos) text.replace(text.find("SECRET"), 6, secret);
    daemon_process daemon({.yaml = text, .environment = {{"KEY", secret}}, .arguments = {}});
    EXPECT_FALSE(daemon.serves()) << yaml;
    EXPECT_EQ(daemon.wait_for_exit(), 78) << yaml;
    EXPECT_FALSE(holds(daemon.all_output(), secret)) << daemon.all_output();
    EXPECT_FALSE(daemon.standard_error().empty());
  }
}

}  // namespace
}  // namespace tideover::test
