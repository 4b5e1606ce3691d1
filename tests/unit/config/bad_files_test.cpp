// Wrong files and what the operator is told: the place, the path, and the fix.
#include <gtest/gtest.h>

#include "fake_world.hpp"

namespace tideover::config {
namespace {

using test::fake_world;

fake_world usual_world() {
  fake_world world;
  world.variables = {{"KEY", "k-123"},    {"BAD_KEY", "a\nb"},
                     {"EMPTY", ""},       {"CREDENTIALS_DIRECTORY", "/run/credentials"},
                     {"PASS", "hunter2"}, {"ADDR", "nonsense-hunter2"}};
  world.files = {{"/etc/cert.pem", {"CERT", 0644}},
                 {"/etc/key.pem", {"KEY", 0600}},
                 {"/etc/secret", {"s3cret\n", 0600}},
                 {"/etc/unreadable", {"", 0600, false}},
                 {"/etc/two-lines", {"a\nb\n", 0600}},
                 {"/etc/blank", {"\n", 0600}},
                 {"/run/credentials/openai", {"cred\n", 0644}}};
  return world;
}

struct bad_file {
  std::string_view yaml;
  std::string_view where;     // line:column
  std::string_view path;      // of the first problem at that place
  std::string_view fragment;  // of its message
};

const bad_file bad_files[] = {
    // the file as such
    {"- a\n", "1:1", "", "keys and values are wanted"},
    {"just text\n", "1:1", "", "a single value"},
    {"log: {level: info\n", "2:1", "", "not valid YAML"},
    {"? [a]\n: b\n", "1:3", "", "not a plain word"},
    {"log: {}\n---\nlog: {}\n", "2:1", "", "second document"},

    // keys
    {"lisen: []\n", "1:1", "lisen", "unknown key; did you mean `listen`?"},
    {"log:\n  levle: info\n", "2:3", "log.levle", "did you mean `level`?"},
    {"\n\nlimits:\n  zzz: 1\n", "4:3", "limits.zzz", "known here: request_body, request_head"},
    {"drain: 5s\n", "1:1", "drain", "did you mean `limits.drain`?"},
    {"log:\n  level: info\n  level: warn\n", "3:3", "log.level", "given twice, first in line 2"},
    {"log: {level: info}\nhosts: []\nlog: {}\n", "3:1", "log", "given twice, first in line 1"},
    {"upstreams:\n  a: {tier: local, url: http://h}\n  a: {tier: local, url: http://h}\n", "3:3", "upstreams.a",
     "given twice"},
    {"log:\n  <<: {level: info}\n", "2:3", "log.<<", "merge keys are not supported"},
    {"log: !mine {level: info}\n", "1:6", "log", "YAML tags"},
    {"log: {level: !!int 3}\n", "1:14", "log.level", "YAML tags"},
    {"log:\n", "1:1", "log", "has no value"},
    {"log: {level: ~}\n", "1:7", "log.level", "write trace or debug or info or warn or error"},

    // the breaker
    {"upstreams: {o: {tier: local, url: http://h, breaker: {open_for: 1s}}}\n", "1:45", "upstreams.o.breaker",
     "is for clouds"},
    {"upstreams: {o: {tier: cloud, dialect: openai, url: https://h, breaker: {failure_ratio: 1.01}}}\n", "1:88",
     "upstreams.o.breaker.failure_ratio", "is a share"},
    {"upstreams: {o: {tier: cloud, dialect: openai, url: https://h, breaker: {open_for: 2m}}}\n", "1:83",
     "upstreams.o.breaker.open_for", "longer than open_for_max (1m)"},

    // keys of the contract that this version does not have
    {"clients: {required: true}\n", "1:21", "clients.required", "there are no keys"},
    {"clients: {keys: [{name: a}]}\n", "1:18", "clients.keys[0].sha256", "is missing"},
    {"clients: {keys: [{name: a, sha256: tide-abc}]}\n", "1:36", "clients.keys[0].sha256", "is no SHA-256"},
    {"clients: {keys: [{name: \"a/b\", sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n",
     "1:25", "clients.keys[0].name", "is no name for a key"},
    {"clients: {keys: [{name: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, workflow: "
     "lgal}]}\n",
     "1:112", "clients.keys[0].workflow", "there is no workflow `lgal`"},
    {"clients: {keys: [{name: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}, {name: b, "
     "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n",
     "1:121", "clients.keys[1].sha256", "an earlier key already"},
    {"clients: {keys: [{name: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}, {name: a, "
     "sha256: 8f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n",
     "1:110", "clients.keys[1].name", "the name of an earlier key"},
    {"clients: {keys: [{name: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, "
     "requests_per_minute: 0}]}\n",
     "1:123", "clients.keys[0].requests_per_minute", "out of range"},
    {"cors: {origins: [\"*\"]}\n", "1:18", "cors.origins[0]", "would let every web page in"},
    {"cors: {origins: [\"https://a\", \"null\"]}\n", "1:31", "cors.origins[1]", "stands for pages without an origin"},
    {"cors: {origins: [\"https://a.example/\"]}\n", "1:18", "cors.origins[0]", "has a path"},
    {"cors: {origins: [a.example]}\n", "1:18", "cors.origins[0]", "is not an origin"},
    {"cors: {origin: [\"https://a\"]}\n", "1:8", "cors.origin", "origins"},
    {"alerts: []\n", "1:1", "alerts", "not supported by this version"},
    {"drill: {remind_after: 90d}\n", "1:1", "drill", "not supported by this version"},
    {"admin: {token: t0ken}\n", "1:16", "admin.token", "secrets do not stand in this file"},
    {"upstreams: {o: {tier: cloud, dialect: openai, urls: [https://a, https://b]}}\n", "1:47", "upstreams.o.urls",
     "a cloud has one URL"},
    {"upstreams: {o: {tier: local, urls: [http://a, http://a:80]}}\n", "1:47", "upstreams.o.urls[1]", "listed twice"},

    // keys that only one tier has, or one policy
    {"upstreams: {o: {tier: local, url: http://h, retry: {attempts: 1}}}\n", "1:45", "upstreams.o.retry",
     "is for clouds"},
    {"upstreams: {o: {tier: cloud, dialect: openai, url: https://h, concurrency: 3}}\n", "1:76",
     "upstreams.o.concurrency", "is for local upstreams"},
    {"upstreams: {o: {tier: cloud, dialect: openai, url: https://h, context_tokens: 4096}}\n", "1:79",
     "upstreams.o.context_tokens", "is for local upstreams"},
    {"upstreams: {o: {tier: cloud, dialect: openai, url: https://h, queue: {limit: 1}}}\n", "1:63", "upstreams.o.queue",
     "is for local upstreams"},
    {"upstreams: {o: {tier: cloud, dialect: openai, url: https://h, keep_warm: [a]}}\n", "1:63",
     "upstreams.o.keep_warm", "is for local upstreams"},
    {"upstreams: {o: {tier: local, url: http://h, context_tokens: big}}\n", "1:61", "upstreams.o.context_tokens",
     "neither auto nor a whole number"},
    {"upstreams: {o: {tier: local, url: http://h, context_tokens: 4}}\n", "1:61", "upstreams.o.context_tokens",
     "from 512 to"},
    {"upstreams: {o: {tier: local, url: http://h, keep_warm: [\"gpt-oss:120b-cloud\"]}}\n", "1:57",
     "upstreams.o.keep_warm[0]", "not local"},
    {"upstreams: {o: {tier: local, url: http://h, readiness: {min_gpu_fraction: 2}}}\n", "1:75",
     "upstreams.o.readiness.min_gpu_fraction", "is a share"},
    {"workflows: {w: {policy: local_only, hedge_after: 8s}}\n", "1:50", "workflows.w.hedge_after",
     "local_only never asks one"},
    {"workflows: {w: {policy: cloud_only, hedge_after: 8s}}\n", "1:50", "workflows.w.hedge_after",
     "local tier after it"},
    {"workflows: {w: {models: [{cloud: a, local: \"b*\"}]}}\n", "1:44", "workflows.w.models[0].local",
     "name of one model"},
    {"workflows: {w: {system_prompt: {mode: append}}}\n", "1:17", "workflows.w.system_prompt.text", "is missing"},
    {"workflows: {w: {system_prompt: {text: \"\"}}}\n", "1:39", "workflows.w.system_prompt.text", "is empty"},
    {"workflows: {w: {parameters: {temprature: 1}}}\n", "1:30", "workflows.w.parameters.temprature",
     "did you mean `temperature`?"},
    {"workflows: {w: {parameters: {temperature: 3}}}\n", "1:43", "workflows.w.parameters.temperature", "from 0 to 2"},

    // types
    {"log: info\n", "1:6", "log", "is a single value, but keys and values are wanted"},
    {"listen: {address: 127.0.0.1:1}\n", "1:9", "listen", "is keys and values, but a list"},
    {"hosts: a\n", "1:8", "hosts", "a list"},
    {"log: {level: [info]}\n", "1:14", "log.level", "is a list"},
    {"limits: {connections: \"10\"}\n", "1:23", "limits.connections", "without them"},
    {"limits: {connections: ten}\n", "1:23", "limits.connections", "not a whole number"},
    {"limits: {connections: 1.5}\n", "1:23", "limits.connections", "not a whole number"},
    {"admin: {allow_unauthenticated: yes}\n", "1:32", "admin.allow_unauthenticated", "must be true or false"},
    {"admin: {allow_unauthenticated: \"true\"}\n", "1:32", "admin.allow_unauthenticated", "without them"},
    {"models: [{cloud: 5, local: b}]\n", "1:18", "models[0].cloud", "put it into quotes"},
    {"models: [{cloud: true, local: b}]\n", "1:18", "models[0].cloud", "put it into quotes"},
    {"models: [{cloud: \"\", local: b}]\n", "1:18", "models[0].cloud", "is empty"},
    {"models: [{cloud: \"a b\", local: b}]\n", "1:18", "models[0].cloud", "white space"},
    {"headers: full\n", "1:10", "headers", "not one of standard, none"},
    {"log: {level: warning}\n", "1:14", "log.level", "not one of"},
    {"log: {format: jsn}\n", "1:15", "log.format", "did you mean json?"},

    // units and ranges
    {"limits: {drain: 30}\n", "1:17", "limits.drain", "has no unit: write it as a duration"},
    {"limits: {drain: 30sec}\n", "1:17", "limits.drain", "unknown unit"},
    {"limits: {keep_alive: 0s}\n", "1:22", "limits.keep_alive", "from 1ms to 1d"},
    {"limits: {keep_alive: 25h}\n", "1:22", "limits.keep_alive", "from 1ms to 1d"},
    {"limits: {request_body: 33554432}\n", "1:24", "limits.request_body", "has no unit: write it as a size"},
    {"limits: {request_body: 32MB}\n", "1:24", "limits.request_body", "powers of 1024"},
    {"limits: {request_body: 0B}\n", "1:24", "limits.request_body", "out of range"},
    {"limits: {connections: 0}\n", "1:23", "limits.connections", "from 1 to 1000000"},
    {"limits: {connections: 99999999999999999999}\n", "1:23", "limits.connections", "out of range"},

    // variables
    {"log: {level: \"${NOPE}\"}\n", "1:14", "log.level", "NOPE is not set: set it, or write `${NOPE:-default}`"},
    {"log: {level: $LEVEL}\n", "1:14", "log.level", "write `$$`"},
    {"log: {level: \"${LEVEL\"}\n", "1:14", "log.level", "not closed"},
    {"limits: {drain: \"${EMPTY:-5}\"}\n", "1:17", "limits.drain", "once its variables are put in, has no unit"},

    // listeners
    {"listen: []\n", "1:1", "listen", "is empty"},
    {"listen: [{}]\n", "1:10", "listen[0].address", "is missing: write `address: 127.0.0.1:6837`"},
    {"listen: [127.0.0.1:6837]\n", "1:10", "listen[0]", "keys and values"},
    {"listen: [{address: 6837}]\n", "1:20", "listen[0].address", "write HOST:PORT"},
    {"listen: [{address: 0.0.0.0:6837}]\n", "1:20", "listen[0].address", "allow_unauthenticated: true"},
    {"listen: [{address: 192.168.1.2:6837}]\n", "1:20", "listen[0].address", "reached from other machines"},
    {"listen: [{address: \"[::]:6837\"}]\n", "1:20", "listen[0].address", "reached from other machines"},
    {"listen: [{address: myhost:6837}]\n", "1:20", "listen[0].address", "reached from other machines"},
    {"listen: [{address: 127.0.0.1:7000}, {address: 127.0.0.1:7000}]\n", "1:47", "listen[1].address",
     "is taken by listen[0]"},
    {"listen: [{address: 127.0.0.1:1, tls: {certificate: /etc/cert.pem}}]\n", "1:33", "listen[0].tls.key",
     "is missing"},
    {"listen: [{address: 127.0.0.1:1, tls: {key: /etc/key.pem}}]\n", "1:33", "listen[0].tls.certificate", "is missing"},
    {"listen: [{address: 127.0.0.1:1, tls: {certificate: /etc/nope, key: /etc/key.pem}}]\n", "1:52",
     "listen[0].tls.certificate", "`/etc/nope` cannot be read"},
    {"admin: {address: 0.0.0.0:6838}\n", "1:18", "admin.address", "allow_unauthenticated: true"},
    {"admin: {address: 127.0.0.1:6837}\n", "1:18", "admin.address", "is taken by listen[0].address"},

    // upstreams
    {"upstreams: {}\n", "1:1", "upstreams", "no request could be served"},
    {"upstreams: {o: {url: http://h}}\n", "1:13", "upstreams.o.tier", "is missing: write `tier: cloud or local`"},
    {"upstreams: {o: {tier: local}}\n", "1:13", "upstreams.o.url", "is missing: write where the upstream is"},
    {"upstreams: {o: {tier: cloud, url: https://h}}\n", "1:13", "upstreams.o.dialect", "write `dialect: openai`"},
    {"upstreams: {o: {tier: lokal, url: http://h}}\n", "1:23", "upstreams.o.tier", "did you mean local?"},
    {"upstreams: {a.b: {tier: local, url: http://h}}\n", "1:13", "upstreams.a.b", "not a valid name"},
    {"upstreams: {o: {tier: cloud, dialect: ollama, url: https://h}}\n", "1:39", "upstreams.o.dialect",
     "openai or anthropic"},
    {"upstreams: {o: {tier: local, url: h}}\n", "1:35", "upstreams.o.url", "write it with its scheme"},
    {"upstreams: {o: {tier: local, urls: [h]}}\n", "1:37", "upstreams.o.urls[0]", "write it with its scheme"},
    {"upstreams: {o: {tier: local, url: http://a, urls: [http://b]}}\n", "1:45", "upstreams.o.urls", "keep one"},
    {"upstreams: {o: {tier: local, url: \"http://u:hunter2@h\"}}\n", "1:35", "upstreams.o.url",
     "user name or password"},
    {"upstreams: {o: {tier: local, url: \"http://u:${PASS}@h\"}}\n", "1:35", "upstreams.o.url",
     "user name or password"},
    {"upstreams: {o: {tier: local, url: http://8.8.8.8}}\n", "1:35", "upstreams.o.url", "allow_public: true"},
    {"upstreams: {o: {tier: local, url: \"http://[2606:4700::1]\"}}\n", "1:35", "upstreams.o.url",
     "allow_public: true"},
    {"upstreams: {o: {tier: local, url: https://api.openai.com}}\n", "1:35", "upstreams.o.url", "write `tier: cloud`"},
    {"upstreams: {o: {tier: local, url: https://ollama.com}}\n", "1:35", "upstreams.o.url", "write `tier: cloud`"},
    {"upstreams: {o: {tier: local, url: http://0.0.0.0:11434}}\n", "1:35", "upstreams.o.url", "write 127.0.0.1"},
    {"upstreams: {o: {tier: local, url: http://127.0.0.1:6837}}\n", "1:35", "upstreams.o.url", "Tideover itself"},
    {"upstreams: {o: {tier: local, url: http://localhost:6838}}\n", "1:35", "upstreams.o.url", "Tideover itself"},
    {"upstreams: {openai: {tier: cloud, url: http://api.example.com}}\n", "1:40", "upstreams.openai.url",
     "write https://"},
    {"upstreams: {openai: {tier: cloud, url: http://10.0.0.1}}\n", "1:40", "upstreams.openai.url", "clear text"},
    {"upstreams: {o: {tier: local, url: http://h, tls: {server_name: x}}}\n", "1:45", "upstreams.o.tls",
     "has no effect"},
    {"upstreams: {o: {tier: local, url: https://h, tls: {ca_file: /etc/nope}}}\n", "1:61", "upstreams.o.tls.ca_file",
     "cannot be read"},
    {"upstreams: {o: {tier: local, url: https://h, tls: {server_name: \"a:1\"}}}\n", "1:65",
     "upstreams.o.tls.server_name", "not a host name"},

    // secrets
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: hunter2}}\n", "1:63", "upstreams.openai.credential",
     "write {env: NAME}, {file: PATH} or {credential: NAME}"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: [hunter2]}}\n", "1:63",
     "upstreams.openai.credential", "not one reference"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {hunter2: }}}\n", "1:64",
     "upstreams.openai.credential", "not a reference to a secret"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {env: KEY, file: /etc/secret}}}\n", "1:63",
     "upstreams.openai.credential", "not one reference"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {env: NOPE}}}\n", "1:69",
     "upstreams.openai.credential.env", "NOPE is not set"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {env: sk-hunter2}}}\n", "1:69",
     "upstreams.openai.credential.env", "named here is not set"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {env: EMPTY}}}\n", "1:69",
     "upstreams.openai.credential.env", "is empty"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {env: BAD_KEY}}}\n", "1:69",
     "upstreams.openai.credential.env", "control character"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /etc/nope}}}\n", "1:70",
     "upstreams.openai.credential.file", "cannot be read"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /etc/unreadable}}}\n", "1:70",
     "upstreams.openai.credential.file", "cannot be read"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /etc/two-lines}}}\n", "1:70",
     "upstreams.openai.credential.file", "line break in the middle"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /etc/blank}}}\n", "1:70",
     "upstreams.openai.credential.file", "is empty"},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {credential: nope}}}\n", "1:76",
     "upstreams.openai.credential.credential", "LoadCredential="},
    {"upstreams: {openai: {tier: cloud, url: https://h, credential: {credential: ../x}}}\n", "1:76",
     "upstreams.openai.credential.credential", "not the name of a credential"},

    // models, workflows, contingency
    {"models: [{cloud: \"*\"}]\n", "1:10", "models[0].local", "is missing"},
    {"models: [{cloud: \"*\", local: \"llama*\"}]\n", "1:30", "models[0].local", "one model"},
    {"models: [{cloud: \"*\", local: gpt-oss:120b-cloud}]\n", "1:30", "models[0].local", "in its cloud"},
    {"models: [{cloud: \"*\", local: \"kimi:cloud\"}]\n", "1:30", "models[0].local", "in its cloud"},
    {"workflows: {\"a/b\": {}}\n", "1:13", "workflows.a/b", "not a valid name"},
    {"workflows: {\"\": {}}\n", "1:13", "workflows", "a key is missing"},
    {"workflows: {all: {}}\n", "1:13", "workflows.all", "meaning of its own"},
    {"workflows: {Off: {}}\n", "1:13", "workflows.Off", "meaning of its own"},
    {"workflows: {w: {policy: local}}\n", "1:25", "workflows.w.policy", "not one of cloud_first"},
    {"workflows: {w: {deadline: 0s}}\n", "1:27", "workflows.w.deadline", "out of range"},
    {"upstreams: {openai: {tier: cloud, url: https://h}}\nworkflows: {w: {policy: local_only}}\n", "2:25",
     "workflows.w.policy", "needs an upstream with `tier: local`"},
    {"upstreams: {ollama: {tier: local, url: http://h}}\nworkflows: {w: {policy: cloud_only}}\n", "2:25",
     "workflows.w.policy", "needs an upstream with `tier: cloud`"},
    {"workflows: {legal: {}}\ncontingency: {workflows: [lgal]}\n", "2:27", "contingency.workflows[0]",
     "there is no workflow `lgal`; did you mean `legal`?"},
    {"contingency: {workflows: [all, nope]}\n", "1:32", "contingency.workflows[1]", "there is no workflow `nope`"},
    {"contingency: {workflows: all}\n", "1:26", "contingency.workflows", "a list"},
    {"hosts: [\"a:80\"]\n", "1:9", "hosts[0]", "without scheme, port"},
    {"hosts: [\"*.example.com\"]\n", "1:9", "hosts[0]", "not a host name"},
};

