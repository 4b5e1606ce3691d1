// `local_only` is a promise, down to the name lookup. Here both clouds have names and are reachable by them, in a
// network of the test's own with a name server that counts questions: no way out of the house may cost one, and no
// connection. Each way is a state of the local tier, of the configuration or of the caller in which something might
// think of a cloud.
#include <csignal>

#include "integration/escapes.hpp"
#include "integration/world.hpp"
#include "support/fault_gate.hpp"
#include "support/name_server.hpp"
#include "support/own_network.hpp"

namespace tideover::test {
namespace {

using namespace escapes;

const std::vector<const char*> generations{"/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses",
                                           "/v1/completions"};

/// A world whose clouds have names that lead to an address which counts connections.
struct house {
  test_ca ca;
  world w{make_server_context(ca.good().certificate_file, ca.good().key_file)};
  name_server names{"127.0.0.1", 53};
  fault_gate openai{w.openai.port(), cloud_address, w.openai.port()};
  fault_gate anthropic{w.anthropic.port(), cloud_address, w.anthropic.port()};
  world_options options;
  gate go_on;  // of a local model that waits

  house() {
    for (auto const* name : {"cloud.test", "anthropic.test"}) names.set(name, {.addresses = {cloud_address}});
    options.openai_url = "https://cloud.test:" + std::to_string(w.openai.port());
    options.anthropic_url = "https://anthropic.test:" + std::to_string(w.anthropic.port());
    options.local_timeouts = "{connect: 300ms, first_content: 300ms, response: 300ms, idle: 300ms, total: 1s}";
    options.openai_more = ", retry: {attempts: 3}, tls: {ca_file: \"" + ca.ca_file() + "\"}";
    options.workflows =
        "workflows: {default: {policy: cloud_first}, legal: {policy: local_only}, far: {policy: cloud_only}, "
        "hasty: {policy: cloud_first, hedge_after: 10ms, deadline: 5s}, "
        "sticky: {policy: cloud_first, stream: {on_cut: continue}}}";
  }
  void local_does(const script& what) {
    for (auto const* path : generations) w.ollama.on(path, what);
  }
  unsigned questions() const { return names.questions("cloud.test") + names.questions("anthropic.test"); }
  unsigned connections() const { return openai.connections() + anthropic.connections(); }
  std::uint16_t port() { return w.daemon().port(); }
};

/// Sends it and waits until the caller's side is over.
void send(house& h, const std::string& bytes) {
  raw_client client(h.port());
  client.send(bytes);
  // To the answer: a caller who has closed its side, even half of it, would be taken for gone before anything could
  // fail.
  auto const answer = client.read_answer();
  EXPECT_NE(answer.status, 0);
  EXPECT_NE(answer.field("x-tideover-tier"), "cloud") << answer.head.raw;
}

void send_all_attacks(house& h) {
  for (auto const& r : attacks()) {
    SCOPED_TRACE(r.what);
    send(h, r.bytes);
    ASSERT_EQ(h.questions(), 0U);
    ASSERT_EQ(h.connections(), 0U);
  }
}

const std::string legal = "X-Tideover-Workflow: legal\r\n";
std::string ask(const std::string& path, const std::string& fields = {}, const std::string& more = {}) {
  return request("POST", path, fields, chat(more));
}
/// Whole and streamed, the workflow named in each way.
void send_some(house& h, const std::string& prefix = "/w/legal", const std::string& fields = {}) {
  for (auto const* more : {"", R"(,"stream":true)"}) send(h, ask(prefix + "/v1/chat/completions", fields, more));
  send(h, request("POST", prefix + "/v1/messages", fields, message()));
}

struct way {
  const char* name;
  std::function<void(house&)> prepare;                     // before the daemon starts
  std::function<void(house&)> happens = send_all_attacks;  // while it runs
};

void PrintTo(const way& w, std::ostream* out) { *out << w.name; }

std::vector<way> ways() {
  auto const local = [](script what) { return [what](house& h) { h.local_does(what); }; };
  return {
      {"local_is_well", [](house&) {}},
      {"local_answers_500", local(reply(500, R"({"error":"out of memory"})"))},
      {"local_answers_401", local(reply(401, R"({"error":"unauthorized"})"))},
      {"local_answers_404", local(reply(404, R"({"error":"model \"llama3.1:8b\" not found"})"))},
      {"local_answers_429", local(reply(429, R"({"error":"busy"})"))},
      {"local_redirects_to_the_cloud",
       [](house& h) {
         h.local_does(reply(302, "", {{"Location", h.options.openai_url + "/v1/chat/completions"}}));
       }},
      {"local_answers_with_a_page", local(reply(200, std::string(html_page), {}, "text/html"))},
      {"local_answers_nothing", local(reply(200, ""))},
      {"local_is_cold", local(silence())},
      {"local_hangs_up", local(hang_up())},
      {"local_resets", local(reset_connection())},
      {"local_talks_nonsense", local(raw_bytes("\x16\x03\x01 nonsense"))},
      {"local_streams_are_cut",
       local(stream_then(ollama::native_chat_lines({}), 2, [](served_connection& c) { c.reset(); }))},
      {"local_is_down", [](house&) {},
       [](house& h) {
         h.w.ollama.stop();
         send_all_attacks(h);
       }},
      {"local_lost_its_models", [](house& h) { serve_ollama(h.w.ollama, {}); }},
      {"local_has_cloud_models_only",
       [](house& h) {
         ollama::model m;
         m.name = "gpt-oss:120b-cloud";
         serve_ollama(h.w.ollama, {m});
       }},
      {"local_queue_is_full",
       [](house& h) {
         h.options.local_more = ", concurrency: 1, queue: {limit: 1, wait: 200ms}";
         h.options.local_timeouts = "{connect: 5s, first_content: 60s, response: 60s, idle: 60s, total: 2m}";
         h.local_does([door = h.go_on](served_connection& c, const recorded_request&) {
           if (c.wait(door) == io::ok) c.answer(200, ollama::native_chat({}));
         });
       },
       [](house& h) {
         raw_client working(h.port());
         working.send(ask("/w/legal/v1/chat/completions"));
         ASSERT_TRUE(eventually([&] { return !h.w.local_generations().empty(); }));
         for (int i = 0; i < 4; ++i) send_some(h);
         h.go_on.open();
         EXPECT_EQ(working.read_answer().status, 200);
       }},
      {"contingency_is_lifted_in_the_middle",
       [](house& h) {
         h.options.local_timeouts = "{connect: 5s, first_content: 60s, response: 60s, idle: 60s, total: 2m}";
         h.local_does([door = h.go_on](served_connection& c, const recorded_request&) {
           if (c.wait(door) == io::ok) c.answer(500, R"({"error":"no"})");
         });
       },
       [](house& h) {
         raw_client admin(h.w.daemon().folder().file("admin.sock"));
         admin.request("PUT", "/api/contingency", R"({"workflows":["legal"],"reason":"x"})");
         ASSERT_EQ(admin.read_answer().status, 200);
         raw_client waiting(h.port());
         waiting.send(ask("/w/legal/v1/chat/completions"));
         ASSERT_TRUE(eventually([&] { return !h.w.local_generations().empty(); }));
         admin.request("DELETE", "/api/contingency", "{}");
         ASSERT_EQ(admin.read_answer().status, 200);
         h.go_on.open();
         EXPECT_EQ(waiting.read_answer().status, 503);
       }},
      {"contingency_goes_on_and_off_all_the_time", [](house& h) { h.local_does(hang_up()); },
       [](house& h) {
         raw_client admin(h.w.daemon().folder().file("admin.sock"));
         for (int i = 0; i < 10; ++i) {
           admin.request(i % 2 == 0 ? "PUT" : "DELETE", "/api/contingency", R"({"reason":"x"})");
           ASSERT_EQ(admin.read_answer().status, 200);
           send_some(h);
         }
       }},
      {"under_a_workflow_that_hedges", local(silence()), [](house& h) { send_some(h, "/w/hasty", legal); }},
      {"under_a_workflow_that_continues_streams",
       local(stream_then(ollama::native_chat_lines({}), 2, [](served_connection& c) { c.close(); })),
       [](house& h) { send_some(h, "/w/sticky", legal); }},
      {"under_a_workflow_of_the_cloud_alone", local(hang_up()), [](house& h) { send_some(h, "/w/far", legal); }},
      {"the_header_against_a_strict_path", local(hang_up()),
       [](house& h) {
         for (auto const* loose : {"default", "far", "hasty", "sticky"})
           send_some(h, "/w/legal", std::string("X-Tideover-Workflow: ") + loose + "\r\n");
       }},
      {"a_key_that_is_bound",
       [](house& h) {
         h.local_does(hang_up());
         h.options.more =
             "clients: {required: true, keys: [{name: a, workflow: legal, sha256: "
             "\"11495e1880a47e3257e30d187a4fa2b76142d586e7fdb6192223fa131394b0b7\"}]}\n";
       },
       [](house& h) {
         for (auto const* prefix : {"", "/w/default", "/w/far", "/w/hasty"}) {
           raw_client client(h.port());
           auto const answer = client.post(std::string(prefix) + "/v1/chat/completions", chat(),
                                           {{"Authorization", "Bearer tide-canary-crm"}});
           EXPECT_EQ(answer.status, 503) << prefix;
         }
       }},
      {"http_proxies_are_set",
       [](house& h) {
         h.local_does(hang_up());
         for (auto const* name : {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"})
           h.options.environment[name] = "http://cloud.test:" + std::to_string(h.w.openai.port());
       }},
      {"two_requests_of_two_workflows_on_one_connection", local(hang_up()),
       [](house& h) {
         // Only what is before the other one: the default workflow may ask its cloud, and does.
         raw_client client(h.port());
         client.send(ask("/w/legal/v1/chat/completions") + ask("/v1/chat/completions", legal));
         EXPECT_EQ(client.read_answer().status, 503);
         EXPECT_EQ(client.read_answer().status, 503);
       }},
      {"the_caller_leaves", local(silence()),
       [](house& h) {
         for (int i = 0; i < 5; ++i) {
           raw_client client(h.port());
           client.send(ask("/w/legal/v1/chat/completions"));
           ASSERT_TRUE(eventually([&] { return h.w.local_generations().size() > static_cast<std::size_t>(i); }));
           client.reset();
         }
         ASSERT_EQ(h.w.daemon().wait_for_log("request", 5).size(), 5U);
       }},
      {"the_deadline_passes",
       [](house& h) {
         h.local_does(silence());
         h.options.workflows =
             "workflows: {default: {policy: cloud_first}, legal: {policy: local_only, deadline: 200ms}}";
       },
       [](house& h) { send_some(h); }},
      {"the_daemon_drains", local(silence()),
       [](house& h) {
         raw_client client(h.port());
         client.send(ask("/w/legal/v1/chat/completions"));
         ASSERT_TRUE(eventually([&] { return !h.w.local_generations().empty(); }));
         h.w.daemon().signal(SIGTERM);
         EXPECT_EQ(client.read_answer().status, 503);
         EXPECT_EQ(h.w.daemon().wait_for_exit(), 0);
       }},
      {"local_has_a_name_that_is_rebound",
       [](house& h) {
         h.names.set("ollama.test", {.addresses = {public_address}});
         h.options.ollama_url = "http://ollama.test:" + std::to_string(h.w.ollama.port());
       },
       [](house& h) {
         fault_gate outside(h.w.ollama.port(), public_address, h.w.ollama.port());
         send_some(h);
         raw_client client(h.port());
         auto const answer = client.post("/w/legal/v1/chat/completions", chat());
         EXPECT_EQ(answer.status, 503);
         EXPECT_EQ(outside.connections(), 0U) << "what is meant to stay in the house went to a public address";
         EXPECT_GE(h.names.questions("ollama.test"), 1U);
       }},
      {"local_has_a_name_with_two_faces",
       [](house& h) {
         h.names.set("ollama.test", {.addresses = {public_address, "127.0.0.1"}});
         h.options.ollama_url = "http://ollama.test:" + std::to_string(h.w.ollama.port());
       },
       [](house& h) {
         fault_gate outside(h.w.ollama.port(), public_address, h.w.ollama.port());
         raw_client client(h.port());
         expect_local(client.post("/w/legal/v1/chat/completions", chat()), "policy");
         EXPECT_EQ(outside.connections(), 0U);
       }},
      {"local_has_a_name_that_is_gone",
       [](house& h) { h.options.ollama_url = "http://nowhere.test:" + std::to_string(h.w.ollama.port()); },
       [](house& h) { send_some(h); }},
  };
}

class LocalOnlyWays : public testing::TestWithParam<way> {};

TEST_P(LocalOnlyWays, CostNeitherAConnectionNorALookup) {
  if (!has_own_network()) GTEST_SKIP() << "a network of its own needs root";
  house h;
  GetParam().prepare(h);
  h.w.start(h.options);
  GetParam().happens(h);
  EXPECT_EQ(h.questions(), 0U);
  EXPECT_EQ(h.connections(), 0U);
  EXPECT_EQ(h.w.openai.connections() + h.w.anthropic.connections(), 0U);
}

std::string name_of(const testing::TestParamInfo<way>& of) { return of.param.name; }
INSTANTIATE_TEST_SUITE_P(Out, LocalOnlyWays, testing::ValuesIn(ways()), name_of);

// The control: by the same names, with the same counters, a workflow that may ask its cloud is seen to do so.
TEST(LocalOnlyWaysControl, AWorkflowThatMayAskIsSeen) {
  if (!has_own_network()) GTEST_SKIP() << "a network of its own needs root";
  house h;
  h.w.start(h.options);
  expect_cloud(h.w.chat());
  EXPECT_GE(h.questions(), 1U);
  EXPECT_GE(h.connections(), 1U);
}

}  // namespace
}  // namespace tideover::test
