// Answers of a cloud as bytes, and what a caller must get of them.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace tideover::proxy::test {

inline const std::string whole_body =
    R"({"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"Hello \u00e4 there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}})";

inline const std::string stream_body =
    "data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
    "\"\"},\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé\"},\"finish_"
    "reason\":null}]}\n\n"
    "data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\"},\"finish_"
    "reason\":null}]}\n\n"
    "data: {\"id\":\"1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

/// The same said by an Ollama on its own route, whole and as lines.
inline const std::string local_whole =
    R"({"model":"llama3.1:8b","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"local"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":1})";
inline const std::string local_lines =
    R"({"model":"llama3.1:8b","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"lo"},"done":false})"
    "\n"
    R"({"model":"llama3.1:8b","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"cal"},"done":false})"
    "\n"
    R"({"model":"llama3.1:8b","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2})"
    "\n";

/// The text of a chat answer, whole or streamed; "(cut)" behind it where a stream has no terminator.
inline std::string text_of_chat(const std::string& payload) {
  std::string text;
  constexpr std::string_view key = "\"content\":\"";
  for (auto at = payload.find(key); at != std::string::npos; at = payload.find(key, at)) {
    at += key.size();
    auto const end = payload.find('"', at);
    text += payload.substr(at, end - at);
    at = end;
  }
  bool const stream = payload.find("data: ") != std::string::npos;
  return stream && !payload.ends_with("data: [DONE]\n\n") ? text + "(cut)" : text;
}

inline std::string chunk(const std::string& bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

inline std::string with_length(const std::string& body, const char* type = "application/json") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nx-request-id: up-1\r\n\r\n" + body;
}

/// Cuts `body` into chunks of at most `size` bytes.
inline std::string chunked(const std::string& body, std::size_t size, const char* type = "application/json") {
  std::string out = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t i = 0; i < body.size(); i += size) out += chunk(body.substr(i, size));
  return out + "0\r\n\r\n";
}

/// A local server's answer to chat_request(stream).
inline std::string local_answer(bool stream) {
  return stream ? chunked(local_lines, 100000, "application/x-ndjson") : with_length(local_whole);
}

/// The payload of what the caller heard: head removed, chunks joined. Empty when the framing is broken.
inline std::string payload(const std::string& heard) {
  auto const end = heard.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  auto const head = heard.substr(0, end + 4);
  std::string rest = heard.substr(end + 4);
  if (head.find("Transfer-Encoding: chunked") == std::string::npos) return rest;
  std::string out;
  for (;;) {
    auto const line = rest.find("\r\n");
    if (line == std::string::npos) return {};
    auto const size = std::stoul(rest.substr(0, line), nullptr, 16);
    if (size == 0) return rest == "0\r\n\r\n" ? out : std::string{};
    out += rest.substr(line + 2, size);
    if (rest.size() < line + 2 + size + 2) return {};
    rest.erase(0, line + 2 + size + 2);
  }
}

}  // namespace tideover::proxy::test
