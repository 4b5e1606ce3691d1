// What a local server says is installed and loaded, from its JSON into a catalog.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "tideover/core/http_message.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

using nlohmann::json;

template <class Json>
std::string text_of(const Json& object, const char* key) {
  auto const it = object.find(key);
  return it != object.end() && it->is_string() ? it->template get<std::string>() : std::string{};
}

template <class Json>
std::string name_of(const Json& model) {
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

/// Servers before 0.30 list no capabilities (OL §12), other servers none at all: the name has to do.
void guess_capabilities(local_model& m) {
  m.embedding = mentions(m.name, {"embed", "bge-", "minilm"});
  m.completion = !m.embedding;
  m.vision = !m.embedding && mentions(m.name, {"vision", "llava", "-vl", "vl:", "moondream", "minicpm-v", "gemma3"});
}

template <class Model>
void read_capabilities(Model& m, const json& list) {
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

std::uint64_t number_of(const json& object, const char* key) {
  auto const it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

local_model read_model(const json& entry) {
  local_model m;
  m.name = name_of(entry);
  m.digest = text_of(entry, "digest");
  m.size_bytes = number_of(entry, "size");
  if (auto const details = entry.find("details"); details != entry.end() && details->is_object())
    m.trained_context = number_of(*details, "context_length");
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

  read_loaded(ps_json, catalog);
  return catalog;
}

void read_loaded(std::string_view ps_json, local_catalog& catalog) {
  // Without an answer nothing counts as loaded, which costs only order. A model that is loading is not listed yet.
  auto const loaded = models_of(ps_json);
  if (!loaded) return;
  for (auto& m : catalog.models) m.loaded = false, m.loaded_context = 0, m.gpu_fraction = 0, m.loaded_bytes = 0;
  for (const auto& entry : *loaded) {
    if (!entry.is_object()) continue;
    auto* const found = catalog.find(name_of(entry));
    if (found == nullptr) continue;
    found->loaded = true;
    found->loaded_context = number_of(entry, "context_length");
    found->loaded_bytes = number_of(entry, "size");
    auto const all = static_cast<double>(found->loaded_bytes),
               on_gpu = static_cast<double>(number_of(entry, "size_vram"));
    // A machine without a GPU says 0 of 0 (measured with 0.33): that tells no share, not even that there is none.
    found->gpu_fraction = all > 0 ? std::min(on_gpu / all, 1.0) : 0;
  }
}

std::string join_lists(const std::vector<std::shared_ptr<const std::string>>& lists) {
  using nlohmann::ordered_json;
  auto all = ordered_json::array();
  for (const auto& text : lists) {
    auto list = text ? ordered_json::parse(*text, nullptr, /*allow_exceptions=*/false) : ordered_json();
    auto const models = list.is_object() ? list.find("models") : list.end();
    if (!list.is_object() || models == list.end() || !models->is_array()) continue;
    for (auto& entry : *models) {
      if (!entry.is_object()) continue;
      auto const name = name_of(entry);
      if (name.empty() || names_remote(name) || !text_of(entry, "remote_host").empty() ||
          !text_of(entry, "remote_model").empty())
        continue;
      if (std::none_of(all.begin(), all.end(), [&](const auto& e) { return same_model(name_of(e), name); }))
        all.push_back(std::move(entry));
    }
  }
  return ordered_json{{"models", std::move(all)}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::optional<shown_model> read_show(std::string_view show_json) {
  auto const answer = json::parse(show_json, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return std::nullopt;
  shown_model shown;
  if (auto const list = answer.find("capabilities"); list != answer.end() && list->is_array() && !list->empty())
    read_capabilities(shown, *list);
  shown.remote = !text_of(answer, "remote_host").empty() || !text_of(answer, "remote_model").empty();
  if (auto const info = answer.find("model_info"); info != answer.end() && info->is_object())
    for (const auto& [key, value] : info->items())  // "<architecture>.context_length"
      if (key.ends_with(".context_length") && value.is_number_unsigned())
        shown.trained_context = std::max(shown.trained_context, value.get<std::uint64_t>());
  return shown;
}

void apply_show(const shown_model& shown, local_model& m) {
  if (shown.capabilities_known) {
    m.capabilities_known = true;
    m.completion = shown.completion;
    m.tools = shown.tools;
    m.vision = shown.vision;
    m.thinking = shown.thinking;
    m.embedding = shown.embedding;
  }
  m.remote = m.remote || shown.remote;  // a warning from either side counts
  m.trained_context = std::max(m.trained_context, shown.trained_context);
}

std::optional<local_catalog> read_openai_catalog(std::string_view models_json) {
  auto const answer = json::parse(models_json, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return std::nullopt;
  auto const data = answer.find("data");
  if (data == answer.end() || !data->is_array()) return std::nullopt;
  local_catalog catalog;
  catalog.known = true;
  for (const auto& entry : *data) {
    if (!entry.is_object() || text_of(entry, "id").empty()) continue;
    auto& m = catalog.models.emplace_back();
    m.name = text_of(entry, "id");
    m.loaded = true;
    guess_capabilities(m);
    // vLLM's length is the window it has; llama-server tells what the model was trained for.
    m.trained_context = m.loaded_context = number_of(entry, "max_model_len");
    if (auto const meta = entry.find("meta"); meta != entry.end() && meta->is_object()) {
      m.trained_context = std::max(m.trained_context, number_of(*meta, "n_ctx_train"));
      m.size_bytes = number_of(*meta, "size");
    }
  }
  return catalog;
}

bool says_loading(int status, std::string_view body) {
  return status == 503 && body.find("Loading model") != std::string_view::npos;
}

const local_model* local_catalog::find(std::string_view name) const {
  if (name.empty()) return nullptr;
  auto const it = std::find_if(models.begin(), models.end(), [&](const auto& m) { return same_model(m.name, name); });
  if (it != models.end()) return &*it;
  // `x:local` is `x` to Ollama, and insists that it runs there; older ones take it for a tag.
  constexpr std::string_view insists = ":local";
  if (name.size() <= insists.size() || !iequals(name.substr(name.size() - insists.size()), insists)) return nullptr;
  return find(name.substr(0, name.size() - insists.size()));
}

local_model* local_catalog::find(std::string_view name) {
  return const_cast<local_model*>(std::as_const(*this).find(name));
}

const local_model* local_catalog::find_at(std::string_view name, std::size_t url) const {
  if (by_url.empty()) return url == 0 ? find(name) : nullptr;
  return url < by_url.size() ? by_url[url].find(name) : nullptr;
}

local_catalog merge_catalogs(std::vector<local_catalog> by_url) {
  if (by_url.size() == 1) return std::move(by_url.front());
  local_catalog all;
  all.silent = !by_url.empty();
  for (const auto& one : by_url) {
    all.silent = all.silent && one.silent;
    all.known = all.known || one.known;
    all.loading = all.loading || one.loading;
    for (const auto& m : one.models) {
      auto* const same = all.find(m.name);
      if (same == nullptr) {
        all.models.push_back(m);
        continue;
      }
      same->loaded_bytes = std::max(same->loaded_bytes, m.loaded_bytes);
      same->gpu_fraction = std::max(same->gpu_fraction, m.gpu_fraction);
      same->loaded = same->loaded || m.loaded;
      same->fits = same->fits || m.fits;
      same->loaded_context = std::max(same->loaded_context, m.loaded_context);
      same->usual_context = std::max(same->usual_context, m.usual_context);
      same->trained_context = std::max(same->trained_context, m.trained_context);
      // A promise holds for every server that might be chosen.
      same->remote = same->remote || m.remote;
    }
  }
  all.by_url = std::move(by_url);
  return all;
}

std::vector<url_fit> fits_by_url(const local_catalog& catalog, std::string_view model, std::size_t urls) {
  if (!catalog.known) return std::vector(urls, url_fit::installed);
  std::vector<url_fit> fits(urls, url_fit::absent);
  for (std::size_t i = 0; i < urls; ++i) {
    const auto* found = catalog.find_at(model, i);
    if (found != nullptr) fits[i] = found->loaded ? url_fit::loaded : url_fit::installed;
  }
  auto const silent = [&](std::size_t i) { return i < catalog.by_url.size() && catalog.by_url[i].silent; };
  bool spoken_for = false;
  for (std::size_t i = 0; i < urls; ++i) spoken_for = spoken_for || (fits[i] != url_fit::absent && !silent(i));
  for (std::size_t i = 0; spoken_for && i < urls; ++i)
    if (silent(i)) fits[i] = url_fit::absent;
  return fits;
}

}  // namespace tideover::policy
