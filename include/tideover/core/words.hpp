// The few enumerations everybody uses: who a peer is and which language it speaks.
// Not for decisions: what follows from a word is answered in policy/ and adapt/.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tideover {

/// Where an answer comes from. Order matters nowhere; a promise (`local_only`) is never derived from it.
enum class tier : std::uint8_t {
  cloud,  // leaves the house
  local,  // stays in the house
  none,   // Tideover itself
};

/// The protocol family an upstream or a caller speaks.
enum class dialect : std::uint8_t { openai, anthropic, ollama };

/// What a request asks for. One value per row of the routing table.
enum class endpoint : std::uint8_t {
  chat_completions,  // POST /v1/chat/completions
  completions,       // POST /v1/completions
  responses,         // POST /v1/responses
  messages,          // POST /v1/messages
  count_tokens,      // POST /v1/messages/count_tokens
  embeddings,        // POST /v1/embeddings
  models,            // GET /v1/models and /v1/models/{id}
  other_v1,          // every other /v1/*: cloud only, never replayed
  ollama_native,     // /api/chat … : local only
  unknown,           // nothing Tideover serves
};

/// Who may see a workflow's data and in which order candidates are tried.
enum class policy_kind : std::uint8_t { cloud_first, local_first, cloud_only, local_only };

std::string_view token(tier value);
std::string_view token(dialect value);
std::string_view token(endpoint value);
std::string_view token(policy_kind value);

std::optional<tier> parse_tier(std::string_view text);
std::optional<dialect> parse_dialect(std::string_view text);
std::optional<policy_kind> parse_policy(std::string_view text);

/// True for endpoints whose answers are judged before they are committed (generation and embeddings).
constexpr bool is_judged(endpoint e) {
  return e == endpoint::chat_completions || e == endpoint::completions || e == endpoint::responses ||
         e == endpoint::messages || e == endpoint::embeddings || e == endpoint::count_tokens;
}

/// True for endpoints that generate text and may stream.
constexpr bool is_generation(endpoint e) {
  return e == endpoint::chat_completions || e == endpoint::completions || e == endpoint::responses ||
         e == endpoint::messages;
}

}  // namespace tideover
