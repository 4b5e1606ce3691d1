#include "tideover/policy/door.hpp"

#include <algorithm>

#include "tideover/adapt/ollama/native_request.hpp"
#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

// Bodies of pass-through requests up to this size are held all the same: a held body costs one system call less.
constexpr std::size_t small_body_bytes = 64u << 10;

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

std::optional<adapt::own_error> refuse_native_body(const route& r, std::string_view body) {
  if (r.what != endpoint::ollama_native) return std::nullopt;
  auto const models = adapt::ollama::named_models(body);
  if (std::none_of(models.begin(), models.end(), names_remote)) return std::nullopt;
  return refusal(403, "cloud_model_refused",
                 "This model runs at ollama.com; only models on this machine are served here.");
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
