#include "tideover/app/init_file.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace tideover::app {
namespace {

/// What the rules of the file are about, with a name that a caller could ask for.
struct task {
  std::string_view cloud;
  std::string_view asked_as;
  std::string_view recommended;
};
constexpr std::array tasks{
    task{"*codex*", "gpt-5-codex", "qwen2.5-coder:7b"},
    task{"o*", "o3", "phi4:14b"},
    task{"*", "gpt-5", "llama3.1:8b"},
};

/// A value of a flow mapping. Names come from another program: nothing in them may mean something to YAML or to us.
std::string word(const std::string& text) {
  auto const letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  bool const plain =
      !text.empty() && letter(text.front()) && text.find(':') != std::string::npos && text.back() != ':' &&
      std::all_of(text.begin(), text.end(), [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == ':' || c == '.' || c == '-' || c == '_' || c == '/';
      });
  if (plain) return text;
  std::string doubled;
  for (char c : text) doubled += c == '$' ? std::string("$$") : std::string(1, c);
  return nlohmann::json(doubled).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

bool has(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

void cloud(std::string& text, const std::string& name, const std::string& url, const std::string& key,
           const init_facts& facts, const init_wishes& wishes) {
  text += "  " + name + ":\n    tier: cloud\n    dialect: " + name + "\n    url: " + url + "\n";
  if (has(wishes.keys, key))
    text += "    credential: {env: " + key + "}   # sent for every caller, in place of the caller's own key\n";
  else if (has(facts.keys, key) && facts.for_service)
    text += "    # The service does not see variables of your shell: put " + key + "=… into\n" +
            "    # /etc/tideover/tideover.env (mode 0600), then take the # away.\n" + "    # credential: {env: " + key +
            "}\n";
  else
    text += "    # credential: {env: " + key + "}   # absent: callers send their own keys\n";
}

void models(std::string& text, const std::vector<config::model_rule>& rules) {
  text += "\n# What stands in for what when the cloud does not answer: the first match wins, * matches anything.\n";
  if (rules.empty()) {
    text += "# Without rules Tideover chooses from what is installed. Recommended, once they are (ollama pull NAME):\n";
    text += "# models:\n";
    for (const auto& t : tasks)
      text += "#   - {cloud: \"" + std::string(t.cloud) + "\", local: " + std::string(t.recommended) + "}\n";
    return;
  }
  text += "models:\n";
  for (const auto& t : tasks) {
    auto const rule = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r.cloud == t.cloud; });
    if (rule != rules.end()) {
      text += "  - {cloud: \"" + rule->cloud + "\", local: " + word(rule->local) + "}\n";
      if (rule->local == t.recommended) continue;
    }
    bool const named = std::any_of(rules.begin(), rules.end(),
                                   [&](const auto& r) { return policy::same_model(r.local, t.recommended); });
    if (!named)
      text += "  # - {cloud: \"" + std::string(t.cloud) + "\", local: " + std::string(t.recommended) +
              "}   # recommended: ollama pull " + std::string(t.recommended) + "\n";
  }
}

}  // namespace

std::vector<std::string> usable_models(const policy::local_catalog& catalog) {
  auto const strange = [](const std::string& name) {
    return name.size() > 256 || std::any_of(name.begin(), name.end(),
                                            [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  };
  std::vector<std::string> names;
  for (const auto& m : policy::consider_models({.requested = tasks.back().asked_as}, {}, catalog))
    if (m.eligible && !strange(m.name)) names.push_back(m.name);
  return names;
}

init_wishes usual_wishes(const init_facts& facts) {
  init_wishes wishes;
  auto const usable = usable_models(facts.catalog);
  if (!usable.empty()) wishes.model = usable.front();
  if (!facts.for_service) wishes.keys = facts.keys;
  return wishes;
}

std::vector<config::model_rule> rules_for(const init_facts& facts, const init_wishes& wishes) {
  std::vector<config::model_rule> rules;
  if (wishes.model.empty()) return rules;
  auto const usable = usable_models(facts.catalog);
  for (const auto& t : tasks) {
    auto const best = policy::choose_model({.requested = t.asked_as}, policy::model_tables{}, facts.catalog).name;
    // Only what is better at the task than the general one: its rule is the last, and holds for the rest.
    bool const specialist = t.cloud == "*codex*" ? best != usable.front() : policy::same_model(best, t.recommended);
    if (t.cloud != "*" && specialist && best != wishes.model && has(usable, best))
      rules.push_back({.cloud = std::string(t.cloud), .local = best});
  }
  rules.push_back({.cloud = "*", .local = wishes.model});
  return rules;
}

std::string configuration_text(const init_facts& facts, const init_wishes& wishes) {
  std::string text =
      "# yaml-language-server: $schema=/usr/share/tideover/config.schema.json\n"
      "#\n"
      "# Written by `tideover init`. After a change: `tideover check`, then `tideover reload`. Every key is explained "
      "by\n"
      "# `man tideover.yaml`. What is not in this file is at its default.\n"
      "\n"
      "# Where callers connect, from this machine only: OPENAI_BASE_URL=http://127.0.0.1:6837/v1\n"
      "listen:\n"
      "  - address: 127.0.0.1:6837\n"
      "\n"
      "# Health, metrics and status.\n"
      "admin:\n"
      "  address: 127.0.0.1:6838\n"
      "\n"
      "upstreams:\n";
  cloud(text, "openai", "https://api.openai.com", "OPENAI_API_KEY", facts, wishes);
  cloud(text, "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", facts, wishes);
  text += "  ollama:\n    tier: local\n    dialect: ollama\n    url: " + facts.local_url + "\n";
  models(text, rules_for(facts, wishes));
  text +=
      "\n"
      "# Who may see which data. A caller names its workflow by the path (/w/NAME/v1/…) or by X-Tideover-Workflow.\n"
      "workflows:\n"
      "  default: {policy: cloud_first}\n";
  if (wishes.private_workflow.empty())
    text += "  # legal: {policy: local_only}   # never leaves the house, whatever fails\n";
  else
    text += "  " + nlohmann::json(wishes.private_workflow).dump() +
            ": {policy: local_only}   # never leaves the house, whatever fails\n";
  return text;
}

std::vector<std::string> next_steps(const init_facts& facts, const init_wishes& wishes, const std::string& option) {
  std::vector<std::string> steps;
  if (!facts.answers) steps.push_back("ollama serve    # nothing answers at " + facts.local_url + " yet");
  if (wishes.model.empty()) steps.push_back("ollama pull llama3.1:8b    # a model that can stand in");
  for (const auto& key : facts.keys)
    if (facts.for_service && !has(wishes.keys, key))
      steps.push_back("(umask 077; echo " + key + "=… >> /etc/tideover/tideover.env)    # then uncomment its line");
  steps.push_back("tideover check" + option);
  steps.push_back(facts.for_service ? "systemctl enable --now tideover    # or, to try it: tideover run" + option
                                    : "tideover run" + option);
  steps.push_back("eval \"$(tideover env" + option + ")\"    # in the shell that starts your app");
  return steps;
}

}  // namespace tideover::app
