// What a correct file becomes: defaults, every key, the examples that are shipped.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "fake_world.hpp"
#include "tideover/config/table.hpp"

namespace tideover::config {
namespace {

using namespace std::chrono_literals;
using test::fake_world;

std::string shipped(const std::string& name) {
  std::ifstream in(std::string(TIDEOVER_SOURCE_DIR) + "/config/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Defaults, AreThoseOfTheContract) {
  const auto result = fake_world{}.load();
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_TRUE(result.problems.empty()) << test::all_of(result);
  const auto& s = *result.snapshot;
  ASSERT_EQ(s.listeners.size(), 1u);
  EXPECT_EQ(to_string(s.listeners[0].at), "127.0.0.1:6837");
  EXPECT_FALSE(s.listeners[0].tls);
  EXPECT_FALSE(s.listeners[0].allow_unauthenticated);
  EXPECT_EQ(to_string(s.admin.at), "127.0.0.1:6838");
  EXPECT_FALSE(s.admin.token);
  ASSERT_EQ(s.upstreams.size(), 3u);
  struct row {
    std::string_view name, title, url;
    enum tier tier;
    enum dialect dialect;
  };
  std::size_t i = 0;
  for (const auto& [name, title, url, tier, dialect] : std::initializer_list<row>{
           {"openai", "OpenAI", "https://api.openai.com", tier::cloud, dialect::openai},
           {"anthropic", "Anthropic", "https://api.anthropic.com", tier::cloud, dialect::anthropic},
           {"ollama", "Ollama", "http://127.0.0.1:11434", tier::local, dialect::ollama}}) {
    const auto& u = s.upstreams[i++];
    EXPECT_EQ(u.name, name);
    EXPECT_EQ(u.title, title);
    ASSERT_EQ(u.urls.size(), 1u);
    EXPECT_EQ(u.urls[0].to_string(), url);
    EXPECT_EQ(u.tier, tier);
    EXPECT_EQ(u.dialect, dialect);
    EXPECT_FALSE(u.credential);
    EXPECT_EQ(s.find_upstream(name), &u);
  }
  const auto& cloud = s.upstreams[0].timeouts;
  EXPECT_EQ(cloud.connect, 3s);
  EXPECT_EQ(cloud.first_content, 30s);
  EXPECT_EQ(cloud.response, 120s);
  EXPECT_EQ(cloud.reasoning, 300s);
  EXPECT_EQ(cloud.idle, 30s);
  EXPECT_EQ(cloud.total, 10min);
  const auto& breaker = s.upstreams[0].breaker;
  EXPECT_EQ(breaker.failures_to_open, 3u);
  EXPECT_EQ(breaker.failure_ratio, 0.5);
  EXPECT_EQ(breaker.min_requests, 10u);
  EXPECT_EQ(breaker.window, 30s);
  EXPECT_EQ(breaker.open_for, 5s);
  EXPECT_EQ(breaker.open_for_max, 60s);
  const auto& local = s.upstreams[2].timeouts;
  EXPECT_EQ(local.connect, 1s);
  EXPECT_EQ(local.first_content, 120s);
  EXPECT_EQ(local.response, 10min);
  EXPECT_EQ(local.idle, 60s);
  EXPECT_EQ(local.total, 15min);
  EXPECT_TRUE(s.models.empty());
  ASSERT_EQ(s.workflows.size(), 1u);
  ASSERT_NE(s.find_workflow("default"), nullptr);
  EXPECT_EQ(s.find_workflow("default")->policy, policy_kind::cloud_first);
  EXPECT_EQ(s.find_workflow("defaul"), nullptr);
  EXPECT_FALSE(s.in_contingency("default"));
  EXPECT_TRUE(s.response_headers);
  EXPECT_EQ(s.workers, 0u);
  EXPECT_EQ(s.source, "");
}

// One row per supported key that holds a value: how it is written where, a value that is fine, one that is not.
struct key_example {
  std::string_view path;
  std::string_view before, good, bad, after;
};

constexpr std::string_view local_open = "upstreams: {ollama: {tier: local, url: http://h, ";
constexpr std::string_view https_open = "upstreams: {ollama: {tier: local, url: https://h, ";
constexpr std::string_view timeouts_open = "upstreams: {ollama: {tier: local, url: http://h, timeouts: {";
constexpr std::string_view cloud_open = "upstreams: {openai: {tier: cloud, dialect: openai, url: https://h, ";
constexpr std::string_view workflow_open = "workflows: {w: {policy: cloud_first, ";
constexpr std::string_view parameters_open = "workflows: {w: {parameters: {";
constexpr std::string_view breaker_open =
    "upstreams: {openai: {tier: cloud, dialect: openai, url: https://h, breaker: {";

constexpr std::string_view key_open =
    "clients: {keys: [{name: crm, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
constexpr std::string_view key_close = ", sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}";

const key_example key_examples[] = {
    {"listen[].address", "listen: [{address: ", "\"[::1]:0\"", "localhost", "}]"},
    {"listen[].tls.certificate", "listen: [{address: 127.0.0.1:0, tls: {key: /k.pem, certificate: ", "/c.pem", "/none",
     "}}]"},
    {"listen[].tls.key", "listen: [{address: 127.0.0.1:0, tls: {certificate: /c.pem, key: ", "/k.pem", "\"-----BEGIN\"",
     "}}]"},
    {"listen[].tls.client_ca", "listen: [{address: 127.0.0.1:0, tls: {certificate: /c.pem, key: /k.pem, client_ca: ",
     "/c.pem", "\"-----BEGIN\"", "}}]"},
    {"listen[].allow_unauthenticated", "listen: [{address: 0.0.0.0:0, allow_unauthenticated: ", "true", "false", "}]"},
    {"admin.address", "admin: {address: ", "127.0.0.1:0", "127.0.0.1", "}"},
    {"admin.allow_unauthenticated", "admin: {address: 0.0.0.0:0, allow_unauthenticated: ", "true", "false", "}"},
    {"admin.socket", "admin: {socket: ", "run/x.sock", "/run/", "}"},
    {"admin.token", "admin: {token: ", "{env: KEY}", "k-123", "}"},
    {"clients.required", key_open, "}], required: false", "}], required: no", "}"},
    {"clients.keys[].name", "clients: {keys: [{name: ", "crm", "\"a b\"", key_close},
    {"clients.keys[].sha256", "clients: {keys: [{name: crm, sha256: ",
     "9F86D081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d081", "}]}"},
    {"clients.keys[].workflow", key_open, ", workflow: default}", ", workflow: legal}", "]}"},
    {"clients.keys[].models[]", key_open, ", models: [\"gpt-4o*\"]}", ", models: [\"a b\"]}", "]}"},
    {"clients.keys[].requests_per_minute", key_open, ", requests_per_minute: 1}", ", requests_per_minute: 0}", "]}"},
    {"upstreams.*.tier", "upstreams: {openai: {url: https://h, tier: ", "cloud", "none", "}}"},
    {"upstreams.*.dialect", "upstreams: {x: {url: https://h, tier: cloud, dialect: ", "anthropic", "gemini", "}}"},
    {"upstreams.*.url", "upstreams: {ollama: {tier: local, url: ", "http://10.0.0.1:11434", "10.0.0.1:11434", "}}"},
    {"upstreams.*.urls[]", "upstreams: {ollama: {tier: local, urls: [", "http://a, http://b", "http://a, http://a",
     "]}}"},
    {"upstreams.*.credential", local_open, "credential: {env: KEY}", "credential: k-123", "}}"},
    {"upstreams.*.allow_public", "upstreams: {ollama: {tier: local, url: http://8.8.8.8, allow_public: ", "true",
     "false", "}}"},
    {"upstreams.*.timeouts.connect", timeouts_open, "connect: 1ms", "connect: 0ms", "}}}"},
    {"upstreams.*.timeouts.first_content", timeouts_open, "first_content: 24h", "first_content: 25h", "}}}"},
    {"upstreams.*.timeouts.response", timeouts_open, "response: 5m", "response: 300", "}}}"},
    {"upstreams.*.timeouts.reasoning", timeouts_open, "reasoning: 1d", "reasoning: 1w", "}}}"},
    {"upstreams.*.timeouts.idle", timeouts_open, "idle: 86400s", "idle: 86401s", "}}}"},
    {"upstreams.*.timeouts.total", timeouts_open, "total: 1h", "total: -1h", "}}}"},
    {"upstreams.*.breaker.failures_to_open", breaker_open, "failures_to_open: 1", "failures_to_open: 0", "}}}"},
    {"upstreams.*.breaker.failure_ratio", breaker_open, "failure_ratio: 1", "failure_ratio: 0", "}}}"},
    {"upstreams.*.breaker.min_requests", breaker_open, "min_requests: 1000000", "min_requests: 1000001", "}}}"},
    {"upstreams.*.breaker.window", breaker_open, "window: 1ms", "window: 0s", "}}}"},
    {"upstreams.*.breaker.open_for", breaker_open, "open_for: 60s", "open_for: 61s", "}}}"},
    {"upstreams.*.breaker.open_for_max", breaker_open, "open_for_max: 5s", "open_for_max: 4s", "}}}"},
    {"upstreams.*.tls.ca_file", https_open, "tls: {ca_file: /c.pem}", "tls: {ca_file: /none}", "}}"},
    {"upstreams.*.tls.server_name", https_open, "tls: {server_name: a.example}", "tls: {server_name: a b}", "}}"},
    {"upstreams.*.retry.attempts", cloud_open, "retry: {attempts: 5}", "retry: {attempts: 6}", "}}"},
    {"upstreams.*.retry.max_wait", cloud_open, "retry: {max_wait: 1ms}", "retry: {max_wait: 0s}", "}}"},
    {"upstreams.*.concurrency", local_open, "concurrency: 1", "concurrency: 0", "}}"},
    {"upstreams.*.context_tokens", local_open, "context_tokens: auto", "context_tokens: Auto", "}}"},
    {"upstreams.*.queue.limit", local_open, "queue: {limit: 0}", "queue: {limit: -1}", "}}"},
    {"upstreams.*.queue.wait", local_open, "queue: {wait: 5s}", "queue: {wait: 0s}", "}}"},
    {"upstreams.*.keep_warm[]", local_open, "keep_warm: [\"llama3.1:8b\"]", "keep_warm: [\"*\"]", "}}"},
    {"upstreams.*.readiness.interval", local_open, "readiness: {interval: 1h}", "readiness: {interval: 1}", "}}"},
    {"upstreams.*.readiness.min_tokens_per_second", local_open, "readiness: {min_tokens_per_second: 0.5}",
     "readiness: {min_tokens_per_second: -1}", "}}"},
    {"upstreams.*.readiness.min_gpu_fraction", local_open, "readiness: {min_gpu_fraction: 1}",
     "readiness: {min_gpu_fraction: 1.1}", "}}"},
    {"upstreams.*.readiness.max_load_time", local_open, "readiness: {max_load_time: 5m}",
     "readiness: {max_load_time: 5}", "}}"},
    {"models[].prefill", "models: [{cloud: a, local: b, prefill: ", "\"yes\"", "maybe", "}]"},
    {"workflows.*.priority", workflow_open, "priority: high", "priority: urgent", "}}"},
    {"workflows.*.hedge_after", workflow_open, "hedge_after: 8s", "hedge_after: 8", "}}"},
    {"workflows.*.stream.on_cut", workflow_open, "stream: {on_cut: continue}", "stream: {on_cut: resume}", "}}"},
    {"workflows.*.stream.hold_for", workflow_open, "stream: {hold_for: 60s}", "stream: {hold_for: 61s}", "}}"},
    {"workflows.*.embeddings", workflow_open, "embeddings: any_model", "embeddings: none", "}}"},
    {"workflows.*.models[].cloud", workflow_open, "models: [{local: a, cloud: \"*\"}]",
     "models: [{local: a, cloud: \"\"}]", "}}"},
    {"workflows.*.models[].local", workflow_open, "models: [{cloud: a, local: b}]",
     "models: [{cloud: a, local: \"*\"}]", "}}"},
    {"workflows.*.models[].prefill", workflow_open, "models: [{cloud: a, local: b, prefill: \"no\"}]",
     "models: [{cloud: a, local: b, prefill: never}]", "}}"},
    {"workflows.*.system_prompt.mode", workflow_open, "system_prompt: {text: a, mode: replace}",
     "system_prompt: {text: a, mode: instead}", "}}"},
    {"workflows.*.system_prompt.text", workflow_open, "system_prompt: {text: Be brief. No jokes.}",
     "system_prompt: {text: \" \"}", "}}"},
    {"workflows.*.parameters.temperature", parameters_open, "temperature: 0", "temperature: 2.1", "}}}"},
    {"workflows.*.parameters.top_p", parameters_open, "top_p: 1", "top_p: 1.1", "}}}"},
    {"workflows.*.parameters.min_p", parameters_open, "min_p: 0.05", "min_p: -0.1", "}}}"},
    {"workflows.*.parameters.frequency_penalty", parameters_open, "frequency_penalty: -2", "frequency_penalty: -3",
     "}}}"},
    {"workflows.*.parameters.presence_penalty", parameters_open, "presence_penalty: 2", "presence_penalty: 3", "}}}"},
    {"workflows.*.parameters.repeat_penalty", parameters_open, "repeat_penalty: 1.1", "repeat_penalty: 3", "}}}"},
    {"workflows.*.parameters.top_k", parameters_open, "top_k: 1", "top_k: 0", "}}}"},
    {"workflows.*.parameters.seed", parameters_open, "seed: 0", "seed: -1", "}}}"},
    {"workflows.*.parameters.max_tokens", parameters_open, "max_tokens: 100", "max_tokens: 1.5", "}}}"},
    {"models[].cloud", "models: [{local: a, cloud: ", "\"*\"", "\"\"", "}]"},
    {"models[].local", "models: [{cloud: a, local: ", "llama3.1:8b", "\"llama*\"", "}]"},
    {"workflows.*.policy", "workflows: {w: {policy: ", "local_only", "cloud-only", "}}"},
    {"workflows.*.deadline", "workflows: {w: {deadline: ", "1ms", "1", "}}"},
    {"limits.request_body", "limits: {request_body: ", "1B", "0B", "}"},
    {"limits.request_head", "limits: {request_head: ", "1KiB", "1023B", "}"},
    {"limits.response_body", "limits: {response_body: ", "64GiB", "65GiB", "}"},
    {"limits.replay_memory", "limits: {replay_memory: ", "1024GiB", "1025GiB", "}"},
    {"limits.connections", "limits: {connections: ", "1000000", "1000001", "}"},
    {"limits.connections_per_address", "limits: {connections_per_address: ", "auto", "0", "}"},
    {"limits.head_timeout", "limits: {head_timeout: ", "1ms", "0ms", "}"},
    {"limits.keep_alive", "limits: {keep_alive: ", "24h", "1", "}"},
    {"limits.write_stall", "limits: {write_stall: ", "2m", "2M", "}"},
    {"limits.drain", "limits: {drain: ", "0s", "0", "}"},
    {"hosts[]", "hosts: [", "AI.example.com, 10.0.0.1", "ai.example.com/", "]"},
    {"cors.origins[]", "cors: {origins: [", "\"https://a.example\", \"tauri://localhost\"", "\"https://a.example/\"",
     "]}"},
    {"contingency.workflows[]", "contingency: {workflows: [", "default, all", "other", "]}"},
    {"log.level", "log: {level: ", "trace", "TRACE", "}"},
    {"log.format", "log: {format: ", "json", "logfmt", "}"},
    {"headers", "headers: ", "none", "false", ""},
};

TEST(EveryKey, TakesAGoodValueAndRefusesABadOne) {
  fake_world world;
  world.variables = {{"KEY", "k-123"}};
  world.files = {{"/c.pem", {"CERT"}}, {"/k.pem", {"KEY"}}};
  std::set<std::string_view> covered;
  for (const auto& example : key_examples) {
    covered.insert(example.path);
    const auto with = [&](std::string_view text) {
      return std::string(example.before) + std::string(text) + std::string(example.after) + "\n";
    };
    const auto good = world.load_text(with(example.good));
    EXPECT_TRUE(good.ok()) << with(example.good) << test::all_of(good);
    const auto bad = world.load_text(with(example.bad));
    EXPECT_FALSE(bad.ok()) << with(example.bad);
    EXPECT_EQ(test::errors_in(bad), 1u) << with(example.bad) << test::all_of(bad);
  }
  for (const auto& row : key_table()) {
    const bool holds_a_value =
        row.kind != value_kind::map && row.kind != value_kind::map_of && row.kind != value_kind::list;
    if (row.supported && holds_a_value) {
      EXPECT_TRUE(covered.contains(row.path)) << row.path << " has no example";
    }
  }
}

TEST(EveryKey, OfThisVersionHasADestinationAndADescription) {
  std::set<std::string_view> paths;
  for (const auto& row : key_table()) {
    EXPECT_TRUE(paths.insert(row.path).second) << row.path << " is in the table twice";
    EXPECT_FALSE(row.description.empty()) << row.path;
    EXPECT_TRUE(row.description.ends_with('.')) << row.path;
    const bool holds_a_value =
        row.kind != value_kind::map && row.kind != value_kind::map_of && row.kind != value_kind::list;
    if (row.supported && holds_a_value) {
      EXPECT_NE(row.store, nullptr) << row.path;
    }
    if (!row.supported) {
      EXPECT_EQ(row.store, nullptr) << row.path;
    }
    EXPECT_EQ(row.kind == value_kind::choice, !row.choices.empty()) << row.path;
  }
}

TEST(AFile, FillsTheSnapshot) {
  fake_world world;
  world.variables = {{"KEY", "k-123"}, {"HOST", "gpu.internal"}};
  world.files = {{"/etc/t/c.pem", {"CERT"}}, {"/etc/t/k.pem", {"KEY"}}, {"/etc/t/key", {"from-file\r\n\n"}}};
  const auto result = load_text(R"(
listen:
  - {address: "127.0.0.1:7001", tls: {certificate: c.pem, key: /etc/t/k.pem}}
  - {address: "0.0.0.0:7002", allow_unauthenticated: true}
admin: {address: "[::1]:0"}
upstreams:
  main: {tier: cloud, dialect: anthropic, url: "https://api.example.com/base/", credential: {file: key},
         timeouts: {connect: 500ms, reasoning: 7m},
         breaker: {failures_to_open: 5, failure_ratio: 0.25, min_requests: 20, window: 1m, open_for: 2s, open_for_max: 30s},
         retry: {attempts: 2, max_wait: 500ms}, tls: {ca_file: c.pem, server_name: Other.Example}}
  gpu: {tier: local, urls: ["http://${HOST}:8000"], credential: {env: KEY}, timeouts: {idle: 5s}}
  vllm: {tier: local, dialect: openai, url: "http://127.0.0.1:8001", concurrency: 8, context_tokens: 16384,
         queue: {limit: 10, wait: 5s}, keep_warm: ["phi4:14b"],
         readiness: {interval: 1m, min_tokens_per_second: 12.5, min_gpu_fraction: 0, max_load_time: 2m}}
models: [{cloud: "o*", local: "phi4:14b", prefill: "yes"}, {cloud: "*", local: "llama3.1:8b"}]
workflows:
  legal: {policy: local_only, deadline: 1m, priority: high, models: [{cloud: "*", local: "phi4:14b"}],
          system_prompt: {mode: append, text: "Be brief.\nNo jokes."}, parameters: {temperature: 0.2, top_k: 40}}
  default: {policy: local_first}
  sales: {hedge_after: 8s, stream: {on_cut: continue, hold_for: 250ms}, embeddings: any_model}
limits: {request_body: 1KiB, connections: 7, connections_per_address: 3, drain: 0s}
hosts: [AI.Example.com]
cors: {origins: ["HTTPS://Chat.Example.com:443", "http://localhost:3000"]}
contingency: {workflows: [legal]}
log: {level: warn, format: json}
headers: none
)",
                                "/etc/t/tideover.yaml", {}, world.view());
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_TRUE(result.problems.empty() || test::errors_in(result) == 0) << test::all_of(result);
  const auto& s = *result.snapshot;
  EXPECT_EQ(s.source, "/etc/t/tideover.yaml");
  ASSERT_EQ(s.listeners.size(), 2u);
  EXPECT_EQ(s.listeners[0].tls->certificate_file, "/etc/t/c.pem");
  EXPECT_EQ(s.listeners[0].tls->key_file, "/etc/t/k.pem");
  EXPECT_FALSE(s.listeners[0].allow_unauthenticated);
  EXPECT_TRUE(s.listeners[1].allow_unauthenticated);
  EXPECT_EQ(to_string(s.admin.at), "[::1]:0");
  ASSERT_EQ(s.upstreams.size(), 3u);
  const auto& main = s.upstreams[0];
  EXPECT_EQ(main.title, "main");
  EXPECT_EQ(main.dialect, dialect::anthropic);
  EXPECT_EQ(main.urls[0].to_string(), "https://api.example.com/base");
  EXPECT_EQ(main.credential->reveal_for_wire(), "from-file");
  EXPECT_EQ(main.timeouts.connect, 500ms);
  EXPECT_EQ(main.timeouts.reasoning, 7min);
  EXPECT_EQ(main.timeouts.total, 10min);
  EXPECT_EQ(main.breaker, (breaker{.failures_to_open = 5,
                                   .failure_ratio = 0.25,
                                   .min_requests = 20,
                                   .window = 1min,
                                   .open_for = 2s,
                                   .open_for_max = 30s}));
  EXPECT_EQ(main.tls.ca_file, "/etc/t/c.pem");
  EXPECT_EQ(main.tls.server_name, "other.example");
  const auto& gpu = s.upstreams[1];
  EXPECT_EQ(gpu.dialect, dialect::ollama);  // where a local upstream does not say
  EXPECT_EQ(gpu.urls[0].to_string(), "http://gpu.internal:8000");
  EXPECT_EQ(gpu.credential->reveal_for_wire(), "k-123");
  EXPECT_EQ(gpu.timeouts.idle, 5s);
  EXPECT_EQ(gpu.timeouts.connect, 1s);
  EXPECT_EQ(gpu.timeouts.total, 15min);
  EXPECT_EQ(s.upstreams[2].dialect, dialect::openai);
  ASSERT_EQ(s.models.size(), 2u);
  EXPECT_EQ(s.models[0].cloud, "o*");
  EXPECT_EQ(s.models[1].local, "llama3.1:8b");
  EXPECT_EQ(s.models[0].prefill, prefill::yes);
  EXPECT_EQ(s.models[1].prefill, prefill::automatic);
  EXPECT_EQ(main.retry, (retry{.attempts = 2, .max_wait = 500ms}));
  const auto& vllm = s.upstreams[2];
  EXPECT_EQ(vllm.concurrency, 8u);
  EXPECT_EQ(vllm.context_tokens, 16384u);
  EXPECT_EQ(vllm.queue, (queue{.limit = 10, .wait = 5s}));
  EXPECT_EQ(vllm.keep_warm, std::vector<std::string>{"phi4:14b"});
  EXPECT_EQ(vllm.readiness,
            (readiness{.interval = 1min, .min_tokens_per_second = 12.5, .min_gpu_fraction = 0, .max_load_time = 2min}));
  EXPECT_EQ(gpu.concurrency, 2u);
  EXPECT_FALSE(gpu.context_tokens);
  const auto& legal = *s.find_workflow("legal");
  EXPECT_EQ(legal.priority, priority::high);
  ASSERT_EQ(legal.models.size(), 1u);
  EXPECT_EQ(legal.models[0].local, "phi4:14b");
  EXPECT_EQ(legal.system_prompt.where, system_prompt::mode::append);
  EXPECT_EQ(legal.system_prompt.text, "Be brief.\nNo jokes.");
  EXPECT_EQ(legal.parameters.temperature, 0.2);
  EXPECT_EQ(legal.parameters.top_k, 40);
  EXPECT_FALSE(legal.parameters.top_p);
  const auto& sales = *s.find_workflow("sales");
  EXPECT_EQ(sales.hedge_after, 8s);
  EXPECT_EQ(sales.on_cut, on_cut::continue_it);
  EXPECT_EQ(sales.hold_for, 250ms);
  EXPECT_TRUE(sales.any_embedding_model);
  EXPECT_EQ(s.find_workflow("default")->on_cut, on_cut::error);
  ASSERT_EQ(s.workflows.size(), 3u);
  EXPECT_EQ(s.find_workflow("legal")->policy, policy_kind::local_only);
  EXPECT_EQ(s.find_workflow("legal")->deadline, 1min);
  EXPECT_EQ(s.find_workflow("legal")->name, "legal");
  EXPECT_EQ(s.find_workflow("default")->policy, policy_kind::local_first);
  EXPECT_EQ(s.limits.request_body, 1024u);
  EXPECT_EQ(s.limits.connections, 7u);
  EXPECT_EQ(s.limits.connections_per_address, 3u);
  EXPECT_EQ(s.limits.drain, 0s);
  EXPECT_EQ(s.limits.keep_alive, 75s);
  EXPECT_EQ(s.hosts, std::vector<std::string>{"ai.example.com"});
  EXPECT_EQ(s.page_origins, (std::vector<std::string>{"https://chat.example.com", "http://localhost:3000"}));
  EXPECT_TRUE(s.in_contingency("legal"));
  EXPECT_FALSE(s.in_contingency("default"));
  EXPECT_EQ(s.log.level, log_level::warn);
  EXPECT_EQ(s.log.format, log_format::json);
  EXPECT_FALSE(s.response_headers);
}

TEST(AFile, TakesValuesFromAliasesAndQuotedVariables) {
  fake_world world;
  world.variables = {{"N", "12"}, {"OPEN", "true"}};
  const auto result = world.load_text(
      "upstreams:\n"
      "  ollama: {tier: local, url: http://a, timeouts: &t {connect: 5s}}\n"
      "  other: {tier: local, url: http://b, timeouts: *t}\n"
      "limits: {connections: \"${N}\"}\n"
      "listen: [{address: \"0.0.0.0:${N}\", allow_unauthenticated: \"${OPEN}\"}]\n");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_EQ(result.snapshot->upstreams[1].timeouts.connect, 5s);
  EXPECT_EQ(result.snapshot->limits.connections, 12u);
  EXPECT_EQ(result.snapshot->listeners[0].at.port, 12);
}

TEST(AFile, ThatIsEmptyMeansTheDefaults) {
  for (const auto yaml : {"", "# nothing\n", "---\n", "{}\n"}) {
    const auto result = fake_world{}.load_text(yaml);
    ASSERT_TRUE(result.ok()) << yaml << test::all_of(result);
    EXPECT_EQ(result.snapshot->upstreams.size(), 3u);
    EXPECT_EQ(result.snapshot->listeners.size(), 1u);
  }
}

TEST(AFile, ReplacesUpstreamsModelsAndWorkflowsAsAWhole) {
  const auto result = fake_world{}.load_text(
      "upstreams: {mine: {tier: local, url: http://h}}\nworkflows: {legal: {policy: local_only}}\nmodels: []\n");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  ASSERT_EQ(result.snapshot->upstreams.size(), 1u);
  EXPECT_EQ(result.snapshot->upstreams[0].name, "mine");
  EXPECT_EQ(result.snapshot->workflows.size(), 2u);  // `default` exists always
  EXPECT_NE(result.snapshot->find_workflow("default"), nullptr);
}

TEST(AFile, ContingencyForAllHoldsForEveryWorkflow) {
  const auto result = fake_world{}.load_text("workflows: {a: {}}\ncontingency: {workflows: [all]}\n");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_TRUE(result.snapshot->contingency.all_by_file);
  EXPECT_TRUE(result.snapshot->in_contingency("a"));
  EXPECT_TRUE(result.snapshot->in_contingency("default"));
}

TEST(AFile, MayNameEightUpstreamsAndNoMore) {
  std::string yaml = "upstreams:\n";
  for (int i = 0; i < 8; ++i) yaml += "  u" + std::to_string(i) + ": {tier: local, url: http://h}\n";
  EXPECT_TRUE(fake_world{}.load_text(yaml).ok());
  EXPECT_FALSE(fake_world{}.load_text(yaml + "  u8: {tier: local, url: http://h}\n").ok());
}

TEST(ShippedFiles, LoadWithoutAWarning) {
  for (const auto name : {"tideover.example.yaml", "minimal.yaml"}) {
    const auto text = shipped(name);
    ASSERT_FALSE(text.empty()) << name;
    const auto result = fake_world{}.load_text(text);
    EXPECT_TRUE(result.ok()) << test::all_of(result);
    EXPECT_TRUE(result.problems.empty()) << test::all_of(result);
  }
}

TEST(ShippedFiles, TheExampleShowsTheDefaultsAndEveryKey) {
  const auto text = shipped("tideover.example.yaml");
  const auto shown = fake_world{}.load_text(text);
  const auto usual = fake_world{}.load();
  ASSERT_TRUE(shown.ok() && usual.ok());
  const auto& a = *shown.snapshot;
  const auto& b = *usual.snapshot;
  EXPECT_EQ(to_string(a.listeners.at(0).at), to_string(b.listeners.at(0).at));
  EXPECT_EQ(to_string(a.admin.at), to_string(b.admin.at));
  ASSERT_EQ(a.upstreams.size(), b.upstreams.size());
  for (std::size_t i = 0; i < a.upstreams.size(); ++i) {
    const auto& x = a.upstreams[i];
    const auto& y = b.upstreams[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.title, y.title);
    EXPECT_EQ(x.tier, y.tier);
    EXPECT_EQ(x.dialect, y.dialect);
    EXPECT_EQ(x.urls.at(0).to_string(), y.urls.at(0).to_string());
    EXPECT_EQ(x.timeouts.connect, y.timeouts.connect);
    EXPECT_EQ(x.timeouts.first_content, y.timeouts.first_content);
    EXPECT_EQ(x.timeouts.response, y.timeouts.response);
    EXPECT_EQ(x.timeouts.reasoning, y.timeouts.reasoning);
    EXPECT_EQ(x.timeouts.idle, y.timeouts.idle);
    EXPECT_EQ(x.timeouts.total, y.timeouts.total);
  }
  EXPECT_EQ(a.workflows.at("default").policy, b.workflows.at("default").policy);
  EXPECT_EQ(a.workflows.at("default").deadline, b.workflows.at("default").deadline);
  EXPECT_EQ(a.limits.request_body, b.limits.request_body);
  EXPECT_EQ(a.limits.request_head, b.limits.request_head);
  EXPECT_EQ(a.limits.response_body, b.limits.response_body);
  EXPECT_EQ(a.limits.replay_memory, b.limits.replay_memory);
  EXPECT_EQ(a.limits.connections, b.limits.connections);
  EXPECT_EQ(a.limits.connections_per_address, b.limits.connections_per_address);
  EXPECT_EQ(a.limits.head_timeout, b.limits.head_timeout);
  EXPECT_EQ(a.limits.keep_alive, b.limits.keep_alive);
  EXPECT_EQ(a.limits.write_stall, b.limits.write_stall);
  EXPECT_EQ(a.limits.drain, b.limits.drain);
  EXPECT_EQ(a.log.level, b.log.level);
  EXPECT_EQ(a.log.format, b.log.format);
  EXPECT_EQ(a.response_headers, b.response_headers);
  for (const auto& row : key_table()) {
    const auto name = row.path.substr(row.path.rfind('.') + 1);
    if (!row.supported || name.ends_with("[]") || name == "*") continue;
    EXPECT_NE(text.find(std::string(name) + ":"), std::string::npos) << row.path << " is not in the example";
  }
}

// The defaults that the table tells people (schema, docs) against those the snapshot has.
TEST(ShippedFiles, TheTablesDefaultsAreTheSnapshots) {
  std::string yaml = "upstreams: {openai: {tier: cloud, url: https://h, timeouts: {";
  std::string limits = "limits: {";
  for (const auto& row : key_table()) {
    const auto name = std::string(row.path.substr(row.path.rfind('.') + 1));
    if (row.path.starts_with("upstreams.*.timeouts.")) yaml += name + ": " + std::string(row.default_text) + ", ";
    if (row.path.starts_with("limits.")) limits += name + ": " + std::string(row.default_text) + ", ";
  }
  const auto result = fake_world{}.load_text(yaml + "}}}\n" + limits + "}\n");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  const snapshot usual;
  const timeouts usual_timeouts;
  const auto& t = result.snapshot->upstreams[0].timeouts;
  EXPECT_EQ(t.connect, usual_timeouts.connect);
  EXPECT_EQ(t.first_content, usual_timeouts.first_content);
  EXPECT_EQ(t.response, usual_timeouts.response);
  EXPECT_EQ(t.reasoning, usual_timeouts.reasoning);
  EXPECT_EQ(t.idle, usual_timeouts.idle);
  EXPECT_EQ(t.total, usual_timeouts.total);
  const auto& l = result.snapshot->limits;
  EXPECT_EQ(l.request_body, usual.limits.request_body);
  EXPECT_EQ(l.request_head, usual.limits.request_head);
  EXPECT_EQ(l.response_body, usual.limits.response_body);
  EXPECT_EQ(l.replay_memory, usual.limits.replay_memory);
  EXPECT_EQ(l.connections, usual.limits.connections);
  EXPECT_EQ(l.connections_per_address, usual.limits.connections_per_address);
  EXPECT_EQ(l.head_timeout, usual.limits.head_timeout);
  EXPECT_EQ(l.keep_alive, usual.limits.keep_alive);
  EXPECT_EQ(l.write_stall, usual.limits.write_stall);
  EXPECT_EQ(l.drain, usual.limits.drain);
}

}  // namespace
}  // namespace tideover::config
