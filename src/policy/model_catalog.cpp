// What Ollama says is installed and loaded, from its JSON into a catalog.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tideover/core/http_message.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* key) {
  auto const it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::string name_of(const json& model) {
  auto name = text_of(model, "name");
  return name.empty() ? text_of(model, "model") : name;
}

/// The array `models` of an answer; nothing when the text is not such an answer. `null` is Ollama's way of saying none.
std::optional<json> models_of(std::string_view text) {
  auto answer = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return std::nullopt;
  auto const it = answer.find("models");
  if (it == answer.end()) return std::nullopt;
  if (it->is_null()) return json::array();
  if (!it->is_array()) return std::nullopt;
  return std::move(*it);
}

bool mentions(std::string_view name, std::initializer_list<std::string_view> words) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

/// Servers before 0.30 list no capabilities (OL §12): the name has to do.
void guess_capabilities(local_model& m) {
  m.embedding = mentions(m.name, {"embed", "bge-", "minilm"});
  m.completion = !m.embedding;
  m.vision = !m.embedding && mentions(m.name, {"vision", "llava", "-vl", "vl:", "moondream", "minicpm-v", "gemma3"});
}

void read_capabilities(local_model& m, const json& list) {
  m.capabilities_known = true;
  for (const auto& entry : list) {
    if (!entry.is_string()) continue;
    const auto& word = entry.get_ref<const std::string&>();
    if (word == "completion") m.completion = true;
    if (word == "tools") m.tools = true;
    if (word == "vision") m.vision = true;
    if (word == "thinking") m.thinking = true;
    if (word == "embedding") m.embedding = true;
  }
}

local_model read_model(const json& entry) {
  local_model m;
  m.name = name_of(entry);
  if (auto const size = entry.find("size"); size != entry.end() && size->is_number_unsigned())
    m.size_bytes = size->get<std::uint64_t>();
  m.remote = !text_of(entry, "remote_host").empty() || !text_of(entry, "remote_model").empty();
  auto const capabilities = entry.find("capabilities");
  if (capabilities != entry.end() && capabilities->is_array() && !capabilities->empty())
    read_capabilities(m, *capabilities);
  else
    guess_capabilities(m);
  return m;
}

}  // namespace

std::optional<local_catalog> read_catalog(std::string_view tags_json, std::string_view ps_json) {
  auto const installed = models_of(tags_json);
  if (!installed) return std::nullopt;
  local_catalog catalog;
  catalog.known = true;
  for (const auto& entry : *installed)
    if (entry.is_object() && !name_of(entry).empty()) catalog.models.push_back(read_model(entry));

  // /api/ps blocks while a model loads (OL §12): without its answer nothing counts as loaded, which costs only order.
  auto const loaded = models_of(ps_json);
  if (!loaded) return catalog;
  for (const auto& entry : *loaded) {
    if (!entry.is_object()) continue;
    auto const* found = catalog.find(name_of(entry));
    if (found != nullptr) catalog.models[static_cast<std::size_t>(found - catalog.models.data())].loaded = true;
  }
  return catalog;
}

}  // namespace tideover::policy
