#include "tideover/adapt/header_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "tideover/adapt/web_origin.hpp"
#include "tideover/core/visible.hpp"

namespace tideover::adapt {
namespace {

bool starts_with(std::string_view name, std::string_view lower_prefix) {
  return name.size() >= lower_prefix.size() && iequals(name.substr(0, lower_prefix.size()), lower_prefix);
}
bool ends_with(std::string_view name, std::string_view lower_suffix) {
  return name.size() >= lower_suffix.size() && iequals(name.substr(name.size() - lower_suffix.size()), lower_suffix);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Appends the text without the bytes that `spoils` names; hardly any text has one.
template <class Spoils>
void append_without(std::string& out, std::string_view text, Spoils spoils) {
  if (std::none_of(text.begin(), text.end(), spoils))
    out += text;
  else
    std::remove_copy_if(text.begin(), text.end(), std::back_inserter(out), spoils);
}

/// For what is ours or the configuration's: a line end in it must not become one on the wire.
void append_clean(std::string& out, std::string_view text) {
  if (all_visible(text))
    out += text;
  else
    append_without(out, text, is_control);
}

/// For values that may come from a caller's JSON (a model's name): visible ASCII and spaces stay, the rest is encoded.
void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  if (all_visible(text)) {
    out += text;
    return;
  }
  for (char c : text) {
    auto const u = static_cast<unsigned char>(c);
    if (is_visible_or_space(c)) {
      out += c;
    } else {
      out += '%';
      out += hex[u >> 4];
      out += hex[u & 15];
    }
  }
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_field(std::string& out, const header_field& f) {
  auto const name_end = f.name.data() + f.name.size();
  if (f.value.data() == name_end + 2 && name_end[0] == ':' && name_end[1] == ' ') {
    // As peers usually write it: name and value go out in one copy.
    out.append(f.name.data(), f.name.size() + 2 + f.value.size());
  } else {
    out += f.name;
    out += ": ";
    out += f.value;
  }
  out += "\r\n";
}

/// Calls `use` with each token of the list-valued fields `id` until it returns true.
template <class Use>
bool any_token(const header_fields& fields, field_id id, Use use) {
  for (const auto& f : fields.list) {
    if (f.id != id) continue;
    std::string_view rest = f.value;
    for (;;) {
      auto const comma = rest.find(',');
      auto token = rest.substr(0, comma);
      while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
      while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
      if (!token.empty() && use(token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

/// Does Connection name fields at all? `close` and `keep-alive` are all that ordinary peers ever say there.
bool connection_lists_fields(const header_fields& fields) {
  return any_token(fields, field_id::connection,
                   [](std::string_view token) { return !iequals(token, "close") && !iequals(token, "keep-alive"); });
}

bool listed_in_connection(const header_fields& fields, std::string_view name) {
  return any_token(fields, field_id::connection, [name](std::string_view token) { return iequals(token, name); });
}

/// End-to-end fields that Connection cannot strip: a check, a credential or the body's meaning rests on them.
bool protected_from_connection(const header_field& f) {
  switch (f.id) {
    case field_id::accept:
    case field_id::accept_encoding:
    case field_id::authorization:
    case field_id::content_encoding:
    case field_id::content_type:
    case field_id::host:
    case field_id::user_agent: return true;
    case field_id::unknown:
      return starts_with(f.name, "anthropic-") || starts_with(f.name, "openai-") || iequals(f.name, "x-api-key") ||
             iequals(f.name, "api-key") || iequals(f.name, "idempotency-key") || iequals(f.name, "traceparent") ||
             iequals(f.name, "tracestate");
    default: return false;
  }
}

/// Hop-by-hop whichever way it travels (RFC 9110 §7.6.1), and framing, which is always ours.
bool is_hop_by_hop(field_id id) {
  switch (id) {
    case field_id::close:
    case field_id::connection:
    case field_id::content_length:
    case field_id::http2_settings:
    case field_id::keep_alive:
    case field_id::proxy_authenticate:
    case field_id::proxy_authentication_info:
    case field_id::proxy_authorization:
    case field_id::proxy_connection:
    case field_id::proxy_features:
    case field_id::proxy_instruction:
    case field_id::te:
    case field_id::trailer:
    case field_id::transfer_encoding:
    case field_id::upgrade: return true;
    default: return false;
  }
}

bool looks_like_a_credential(std::string_view name) {
  if (iequals(name, "idempotency-key")) return false;
  if (ends_with(name, "-key") || ends_with(name, "-token") || ends_with(name, "-secret")) return true;
  for (std::size_t at = 0; at + 4 <= name.size(); ++at)
    if (iequals(name.substr(at, 4), "auth")) return true;
  return false;
}

/// `Transfer_Encoding` means nothing to HTTP, but gateways that hand fields to programs may read the `_` as `-`. So
/// such a name is judged by what it would be read as. Names longer than any that we judge keep their tail out of it.
class spelled_with_hyphens {
 public:
  static constexpr std::size_t most = 64;

  explicit spelled_with_hyphens(std::string_view name) : size_(std::min(name.size(), spelled_.size())) {
    std::replace_copy(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size_), spelled_.begin(), '_', '-');
  }
  std::string_view name() const { return {spelled_.data(), size_}; }
  field_id id() const { return boost::beast::http::string_to_field({spelled_.data(), size_}); }

 private:
  std::array<char, most> spelled_;
  std::size_t size_;
};

bool has_underscore(std::string_view name) { return name.find('_') != std::string_view::npos; }

/// An answer that must be looked at must not come compressed; so an error where a key of ours is sent along, which is
/// searched for that key.
bool asks_for_identity(const upstream_request& to) {
  return to.tier == tier::cloud && (to.judged || !to.credential.empty());
}

/// One caller's field: does it go to this upstream?
class request_filter {
 public:
  explicit request_filter(const upstream_request& to)
      : local_(to.tier != tier::cloud),
        own_key_(!to.credential.empty() || to.caller_key_is_ours),
        anthropic_(to.dialect == dialect::anthropic),
        identity_(asks_for_identity(to)),
        rewritten_(to.body_rewritten) {}

  bool passes(field_id id, std::string_view name) const {
    if (is_hop_by_hop(id)) return false;
    switch (id) {
      case field_id::unknown: return custom_passes(name);
      case field_id::cookie:
      case field_id::cookie2:
      case field_id::expect:
      case field_id::forwarded:
      case field_id::host:
      case field_id::origin: return false;
      case field_id::authorization: return !local_ && !own_key_;
      case field_id::accept_encoding: return !local_ && !identity_;
      case field_id::referer:
      case field_id::via:
      case field_id::sec_fetch_dest:
      case field_id::sec_fetch_mode:
      case field_id::sec_fetch_site:
      case field_id::sec_fetch_user:
      case field_id::sec_websocket_accept:
      case field_id::sec_websocket_extensions:
      case field_id::sec_websocket_key:
      case field_id::sec_websocket_protocol:
      case field_id::sec_websocket_version: return !local_;
      case field_id::content_encoding:
      case field_id::content_md5:
      case field_id::digest: return !rewritten_;
      default: return true;
    }
  }

 private:
  bool custom_passes(std::string_view name) const {
    if (has_underscore(name)) return lookalike_passes(name);
    switch (to_lower(name.front())) {
      case 'a':
        if (iequals(name, "api-key")) return !local_ && !own_key_ && !anthropic_;
        if (starts_with(name, "anthropic-")) return !local_;
        break;
      case 'c':
        if (iequals(name, "content-digest")) return !rewritten_;
        break;
      case 'o':
        if (starts_with(name, "openai-")) return !local_;
        break;
      case 'p':
        if (starts_with(name, "proxy-")) return false;
        break;
      case 'r':
        if (iequals(name, "repr-digest")) return !rewritten_;
        break;
      case 's':
        if (starts_with(name, "sec-")) return !local_;
        if (iequals(name, "signature") || iequals(name, "signature-input")) return !rewritten_;
        break;
      case 'x':
        if (!x_field_passes(name)) return false;
        break;
      default: break;
    }
    return !local_ || !looks_like_a_credential(name);
  }

  bool x_field_passes(std::string_view name) const {
    if (name.size() < 4) return true;
    switch (to_lower(name[2])) {
      case 'a': return !iequals(name, "x-api-key") || (!local_ && !own_key_ && anthropic_);
      case 'f': return !starts_with(name, "x-forwarded");
      case 'r': return !local_ || !iequals(name, "x-real-ip");
      case 's': return !local_ || !starts_with(name, "x-stainless-");
      case 't': return !starts_with(name, "x-tideover-");
      default: return true;
    }
  }

  bool lookalike_passes(std::string_view name) const {
    if (local_ && name.size() > spelled_with_hyphens::most) return false;  // a credential's mark may be in its tail
    spelled_with_hyphens const plain(name);
    return passes(plain.id(), plain.name());
  }

  bool local_;
  bool own_key_;
  bool anthropic_;
  bool identity_;
  bool rewritten_;
};

void write_credential(std::string& out, const upstream_request& to) {
  if (to.credential.empty()) return;
  out += to.dialect == dialect::anthropic ? "x-api-key: " : "Authorization: Bearer ";
  append_clean(out, to.credential);
  out += "\r\n";
}

void write_request_framing(std::string& out, const upstream_request& to) {
  switch (to.body) {
    case body_kind::length:
      out += "Content-Length: ";
      append_number(out, to.length);
      out += "\r\n";
      return;
    case body_kind::chunked: out += "Transfer-Encoding: chunked\r\n"; return;
    case body_kind::none:
    case body_kind::until_close:
      // Methods that usually carry a body say so when they carry none (RFC 9110 §8.6).
      if (to.method == "POST" || to.method == "PUT" || to.method == "PATCH") out += "Content-Length: 0\r\n";
      return;
  }
}

}  // namespace

void write_request_head(std::string& out, const request_head& from, const upstream_request& to) {
  append_clean(out, to.method);
  out += ' ';
  // The judged target holds visible ASCII only; a space from anywhere else must not end it early.
  for (auto const part : {to.base_path, to.target}) {
    if (all_visible(part) && part.find(' ') == std::string_view::npos)
      out += part;
    else
      append_without(out, part, [](char c) { return c == ' ' || is_control(c); });
  }
  out += " HTTP/1.1\r\nHost: ";
  append_clean(out, to.authority);
  out += "\r\n";

  request_filter const filter(to);
  bool const check_connection = connection_lists_fields(from.fields);
  for (const auto& f : from.fields.list) {
    if (!filter.passes(f.id, f.name)) continue;
    if (check_connection && listed_in_connection(from.fields, f.name) && !protected_from_connection(f)) continue;
    append_field(out, f);
  }
  write_credential(out, to);
  if (asks_for_identity(to)) out += "Accept-Encoding: identity\r\n";
  if (to.tier == tier::local && !to.request_id.empty()) {
    out += "X-Tideover-Request-Id: ";
    append_clean(out, to.request_id);
    out += "\r\n";
  }
  write_request_framing(out, to);
  out += "\r\n";
}

namespace {

bool answer_field_passes(field_id id, std::string_view name) {
  if (is_hop_by_hop(id)) return false;
  switch (id) {
    case field_id::alt_svc:
    case field_id::set_cookie:
    case field_id::set_cookie2:
    case field_id::strict_transport_security: return false;
    case field_id::access_control_allow_credentials:
    case field_id::access_control_allow_headers:
    case field_id::access_control_allow_methods:
    case field_id::access_control_allow_origin:
    case field_id::access_control_expose_headers:
    case field_id::access_control_max_age: return false;
    case field_id::unknown:
      if (has_underscore(name)) {
        spelled_with_hyphens const plain(name);
        return answer_field_passes(plain.id(), plain.name());
      }
      switch (to_lower(name.front())) {
        case 'a': return !starts_with(name, "access-control-");
        case 'p': return !starts_with(name, "proxy-");
        case 'x': return !starts_with(name, "x-tideover-");
        default: return true;
      }
    default: return true;
  }
}

void write_mark(std::string& out, std::string_view line_start, std::string_view value) {
  if (value.empty()) return;
  out += line_start;
  append_encoded(out, value);
  out += "\r\n";
}

void write_marks(std::string& out, const answer_marks& marks) {
  append_cors_lines(out, marks.allowed_origin, marks.depends_on_origin);
  if (!marks.show) return;
  write_mark(out, "X-Tideover-Tier: ", token(marks.tier));
  write_mark(out, "X-Tideover-Upstream: ", marks.upstream);
  write_mark(out, "X-Tideover-Model: ", marks.model);
  write_mark(out, "X-Tideover-Failover: ", marks.failover);
  write_mark(out, "X-Tideover-Request-Id: ", marks.request_id);
  write_mark(out, "X-Tideover-Error: ", marks.error_code);
}

void write_status_line(std::string& out, unsigned status, std::string_view phrase) {
  out += "HTTP/1.1 ";
  append_number(out, status);
  out += ' ';
  append_clean(out, phrase.empty() ? reason_phrase(status) : phrase);
  out += "\r\n";
}

bool never_has_a_body(unsigned status) { return status < 200 || status == 204 || status == 304; }

void write_body_framing(std::string& out, body_kind body, std::uint64_t length) {
  switch (body) {
    case body_kind::length:
      out += "Content-Length: ";
      append_number(out, length);
      out += "\r\n";
      return;
    case body_kind::chunked: out += "Transfer-Encoding: chunked\r\n"; return;
    case body_kind::none:
    case body_kind::until_close: return;
  }
}

/// HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 closes it unless told otherwise (RFC 9112 §9.3).
void write_connection(std::string& out, bool keep_alive, unsigned client_version) {
  if (!keep_alive)
    out += "Connection: close\r\n";
  else if (client_version < 11)
    out += "Connection: keep-alive\r\n";
}

}  // namespace

written_framing framing_for(const downstream_response& to) {
  if (never_has_a_body(to.status) || to.to_head_request) return {body_kind::none, to.keep_alive};
  switch (to.body) {
    case body_kind::length: return {body_kind::length, to.keep_alive};
    case body_kind::chunked:
      if (to.client_version >= 11) return {body_kind::chunked, to.keep_alive};
      return {body_kind::until_close, false};
    case body_kind::until_close: return {body_kind::until_close, false};
    case body_kind::none: break;
  }
  return {body_kind::none, to.keep_alive};
}

void write_response_head(std::string& out, const response_head& from, const downstream_response& to,
                         const answer_marks& marks) {
  write_status_line(out, to.status, to.reason_phrase);
  bool const check_connection = connection_lists_fields(from.fields);
  for (const auto& f : from.fields.list) {
    if (!answer_field_passes(f.id, f.name)) continue;
    if (check_connection && listed_in_connection(from.fields, f.name) && f.id != field_id::content_type &&
        f.id != field_id::content_encoding)
      continue;
    append_field(out, f);
  }
  write_marks(out, marks);
  auto const framing = framing_for(to);
  if (framing.body != body_kind::none) {
    write_body_framing(out, framing.body, to.length);
  } else if (!never_has_a_body(to.status)) {
    // To HEAD: the length a GET would have had, if it is known. Otherwise an empty body has to say that it is empty.
    if (!to.to_head_request)
      write_body_framing(out, body_kind::length, 0);
    else if (to.body == body_kind::length)
      write_body_framing(out, body_kind::length, to.length);
  }
  write_connection(out, framing.keep_alive, to.client_version);
  out += "\r\n";
}

void write_own_head(std::string& out, const own_response& response, const answer_marks& marks) {
  auto const framing = framing_for({.status = response.status,
                                    .reason_phrase = {},
                                    .body = response.body,
                                    .length = response.length,
                                    .keep_alive = response.keep_alive,
                                    .client_version = response.client_version});
  write_status_line(out, response.status, {});
  bool const bodied = !never_has_a_body(response.status);
  if (bodied && !response.content_type.empty()) {
    out += "Content-Type: ";
    append_clean(out, response.content_type);
    out += "\r\n";
  }
  write_marks(out, marks);
  if (response.retry_after_seconds) {
    out += "Retry-After: ";
    append_number(out, static_cast<std::uint64_t>(std::max(*response.retry_after_seconds, 0)));
    out += "\r\n";
  }
  if (response.should_retry) out += *response.should_retry ? "x-should-retry: true\r\n" : "x-should-retry: false\r\n";
  if (!response.allow.empty()) {
    out += "Allow: ";
    append_clean(out, response.allow);
    out += "\r\n";
  }
  if (response.status == 401) out += "WWW-Authenticate: Bearer\r\n";
  out += response.extra_lines;
  if (bodied)
    write_body_framing(out, framing.body == body_kind::none ? body_kind::length : framing.body,
                       framing.body == body_kind::none ? 0 : response.length);
  write_connection(out, framing.keep_alive, response.client_version);
  out += "\r\n";
}

}  // namespace tideover::adapt
