// Ways in which a request of a `local_only` workflow might slip out to a cloud, as bytes.
#pragma once

#include <string>
#include <vector>

namespace tideover::test::escapes {

inline constexpr auto canary = "legal-canary-71c3";

inline std::string chat(const std::string& more = {}) {
  return R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":")" + std::string(canary) + "\"}]" + more + "}";
}
inline std::string message() {
  return R"({"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":")" + std::string(canary) +
         "\"}]}";
}

/// A whole request as bytes; `{}` in the path stands for nothing, all go over one fresh connection.
struct row {
  const char* what;
  std::string bytes;
};

inline std::string request(const std::string& method, const std::string& target, const std::string& fields,
                           const std::string& body, const std::string& host = "localhost") {
  return method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer sk-caller\r\n" +
         "Content-Type: application/json\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

inline std::vector<row> attacks() {
  std::string const legal = "X-Tideover-Workflow: legal\r\n";
  std::string const completions = "/v1/chat/completions", by_path = "/w/legal/v1/chat/completions";
  return {
      {"by header", request("POST", completions, legal, chat())},
      {"by path", request("POST", by_path, "", chat())},
      {"streamed", request("POST", by_path, "", chat(R"(,"stream":true)"))},
      {"completions", request("POST", "/w/legal/v1/completions", "", R"({"model":"m","prompt":"legal-canary-71c3"})")},
      {"responses", request("POST", "/w/legal/v1/responses", "", R"({"model":"m","input":"legal-canary-71c3"})")},
      {"responses with state", request("POST", "/w/legal/v1/responses", "",
                                       R"({"model":"m","input":"legal-canary-71c3","previous_response_id":"resp_1"})")},
      {"messages", request("POST", "/w/legal/v1/messages", "", message())},
      {"messages, header", request("POST", "/v1/messages", legal + "anthropic-version: 2023-06-01\r\n", message())},
      {"count_tokens", request("POST", "/w/legal/v1/messages/count_tokens", "", message())},
      {"embeddings", request("POST", "/w/legal/v1/embeddings", "",
                             R"({"model":"text-embedding-3-small","input":"legal-canary-71c3"})")},
      {"models", request("GET", "/w/legal/v1/models", "", "")},
      {"one model", request("GET", "/w/legal/v1/models/legal-canary-71c3", "", "")},
      {"files", request("POST", "/w/legal/v1/files", "", canary)},
      {"a large upload", request("POST", "/w/legal/v1/files", "", std::string(300'000, 'x') + canary)},
      {"an unknown path", request("POST", "/w/legal/v1/brand/new", "", chat())},
      {"audio", request("POST", "/w/legal/v1/audio/transcriptions", "", canary)},
      {"deletion", request("DELETE", "/w/legal/v1/models/legal-canary-71c3", "", "")},
      {"stored completions", request("GET", "/w/legal/v1/chat/completions?q=legal-canary-71c3", "", "")},
      {"header in odd case", request("POST", completions, "x-TIDEOVER-workFLOW: legal\r\n", chat())},
      {"header twice, the same", request("POST", completions, legal + legal, chat())},
      {"header twice, looser second", request("POST", completions, legal + "X-Tideover-Workflow: default\r\n", chat())},
      {"header twice, looser first", request("POST", completions, "X-Tideover-Workflow: default\r\n" + legal, chat())},
      {"header as a list", request("POST", completions, "X-Tideover-Workflow: legal, default\r\n", chat())},
      {"name in another case", request("POST", completions, "X-Tideover-Workflow: Legal\r\n", chat())},
      {"a typo", request("POST", completions, "X-Tideover-Workflow: lgal\r\n", chat())},
      {"an empty name", request("POST", completions, "X-Tideover-Workflow: \r\n", chat())},
      {"named in Connection", request("POST", completions, legal + "Connection: X-Tideover-Workflow\r\n", chat())},
      {"looser header under the path", request("POST", by_path, "X-Tideover-Workflow: default\r\n", chat())},
      {"looser path under the header", request("POST", "/w/default/v1/chat/completions", legal, chat())},
      {"encoded prefix", request("POST", "/w/%6cegal/v1/chat/completions", "", chat())},
      {"encoded slash", request("POST", "/w/legal%2fv1/chat/completions", "", chat())},
      {"double slash", request("POST", "/w//legal/v1/chat/completions", "", chat())},
      {"dot segments", request("POST", "/w/legal/../default/v1/chat/completions", "", chat())},
      {"nested prefixes", request("POST", "/w/legal/w/default/v1/chat/completions", "", chat())},
      {"backslash", request("POST", "/w/legal\\v1/chat/completions", "", chat())},
      {"absolute form", request("POST", "http://localhost/w/legal/v1/chat/completions", "", chat())},
      {"absolute form for the cloud", request("POST", "http://api.openai.com/v1/chat/completions", legal, chat())},
      {"Host of the cloud", request("POST", by_path, "", chat(), "api.openai.com")},
      {"CONNECT", "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n" + legal + "\r\n"},
      {"upgrade", request("GET", "/w/legal/v1/realtime", "Connection: Upgrade\r\nUpgrade: websocket\r\n", "")},
      {"forwarding fields",
       request("POST", by_path, "X-Forwarded-Host: api.openai.com\r\nForwarded: host=x\r\n", chat())},
      {"our own answer fields",
       request("POST", by_path, "X-Tideover-Tier: cloud\r\nX-Tideover-Upstream: openai\r\n", chat())},
      {"an SDK's repeat", request("POST", by_path, "x-stainless-retry-count: 2\r\n", chat())},
      {"a model of Ollama's cloud",
       request("POST", "/w/legal/api/chat", "",
               R"({"model":"gpt-oss:120b-cloud","messages":[{"role":"user","content":"legal-canary-71c3"}]})")},
      {"a cloud's model by name",
       request("POST", by_path, "",
               R"({"model":"kimi-k2:1t-cloud","messages":[{"role":"user","content":"legal-canary-71c3"}]})")},
      {"Ollama's own chat",
       request("POST", "/w/legal/api/chat", "",
               R"({"model":"llama3.1:8b","messages":[{"role":"user","content":"legal-canary-71c3"}]})")},
      {"pulling", request("POST", "/w/legal/api/pull", "", R"({"model":"legal-canary-71c3"})")},
      {"not JSON", request("POST", by_path, "", canary)},
      {"hosted tools", request("POST", by_path, "", chat(R"(,"tools":[{"type":"web_search"}])"))},
      {"chunked",
       "POST /w/legal/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
       "11\r\nlegal-canary-71c3\r\n0\r\n\r\n"},
      {"length and chunked",
       "POST /w/legal/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"},
  };
}

}  // namespace tideover::test::escapes
