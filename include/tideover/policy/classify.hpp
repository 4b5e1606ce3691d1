// What happened: an upstream's status, headers and error body turned into an answer or a failure.
// Not for 2xx content (adapt/answer_judge, adapt/stream_inspector), nor for what follows (rulings).
#pragma once

#include <optional>
#include <string_view>

#include "tideover/core/failure.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/words.hpp"

namespace tideover::policy {

struct credential_source {
  bool configured = false;  // the key is Tideover's own: the caller cannot mend a 401
  bool outage = false;      // nor when the provider refuses keys that worked (policy/auth_outage)
};

/// A complete response with a status outside 2xx → a failure, or nothing when it is an answer to be passed on.
/// `now_unix` (seconds) resolves Retry-After dates.
std::optional<failure> classify_status(const response_head& head, std::string_view body, dialect from,
                                       credential_source credential, std::int64_t now_unix);

/// Retry-After (seconds or HTTP-date) and retry-after-ms; clamped to 1 s … 10 min whatever they say; garbage: nothing.
std::optional<duration> retry_after(const header_fields& fields, std::int64_t now_unix);

/// A 3xx, which is never passed on, because it would send the caller, its prompt and its key elsewhere (contract §4).
/// Not 304 to a conditional GET or HEAD (RFC 9110 §15.4.5): that is the answer the caller asked for.
bool is_redirect(unsigned status, const request_head& asked);

}  // namespace tideover::policy
