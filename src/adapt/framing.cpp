#include "tideover/adapt/framing.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace tideover::adapt {
namespace {

constexpr std::size_t max_target_bytes = 8 * 1024;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Digits and nothing else, below 2^63 so that no sum with it can overflow later.
std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > 19 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value > INT64_MAX) return std::nullopt;
  return value;
}

/// The fields that decide where a message ends, gathered in one pass.
struct framing_fields {
  unsigned lengths = 0;
  unsigned codings = 0;
  unsigned hosts = 0;
  std::string_view length;
  std::string_view coding;
  std::string_view host;
  bool has_connection = false;
  bool has_expect = false;

  explicit framing_fields(const header_fields& fields) {
    for (const auto& f : fields.list) {
      switch (f.id) {
        case field_id::content_length: ++lengths, length = f.value; break;
        case field_id::transfer_encoding: ++codings, coding = f.value; break;
        case field_id::host: ++hosts, host = f.value; break;
        case field_id::connection: has_connection = true; break;
        case field_id::expect: has_expect = true; break;
        default: break;
      }
    }
  }
};

struct body_verdict {
  std::string_view why;  // empty: acceptable
  body_kind body = body_kind::none;
  std::uint64_t length = 0;
};

/// RFC 9112 §6.1–§6.3, without any of its permissions to repair.
body_verdict judge_body(const framing_fields& fields, unsigned version) {
  if (fields.codings > 0) {
    if (fields.lengths > 0) return {"both Transfer-Encoding and Content-Length are present"};
    if (version < 11) return {"Transfer-Encoding does not exist in HTTP/1.0"};
    if (fields.codings > 1 || !iequals(fields.coding, "chunked"))
      return {"the only Transfer-Encoding understood here is exactly one 'chunked'"};
    return {{}, body_kind::chunked, 0};
  }
  if (fields.lengths > 1) return {"Content-Length is present more than once"};
  if (fields.lengths == 1) {
    auto const length = parse_length(fields.length);
    if (!length) return {"Content-Length is not one plain decimal number"};
    return {{}, body_kind::length, *length};
  }
  return {};
}

bool keeps_alive(const header_fields& fields, bool has_connection, unsigned version) {
  if (!has_connection) return version >= 11;
  if (lists_token(fields, field_id::connection, "close")) return false;
  return version >= 11 || lists_token(fields, field_id::connection, "keep-alive");
}

enum class method_kind { known, tunnel, unknown };

method_kind kind_of_method(std::string_view method) {
  for (std::string_view known : {"POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
    if (method == known) return method_kind::known;
  return method == "CONNECT" || method == "TRACE" ? method_kind::tunnel : method_kind::unknown;
}

/// The authority of an absolute-form target, or nothing when the target is in another form.
std::optional<std::string_view> absolute_authority(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !iequals(target.substr(0, scheme.size()), scheme)) continue;
    auto const rest = target.substr(scheme.size());
    return rest.substr(0, rest.find_first_of("/?#"));
  }
  return std::nullopt;
}

std::string_view what_is_wrong_with_target(const request_head& head, std::string_view host) {
  auto const target = head.target;
  for (char c : target)
    if (c <= 0x20 || c >= 0x7f) return "the request target holds bytes outside visible ASCII";
  if (target.find('#') != std::string_view::npos) return "the request target holds a fragment";
  if (target.starts_with('/')) return {};
  if (target == "*") return head.method == "OPTIONS" ? "" : "the target '*' belongs to OPTIONS only";
  auto const authority = absolute_authority(target);
  if (!authority) return "the request target is neither a path nor an absolute http URL";
  // An HTTP proxy for other sites is what Tideover must not be; so the two names have to agree (RFC 9112 §3.2.2).
  if (authority->empty() || !iequals(*authority, host)) return "the request target and Host name different servers";
  return {};
}

/// Host = uri-host [ ":" port ], so no white space, no list, no userinfo, no path (RFC 9110 §7.2).
bool host_is_well_formed(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return is_alnum(c) || std::string_view("-._~:[]%!$&'()*+;=").find(c) != std::string_view::npos;
  });
}

request_framing refuse(int status, std::string_view why) {
  request_framing verdict;
  verdict.refuse_status = status;
  verdict.why = why;
  verdict.keep_alive = false;
  return verdict;
}

}  // namespace

