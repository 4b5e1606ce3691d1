#include "tideover/ops/admin_api.hpp"

#include <chrono>

#include "tideover/adapt/web_origin.hpp"

namespace tideover::ops {

namespace {

using json = nlohmann::ordered_json;

struct split_target {
  std::string_view path, query;
};

split_target split(std::string_view target) {
  target = target.substr(0, target.find('#'));
  auto const at = target.find('?');
  return {target.substr(0, at), at == std::string_view::npos ? std::string_view{} : target.substr(at + 1)};
}

/// HEAD is GET without the body.
std::string_view asked_as(std::string_view method) { return method == "HEAD" ? std::string_view("GET") : method; }

bool matches(std::string_view route, std::string_view path) {
  if (route.size() > 1 && route.ends_with('/')) return path.size() > route.size() && path.starts_with(route);
  return route == path;
}

bool is_json(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ') || content_type.ends_with('\t')) content_type.remove_suffix(1);
  return iequals(content_type, "application/json");
}

bool has_body(const header_fields& fields) {
  if (fields.find(field_id::transfer_encoding)) return true;
  auto const length = fields.value_of(field_id::content_length);
  return !length.empty() && length != "0";
}

/// The token of `Authorization: Bearer TOKEN`; nothing where there is no such field or more than one.
std::optional<std::string_view> bearer(const header_fields& fields) {
  if (fields.count(field_id::authorization) != 1) return std::nullopt;
  auto value = fields.value_of(field_id::authorization);
  constexpr std::string_view scheme = "bearer ";
  if (value.size() <= scheme.size() || !iequals(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  value.remove_prefix(scheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

std::string whole_seconds(duration span) {
  return std::to_string(std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(span).count(), 1));
}

}  // namespace

admin_reply json_reply(const json& document, int status) {
  admin_reply reply;
  reply.status = status;
  reply.body = document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return reply;
}

admin_reply text_reply(std::string text, int status) {
  admin_reply reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = std::move(text);
  return reply;
}

admin_reply error_reply(int status, std::string_view code, std::string_view message) {
  return json_reply({{"error", {{"code", code}, {"message", message}}}}, status);
}

void admin_api::on(std::string method, std::string path, admin_handler handler, std::size_t most_body_bytes) {
  routes_.push_back({std::move(method), std::move(path), std::move(handler), false, most_body_bytes});
}

std::size_t admin_api::body_limit(const request_head& head) const {
  const auto* r = find(head.method, split(head.target).path);
  return r != nullptr ? r->most_body_bytes : usual_body_bytes;
}

std::size_t admin_api::largest_body_limit() const {
  std::size_t most = usual_body_bytes;
  for (const auto& r : routes_) most = std::max(most, r.most_body_bytes);
  return most;
}

void admin_api::on_open(std::string path, admin_handler handler) {
  routes_.push_back({"GET", std::move(path), std::move(handler), true});
}

const admin_api::route* admin_api::find(std::string_view method, std::string_view path) const {
  for (const auto& r : routes_)
    if (r.method == asked_as(method) && matches(r.path, path)) return &r;
  return nullptr;
}

std::string admin_api::allowed(std::string_view path) const {
  std::string list;
  for (const auto& r : routes_) {
    if (!matches(r.path, path)) continue;
    if (!list.empty()) list += ", ";
    list += r.method == "GET" ? "GET, HEAD" : r.method;
  }
  return list;
}

std::optional<admin_reply> admin_api::check_token(const header_fields& fields, const admin_door& door, bool change,
                                                  time_point now) {
  if (door.trusted || (!change && !door.reads_need_token)) return std::nullopt;
  if (!token_)
    return error_reply(403, "no_token_configured",
                       "Changes over TCP need a token, and none is configured: use the unix socket (the tideover "
                       "commands do), or set admin.token in the configuration.");
  if (auto const wait = guesses_.must_wait(door.address, now)) {
    auto reply = error_reply(429, "too_many_wrong_tokens",
                             "Too many wrong tokens came from this address: wait, or use the unix socket.");
    reply.headers.emplace_back("Retry-After", whole_seconds(*wait));
    return reply;
  }
  auto const given = bearer(fields);
  if (given && token_->equals(*given)) {
    guesses_.right(door.address);
    return std::nullopt;
  }
  if (given) guesses_.wrong(door.address, now);
  auto reply = error_reply(401, given ? "wrong_token" : "token_needed",
                           given ? "This token is not the one of admin.token."
                                 : "Send the token of admin.token as `Authorization: Bearer TOKEN`, or use the unix "
                                   "socket.");
  reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"tideover admin\"");
  return reply;
}

std::optional<admin_reply> admin_api::refuse(const request_head& head, const admin_door& door, time_point now) {
  const auto& fields = head.fields;
  if (!adapt::host_allowed(fields.value_of(field_id::host), hosts_))
    return error_reply(421, "host_not_allowed",
                       "This Host is not served here: use an IP address or localhost, or add the name to `hosts`.");
  // No page but our own: `cors.origins` is about callers of the proxy, not about who may switch it.
  if (adapt::judge_page(head, {}).what == adapt::page_verdict::kind::foreign)
    return error_reply(403, "origin_not_allowed", "Requests from web pages of other origins are refused.");
  auto const [path, query] = split(head.target);
  const auto* r = find(head.method, path);
  if (r == nullptr) {
    auto const allow = allowed(path);
    if (allow.empty())
      return error_reply(404, "not_found", "There is nothing at this path: GET /api/status tells what there is.");
    auto reply = error_reply(405, "method_not_allowed", "This path takes " + allow + ".");
    reply.headers.emplace_back("Allow", allow);
    return reply;
  }
  bool const change = r->method != "GET";
  if (!r->open)
    if (auto refused = check_token(fields, door, change, now)) return refused;
  // A form or a text is what another site's page can send without asking first (Fetch §3.2.2, simple requests).
  if (change && has_body(fields) && !is_json(fields.value_of(field_id::content_type)))
    return error_reply(415, "json_needed", "Send the body as `Content-Type: application/json`.");
  if (change && r->method != "DELETE" && !has_body(fields) && !door.trusted &&
      !is_json(fields.value_of(field_id::content_type)))
    return error_reply(415, "json_needed",
                       "Send `Content-Type: application/json`, with {} where there is nothing to "
                       "say.");
  return std::nullopt;
}

admin_reply admin_api::answer(const request_head& head, std::string_view body, const admin_door& door) {
  auto const [path, query] = split(head.target);
  const auto* r = find(head.method, path);
  if (r == nullptr) return error_reply(404, "not_found", "There is nothing at this path.");
  admin_call call{.method = r->method, .path = path, .query = query, .body = nlohmann::json::object(), .who = {}};
  call.who = door.trusted ? door.who : "token from " + door.address;
  if (!body.empty() && r->method != "GET") {
    call.body = nlohmann::json::parse(body, nullptr, false);
    if (!call.body.is_object()) return error_reply(400, "bad_json", "The body must be a JSON object.");
  }
  return r->handler(call);
}

}  // namespace tideover::ops
