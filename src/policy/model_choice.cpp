#include "tideover/policy/model_choice.hpp"

#include <algorithm>
#include <array>

#include "tideover/core/http_message.hpp"
#include "tideover/core/ollama_name.hpp"

namespace tideover::policy {
namespace {

bool contains(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return to_lower(a) == to_lower(b); }) != text.end();
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

/// What a request is about, as far as its model's name and its needs tell, and what is recommended for it (the library
/// that the documentation suggests to install), best first.
std::array<std::string_view, 2> recommended_for(const model_need& need) {
  if (has_speciality(specialities[0], need.requested)) return {"qwen2.5-coder:7b", ""};
  auto const& name = need.requested;
  bool const reasons = need.thinking || contains(name, "reason") || contains(name, "think") ||
                       (name.size() > 1 && to_lower(name[0]) == 'o' && name[1] >= '0' && name[1] <= '9');
  if (reasons) return {"phi4:14b", "llama3.1:8b"};
  return {"llama3.1:8b", "mistral:7b"};
}

/// 0: the first recommendation, then the others, then the rest.
std::size_t recommendation(const local_model& m, const model_need& need) {
  auto const list = recommended_for(need);
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!list[i].empty() && same_model(m.name, list[i])) return i;
  return list.size();
}

struct inability {
  std::string_view text;  // empty: it can
  lack missing = lack::nothing;
};

/// Why this model cannot serve. A server too old to tell its models' capabilities gets the benefit of the doubt for
/// tools, which it refuses by itself, but not for images, which it takes and fails on (OL §3).
inability unable(const local_model& m, const model_need& need, const model_tables& tables) {
  if (m.remote || names_remote(m.name)) return {"is served by ollama.com and therefore not local", lack::model};
  if (!m.completion) return {"does not generate text", lack::model};
  if (need.vision && !m.vision) return {"cannot see images", lack::ability};
  if (need.tools && m.capabilities_known && !m.tools) return {"cannot call tools", lack::ability};
  if (!window_for(need, tables, &m).fits) return {"has too small a window for this request", lack::window};
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
  if (need.thinking && a.thinking != b.thinking) return a.thinking;
  if (a.fits != b.fits) return a.fits;
  if (a.loaded != b.loaded) return a.loaded;
  auto const ra = recommendation(a, need), rb = recommendation(b, need);
  if (ra != rb) return ra < rb;
  if (a.size_bytes != b.size_bytes) return a.size_bytes > b.size_bytes;
  return a.name < b.name;
}

std::string why_chosen(const local_model& m, const model_need& need) {
  if (iequals(base_name(m.name), base_name(need.requested))) return "installed under the requested name, other tag";
  auto const is_recommended = recommendation(m, need) < recommended_for(need).size();
  std::string why = is_recommended ? "recommended, " : "largest ";
  why += m.loaded ? "loaded " : "installed ";
  for (const auto& s : specialities)
    if (has_speciality(s, need.requested) && has_speciality(s, m.name)) why.append(s.title).append(" ");
  why += "model";
  if (need.thinking && m.thinking) why += " that thinks";
  if (!m.fits) why += ", although it does not fit well";
  return why;
}

std::string tokens_text(std::uint64_t n) { return std::to_string(n) + " tokens"; }

model_choice nobody(const model_need& need, const model_tables& tables, const local_catalog& catalog) {
  model_choice none;
  bool any_text = false, any_vision = false;
  std::uint64_t needed = 0;
  auto without_size = need;
  without_size.window = {};
  for (const auto& m : catalog.models) {
    any_text = any_text || unable(m, {}, tables).text.empty();
    any_vision = any_vision || unable(m, {.requested = {}, .vision = true}, tables).text.empty();
    if (!unable(m, without_size, tables).text.empty()) continue;
    auto const window = window_for(need, tables, &m);
    none.missing = lack::window;
    none.largest_window = std::max(none.largest_window, window.largest);
    needed = window.needed;
  }
  if (none.missing == lack::window) {
    none.why = "the request needs about " + tokens_text(needed) +
               ", and no local model that can serve it holds more than " + tokens_text(none.largest_window);
    return none;
  }
  none.missing = any_text ? lack::ability : lack::model;
  if (!any_text)
    none.why = "no local model that generates text is installed";
  else if (need.vision && !any_vision)
    none.why = "no local model can see images";
  else if (need.vision && need.tools)
    none.why = "no local model can both see images and call tools";
  else
    none.why = "no local model can call tools";
  return none;
}

model_choice chosen(std::string name, std::string why) { return {.name = std::move(name), .why = std::move(why)}; }