bool lists_token(const header_fields& fields, field_id id, std::string_view token) {
  for (const auto& f : fields.list) {
    if (f.id != id) continue;
    std::string_view rest = f.value;
    while (!rest.empty()) {
      auto const comma = rest.find(',');
      if (iequals(trimmed(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

request_framing judge_request(const request_head& head) {
  if (head.has_line_folding) return refuse(400, "a header field is folded over several lines");
  if (head.version != 10 && head.version != 11) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  switch (kind_of_method(head.method)) {
    case method_kind::known: break;
    case method_kind::tunnel: return refuse(405, "CONNECT and TRACE are not served");
    case method_kind::unknown: return refuse(501, "the request method is not known");
  }
  if (head.target.size() > max_target_bytes) return refuse(414, "the request target is longer than 8 KiB");

  framing_fields const fields(head.fields);
  if (fields.hosts == 0) return refuse(400, "the Host field is missing");
  if (fields.hosts > 1) return refuse(400, "the Host field is present more than once");
  if (!host_is_well_formed(fields.host)) return refuse(400, "the Host field is not a host name");
  if (auto const why = what_is_wrong_with_target(head, fields.host); !why.empty()) return refuse(400, why);

  auto const body = judge_body(fields, head.version);
  if (!body.why.empty()) return refuse(400, body.why);

  request_framing verdict;
  verdict.body = body.body;
  verdict.length = body.length;
  verdict.keep_alive = keeps_alive(head.fields, fields.has_connection, head.version);
  if (fields.has_expect) {
    for (const auto& f : head.fields.list)
      if (f.id == field_id::expect && !iequals(f.value, "100-continue"))
        return refuse(417, "the only expectation met here is 100-continue");
    // An HTTP/1.0 client cannot read an interim response (RFC 9110 §10.1.1).
    verdict.expect_continue = head.version >= 11;
  }
  return verdict;
}

response_framing judge_response(const response_head& head, bool to_head_request) {
  auto const unacceptable = [](std::string_view why) {
    response_framing verdict;
    verdict.acceptable = false;
    verdict.why = why;
    verdict.keep_alive = false;
    return verdict;
  };
  if (head.status < 100 || head.status > 599) return unacceptable("the status is outside 100 to 599");
  if (head.status == 101) return unacceptable("a switch of protocols that nobody asked for");
  if (head.has_line_folding) return unacceptable("a header field is folded over several lines");
  if (head.version != 10 && head.version != 11) return unacceptable("the HTTP version is neither 1.0 nor 1.1");

  framing_fields const fields(head.fields);
  auto const body = judge_body(fields, head.version);
  if (!body.why.empty()) return unacceptable(body.why);

  response_framing verdict;
  verdict.keep_alive = keeps_alive(head.fields, fields.has_connection, head.version);
  bool const never_a_body = head.status < 200 || head.status == 204 || head.status == 304;
  if (never_a_body || to_head_request) {
    // A length announced where none may be is a sign that bytes will follow all the same (304 and HEAD may announce).
    bool const announces = body.body == body_kind::chunked || (body.body == body_kind::length && body.length > 0);
    if (announces && never_a_body && head.status != 304) verdict.keep_alive = false;
    return verdict;
  }
  verdict.body = body.body;
  verdict.length = body.length;
  if (body.body == body_kind::none) {
    verdict.body = body_kind::until_close;
    verdict.keep_alive = false;
  }
  return verdict;
}

namespace {

bool is_ip_literal(std::string_view text, int family) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof(copy)) return false;
  *std::copy(text.begin(), text.end(), copy) = '\0';
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(family, copy, address) == 1;
}

/// Letters, digits, hyphens and underscores in labels that are not empty.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.back() == '.') return false;
  char before = 0;
  for (char c : name) {
    if (!is_alnum(c) && c != '-' && c != '_' && c != '.') return false;
    if (c == '.' && before == '.') return false;
    before = c;
  }
  return true;
}

bool ends_with_label(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && iequals(name.substr(name.size() - suffix.size()), suffix);
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  unsigned port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port <= 65535;
}

std::string_view without_trailing_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

}  // namespace

bool host_allowed(std::string_view host_field, const host_rules& rules) {
  if (host_field.starts_with('[')) {
    auto const bracket = host_field.find(']');
    if (bracket == std::string_view::npos) return false;
    auto const rest = host_field.substr(bracket + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return false;
    return is_ip_literal(host_field.substr(1, bracket - 1), AF_INET6);
  }
  auto const colon = host_field.find(':');
  if (colon != std::string_view::npos && !is_port(host_field.substr(colon + 1))) return false;
  auto const host = host_field.substr(0, colon);
  if (is_ip_literal(host, AF_INET)) return true;

  auto const name = without_trailing_dot(host);
  if (!is_name(name)) return false;
  if (iequals(name, "localhost")) return true;
  for (std::string_view suffix : {".localhost", ".local", ".internal"})
    if (ends_with_label(name, suffix)) return true;
  if (!rules.machine_name.empty() && iequals(name, without_trailing_dot(rules.machine_name))) return true;
  return std::any_of(rules.configured.begin(), rules.configured.end(), [name](const std::string& allowed) {
    return !allowed.empty() && iequals(name, without_trailing_dot(allowed));
  });
}

bool origin_allowed(const header_fields& fields) {
  auto const count = fields.count(field_id::origin);
  if (count == 0) return true;
  auto origin = fields.value_of(field_id::origin);
  if (count != 1) return false;
  if (origin.starts_with("http://"))
    origin.remove_prefix(7);
  else if (origin.starts_with("https://"))
    origin.remove_prefix(8);
  else
    return false;
  return !origin.empty() && iequals(origin, fields.value_of(field_id::host));
}

}  // namespace tideover::adapt