TEST(BadFiles, AreRefusedWithPlacePathAndFix) {
  const auto world = usual_world();
  for (const auto& bad : bad_files) {
    const auto result = world.load_text(bad.yaml);
    EXPECT_FALSE(result.ok()) << bad.yaml;
    const std::string start = "t.yaml:" + std::string(bad.where) +
                              ": error: " + (bad.path.empty() ? std::string() : std::string(bad.path) + ": ");
    bool found = false;
    for (const auto& p : result.problems) {
      const auto text = p.to_string();
      found |= text.starts_with(start) && text.find(bad.fragment) != std::string::npos;
      EXPECT_EQ(text.find("hunter2"), std::string::npos) << "a secret was repeated: " << text;
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    }
    EXPECT_TRUE(found) << bad.yaml << "expected " << start << "… " << bad.fragment << "\ngot\n" << test::all_of(result);
    EXPECT_EQ(test::errors_in(result), 1u) << bad.yaml << "one mistake, one error; got\n" << test::all_of(result);
  }
}

TEST(BadFiles, AllProblemsAreReportedAtOnceInOrderOfTheFile) {
  const auto result = usual_world().load_text(
      "log: {level: loud}\n"
      "hosts: [\"a b\"]\n"
      "limits:\n"
      "  drain: 5\n"
      "  dran: 5s\n"
      "  connections: 0\n"
      "listen:\n"
      "  - address: 0.0.0.0:1\n"
      "workflows: {w: {policy: nope, polcy: x}}\n");
  std::string places;
  for (const auto& p : result.problems) places += std::to_string(p.line) + ":" + std::to_string(p.column) + " ";
  EXPECT_EQ(places, "1:14 2:9 4:10 5:3 6:16 8:14 9:25 9:31 ") << test::all_of(result);
}

