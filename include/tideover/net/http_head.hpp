// From the bytes of a complete head to views of its start line and fields (RFC 9112 §2–§5).
// Not a judge of framing, hosts or routes (adapt/framing, policy/route_table), and it reads no bodies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tideover/core/http_message.hpp"

namespace tideover::net {

/// Why a head cannot be used; for requests the status to answer with.
enum class head_status : std::uint8_t {
  ok,
  bad_request,            // 400, or a malformed answer
  target_too_long,        // 414
  fields_too_large,       // 431
  version_not_supported,  // 505: an HTTP version other than 1.0 and 1.1
};

constexpr int status_code(head_status status) {
  switch (status) {
    case head_status::ok: return 200;
    case head_status::bad_request: return 400;
    case head_status::target_too_long: return 414;
    case head_status::fields_too_large: return 431;
    case head_status::version_not_supported: return 505;
  }
  return 400;
}

inline constexpr std::size_t max_request_fields = 128;
inline constexpr std::size_t max_response_fields = 256;
inline constexpr std::size_t max_target_bytes = 8 * 1024;

/// The size of the head that `buffer` begins with, its empty line included; 0 while that line has not come. Looks only
/// at bytes from `already_scanned` on (and the two before them). An empty line after a bare LF ends a head too, so that
/// such a head is refused by the parser at once and not waited for.
std::size_t find_head_end(std::string_view buffer, std::size_t already_scanned);

/// What to say of a buffer that is full although the head has not ended: a request line without end is a target that
/// is too long (414), everything else is too many fields (431).
head_status status_of_oversize(std::string_view buffer);

/// Parse exactly one head: `bytes` ends with its empty line. The views in `out` point into `bytes`; `out` keeps its
/// capacity from message to message. After anything but `ok`, `out` is unspecified. One CRLF before a request line is
/// skipped (RFC 9112 §2.2) and counted in size_bytes. Values of folded fields are left empty: has_line_folding says so.
head_status parse_request_head(std::string_view bytes, request_head& out);
/// Interim responses (1xx) are heads like any other. A status line may lack its reason phrase and the space before it.
head_status parse_response_head(std::string_view bytes, response_head& out);

}  // namespace tideover::net
