// How a request is asked of a local server: what it needs of a model, what the rendering is told, and the errors a
// caller gets where that cannot be. Pure; not the choice (model_choice) nor the writing (adapt/chat/request).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/error_body.hpp"
#include "tideover/config/snapshot.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {

/// The tables of one workflow at one local upstream.
model_tables tables_for(const config::workflow& w, const config::snapshot& configuration,
                        const config::upstream& local);

/// What a request needs of whoever stands in. `requested` outlives the result; `begun` is an answer that is to be
/// continued, if there is one.
model_need need_of(const adapt::chat::request& what, std::string_view requested, const config::workflow& w,
                   std::string_view begun = {});

/// What the rendering is told; `known` is the model as the server has it, null where that is not known.
struct replay_words {
  adapt::chat::render_options options;
  window_choice window;  // of servers that are asked for one (Ollama); does it not fit, there is nothing to render
};
replay_words words_for(const model_need& need, const config::workflow& w, const config::snapshot& configuration,
                       const config::upstream& local, std::string_view model, const local_model* known);

/// In words that clients of both vendors look for. `window` 0: the server only said so; `model` empty: not chosen yet.
adapt::own_error too_long_for(std::string_view model, std::uint64_t prompt_tokens, std::uint64_t window);

/// No model can stand in: `choice` says why.
adapt::own_error no_stand_in(const model_choice& choice, const model_need& need, const local_catalog& catalog,
                             const config::upstream& local);
adapt::own_error model_not_installed(std::string_view model, const config::upstream& local);

/// Does the model go on with a begun answer? The rule that named it may say so; else what was found out, if anything.
bool continues_prefill(const model_tables& tables, std::string_view requested, std::string_view model,
                       std::optional<bool> found_out);

/// `/v1/models/{id}` from the catalog: the model's name, empty for the whole list.
std::string_view listed_model_of(std::string_view path);
/// That model is in no catalog.
adapt::own_error unknown_in_list();

/// Where a model runs must be known before a prompt is sent to it. This is what the server's list says against it.
/// `own_path`: the caller named the model, in Ollama's own words.
std::optional<adapt::own_error> refuse_listed(const local_model& listed, bool own_path);
/// What Ollama said against a model that is not in the list, when it was asked about that one (POST /api/show).
std::optional<adapt::own_error> refuse_shown(std::string_view model, unsigned status, std::string_view body,
                                             const config::upstream& local, bool own_path);
/// An answer came that says to be made at ollama.com.
adapt::own_error answered_remotely(std::string_view model, const config::upstream& local);

/// Only these of Ollama's own paths make it work; the others are looks at what it has.
bool makes_work(std::string_view native_path);

}  // namespace tideover::policy