TEST(BadFiles, ATierThatCannotBeReadCausesNoFurtherComplaints) {
  const auto result = usual_world().load_text(
      "upstreams: {ollama: {tier: locl, url: http://127.0.0.1:1}}\nworkflows: {w: {policy: local_only}}\n");
  EXPECT_EQ(result.problems.size(), 1u) << test::all_of(result);
}

TEST(BadFiles, AVariablesValueIsNeverRepeated) {
  const auto world = usual_world();
  for (const auto yaml :
       {"listen: [{address: \"${ADDR}\"}]\n", "log: {level: \"${ADDR}\"}\n", "limits: {drain: \"${ADDR}\"}\n",
        "limits: {connections: \"${ADDR}\"}\n", "upstreams: {o: {tier: local, url: \"${ADDR}\"}}\n",
        "contingency: {workflows: [\"${ADDR}\"]}\n", "upstreams: {o: {tier: local, url: \"http://${ADDR} \"}}\n",
        "upstreams: {o: {tier: local, url: http://h, credential: {env: \"${ADDR}\"}}}\n"}) {
    const auto result = world.load_text(yaml);
    EXPECT_FALSE(result.ok()) << yaml;
    EXPECT_EQ(test::all_of(result).find("hunter2"), std::string::npos) << test::all_of(result);
  }
}

