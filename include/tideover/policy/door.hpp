// What is refused before anybody is asked, in the words the caller gets: by the head, the key, the path, a model's
// name. Not the rules themselves: framing, hosts, keys and routes are judged where they are at home. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/adapt/web_origin.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/policy/client_keys.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

/// Framing, Host and web pages. Asked first: whoever must not come in learns nothing of keys, workflows and paths.
std::optional<adapt::own_error> refuse_head(const request_head& head, const adapt::request_framing& framing,
                                            const adapt::host_rules& hosts, const adapt::page_verdict& page);

/// Nothing where no key was asked for, and for a known one: its rate is the client gate's affair.
std::optional<adapt::own_error> refuse_key(key_verdict verdict);

/// Path, method, workflow, and the authority of an absolute-form target.
std::optional<adapt::own_error> refuse_route(const route& r, const adapt::host_rules& hosts);

/// Paths that a key which is held to some models does not open: those whose bodies are not read, because what they ask
/// for cannot be told.
std::optional<adapt::own_error> refuse_path_of(const config::client_key* key, const route& r);

/// Models that the caller's key may not ask for. Every name counts that somebody could take for the model's, and a body
/// that names none, or cannot be read, is refused as well: a cloud may know a model for it (a stored prompt's).
std::optional<adapt::own_error> refuse_models_of(const config::client_key* key, const route& r, std::string_view body);

/// The body of a request on one of Ollama's own paths: the model it names, and why it may not pass. Ollama forwards
/// some models to ollama.com by their names; through this door nothing leaves the house. Nor does a body pass that
/// cannot be read, names several models, or one by a name that Ollama has to mend first (it trims white space): what
/// one reader takes for the model shall be what every reader does.
struct native_body {
  std::string model{};  // as the caller wrote it; empty: none, which is Ollama's to refuse
  std::optional<adapt::own_error> refused{};
};
native_body read_native_body(const route& r, std::string_view body);

/// The model that is named runs at ollama.com, by its name or by what its server tells of it.
adapt::own_error cloud_model_refused();

/// What becomes of a body while it comes in.
enum class body_plan : std::uint8_t {
  nothing,         // there is none
  hold,            // kept: judged, and replayed where the request may be
  stream_through,  // cloud-only paths, too large to keep: one attempt
};
body_plan plan_body(endpoint what, const adapt::request_framing& framing);

/// A body that is to be kept and says that it is larger than `most` bytes.
std::optional<adapt::own_error> refuse_length(body_plan plan, const adapt::request_framing& framing, std::size_t most);
adapt::own_error body_too_large();

}  // namespace tideover::policy
