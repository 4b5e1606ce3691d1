#include "tideover/core/ollama_name.hpp"

#include <algorithm>
#include <string>

#include "tideover/core/http_message.hpp"

namespace tideover {
namespace {

bool stands_in_names(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':' || c == '/';
}

bool drop_front(std::string_view& name, std::string_view front) {
  if (name.size() <= front.size() || !iequals(name.substr(0, front.size()), front)) return false;
  name.remove_prefix(front.size());
  return true;
}

}  // namespace

bool is_ollama_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), stands_in_names);
}

// Wider than Ollama's own rule on purpose: a wrong refusal costs a model, a wrong pass costs a promise.
bool names_remote(std::string_view name) {
  std::string read;
  for (const char c : name)
    if (stands_in_names(c)) read += to_lower(c);
  return read.ends_with(":cloud") || read.ends_with("-cloud");
}

std::string_view short_ollama_name(std::string_view name) {
  constexpr std::string_view latest = ":latest";
  if (auto const scheme = name.find("://"); scheme != std::string_view::npos) name.remove_prefix(scheme + 3);
  drop_front(name, "registry.ollama.ai/");
  drop_front(name, "library/");
  if (name.size() > latest.size() && iequals(name.substr(name.size() - latest.size()), latest))
    name.remove_suffix(latest.size());
  return name;
}

}  // namespace tideover
