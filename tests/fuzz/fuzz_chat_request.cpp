// Any bytes as the body of a request: into the model and out again for both kinds of local server, or a refusal that
// says why; and cleaned of what local models left in it, or as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tideover/adapt/chat/clean_history.hpp"
#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/embeddings.hpp"
#include "tideover/adapt/json_cursor.hpp"
#include "tideover/adapt/token_estimate.hpp"

namespace {

using namespace tideover;
using namespace tideover::adapt::chat;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_reason(const refusal& why) { require(!why.code.empty() && !why.message.empty()); }

void require_notes(const std::vector<std::string>& notes) {
  for (auto const& note : notes)
    for (char c : note) require(c >= ' ' && c <= '~');
}

/// A body that a local server can be sent. Returns it.
std::string require_body(const std::variant<rendered, refusal>& made) {
  if (auto const* const no = std::get_if<refusal>(&made)) {
    require_reason(*no);
    return {};
  }
  auto const& out = std::get<rendered>(made);
  require_notes(out.notes);
  require(out.must_call == !out.allowed_calls.empty());
  auto const document = nlohmann::json::parse(out.body, nullptr, false);
  require(document.is_object() && document.value("model", "") == "local");
  for (const char* never : {"user", "metadata", "keep_alive", "store", "safety_identifier", "prompt_cache_key"})
    require(!document.contains(never));
  return out.body;
}

void translate(endpoint what, std::string_view text, const render_options& options) {
  auto const read = parse_request(what, text);
  if (auto const* const no = std::get_if<refusal>(&read)) return require_reason(*no);
  auto const& given = std::get<parsed>(read);
  require_notes(given.notes);
  require(!given.what.messages.empty());
  require(adapt::estimate_prompt(given.what) > 0);
  (void)require_body(render_ollama_chat(given.what, options));
  auto const chat = require_body(render_openai_chat(given.what, options));
  // What we write we can read.
  if (!chat.empty()) require(std::holds_alternative<parsed>(parse_request(endpoint::chat_completions, chat)));
}

void embed(std::string_view text) {
  auto const made = adapt::render_embeddings(dialect::ollama, text, "local");
  (void)require_body(made);
  if (!std::holds_alternative<rendered>(made)) return;
  // The same bytes as the answer, and one that fits a single input.
  for (auto const answer : {text, std::string_view(R"({"embeddings":[[0.5,1e-60]]})")})
    if (auto const list = adapt::write_embeddings(text, answer, "local")) require(nlohmann::json::accept(*list));
}

void clean(endpoint what, std::string_view text) {
  auto const once = clean_history_of_marked(what, text);
  require_notes(once.notes);
  if (once.what == cleaned::kind::refused) return require_reason(once.why);
  if (once.what == cleaned::kind::unchanged) return;
  // Well-formed as the text was: UTF-8 is the cloud's to judge.
  adapt::json_cursor at(once.body);
  require(at.skip() && at.finish());
  require(clean_history_of_marked(what, once.body).what == cleaned::kind::unchanged);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<const char*>(data), size);
  render_options options{.model = "local",
                         .can = {.known = size % 2 == 0, .tools = true, .vision = true, .thinking = size % 4 == 0}};
  if (size % 3 == 0) options.workflow_prompt = {system_prompt::placing::replace, "Be brief."};
  if (size % 5 == 0) options.continuation = "Once upon";
  for (auto const what : {endpoint::chat_completions, endpoint::completions, endpoint::responses, endpoint::messages})
    translate(what, text, options);
  embed(text);
  clean(endpoint::messages, text);
  clean(endpoint::responses, text);
  (void)adapt::estimate_text_tokens(text);
  (void)adapt::estimate_tokens(text);
  return 0;
}
