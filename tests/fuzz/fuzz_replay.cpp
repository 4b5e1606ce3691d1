// Any bytes as the body of a request to be replayed locally: a JSON object with the local model's name, or a refusal
// that says why.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tideover/adapt/ollama/replay_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tideover;
  std::string_view const text(reinterpret_cast<const char*>(data), size);
  for (auto const what : {endpoint::chat_completions, endpoint::completions, endpoint::responses, endpoint::messages,
                          endpoint::embeddings}) {
    auto const result = adapt::ollama::make_replay_body(what, text, {.model = "local", .model_thinks = size % 2 == 0});
    if (auto const* const refusal = std::get_if<adapt::ollama::replay_refusal>(&result)) {
      if (refusal->code.empty() || refusal->message.empty()) std::abort();
      continue;
    }
    auto const document = nlohmann::json::parse(std::get<adapt::ollama::replay_body>(result).body, nullptr, false);
    if (!document.is_object() || document.value("model", "") != "local") std::abort();
    for (const char* never : {"user", "metadata", "keep_alive", "options", "store", "safety_identifier"})
      if (document.contains(never)) std::abort();
  }
  return 0;
}
