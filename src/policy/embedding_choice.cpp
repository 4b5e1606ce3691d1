#include "tideover/policy/embedding_choice.hpp"

#include <algorithm>
#include <tuple>

#include "tideover/core/http_message.hpp"

namespace tideover::policy {
namespace {

bool same_model(std::string_view a, std::string_view b) {
  constexpr std::string_view latest = ":latest";
  if (a.ends_with(latest)) a.remove_suffix(latest.size());
  if (b.ends_with(latest)) b.remove_suffix(latest.size());
  return !a.empty() && iequals(a, b);
}

/// The workflow's rules come before those for everybody.
const config::model_rule* first_rule(const embedding_need& need) {
  for (const auto* table : {need.of_workflow, need.global})
    if (table != nullptr)
      for (const auto& rule : *table)
        if (glob_matches(rule.cloud, need.requested)) return &rule;
  return nullptr;
}

bool is_local(const local_model& m) { return !m.remote && !names_remote(m.name); }

model_choice chosen(std::string name, std::string why) {
  model_choice choice;
  choice.name = std::move(name);
  choice.why = std::move(why);
  return choice;
}

}  // namespace

bool may_embed_locally(const embedding_need& need) {
  const auto* const rule = first_rule(need);
  return need.any_model || (rule != nullptr && same_model(need.requested, rule->local));
}

model_choice choose_embedding_model(const embedding_need& need, const local_catalog& catalog) {
  const auto* const rule = first_rule(need);
  bool const same = rule != nullptr && same_model(need.requested, rule->local);
  if (!same && !need.any_model) return chosen({}, "models does not name the very same embedding model on both sides");
  if (same) {
    // Whether it is installed is asked of the server that is to use it; another could not stand in.
    if (names_remote(rule->local)) return chosen({}, rule->local + " is served by ollama.com and therefore not local");
    const auto* const installed = catalog.find(rule->local);
    if (installed != nullptr && !is_local(*installed))
      return chosen({}, rule->local + " is served by ollama.com and therefore not local");
    if (installed != nullptr || !catalog.known || !need.any_model)
      return chosen(rule->local, "models names the same model on both sides");
  }
  for (auto const name : {rule != nullptr ? std::string_view(rule->local) : std::string_view(), need.requested})
    if (const auto* const m = catalog.find(name); m != nullptr && m->embedding && is_local(*m))
      return chosen(m->name, "the workflow takes vectors of any model");
  const local_model* best = nullptr;
  auto const before = [](const local_model& a, const local_model& b) {
    return std::tie(b.loaded, b.size_bytes, a.name) < std::tie(a.loaded, a.size_bytes, b.name);
  };
  for (const auto& m : catalog.models)
    if (m.embedding && is_local(m) && (best == nullptr || before(m, *best))) best = &m;
  if (best == nullptr) return chosen({}, "no local embedding model is installed");
  return chosen(best->name, "the workflow takes vectors of any model");
}

}  // namespace tideover::policy
