#include "tideover/policy/model_choice.hpp"

#include <algorithm>
#include <array>

#include "tideover/core/http_message.hpp"

namespace tideover::policy {
namespace {

bool contains(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return to_lower(a) == to_lower(b); }) != text.end();
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && iequals(text.substr(text.size() - end.size()), end);
}

std::string_view without_latest(std::string_view name) {
  constexpr std::string_view latest = ":latest";
  return ends_with(name, latest) ? name.substr(0, name.size() - latest.size()) : name;
}

std::string_view base_name(std::string_view name) { return name.substr(0, name.find(':')); }

/// A specialist is first choice for its own field and last choice for everything else.
struct speciality {
  std::string_view title;
  std::array<std::string_view, 5> words;
};
constexpr std::array specialities{
    speciality{"code", {"code", "codex", "coder", "codestral", "devstral"}},
    speciality{"vision", {"vision", "llava", "-vl", "moondream", "minicpm-v"}},
    speciality{"math", {"math", "mathstral", "", "", ""}},
};

bool has_speciality(const speciality& s, std::string_view name) {
  return std::any_of(s.words.begin(), s.words.end(),
                     [&](std::string_view word) { return !word.empty() && contains(name, word); });
}

int differences(std::string_view requested, std::string_view name) {
  return static_cast<int>(std::count_if(specialities.begin(), specialities.end(), [&](const speciality& s) {
    return has_speciality(s, requested) != has_speciality(s, name);
  }));
}

/// Why this model cannot serve; empty when it can. A server too old to tell its models' capabilities gets the benefit
/// of the doubt for tools, which it refuses by itself, but not for images, which it takes and fails on (OL §3).
std::string_view inability(const local_model& m, const model_need& need) {
  if (m.remote || names_remote(m.name)) return "is served by ollama.com and therefore not local";
  if (!m.completion) return "does not generate text";
  if (need.vision && !m.vision) return "cannot see images";
  if (need.tools && m.capabilities_known && !m.tools) return "cannot call tools";
  return {};
}

/// Better first; the name decides last, so that the choice never depends on the order of a listing.
bool stands_before(const local_model& a, const local_model& b, const model_need& need) {
  auto const same_base = [&](const local_model& m) { return iequals(base_name(m.name), base_name(need.requested)); };
  if (same_base(a) != same_base(b)) return same_base(a);
  auto const da = differences(need.requested, a.name), db = differences(need.requested, b.name);
  if (da != db) return da < db;
  auto const proven = [&](const local_model& m) { return !need.tools || (m.capabilities_known && m.tools); };
  if (proven(a) != proven(b)) return proven(a);
  if (a.loaded != b.loaded) return a.loaded;
  if (a.size_bytes != b.size_bytes) return a.size_bytes > b.size_bytes;
  return a.name < b.name;
}

std::string why_chosen(const local_model& m, const model_need& need) {
  if (iequals(base_name(m.name), base_name(need.requested))) return "installed under the requested name, other tag";
  std::string why = m.loaded ? "largest loaded " : "largest installed ";
  for (const auto& s : specialities)
    if (has_speciality(s, need.requested) && has_speciality(s, m.name)) why.append(s.title).append(" ");
  return why + "model";
}

model_choice choose_installed(const model_need& need, const local_catalog& catalog) {
  if (!catalog.known) return {{}, "the local models are not known yet"};
  if (const auto* same = catalog.find(need.requested); same != nullptr && inability(*same, need).empty())
    return {same->name, "installed under the requested name"};

  const local_model* best = nullptr;
  bool any_text = false, any_vision = false;
  for (const auto& m : catalog.models) {
    any_text = any_text || inability(m, {}).empty();
    any_vision = any_vision || inability(m, {.requested = {}, .tools = false, .vision = true}).empty();
    if (!inability(m, need).empty()) continue;
    if (best == nullptr || stands_before(m, *best, need)) best = &m;
  }
  if (best != nullptr) return {best->name, why_chosen(*best, need)};
  if (!any_text) return {{}, "no local model that generates text is installed"};
  if (need.vision && !any_vision) return {{}, "no local model can see images"};
  if (need.vision && need.tools) return {{}, "no local model can both see images and call tools"};
  return {{}, "no local model can call tools"};
}

}  // namespace

// Wider than Ollama's own rule on purpose: a wrong refusal costs a model, a wrong pass costs a promise.
bool names_remote(std::string_view name) { return ends_with(name, ":cloud") || ends_with(name, "-cloud"); }

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;  // the last `*` and where its run ended so far
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && to_lower(pattern[p]) == to_lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

const local_model* local_catalog::find(std::string_view name) const {
  if (name.empty()) return nullptr;
  auto const it = std::find_if(models.begin(), models.end(), [&](const local_model& m) {
    return iequals(without_latest(m.name), without_latest(name));  // Ollama ignores case
  });
  return it == models.end() ? nullptr : &*it;
}

model_choice choose_model(const model_need& need, const std::vector<config::model_rule>& table,
                          const local_catalog& catalog) {
  if (table.empty()) return choose_installed(need, catalog);

  auto const rule = std::find_if(table.begin(), table.end(),
                                 [&](const config::model_rule& r) { return glob_matches(r.cloud, need.requested); });
  if (rule == table.end()) {
    auto other = choose_installed(need, catalog);
    other.why = "no rule of models matches '" + std::string(need.requested) + "'; " + other.why;
    return other;
  }

  std::string const named =
      "models[" + std::to_string(rule - table.begin()) + "]: " + rule->cloud + " -> " + rule->local;
  // Refused, not replaced: the file asks for something that would leave the house, and its author must learn of it.
  if (names_remote(rule->local)) return {{}, named + " is served by ollama.com and therefore not local"};
  if (!catalog.known) return {rule->local, named};

  const auto* installed = catalog.find(rule->local);
  auto const fault = installed == nullptr ? std::string_view("is not installed") : inability(*installed, need);
  if (fault.empty()) return {rule->local, named};
  if (installed != nullptr && installed->remote) return {{}, named + " " + std::string(fault)};

  // Another model stands in for the one that cannot (contract §7); `why` tells, so that nobody has to wonder.
  auto other = choose_installed(need, catalog);
  other.why = named + " " + std::string(fault) + "; " + other.why;
  return other;
}

}  // namespace tideover::policy
