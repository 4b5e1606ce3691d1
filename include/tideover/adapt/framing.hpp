// Is the length of this message unambiguous? The check that stands before anything is forwarded, on both sides.
// Not a parser: it judges heads that net/http_head has read. Rules: RFC 9112 §3.2, §5.2, §6 and http-hardening rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/core/http_message.hpp"

namespace tideover::adapt {

enum class body_kind : std::uint8_t {
  none,         // no body follows
  length,       // exactly `length` bytes
  chunked,      // chunked transfer coding
  until_close,  // responses only: the end of the connection is the end of the body
};

struct request_framing {
  int refuse_status = 0;  // 0: acceptable; else the status of the refusal, and the connection closes after it
  std::string_view why;   // for the error text, a fixed sentence
  body_kind body = body_kind::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
  bool expect_continue = false;
};

/// What a 405 lists in Allow.
inline constexpr std::string_view allowed_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Refuses: folded lines, duplicate or list-valued Content-Length, Content-Length that is no number, any
/// Transfer-Encoding other than exactly `chunked`, Transfer-Encoding with Content-Length or in HTTP/1.0, no or several
/// Host fields, bytes outside visible ASCII in the target, CONNECT and TRACE (405), unknown methods (501), unknown
/// expectations (417), target longer than 8 KiB (414); a target in no form of RFC 9112 §3.2, or one in absolute-form
/// for another authority than Host names. HTTP/1.0 needs its Host too: without one the rebinding guard has nothing to
/// check.
request_framing judge_request(const request_head& head);

struct response_framing {
  bool acceptable = true;
  std::string_view why;
  body_kind body = body_kind::none;
  std::uint64_t length = 0;
  bool keep_alive = true;  // the connection may be used again after the body, if nothing else is odd
};

/// `to_head_request`: the request was HEAD, so no body follows whatever the fields say.
/// Status outside 100…599, 101, folded lines, odd Transfer-Encoding or Content-Length: not acceptable.
response_framing judge_response(const response_head& head, bool to_head_request);

/// Does this field (several of them, a list each) name the token? Connection: close, keep-alive.
bool lists_token(const header_fields& fields, field_id id, std::string_view token);

/// May a caller use this name in Host? IP literals, localhost, *.localhost, *.local, *.internal, the machine's own
/// name and the configured ones; the port is ignored, so is one trailing dot. An empty Host, userinfo and IPv4 in
/// shorthand are not allowed. Guards against DNS rebinding.
struct host_rules {
  std::string machine_name;
  std::vector<std::string> configured;
};
bool host_allowed(std::string_view host_field, const host_rules& rules);

/// Does the request come from a page of this very host, or from no page at all? A foreign Origin, several, or `null`
/// are refused: a web page must not reach a local daemon with its visitor's rights.
bool origin_allowed(const header_fields& fields);

}  // namespace tideover::adapt
