// Keys of what stands in for what, and of workflows.
#include <deque>

#include "table_rows.hpp"

namespace tideover::config::rows {
namespace {

prefill prefill_of(const v& x) {
  return text(x) == "yes" ? prefill::yes : text(x) == "no" ? prefill::no : prefill::automatic;
}

template <std::optional<double> parameters::*Field>
void store_parameter(b& to, const v& x) {
  to.current_workflow->parameters.*Field = std::get<double>(x);
}
template <std::optional<std::int64_t> parameters::*Field>
void store_parameter(b& to, const v& x) {
  to.current_workflow->parameters.*Field = std::get<std::int64_t>(x);
}

}  // namespace

std::vector<key_row> routing() {
  key_row hold_for = timeout("workflows.*.stream.hold_for", "0s",
                             "How long the first content is held back, so that an early cut can still be mended.",
                             [](b& to, const v& x) { to.current_workflow->hold_for = span(x); });
  hold_for.least = 0;
  hold_for.most = 60'000;
  static std::deque<std::string> names;  // rows hold views
  const auto parameter = [](std::string_view name, std::string_view description, void (*store)(b&, const v&),
                            std::string_view example) {
    return key_row{.path = names.emplace_back("workflows.*.parameters." + std::string(name)),
                   .kind = k::number,
                   .description = description,
                   .store = store,
                   .example = example};
  };
  const auto whole_parameter = [](std::string_view name, std::string_view description, void (*store)(b&, const v&),
                                  std::int64_t least, std::string_view example) {
    return key_row{.path = names.emplace_back("workflows.*.parameters." + std::string(name)),
                   .kind = k::integer,
                   .description = description,
                   .store = store,
                   .least = least,
                   .most = 2'147'483'647,
                   .example = example};
  };
  key_row hedge_after =
      timeout("workflows.*.hedge_after", "", "Start the local model beside a cloud that has been silent for so long.",
              [](b& to, const v& x) { to.current_workflow->hedge_after = span(x); });
  hedge_after.example = "8s";
  return {
      container("models", k::list,
                "What stands in for what; the first match wins; absent: chosen from what is installed.",
                [](b& to, const v&) { to.made.models.clear(); }),
      container("models[]", k::map, "One rule.",
                [](b& to, const v&) { to.current_rule = &to.made.models.emplace_back(); }),
      {.path = "models[].cloud",
       .kind = k::text,
       .description = "Name the caller asks for; `*` matches anything.",
       .store = [](b& to, const v& x) { to.current_rule->cloud = text(x); },
       .required = true,
       .example = "\"*codex*\""},
      {.path = "models[].local",
       .kind = k::text,
       .description = "Local model that answers instead.",
       .store = [](b& to, const v& x) { to.current_rule->local = text(x); },
       .required = true,
       .example = "qwen2.5-coder:7b"},
      {.path = "models[].prefill",
       .kind = k::choice,
       .default_text = "auto",
       .description = "Whether the local model goes on with a begun answer; auto: the readiness test finds out.",
       .store = [](b& to, const v& x) { to.current_rule->prefill = prefill_of(x); },
       .choices = "auto|yes|no"},

      container("workflows", k::map_of, "Policies by name; `default` exists always.",
                [](b& to, const v&) {
                  to.made.workflows.clear();
                  to.made.workflows["default"].name = "default";
                }),
      container("workflows.*", k::map, "One workflow.",
                [](b& to, const v& x) {
                  to.current_workflow = &to.made.workflows[text(x)];
                  to.current_workflow->name = text(x);
                }),
      {.path = "workflows.*.policy",
       .kind = k::choice,
       .default_text = "cloud_first",
       .description = "Who may see its requests, and who is asked first.",
       .store = [](b& to, const v& x) { to.current_workflow->policy = *parse_policy(text(x)); },
       .choices = "cloud_first|local_first|cloud_only|local_only"},
      timeout("workflows.*.deadline", "15m", "The whole request, every attempt included.",
              [](b& to, const v& x) { to.current_workflow->deadline = span(x); }),
      {.path = "workflows.*.priority",
       .kind = k::choice,
       .default_text = "normal",
       .description = "Place in the queue for the local tier.",
       .store =
           [](b& to, const v& x) {
             to.current_workflow->priority = text(x) == "high"  ? priority::high
                                             : text(x) == "low" ? priority::low
                                                                : priority::normal;
           },
       .choices = "low|normal|high"},
      hedge_after,
      container("workflows.*.stream", k::map, "What happens to streams that are cut."),
      {.path = "workflows.*.stream.on_cut",
       .kind = k::choice,
       .default_text = "error",
       .description = "error: the caller is told. hold: nothing is sent before the answer is complete. continue: the "
                      "local model goes on where the text stopped.",
       .store =
           [](b& to, const v& x) {
             to.current_workflow->on_cut = text(x) == "hold"       ? on_cut::hold
                                           : text(x) == "continue" ? on_cut::continue_it
                                                                   : on_cut::error;
           },
       .choices = "error|hold|continue"},
      hold_for,
      {.path = "workflows.*.embeddings",
       .kind = k::choice,
       .default_text = "same_model",
       .description = "same_model: local vectors only of the very same model. any_model: of whatever `models` names.",
       .store = [](b& to, const v& x) { to.current_workflow->any_embedding_model = text(x) == "any_model"; },
       .choices = "same_model|any_model"},
      container("workflows.*.models", k::list, "Stand-ins of this workflow, looked at before the global ones.",
                [](b& to, const v&) { to.current_workflow->models.clear(); }),
      container("workflows.*.models[]", k::map, "One rule.",
                [](b& to, const v&) { to.current_rule = &to.current_workflow->models.emplace_back(); }),
      {.path = "workflows.*.models[].cloud",
       .kind = k::text,
       .description = "Name the caller asks for; `*` matches anything.",
       .store = [](b& to, const v& x) { to.current_rule->cloud = text(x); },
       .required = true,
       .example = "\"*\""},
      {.path = "workflows.*.models[].local",
       .kind = k::text,
       .description = "Local model that answers instead.",
       .store = [](b& to, const v& x) { to.current_rule->local = text(x); },
       .required = true,
       .example = "phi4:14b"},
      {.path = "workflows.*.models[].prefill",
       .kind = k::choice,
       .default_text = "auto",
       .description = "Whether the local model goes on with a begun answer.",
       .store = [](b& to, const v& x) { to.current_rule->prefill = prefill_of(x); },
       .choices = "auto|yes|no"},
      container("workflows.*.system_prompt", k::map, "Text for local models, which need to be told more."),
      {.path = "workflows.*.system_prompt.mode",
       .kind = k::choice,
       .default_text = "prepend",
       .description = "Before the caller's own system text, after it, or in its place.",
       .store =
           [](b& to, const v& x) {
             using mode = system_prompt::mode;
             to.current_workflow->system_prompt.where = text(x) == "append"    ? mode::append
                                                        : text(x) == "replace" ? mode::replace
                                                                               : mode::prepend;
           },
       .choices = "prepend|append|replace"},
      {.path = "workflows.*.system_prompt.text",
       .kind = k::prose,
       .description = "The text.",
       .store = [](b& to, const v& x) { to.current_workflow->system_prompt.text = text(x); },
       .required = true,
       .example = "Answer in three sentences."},
      container("workflows.*.parameters", k::map, "Sampling of local models, for what the caller left open."),
      parameter("temperature", "From 0 (always the likeliest word) to 2.", store_parameter<&parameters::temperature>,
                "0.2"),
      parameter("top_p", "Share of likely words to choose from.", store_parameter<&parameters::top_p>, "0.9"),
      parameter("min_p", "Least likelihood of a word, as a share of the likeliest.",
                store_parameter<&parameters::min_p>, "0.05"),
      parameter("frequency_penalty", "From -2 to 2.", store_parameter<&parameters::frequency_penalty>, "0.5"),
      parameter("presence_penalty", "From -2 to 2.", store_parameter<&parameters::presence_penalty>, "0.5"),
      parameter("repeat_penalty", "Above 1 makes repetitions less likely.",
                store_parameter<&parameters::repeat_penalty>, "1.1"),
      whole_parameter("top_k", "How many likely words to choose from.", store_parameter<&parameters::top_k>, 1, "40"),
      whole_parameter("seed", "Makes answers repeatable.", store_parameter<&parameters::seed>, 0, "1"),
      whole_parameter("max_tokens", "Longest answer.", store_parameter<&parameters::max_tokens>, 1, "2048"),
  };
}

}  // namespace tideover::config::rows
