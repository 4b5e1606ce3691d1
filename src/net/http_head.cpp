#include "tideover/net/http_head.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tideover::net {
namespace {

/// tchar of RFC 9110 §5.6.2.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (char const c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto token_table = make_token_table();
bool is_token(char c) { return token_table[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t'; }

/// The first byte that cannot stand in a field value (RFC 9110 §5.5: controls but HTAB). Heads end with a line feed, so
/// there always is one before `end`.
const char* find_control(const char* at, const char* end) {
#if defined(__SSE2__)
  auto const largest = _mm_set1_epi8(0x1f);
  auto const tab = _mm_set1_epi8('\t');
  auto const del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    auto const bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    auto const low = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), _mm_cmpeq_epi8(_mm_min_epu8(bytes, largest), bytes));
    auto const found = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, del)));
    if (found != 0) return at + __builtin_ctz(static_cast<unsigned>(found));
    at += 16;
  }
#endif
  while (at < end && (static_cast<unsigned char>(*at) >= 0x20 ? *at != 0x7f : *at == '\t')) ++at;
  return at;
}

/// The first byte that is no token character. Lines end in a line feed, which is none, so there always is one.
const char* token_end(const char* at, const char* end) {
#if defined(__SSE2__)
  // Letters and hyphens are what nearly every name is made of: sixteen at once.
  while (end - at >= 16) {
    auto const bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    auto const from_a = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    auto const letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8('z' - 'a')), from_a);
    auto const plain = _mm_or_si128(letter, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    auto const run = __builtin_ctz(~static_cast<unsigned>(_mm_movemask_epi8(plain)));
    at += run;
    if (run != 16) break;
  }
#else
  static_cast<void>(end);
#endif
  while (is_token(*at)) ++at;
  return at;
}

struct known_field {
  std::string_view name;  // lower case
  field_id id = field_id::unknown;
};

/// The fields that some rule of ours asks for, and those that nearly every message has.
constexpr known_field known_fields[] = {
    {"accept", field_id::accept},
    {"accept-encoding", field_id::accept_encoding},
    {"accept-language", field_id::accept_language},
    {"access-control-allow-credentials", field_id::access_control_allow_credentials},
    {"access-control-allow-headers", field_id::access_control_allow_headers},
    {"access-control-allow-methods", field_id::access_control_allow_methods},
    {"access-control-allow-origin", field_id::access_control_allow_origin},
    {"access-control-expose-headers", field_id::access_control_expose_headers},
    {"access-control-max-age", field_id::access_control_max_age},
    {"alt-svc", field_id::alt_svc},
    {"authorization", field_id::authorization},
    {"cache-control", field_id::cache_control},
    {"close", field_id::close},
    {"connection", field_id::connection},
    {"content-encoding", field_id::content_encoding},
    {"content-length", field_id::content_length},
    {"content-md5", field_id::content_md5},
    {"content-type", field_id::content_type},
    {"cookie", field_id::cookie},
    {"cookie2", field_id::cookie2},
    {"date", field_id::date},
    {"digest", field_id::digest},
    {"expect", field_id::expect},
    {"forwarded", field_id::forwarded},
    {"host", field_id::host},
    {"http2-settings", field_id::http2_settings},
    {"keep-alive", field_id::keep_alive},
    {"origin", field_id::origin},
    {"proxy-authenticate", field_id::proxy_authenticate},
    {"proxy-authentication-info", field_id::proxy_authentication_info},
    {"proxy-authorization", field_id::proxy_authorization},
    {"proxy-connection", field_id::proxy_connection},
    {"proxy-features", field_id::proxy_features},
    {"proxy-instruction", field_id::proxy_instruction},
    {"referer", field_id::referer},
    {"retry-after", field_id::retry_after},
    {"sec-fetch-dest", field_id::sec_fetch_dest},
    {"sec-fetch-mode", field_id::sec_fetch_mode},
    {"sec-fetch-site", field_id::sec_fetch_site},
    {"sec-fetch-user", field_id::sec_fetch_user},
    {"sec-websocket-accept", field_id::sec_websocket_accept},
    {"sec-websocket-extensions", field_id::sec_websocket_extensions},
    {"sec-websocket-key", field_id::sec_websocket_key},
    {"sec-websocket-protocol", field_id::sec_websocket_protocol},
    {"sec-websocket-version", field_id::sec_websocket_version},
    {"server", field_id::server},
    {"set-cookie", field_id::set_cookie},
    {"set-cookie2", field_id::set_cookie2},
    {"strict-transport-security", field_id::strict_transport_security},
    {"te", field_id::te},
    {"trailer", field_id::trailer},
    {"transfer-encoding", field_id::transfer_encoding},
    {"upgrade", field_id::upgrade},
    {"user-agent", field_id::user_agent},
    {"vary", field_id::vary},
    {"via", field_id::via},
};

