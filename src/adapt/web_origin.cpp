#include "tideover/adapt/web_origin.hpp"

#include <algorithm>

#include "tideover/adapt/framing.hpp"

namespace tideover::adapt {
namespace {

constexpr std::size_t longest_field_list = 4096;

/// RFC 9110 §5.6.2
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    bool const word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return word || marks.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_list_of_tokens(std::string_view list) {
  if (list.empty() || list.size() > longest_field_list) return false;
  for (;;) {
    auto const comma = list.find(',');
    if (!is_token(trimmed(list.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

/// Of the pages of this host, by Fetch Metadata §2.3; browsers set the field, pages cannot.
bool page_is_elsewhere(const header_fields& fields) {
  auto const site = fields.value_of("sec-fetch-site");
  return !site.empty() && !iequals(site, "same-origin") && !iequals(site, "none");
}

/// Into a window of its own; a frame would let the page around it take the clicks.
bool link_was_followed(const request_head& head) {
  return (head.method == "GET" || head.method == "HEAD") &&
         iequals(head.fields.value_of("sec-fetch-mode"), "navigate") &&
         iequals(head.fields.value_of("sec-fetch-dest"), "document");
}

}  // namespace

page_verdict judge_page(const request_head& head, std::span<const std::string> allowed) {
  using kind = page_verdict::kind;
  const auto& fields = head.fields;
  if (fields.count(field_id::origin) == 1) {
    // Byte for byte: browsers write origins in one way only, and the answer has to repeat it.
    auto const it = std::find(allowed.begin(), allowed.end(), fields.value_of(field_id::origin));
    if (it != allowed.end()) return {kind::allowed, *it};
  }
  if (!origin_allowed(fields) || (page_is_elsewhere(fields) && !link_was_followed(head))) return {kind::foreign, {}};
  return {};
}

bool is_preflight(const request_head& head) {
  return head.method == "OPTIONS" && head.fields.find(field_id::origin) != nullptr &&
         head.fields.find("access-control-request-method") != nullptr;
}

std::string preflight_lines(const header_fields& fields) {
  std::string lines = "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n";
  auto const wanted = fields.value_of("access-control-request-headers");
  if (is_list_of_tokens(wanted)) {
    lines += "Access-Control-Allow-Headers: ";
    lines += wanted;
    lines += "\r\n";
  }
  // A page of the public web that asks for this machine or this network (Private Network Access): the operator named
  // it.
  if (iequals(fields.value_of("access-control-request-private-network"), "true"))
    lines += "Access-Control-Allow-Private-Network: true\r\n";
  lines += "Access-Control-Max-Age: 600\r\nVary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
  return lines;
}

void append_cors_lines(std::string& out, std::string_view allowed_origin, bool depends_on_origin) {
  if (depends_on_origin) out += "Vary: Origin\r\n";
  if (allowed_origin.empty()) return;
  out += "Access-Control-Allow-Origin: ";
  out += allowed_origin;
  out +=
      "\r\nAccess-Control-Expose-Headers: X-Tideover-Tier, X-Tideover-Upstream, X-Tideover-Model, X-Tideover-Failover, "
      "X-Tideover-Request-Id, X-Tideover-Error, X-Tideover-Estimate, Retry-After, x-request-id, request-id, "
      "x-should-retry\r\n";
}

}  // namespace tideover::adapt
