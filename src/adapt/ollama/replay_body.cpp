#include "tideover/adapt/ollama/replay_body.hpp"

#include "replay_rewriter.hpp"
#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/request_scan.hpp"

namespace tideover::adapt::ollama {
namespace {

replay_refusal refusal(std::string_view code, std::string_view field, std::string_view message) {
  return {std::string(code), std::string(field), std::string(message)};
}

}  // namespace

std::variant<replay_body, replay_refusal> make_replay_body(endpoint what, std::string_view original,
                                                           const replay_options& options) {
  // The scan also proves that the text is one JSON object of bounded depth, so the document below is safe to build.
  auto const facts = scan_request(what, original);
  if (!facts.is_json_object)
    return refusal("invalid_request", "", "The request's body is not a JSON object that can be read.");
  if (!facts.not_replayable.empty())
    return refusal("not_replayable", facts.not_replayable, not_replayable_sentence(facts.not_replayable));
  auto const document = parse_document(original);
  if (!document.is_object()) return refusal("invalid_request", "", "The request's body is not valid UTF-8 JSON.");

  rewriter to(document, options);
  switch (what) {
    case endpoint::chat_completions: return rewrite_chat(to);
    case endpoint::completions: return rewrite_completions(to);
    case endpoint::responses: return rewrite_responses(to);
    case endpoint::messages: return rewrite_messages(to);
    case endpoint::embeddings: return rewrite_embeddings(to);
    case endpoint::count_tokens:
    case endpoint::models:
    case endpoint::other_v1:
    case endpoint::ollama_native:
    case endpoint::unknown: break;
  }
  return refusal("not_replayable", "", "The local server has nothing that stands in for this endpoint.");
}

std::string not_replayable_sentence(std::string_view field) { return chat::not_replayable_sentence(field); }

}  // namespace tideover::adapt::ollama
