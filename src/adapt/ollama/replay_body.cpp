#include "tideover/adapt/ollama/replay_body.hpp"

#include "replay_rewriter.hpp"
#include "tideover/adapt/request_scan.hpp"

namespace tideover::adapt::ollama {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// The code unit of a `\uXXXX` escape that begins at `at`; 0 when there is none.
unsigned escape_at(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0;
  unsigned unit = 0;
  for (char c : text.substr(at + 2, 4)) {
    if (!is_hex(c)) return 0;
    unit = unit << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return unit;
}

/// Programs that cut texts at a fixed length leave halves of surrogate pairs behind. Cloud parsers take them; ours does
/// not, and a prompt should not fail over that. Each half becomes U+FFFD. The text was validated as JSON before.
std::string without_lone_surrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    auto const unit = escape_at(text, at);
    bool const high = unit >= 0xd800 && unit < 0xdc00;
    bool const low = unit >= 0xdc00 && unit < 0xe000;
    auto const next = high ? escape_at(text, at + 6) : 0;
    if (high && next >= 0xdc00 && next < 0xe000) {
      out += text.substr(at, 12);
      at += 12;
    } else if (high || low) {
      out += "\\ufffd";
      at += 6;
    } else {
      out += text.substr(at, 2);  // also keeps `\\` together, so that what follows it is no escape
      at += 2;
    }
  }
  return out;
}

json parse(std::string_view text) {
  auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) document = json::parse(without_lone_surrogates(text), nullptr, false);
  return document;
}

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
  auto const document = parse(original);
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

}  // namespace tideover::adapt::ollama