model_choice choose_installed(const model_need& need, const model_tables& tables, const local_catalog& catalog) {
  if (!catalog.known) return {.why = "the local models are not known yet", .missing = lack::unknown};
  if (const auto* same = catalog.find(need.requested); same != nullptr && unable(*same, need, tables).text.empty())
    return chosen(same->name, "installed under the requested name");

  const local_model* best = nullptr;
  for (const auto& m : catalog.models)
    if (unable(m, need, tables).text.empty() && (best == nullptr || stands_before(m, *best, need))) best = &m;
  if (best != nullptr) return chosen(best->name, why_chosen(*best, need));
  return nobody(need, tables, catalog);
}

}  // namespace

matching_rule find_rule(const model_tables& tables, std::string_view requested) {
  auto const in = [&](const std::vector<config::model_rule>* table, const std::string& path) -> matching_rule {
    if (table != nullptr)
      for (std::size_t i = 0; i < table->size(); ++i)
        if (glob_matches((*table)[i].cloud, requested)) return {&(*table)[i], path + "[" + std::to_string(i) + "]"};
    return {};
  };
  auto rule = in(tables.of_workflow, "workflows." + std::string(tables.workflow) + ".models");
  if (rule.rule == nullptr) rule = in(tables.global, "models");
  return rule;
}

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

bool same_model(std::string_view a, std::string_view b) { return iequals(short_ollama_name(a), short_ollama_name(b)); }

window_choice window_for(const model_need& need, const model_tables& tables, const local_model* model) {
  window_facts facts;
  facts.limit = tables.context_limit;
  if (model != nullptr) {
    facts.trained = model->trained_context;
    facts.loaded = model->loaded_context;
    facts.usual = model->usual_context;
  }
  return choose_window(need.window, facts);
}

model_choice choose_model(const model_need& need, const std::vector<config::model_rule>& table,
                          const local_catalog& catalog) {
  return choose_model(need, model_tables{.global = &table}, catalog);
}

model_choice choose_model(const model_need& need, const model_tables& tables, const local_catalog& catalog) {
  auto const [rule, where] = find_rule(tables, need.requested);
  if (rule == nullptr) {
    auto other = choose_installed(need, tables, catalog);
    auto const any = [](const auto* table) { return table != nullptr && !table->empty(); };
    if (any(tables.of_workflow) || any(tables.global))
      other.why = "no rule of models matches '" + std::string(need.requested) + "'; " + other.why;
    return other;
  }

  std::string const named = where + ": " + rule->cloud + " -> " + rule->local;
  // Refused, not replaced: the file asks for something that would leave the house, and its author must learn of it.
  constexpr std::string_view not_local = " is served by ollama.com and therefore not local";
  if (names_remote(rule->local)) return {.why = named + std::string(not_local), .missing = lack::model};
  if (!catalog.known) return chosen(rule->local, named);

  const auto* installed = catalog.find(rule->local);
  if (installed != nullptr && installed->remote) return {.why = named + std::string(not_local), .missing = lack::model};
  auto const fault =
      installed == nullptr ? inability{"is not installed", lack::model} : unable(*installed, need, tables);
  if (fault.text.empty()) return chosen(rule->local, named);

  // Another model stands in for the one that cannot (contract §7); `why` tells, so that nobody has to wonder.
  auto other = choose_installed(need, tables, catalog);
  other.why = named + " " + std::string(fault.text) + "; " + other.why;
  return other;
}

std::vector<considered_model> consider_models(const model_need& need, const model_tables& tables,
                                              const local_catalog& catalog) {
  std::vector<const local_model*> order;
  for (const auto& m : catalog.models) order.push_back(&m);
  auto const eligible = [&](const local_model* m) { return unable(*m, need, tables).text.empty(); };
  std::sort(order.begin(), order.end(), [&](const local_model* a, const local_model* b) {
    if (eligible(a) != eligible(b)) return eligible(a);
    return stands_before(*a, *b, need);
  });
  std::vector<considered_model> result;
  for (const auto* m : order) {
    considered_model c{m->name, eligible(m), {}};
    if (!c.eligible) {
      c.note = unable(*m, need, tables).text;
    } else {
      c.note = why_chosen(*m, need);
      auto const window = window_for(need, tables, m);
      if (window.num_ctx != 0) c.note += ", window of " + tokens_text(window.num_ctx);
      if (window.reloads) c.note += " (has to be loaded again)";
    }
    result.push_back(std::move(c));
  }
  return result;
}

std::vector<std::string> named_models(const config::snapshot& configuration, const config::upstream& local) {
  std::vector<std::string> names;
  auto const add = [&](const std::string& name) {
    if (std::none_of(names.begin(), names.end(), [&](const auto& n) { return same_model(n, name); }))
      names.push_back(name);
  };
  for (const auto& rule : configuration.models) add(rule.local);
  for (const auto& [key, workflow] : configuration.workflows)
    for (const auto& rule : workflow.models) add(rule.local);
  for (const auto& name : local.keep_warm) add(name);
  return names;
}

}  // namespace tideover::policy
