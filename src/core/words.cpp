#include "tideover/core/words.hpp"

namespace tideover {

std::string_view token(tier value) {
  switch (value) {
    case tier::cloud: return "cloud";
    case tier::local: return "local";
    case tier::none: return "none";
  }
  return "none";
}

std::string_view token(dialect value) {
  switch (value) {
    case dialect::openai: return "openai";
    case dialect::anthropic: return "anthropic";
    case dialect::ollama: return "ollama";
  }
  return "openai";
}

std::string_view token(endpoint value) {
  switch (value) {
    case endpoint::chat_completions: return "chat_completions";
    case endpoint::completions: return "completions";
    case endpoint::responses: return "responses";
    case endpoint::messages: return "messages";
    case endpoint::count_tokens: return "count_tokens";
    case endpoint::embeddings: return "embeddings";
    case endpoint::models: return "models";
    case endpoint::other_v1: return "other";
    case endpoint::ollama_native: return "ollama_native";
    case endpoint::unknown: return "unknown";
  }
  return "unknown";
}

std::string_view token(policy_kind value) {
  switch (value) {
    case policy_kind::cloud_first: return "cloud_first";
    case policy_kind::local_first: return "local_first";
    case policy_kind::cloud_only: return "cloud_only";
    case policy_kind::local_only: return "local_only";
  }
  return "local_only";
}

namespace {
template <class Enum, std::size_t N>
std::optional<Enum> parse(std::string_view text, const Enum (&values)[N]) {
  for (Enum v : values)
    if (token(v) == text) return v;
  return std::nullopt;
}
}  // namespace

std::optional<tier> parse_tier(std::string_view text) { return parse(text, {tier::cloud, tier::local}); }

std::optional<dialect> parse_dialect(std::string_view text) {
  return parse(text, {dialect::openai, dialect::anthropic, dialect::ollama});
}

std::optional<policy_kind> parse_policy(std::string_view text) {
  return parse(text,
               {policy_kind::cloud_first, policy_kind::local_first, policy_kind::cloud_only, policy_kind::local_only});
}

}  // namespace tideover