constexpr std::size_t field_slots = 256;

/// Length, first and middle letter tell nearly all of them apart; letters are compared without case.
constexpr std::size_t slot_of(std::string_view name) {
  auto const letter = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(name[i]) | 0x20);
  };
  return (name.size() * 31 + letter(0) * 7 + letter(name.size() / 2) * 3 + letter(name.size() - 1)) % field_slots;
}

/// Open addressing, made at compile time.
constexpr std::array<known_field, field_slots> make_field_table() {
  std::array<known_field, field_slots> table{};
  for (const auto& field : known_fields) {
    auto slot = slot_of(field.name);
    while (!table[slot].name.empty()) slot = (slot + 1) % field_slots;
    table[slot] = field;
  }
  return table;
}
constexpr auto field_table = make_field_table();

/// `name` holds token characters only, of which none but a letter becomes a letter by setting 0x20.
bool same_name(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  auto const same = [a = name.data(), b = lower.data()]<class Word>(Word blanks, std::size_t at) {
    Word x, y;
    std::memcpy(&x, a + at, sizeof x);
    std::memcpy(&y, b + at, sizeof y);
    return (x | blanks) == y;
  };
  constexpr std::uint64_t eight = 0x2020202020202020;
  constexpr std::uint32_t four = 0x20202020;
  std::size_t const n = name.size();
  if (n >= 8) {
    for (std::size_t at = 0; at + 8 < n; at += 8)
      if (!same(eight, at)) return false;
    return same(eight, n - 8);
  }
  if (n >= 4) return same(four, 0) && same(four, n - 4);
  for (std::size_t i = 0; i < n; ++i)
    if ((name[i] | 0x20) != lower[i]) return false;
  return true;
}

field_id id_of(std::string_view name) {
  for (auto slot = slot_of(name); !field_table[slot].name.empty(); slot = (slot + 1) % field_slots)
    if (same_name(name, field_table[slot].name)) return field_table[slot].id;
  return field_id::unknown;
}

/// One pass over the lines behind the start line, the empty line included, which must be the end.
head_status parse_fields(const char* at, const char* end, std::size_t most, header_fields& fields, bool& folded) {
  for (;;) {
    if (at == end) return head_status::bad_request;
    if (*at == '\r') return end - at == 2 && at[1] == '\n' ? head_status::ok : head_status::bad_request;
    bool const continues = is_space(*at);
    if (continues) {
      // obs-fold (RFC 9112 §5.2): the value is not kept, whoever judges the head refuses it.
      if (fields.list.empty()) return head_status::bad_request;
      folded = true;
      fields.list.back().value = {};
    } else {
      const char* const name = at;
      at = token_end(at, end);
      if (at == name || *at != ':') return head_status::bad_request;
      if (fields.list.size() == most) return head_status::fields_too_large;
      std::string_view const text(name, static_cast<std::size_t>(at - name));
      fields.list.push_back({id_of(text), text, {}});
      ++at;
    }
    while (at < end && is_space(*at)) ++at;
    const char* const value = at;
    at = find_control(at, end);
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return head_status::bad_request;
    const char* last = at;
    while (last > value && is_space(last[-1])) --last;
    if (!continues) fields.list.back().value = {value, static_cast<std::size_t>(last - value)};
    at += 2;
  }
}

