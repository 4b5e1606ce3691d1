// Which local model stands in for the one the caller named: the tables of the file, else a rule over what is installed.
// Not for asking Ollama what is installed: the catalog comes in as a value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/ollama_name.hpp"
#include "tideover/policy/admission.hpp"
#include "tideover/policy/window.hpp"

namespace tideover::policy {

struct local_model {
  std::string name;
  std::string digest;
  std::uint64_t size_bytes = 0;
  std::uint64_t trained_context = 0;  // 0: unknown
  bool loaded = false;
  std::uint64_t loaded_context = 0;  // its window now; 0: not loaded, or a server that does not tell
  std::uint64_t usual_context = 0;   // its window after a load without options; 0: never seen
  std::uint64_t loaded_bytes = 0;    // memory it takes; 0: not loaded, or a server that does not tell
  double gpu_fraction = 0;           // the share of that on the GPU; means nothing where loaded_bytes is 0
  bool fits = true;                  // false: the readiness test saw that it does not load, or hardly on the GPU
  bool remote = false;               // served by ollama.com: never local (OL §13)
  bool capabilities_known = false;
  bool completion = false, tools = false, vision = false, thinking = false, embedding = false;
};

/// What one server has, or several taken together.
struct local_catalog {
  bool known = false;    // false: nothing could be asked yet
  bool loading = false;  // why nothing is known: the server answers, but is still loading the only model it has
  bool silent = false;   // it took the connection and said nothing when it was last asked: what is known is of before
  std::vector<local_model> models;
  std::vector<local_catalog> by_url{};  // each server's own; empty where there is only one
  // What an Ollama answered last to /api/tags and /api/ps, for callers of its own API; null while it does not answer.
  std::shared_ptr<const std::string> tags_json{}, ps_json{};

  const local_model* find(std::string_view name) const;  // as same_model; `x:local` is `x` where there is no such tag
  local_model* find(std::string_view name);
  /// As the server at this URL has it; null where it has not.
  const local_model* find_at(std::string_view name, std::size_t url) const;
};

/// /api/tags and /api/ps of Ollama, as text, into a catalog; nothing when /api/tags is not what it should be.
std::optional<local_catalog> read_catalog(std::string_view tags_json, std::string_view ps_json);

/// /api/ps alone, into a catalog that has the installed models. Nothing changes when it is no such answer.
void read_loaded(std::string_view ps_json, local_catalog& catalog);

/// The lists of several Ollamas, as text, as one: each name once, as the first of them has it, and none that leaves the
/// house. Whatever is no such list counts as empty.
std::string join_lists(const std::vector<std::shared_ptr<const std::string>>& lists);

/// What POST /api/show of Ollama tells of one model.
struct shown_model {
  bool capabilities_known = false;
  bool completion = false, tools = false, vision = false, thinking = false, embedding = false;
  bool remote = false;
  std::uint64_t trained_context = 0;
};
/// Nothing when it is no such answer.
std::optional<shown_model> read_show(std::string_view show_json);
/// What it tells comes before what /api/tags lists: for models whose template is the GGUF's own, only /api/show knows
/// tools and thinking (measured with 0.33). Where it tells nothing, the listing stands.
void apply_show(const shown_model& shown, local_model& m);

/// GET /v1/models of another local server (llama.cpp, vLLM, LM Studio); nothing when it is no such answer. What such a
/// server lists is loaded, because they load at start; what its models can do is not told.
std::optional<local_catalog> read_openai_catalog(std::string_view models_json);
/// llama-server's word, with status 503, while it loads the model it was started with.
bool says_loading(int status, std::string_view body);

/// Several servers as one: a model is installed or loaded where any has it so; windows are the largest.
local_catalog merge_catalogs(std::vector<local_catalog> by_url);

/// What each of `urls` servers could do for a request to this model, as policy/admission wants to know it. Where
/// nothing is known of any server, all of them may have it. One that is silent is not asked where another has the
/// model.
std::vector<url_fit> fits_by_url(const local_catalog& catalog, std::string_view model, std::size_t urls);

struct model_need {
  std::string_view requested{};  // the cloud's name
  bool tools = false;
  bool vision = false;
  bool thinking = false;  // wished for, not insisted on: a model that does not think answers all the same
  window_need window{};
};

/// Where the choice may come from.
struct model_tables {
  std::string_view workflow{};  // its name, for `why`
  const std::vector<config::model_rule>* of_workflow = nullptr;
  const std::vector<config::model_rule>* global = nullptr;
  std::optional<std::uint64_t> context_limit{};  // `context_tokens`
};

/// Why there is no choice.
enum class lack : std::uint8_t {
  nothing,  // there is one
  unknown,  // the local models are not known yet
  model,    // none that generates text is installed, or the one named is not local
  ability,  // none can do what the request needs
  window,   // none can hold the request: context_length_exceeded
};

struct model_choice {
  std::string name{};  // empty: none can stand in
  std::string why{};  // for log and explain: "models[2]: * -> llama3.1:8b", "largest loaded model", "no local model can
                      // see images", …
  lack missing = lack::nothing;
  std::uint64_t largest_window = 0;  // of those that could have served; for lack::window
};

/// Tables first: the workflow's, then the global one; the first glob that matches. `:cloud`/`-cloud` names are refused.
/// A model that is named but missing or unable is replaced by one that can. Without a matching rule: candidates are
/// local completion models that can do what is needed and hold the request. Better is, in this order: the requested
/// name with another tag; the same field (code, vision, math); proven tools and thinking where needed; fits; loaded;
/// recommended for the task; larger. A requested name that is installed locally is taken as it is.
model_choice choose_model(const model_need& need, const model_tables& tables, const local_catalog& catalog);
/// The same with one table and no limit.
model_choice choose_model(const model_need& need, const std::vector<config::model_rule>& table,
                          const local_catalog& catalog);

/// Every installed model and why it could or could not serve, in the order of preference; for explain.
struct considered_model {
  std::string name;
  bool eligible = false;
  std::string note;
};
std::vector<considered_model> consider_models(const model_need& need, const model_tables& tables,
                                              const local_catalog& catalog);

/// The window for this model at this URL.
window_choice window_for(const model_need& need, const model_tables& tables, const local_model* model);

/// The models that the file and the tables name for any request, each once: what should be installed.
std::vector<std::string> named_models(const config::snapshot& configuration, const config::upstream& local);

/// The rule that applies to a name: the workflow's own table before the global one, the first glob that matches.
struct matching_rule {
  const config::model_rule* rule = nullptr;  // null: none does
  std::string where;                         // "models[2]", "workflows.legal.models[0]"
};
matching_rule find_rule(const model_tables& tables, std::string_view requested);

bool glob_matches(std::string_view pattern, std::string_view text);

/// `x`, `x:latest` and `registry.ollama.ai/library/x`, in any case of letters.
bool same_model(std::string_view a, std::string_view b);

}  // namespace tideover::policy