TEST(BadFiles, AliasBombsEndInOneError) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) yaml += (k ? ", *a" : "*a") + std::to_string(i - 1) + " ";
    yaml += "]\n";
  }
  const auto result = usual_world().load_text(yaml);
  ASSERT_EQ(result.problems.size(), 1u) << test::all_of(result);
  EXPECT_NE(result.problems[0].message.find("too large"), std::string::npos);
}

TEST(Warnings, DoNotStopTheStart) {
  struct row {
    std::string_view yaml;
    std::string_view expected;
  };
  const auto world = usual_world();
  for (const auto& [yaml, expected] : std::initializer_list<row>{
           {"upstreams: {ollama: {tier: local, url: http://h/v1}}\n",
            "t.yaml:1:40: warning: upstreams.ollama.url: ends in /v1"},
           {"upstreams: {openai: {tier: cloud, url: https://h}}\n",
            "warning: workflows.default.policy: cloud_first without an upstream with `tier: local`"},
           {"upstreams: {ollama: {tier: local, url: http://h}}\nworkflows: {w: {policy: local_first}}\n",
            "t.yaml:2:25: warning: workflows.w.policy: local_first without an upstream with `tier: cloud`"},
           {"workflows: {w: {policy: cloud_only}}\ncontingency: {workflows: [w]}\n",
            "t.yaml:1:25: warning: workflows.w.policy: cloud_only in contingency"},
           {"models: [{cloud: \"*\", local: a}, {cloud: b, local: c}]\n",
            "t.yaml:1:34: warning: models[1]: is never reached"},
           {"limits: {replay_memory: 1MiB}\n", "t.yaml:1:25: warning: limits.replay_memory: 1MiB is less than"},
       }) {
    const auto result = world.load_text(yaml);
    EXPECT_TRUE(result.ok()) << yaml << test::all_of(result);
    ASSERT_EQ(result.problems.size(), 1u) << yaml << test::all_of(result);
    EXPECT_NE(test::all_of(result).find(expected), std::string::npos) << test::all_of(result);
  }
}