/// `HTTP/1.1` and 1.0 are ours; another well-formed version earns a 505.
head_status parse_version(std::string_view text, unsigned& version) {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7]))
    return head_status::bad_request;
  if (text[5] != '1' || text[7] > '1') return head_status::version_not_supported;
  version = text[7] == '1' ? 11 : 10;
  return head_status::ok;
}

}  // namespace

std::size_t find_head_end(std::string_view buffer, std::size_t already_scanned) {
  std::size_t at = already_scanned > 2 ? already_scanned - 2 : 0;
  while (at < buffer.size()) {
    const void* const hit = std::memchr(buffer.data() + at, '\n', buffer.size() - at);
    if (!hit) return 0;
    at = static_cast<std::size_t>(static_cast<const char*>(hit) - buffer.data()) + 1;
    if (at < buffer.size() && buffer[at] == '\n') return at + 1;
    if (at + 1 < buffer.size() && buffer[at] == '\r' && buffer[at + 1] == '\n') return at + 2;
  }
  return 0;
}

head_status status_of_oversize(std::string_view buffer) {
  if (buffer.substr(0, 2) == "\r\n") buffer.remove_prefix(2);
  auto const line_end = buffer.find('\n');
  auto const line = buffer.substr(0, line_end);
  return line_end == std::string_view::npos || line.size() > max_target_bytes + 64 ? head_status::target_too_long
                                                                                   : head_status::fields_too_large;
}

head_status parse_request_head(std::string_view bytes, request_head& out) {
  out.fields.list.clear();
  out.size_bytes = bytes.size();
  out.has_line_folding = false;
  if (bytes.substr(0, 2) == "\r\n") bytes.remove_prefix(2);
  if (bytes.empty() || bytes.back() != '\n') return head_status::bad_request;  // what the loops below rely on

  const char* const end = bytes.data() + bytes.size();
  const char* at = bytes.data();
  while (is_token(*at)) ++at;
  if (at == bytes.data() || *at != ' ') return head_status::bad_request;
  out.method = {bytes.data(), static_cast<std::size_t>(at - bytes.data())};
  const char* const target = ++at;
  while (static_cast<unsigned char>(*at) > 0x20 && *at != 0x7f) ++at;
  if (at == target || *at != ' ') return head_status::bad_request;
  out.target = {target, static_cast<std::size_t>(at - target)};
  ++at;
  if (end - at < 10 || at[8] != '\r' || at[9] != '\n') return head_status::bad_request;
  auto const version = parse_version({at, 8}, out.version);
  if (version != head_status::ok) return version;
  auto const fields = parse_fields(at + 10, end, max_request_fields, out.fields, out.has_line_folding);
  if (fields != head_status::ok) return fields;
  return out.target.size() > max_target_bytes ? head_status::target_too_long : head_status::ok;
}

head_status parse_response_head(std::string_view bytes, response_head& out) {
  out.fields.list.clear();
  out.size_bytes = bytes.size();
  out.has_line_folding = false;
  if (bytes.size() < 14 || bytes.back() != '\n') return head_status::bad_request;

  const char* const end = bytes.data() + bytes.size();
  auto const version = parse_version(bytes.substr(0, 8), out.version);
  if (version != head_status::ok) return version;
  const char* at = bytes.data() + 8;
  if (at[0] != ' ' || !is_digit(at[1]) || !is_digit(at[2]) || !is_digit(at[3])) return head_status::bad_request;
  out.status = static_cast<unsigned>((at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0'));
  at += 4;
  // The space before a reason phrase belongs there even if the phrase is empty (RFC 9112 §4); small servers forget it.
  if (*at != ' ' && *at != '\r') return head_status::bad_request;
  if (*at == ' ') ++at;
  const char* const reason = at;
  at = find_control(at, end);
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return head_status::bad_request;
  out.reason_phrase = {reason, static_cast<std::size_t>(at - reason)};
  return parse_fields(at + 2, end, max_response_fields, out.fields, out.has_line_folding);
}

}  // namespace tideover::net
