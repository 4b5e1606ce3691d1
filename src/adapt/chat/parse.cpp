// The way into the model: guards first, then the reader of the dialect.
#include <algorithm>

#include "reader.hpp"
#include "tideover/adapt/request_scan.hpp"

namespace tideover::adapt::chat {

bool request::has_images() const {
  return std::any_of(messages.begin(), messages.end(), [](const message& one) {
    return std::any_of(one.parts.begin(), one.parts.end(), [](const part& p) { return p.is_image(); });
  });
}

std::variant<parsed, refusal> parse_request(endpoint what, std::string_view body) {
  // The scan also proves that the text is one JSON object of bounded depth, so the document below is safe to build.
  auto const facts = scan_request(what, body);
  if (!facts.is_json_object)
    return refusal{"invalid_request", "", "The request's body is not a JSON object that can be read."};
  if (!facts.not_replayable.empty())
    return refusal{"not_replayable", facts.not_replayable, not_replayable_sentence(facts.not_replayable)};
  auto const document = parse_document(body);
  if (!document.is_object()) return refusal{"invalid_request", "", "The request's body is not valid UTF-8 JSON."};

  reader to(document);
  switch (what) {
    case endpoint::chat_completions: return parse_chat(to);
    case endpoint::completions: return parse_completions(to);
    case endpoint::responses: return parse_responses(to);
    case endpoint::messages: return parse_messages(to);
    case endpoint::embeddings:
    case endpoint::count_tokens:
    case endpoint::models:
    case endpoint::other_v1:
    case endpoint::ollama_native:
    case endpoint::unknown: break;
  }
  return refusal{"not_replayable", "", "The local server has nothing that stands in for this endpoint."};
}

std::string not_replayable_sentence(std::string_view field) {
  auto const starts = [field](std::string_view prefix) { return field.starts_with(prefix); };
  std::string const name(field);
  if (field == "previous_response_id" || field == "conversation")
    return name +
           " refers to a conversation stored at the cloud, which the local model cannot see; send the whole "
           "history in input instead.";
  if (field == "prompt") return "prompt refers to a template stored at the cloud; send its text instead.";
  if (field == "background")
    return "background asks for an answer to be fetched later from the cloud; leave it out to let the local model "
           "answer.";
  if (field == "container" || field == "mcp_servers" || starts("tools[].type=") || field == "web_search_options")
    return name +
           " asks for a tool that the cloud runs, which the local model does not have; leave it out to let the "
           "local model answer.";
  if (field == "audio" || starts("modalities"))
    return name + " asks for a spoken answer, which the local model cannot give; ask for text instead.";
  if (field == "messages[].audio")
    return "messages[].audio refers to an earlier spoken answer stored at the cloud; send its transcript as text.";
  if (starts("input[].type=compaction"))
    return name + " can only be read by the cloud that made it; send the history itself instead.";
  if (starts("input[].type=item_reference"))
    return "An item in input refers to one stored at the cloud; send the item itself instead.";
  if (field.find("file") != std::string_view::npos || field.find("container_upload") != std::string_view::npos)
    return name + " refers to a file stored at the cloud; send the content itself instead.";
  if (field.empty()) return "";
  return name + " refers to something that only the cloud has, so the local model cannot stand in for this request.";
}

}  // namespace tideover::adapt::chat