TEST(Warnings, AWorldReadableSecretIsAnErrorOnlyForCheck) {
  auto world = usual_world();
  const std::string yaml =
      "upstreams: {openai: {tier: cloud, url: https://h, credential: {file: /etc/secret}}, ollama: "
      "{tier: local, url: http://h}}\n";
  struct row {
    unsigned mode;
    bool warned;
  };
  for (const auto& [mode, warned] : std::initializer_list<row>{
           {0600, false}, {0640, false}, {0400, false}, {0644, true}, {0604, true}, {0666, true}, {0602, false}}) {
    world.files["/etc/secret"].mode = mode;
    const auto result = world.load_text(yaml);
    ASSERT_TRUE(result.ok()) << test::all_of(result);
    ASSERT_EQ(result.problems.size(), warned ? 1u : 0u) << std::oct << mode << test::all_of(result);
    if (!warned) continue;
    EXPECT_EQ(result.problems[0].level, severity::warning);
    EXPECT_TRUE(result.problems[0].error_in_check);
    EXPECT_NE(result.problems[0].message.find("chmod o-rwx"), std::string::npos);
  }
  // systemd's own folder is closed to others, whatever the file in it says.
  const auto result = world.load_text(
      "upstreams: {openai: {tier: cloud, url: https://h, credential: {credential: openai}}, ollama: {tier: local, url: "
      "http://h}}\n");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_TRUE(result.problems.empty()) << test::all_of(result);
  EXPECT_EQ(result.snapshot->upstreams[0].credential->reveal_for_wire(), "cred");
}

}  // namespace
}  // namespace tideover::config
