// Which local model stands in for the one the caller named: the table of the file, else a rule over what is installed.
// Not for asking Ollama what is installed: the catalog comes in as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/snapshot.hpp"

namespace tideover::policy {

struct local_model {
  std::string name;
  std::uint64_t size_bytes = 0;
  bool loaded = false;
  bool remote = false;  // served by ollama.com: never local (OL §13)
  bool capabilities_known = false;
  bool completion = false, tools = false, vision = false, thinking = false, embedding = false;
};

struct local_catalog {
  bool known = false;  // false: nothing could be asked yet
  std::vector<local_model> models;

  const local_model* find(std::string_view name) const;  // `x` and `x:latest` are the same
};

/// /api/tags and /api/ps of Ollama, as text, into a catalog; nothing when /api/tags is not what it should be.
std::optional<local_catalog> read_catalog(std::string_view tags_json, std::string_view ps_json);

struct model_need {
  std::string_view requested;  // the cloud's name
  bool tools = false;
  bool vision = false;
};

struct model_choice {
  std::string name;  // empty: none can stand in
  std::string why;   // for log and explain: "models[2]: * -> llama3.1:8b", "largest loaded model", "no local model can
                     // see images", …
};

/// Table first (first glob that matches; `:cloud`/`-cloud` names refused). Without a table: candidates are local
/// completion models that can do what is needed; same family words (code, vision, …) first, then loaded before not
/// loaded, then larger before smaller. A requested name that is installed locally is taken as it is.
model_choice choose_model(const model_need& need, const std::vector<config::model_rule>& table,
                          const local_catalog& catalog);

bool glob_matches(std::string_view pattern, std::string_view text);

/// Does Ollama send this model's prompts to ollama.com (`x:cloud`, `x:480b-cloud`)? Then it is never local (OL §13).
bool names_remote(std::string_view name);

}  // namespace tideover::policy
