#include "tideover/policy/client_keys.hpp"

#include <algorithm>
#include <optional>

#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

/// What one field presents: nothing if it carries no key at all, "" for an empty or unreadable one.
std::optional<std::string_view> key_in(const header_field& f) {
  if (f.id == field_id::authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (f.value.size() < scheme.size() || !iequals(f.value.substr(0, scheme.size()), scheme)) return "";
    auto key = f.value.substr(scheme.size());
    while (key.starts_with(' ')) key.remove_prefix(1);
    return key;
  }
  if (iequals(f.name, "x-api-key") || iequals(f.name, "api-key")) return f.value;
  return std::nullopt;
}

const config::client_key* owner_of(std::string_view key, const config::clients& clients) {
  auto const digest = sha256(key);
  const config::client_key* found = nullptr;
  for (const auto& candidate : clients.keys)
    if (candidate.sha256 && same_digest(*candidate.sha256, digest)) found = &candidate;
  return found;
}

}  // namespace

presented_key find_client(const header_fields& fields, const config::clients& clients) {
  if (clients.keys.empty() && !clients.required) return {};
  std::optional<std::string_view> first;
  bool several = false;
  bool repeated = fields.count(field_id::authorization) > 1;
  const config::client_key* found = nullptr;
  for (const auto& f : fields.list) {
    auto const key = key_in(f);
    if (!key) continue;
    if (first && *first != *key) several = true;
    if (!first || several) {
      if (const auto* owner = owner_of(*key, clients)) found = owner;
    }
    if (!first) first = key;
  }
  if (found && !several && !repeated) return {key_verdict::known, found};
  if (clients.required) return {first ? key_verdict::wrong : key_verdict::missing, nullptr};
  // One of ours among others: it must not go to a cloud as if it were theirs, so nothing is guessed.
  return {found ? key_verdict::wrong : key_verdict::not_asked, nullptr};
}

bool held_to_models(const config::client_key& key) {
  return key.models && std::none_of(key.models->begin(), key.models->end(), [](const std::string& glob) {
           return !glob.empty() && glob.find_first_not_of('*') == std::string::npos;
         });
}

bool may_ask(const config::client_key& key, std::string_view model) {
  return !held_to_models(key) || std::any_of(key.models->begin(), key.models->end(),
                                             [&](const std::string& glob) { return glob_matches(glob, model); });
}

}  // namespace tideover::policy
