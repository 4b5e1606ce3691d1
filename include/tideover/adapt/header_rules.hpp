// Which fields cross the proxy, in which direction, to which tier; and the heads that are written from them.
// Not a serializer of parsed messages: every head is built afresh, with our own framing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/adapt/framing.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt {

/// A head under construction: appends to a caller's buffer so that the hot path allocates nothing.
struct upstream_request {
  std::string_view method{};
  std::string_view base_path{};  // of the upstream's URL; stands before every target
  std::string_view target{};     // path and query
  std::string_view authority{};  // Host
  enum tier tier = tier::cloud;
  enum dialect dialect = dialect::openai;
  std::string_view credential{};  // configured key; empty: the caller's own (cloud) or none (local)
  body_kind body = body_kind::none;
  std::uint64_t length = 0;         // for body_kind::length
  bool judged = false;              // the answer is looked at
  bool body_rewritten = false;      // Content-Encoding and digests of the original no longer hold
  std::string_view request_id{};    // of Tideover, sent as X-Tideover-Request-Id to local only if empty is not given
  bool caller_key_is_ours = false;  // the caller's key opened Tideover itself (`clients`): it goes nowhere
};

/// Appends the complete request head (final empty line included). Dropped always: hop-by-hop fields (RFC 9110 §7.6.1:
/// Connection and what it lists, except end-to-end fields a check relies on), Transfer-Encoding, Content-Length, Host,
/// Expect, Upgrade, TE, Trailer, Keep-Alive, Proxy-*, X-Tideover-*, Origin, Cookie, Forwarded and X-Forwarded-*.
/// To local also: Authorization, x-api-key, api-key, OpenAI-*, anthropic-*, X-Stainless-*, Referer, Sec-*,
/// Accept-Encoding, Via and anything that looks like a credential by its name (…-key, …-token, …auth…, Idempotency-Key
/// excepted); User-Agent stays. To cloud with a configured credential: the caller's Authorization, x-api-key and
/// api-key are replaced (Bearer for openai, x-api-key for anthropic). To cloud without one: the caller's pass, but
/// x-api-key only to the anthropic dialect and api-key only to the others: each key to the cloud it was made for.
/// Names with `_` in place of `-` are judged as if they had the `-`: a gateway behind may read them so.
/// Accept-Encoding becomes identity for a judged answer of a cloud, and where a configured credential goes to it: its
/// errors are searched for that (adapt/key_leak).
/// Control bytes are dropped from what is added here (target, authority, credential, request id).
void write_request_head(std::string& out, const request_head& from, const upstream_request& to);

/// What Tideover says of an answer in X-Tideover-* fields; empty views are left out.
struct answer_marks {
  enum tier tier = tier::none;
  std::string_view upstream{};
  std::string_view model{};
  std::string_view failover{};  // reason token
  std::string_view request_id{};
  std::string_view error_code{};  // X-Tideover-Error
  bool show = true;               // `headers: none` hides all of them
  // For browsers (adapt/web_origin), shown always.
  std::string_view allowed_origin{};  // of the page that asks, where the configuration names it
  bool depends_on_origin = false;     // origins are configured
};

struct downstream_response {
  unsigned status = 200;
  std::string_view reason_phrase{};  // empty: the standard one
  body_kind body = body_kind::length;
  std::uint64_t length = 0;
  bool keep_alive = true;
  unsigned client_version = 11;  // an HTTP/1.0 client gets no chunked coding: its body ends with the connection
  bool to_head_request = false;  // no body follows; the upstream's Content-Length passes
};

/// The framing that write_response_head really writes: what the caller of it has to do with the body and after it.
struct written_framing {
  body_kind body = body_kind::length;
  bool keep_alive = true;
};
written_framing framing_for(const downstream_response& to);

/// Appends the complete response head for the caller from an upstream's head. Dropped: hop-by-hop fields,
/// Transfer-Encoding, Content-Length (written anew), Set-Cookie, Strict-Transport-Security, Alt-Svc, Access-Control-*
/// (who may read answers in a browser is decided here), X-Tideover-*. Server and Date pass. Bytes outside visible ASCII
/// are percent-encoded in the X-Tideover-* fields, whose order is fixed: Tier, Upstream, Model, Failover, Request-Id,
/// Error.
void write_response_head(std::string& out, const response_head& from, const downstream_response& to,
                         const answer_marks& marks);

/// A head of Tideover's own (errors, /v1/models from local data, 100-continue excluded).
struct own_response {
  unsigned status = 200;
  std::string_view content_type = "application/json";
  std::uint64_t length = 0;
  bool keep_alive = true;
  std::optional<int> retry_after_seconds{};
  std::optional<bool> should_retry{};  // x-should-retry
  std::string_view allow{};            // Allow, for 405
  body_kind body = body_kind::length;  // chunked or until_close for a stream that Tideover begins itself
  unsigned client_version = 11;
  std::string_view extra_lines{};  // further complete lines, CRLF included, written as they are: never a peer's bytes
};
/// 401 carries WWW-Authenticate: Bearer. 1xx, 204 and 304 carry neither Content-Type nor Content-Length.
void write_own_head(std::string& out, const own_response& response, const answer_marks& marks);

std::string_view reason_phrase(unsigned status);

}  // namespace tideover::adapt
