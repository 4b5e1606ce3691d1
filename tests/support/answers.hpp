// What the clouds and Ollama really write: bodies, streams and errors of every dialect, ready to be scripted.
// Not for the program under test: it must never know what a good answer will look like.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/scripted_upstream.hpp"

namespace tideover::test {

/// What a model says. The words joined are the whole text.
struct said {
  std::string model = "gpt-4o-mini";
  std::string id = "42";
  std::vector<std::string> words = {"The ", "cloud ", "answers ", "this."};
  int input_tokens = 9;
  std::string echo = {};  // Ollama's native chat: what it was to continue, once more in front, and in no count

  std::string text() const;
};

/// Bodies and events as the vendors write them (CL §3, §4).
namespace openai {
std::string chat(const said& what);
std::vector<std::string> chat_events(const said& what, bool usage = false);  // with [DONE]
std::string completion(const said& what);
std::vector<std::string> completion_events(const said& what);
std::string response(const said& what);
std::vector<std::string> response_events(const said& what);
std::string models(const std::vector<std::string>& ids);
std::string embeddings(const std::string& model);
std::string error(std::string_view message, std::string_view type, std::string_view code = "");
}  // namespace openai

namespace anthropic {
std::string message(const said& what);
std::vector<std::string> message_events(const said& what);
std::string error(std::string_view type, std::string_view message, std::string_view error_code = "");
}  // namespace anthropic

/// Ollama's own renderings (OL §2–§12): native objects, and /v1 routes with their peculiarities.
namespace ollama {
struct model {
  std::string name = "llama3.1:8b";
  std::vector<std::string> capabilities = {"completion", "tools"};
  std::string digest = std::string(64, 'a');
  bool own_template = false;  // the GGUF's own: /api/tags then knows `completion` alone, /api/show all (0.33)
  std::uint64_t size = 4'900'000'000;
  int context_length = 131072;
  bool loaded = true;
  std::string remote_host = {};  // a stub whose prompts go to ollama.com (OL §13)
};
std::string tags(const std::vector<model>& installed);
std::string ps(const std::vector<model>& installed);
std::string show(const model& what);
std::string chat(const said& what);
std::vector<std::string> chat_events(const said& what, bool usage = false);
std::string completion(const said& what);
std::vector<std::string> completion_events(const said& what);
std::string response(const said& what);
std::vector<std::string> response_events(const said& what);
std::string message(const said& what);
std::vector<std::string> message_events(const said& what);
std::string native_chat(const said& what);                     // one object
std::vector<std::string> native_chat_lines(const said& what);  // NDJSON
std::string native_generate(const said& what);
std::vector<std::string> native_generate_lines(const said& what);
std::string error(int status, std::string_view message);  // as the /v1 routes of OpenAI's dialect say it
}  // namespace ollama

inline constexpr std::string_view html_page =
    "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Please sign in to this network</h1></body>"
    "</html>\n";

std::string joined(const std::vector<std::string>& pieces);

/// Scripts.
script reply(int status, std::string body, field_list extra = {}, std::string type = "application/json");
/// One event per chunk, then the last chunk.
script stream(std::vector<std::string> events, field_list extra = {}, std::string type = "text/event-stream");
/// The first `count` events, then whatever `after` does with the connection.
script stream_then(std::vector<std::string> events, std::size_t count, std::function<void(served_connection&)> after);
/// The first `count` events, a wait at the gate, the rest.
script stream_gated(std::vector<std::string> events, std::size_t count, gate opened);
script silence();           // reads the request, never says a word
script hang_up();           // closes without a byte
script reset_connection();  // RST without a byte
script raw_bytes(std::string bytes, bool then_close = true);

/// Every route of both clouds answers well; streams when the body says so.
void serve_cloud(scripted_upstream& cloud, const said& what = {});
/// A strict Ollama: catalog, native and /v1 routes; unknown models are 404, wrong bodies 400 as Ollama says them.
/// `echoes_prefill`: /api/chat answers with a last message of the assistant in front, as 0.33 with llama.cpp does:
/// whole answers begin with it, streams have it in their first delta together with the first word.
void serve_ollama(scripted_upstream& server, std::vector<ollama::model> installed = {ollama::model{}},
                  std::vector<std::string> words = {"The ", "local ", "model ", "answers ", "this."},
                  bool echoes_prefill = false);
inline constexpr std::string_view cloud_text = "The cloud answers this.";
inline constexpr std::string_view local_text = "The local model answers this.";

/// The text of an answer body or of a whole stream, whichever dialect it is in; for comparing what callers got.
std::string text_of(std::string_view body);

}  // namespace tideover::test
