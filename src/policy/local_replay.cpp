#include "tideover/policy/local_replay.hpp"

#include <algorithm>

#include "tideover/adapt/token_estimate.hpp"
#include "tideover/policy/door.hpp"

namespace tideover::policy {

namespace {

/// Where the file named the model, its author must learn of it; where the caller did, the caller.
adapt::own_error not_local(std::string_view model, bool own_path) {
  if (own_path) return cloud_model_refused();
  return {503, "local_model_missing", std::string(model) + " is served by ollama.com and therefore not local", {}};
}

}  // namespace

model_tables tables_for(const config::workflow& w, const config::snapshot& configuration,
                        const config::upstream& local) {
  return {.workflow = w.name,
          .of_workflow = &w.models,
          .global = &configuration.models,
          .context_limit = local.context_tokens};
}

model_need need_of(const adapt::chat::request& what, std::string_view requested, const config::workflow& w,
                   std::string_view begun) {
  model_need need;
  need.requested = requested;
  need.tools = !what.tools.empty();
  need.vision = what.has_images();
  need.thinking = asks(what.think);
  need.window.prompt_tokens = adapt::estimate_prompt(what);
  if (auto const most = what.params.max_tokens; most && *most > 0)
    need.window.max_output = static_cast<std::uint64_t>(*most);
  need.window.prompt_tokens += adapt::estimate_text_tokens(w.system_prompt.text);
  need.window.prompt_tokens += adapt::estimate_text_tokens(begun);
  return need;
}

replay_words words_for(const model_need& need, const config::workflow& w, const config::snapshot& configuration,
                       const config::upstream& local, std::string_view model, const local_model* known) {
  replay_words made;
  auto& options = made.options;
  options.model = model;
  if (known != nullptr) options.can = {known->capabilities_known, known->tools, known->vision, known->thinking};
  if (local.dialect == dialect::ollama) {
    made.window = window_for(need, tables_for(w, configuration, local), known);
    if (!made.window.fits) return made;
    if (made.window.num_ctx != 0) options.num_ctx = made.window.num_ctx;
    // Where the window is known, an answer ends with it, before the beginning of the prompt would be forgotten.
    auto const size = made.window.num_ctx != 0 || known == nullptr ? made.window.num_ctx : known->loaded_context;
    auto const prompt = need.window.prompt_tokens;
    if (size != 0) options.room_for_answer = std::max(size, prompt + useful_answer) - prompt;
  }
  options.workflow_prompt = {static_cast<adapt::chat::system_prompt::placing>(w.system_prompt.where),
                             w.system_prompt.text};
  options.defaults = {.temperature = w.parameters.temperature,
                      .top_p = w.parameters.top_p,
                      .min_p = w.parameters.min_p,
                      .frequency_penalty = w.parameters.frequency_penalty,
                      .presence_penalty = w.parameters.presence_penalty,
                      .repeat_penalty = w.parameters.repeat_penalty,
                      .top_k = w.parameters.top_k,
                      .seed = w.parameters.seed,
                      .max_tokens = w.parameters.max_tokens};
  return made;
}

adapt::own_error too_long_for(std::string_view model, std::uint64_t prompt_tokens, std::uint64_t window) {
  auto const of_model = model.empty() ? std::string("s") : " " + std::string(model);
  std::string message = "prompt is too long for the local model" + of_model;
  if (window != 0)
    message = "prompt is too long: " + std::to_string(prompt_tokens) + " tokens > " + std::to_string(window) +
              " maximum (as estimated, of the local model" + of_model + ")";
  return {400, "context_length_exceeded", std::move(message), {}};
}

adapt::own_error no_stand_in(const model_choice& choice, const model_need& need, const local_catalog& catalog,
                             const config::upstream& local) {
  switch (choice.missing) {
    case lack::window: return too_long_for({}, need.window.prompt_tokens, choice.largest_window);
    case lack::unknown:
      if (catalog.loading) return {503, "local_loading", local.title + " is still loading its model.", {}};
      return {503, "local_unavailable", local.title + " did not tell which models it has. Is it running?", {}};
    case lack::nothing:
    case lack::model:
    case lack::ability: break;
  }
  return {503,
          "local_model_missing",
          "No local model can stand in for " + std::string(need.requested) + ": " + choice.why,
          {}};
}

adapt::own_error model_not_installed(std::string_view model, const config::upstream& local) {
  std::string const name(model);
  bool const ollama = local.dialect == dialect::ollama;
  return {503,
          "local_model_missing",
          ollama ? "The local model " + name + " is not installed. Run: ollama pull " + name
                 : local.title + " does not have the model " + name + ".",
          {}};
}

bool continues_prefill(const model_tables& tables, std::string_view requested, std::string_view model,
                       std::optional<bool> found_out) {
  auto const found = find_rule(tables, requested);
  if (found.rule != nullptr && found.rule->prefill != config::prefill::automatic &&
      same_model(found.rule->local, model))
    return found.rule->prefill == config::prefill::yes;
  return found_out.value_or(false);
}

std::string_view listed_model_of(std::string_view path) {
  constexpr std::string_view list_path = "/v1/models/";
  return path.size() > list_path.size() ? path.substr(list_path.size()) : std::string_view();
}

adapt::own_error unknown_in_list() {
  return {404, "model_not_found", "No local model has this name, and the cloud is away.", "model"};
}

std::optional<adapt::own_error> refuse_listed(const local_model& listed, bool own_path) {
  return listed.remote || names_remote(listed.name) ? std::optional(not_local(listed.name, own_path)) : std::nullopt;
}

std::optional<adapt::own_error> refuse_shown(std::string_view model, unsigned status, std::string_view body,
                                             const config::upstream& local, bool own_path) {
  if (status == 404 && !own_path) return model_not_installed(model, local);
  // In Ollama's own words: its clients look for them.
  if (status == 404)
    return adapt::own_error{404, "model_not_found", "model '" + std::string(model) + "' not found", {}};
  auto const shown = status == 200 ? read_show(body) : std::nullopt;
  if (!shown)
    return adapt::own_error{503,
                            "local_unavailable",
                            local.title + " does not tell whether " + std::string(model) + " runs on it (status " +
                                std::to_string(status) + " for /api/show).",
                            {}};
  return shown->remote ? std::optional(not_local(model, own_path)) : std::nullopt;
}

adapt::own_error answered_remotely(std::string_view model, const config::upstream& local) {
  adapt::own_error error{502,
                         "answered_remotely",
                         local.title + " had " + std::string(model) +
                             " run at ollama.com, although it was known as local: the answer is kept back, but the "
                             "prompt has left. Remove this model there, or set OLLAMA_NO_CLOUD=1 for Ollama.",
                         {}};
  error.waiting_helps = false;
  return error;
}

bool makes_work(std::string_view native_path) {
  return native_path == "/api/chat" || native_path == "/api/generate" || native_path == "/api/embed";
}

}  // namespace tideover::policy
