#include "tideover/policy/door.hpp"

#include <algorithm>

#include "tideover/adapt/named_models.hpp"
#include "tideover/adapt/ollama/native_request.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

// Bodies of pass-through requests up to this size are held all the same: a held body costs one system call less.
constexpr std::size_t small_body_bytes = 64u << 10;
constexpr std::size_t longest_name_told = 100;

adapt::own_error refusal(int status, std::string_view code, std::string message) {
  return {status, std::string(code), std::move(message), {}};
}

}  // namespace

std::optional<adapt::own_error> refuse_head(const request_head& head, const adapt::request_framing& framing,
                                            const adapt::host_rules& hosts, const adapt::page_verdict& page) {
  if (framing.refuse_status != 0) return refusal(framing.refuse_status, "bad_request", std::string(framing.why));
  if (!adapt::host_allowed(head.fields.value_of(field_id::host), hosts))
    return refusal(421, "host_not_allowed",
                   "This Host is not served here. Use an IP address or localhost, or add the name to `hosts`.");
  if (page.what == adapt::page_verdict::kind::foreign)
    return refusal(403, "origin_not_allowed",
                   "Requests from web pages of other origins are refused. If this page may call, add its origin to "
                   "`cors.origins`.");
  return std::nullopt;
}

std::optional<adapt::own_error> refuse_key(key_verdict verdict) {
  switch (verdict) {
    case key_verdict::not_asked:
    case key_verdict::known: return std::nullopt;
    case key_verdict::missing:
      return refusal(401, "client_key_missing",
                     "This proxy needs a key of its own: ask its administrator for one and use it as your API key.");
    case key_verdict::wrong:
      return refusal(401, "client_key_wrong",
                     "This is no key of this proxy. Use the one that its administrator gave you, and only that.");
  }
  return std::nullopt;
}

std::optional<adapt::own_error> refuse_route(const route& r, const adapt::host_rules& hosts) {
  if (!r.authority.empty() && !adapt::host_allowed(r.authority, hosts))
    return refusal(421, "host_not_allowed", "Tideover is no general proxy: this authority is not served here.");
  if (r.refuse_status != 0) return refusal(r.refuse_status, r.refuse_code, r.refuse_message);
  return std::nullopt;
}

adapt::own_error cloud_model_refused() {
  return refusal(403, "cloud_model_refused",
                 "This model runs at ollama.com; only models on this machine are served here.");
}

native_body read_native_body(const route& r, std::string_view body) {
  native_body read;
  if (r.what != endpoint::ollama_native || body.empty()) return read;
  auto named = adapt::ollama::named_models(body);
  std::erase(named.models, "");
  if (!named.models.empty()) read.model = named.models.back();
  auto const any = [&](auto&& is) { return std::any_of(named.models.begin(), named.models.end(), is); };
  if (!named.all)
    read.refused = refusal(400, "bad_request", "The body is no JSON object that can be read to its end.");
  else if (any(names_remote))
    read.refused = cloud_model_refused();
  else if (any([](const std::string& name) { return !is_ollama_name(name); }))
    read.refused = refusal(400, "bad_request",
                           "`model` is no name that Ollama's models have: letters, digits and `_ - . : /`, without "
                           "white space around it.");
  else if (any([&](const std::string& name) { return !same_model(name, read.model); }))
    read.refused = refusal(400, "bad_request", "The body names more than one model.");
  return read;
}

std::optional<adapt::own_error> refuse_path_of(const config::client_key* key, const route& r) {
  if (key == nullptr || r.what != endpoint::other_v1 || !held_to_models(*key)) return std::nullopt;
  return refusal(
      403, "path_not_allowed",
      "The key `" + key->name +
          "` may only ask for some models, and which one this path asks for cannot be told: use another key.");
}

std::optional<adapt::own_error> refuse_models_of(const config::client_key* key, const route& r, std::string_view body) {
  if (key == nullptr || !held_to_models(*key)) return std::nullopt;
  bool const native = r.what == endpoint::ollama_native;
  // Ollama's lists and its version are asked for without a body.
  if (!is_judged(r.what) && !(native && !body.empty())) return std::nullopt;
  auto const named = native ? adapt::ollama::named_models(body) : adapt::named_models(body);
  std::string const mine = "The key `" + key->name + "` may only ask for some models";
  if (!named.all || named.models.empty())
    return refusal(403, "model_not_allowed", mine + ", and none can be read in this request: name one in `model`.");
  auto const other = std::find_if(named.models.begin(), named.models.end(),
                                  [&](const std::string& model) { return !may_ask(*key, model); });
  if (other == named.models.end()) return std::nullopt;
  return refusal(403, "model_not_allowed",
                 mine + ", and `" + other->substr(0, longest_name_told) + "` is none of them (clients.keys[].models).");
}

body_plan plan_body(endpoint what, const adapt::request_framing& framing) {
  using adapt::body_kind;
  if (framing.body == body_kind::none || (framing.body == body_kind::length && framing.length == 0))
    return body_plan::nothing;
  if (what != endpoint::other_v1) return body_plan::hold;
  bool const small = framing.body == body_kind::length && framing.length <= small_body_bytes;
  return small ? body_plan::hold : body_plan::stream_through;
}

adapt::own_error body_too_large() {
  return refusal(413, "request_too_large", "The body is larger than limits.request_body.");
}

std::optional<adapt::own_error> refuse_length(body_plan plan, const adapt::request_framing& framing, std::size_t most) {
  bool const announced = plan == body_plan::hold && framing.body == adapt::body_kind::length;
  return announced && framing.length > most ? std::optional(body_too_large()) : std::nullopt;
}

}  // namespace tideover::policy
