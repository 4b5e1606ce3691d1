// Is this complete, successful-looking answer (not streamed, status 2xx) an answer at all?
// Not for streams (stream_inspector) nor for error statuses (policy/classify).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tideover/adapt/error_body.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt {

struct answer_verdict {
  std::optional<reason> failure;  // malformed, error_in_200, empty, or quota / rate_limited from the error inside
  std::string detail;             // for the log: what was missing, or the error's type and code
  std::string model;              // as the answer names it
  error_facts error;              // of an error object inside a 200
};

/// What follows from an error inside a 200, or as an event before any content: `quota`, `rate_limited`, `error_in_200`,
/// or nothing when the request itself is at fault, which is an answer to pass on. What stream_inspector calls malformed
/// is `malformed`.
std::optional<reason> judge_error_in_200(const error_facts& error);

/// `from` tells Ollama's own oddities. An error object of type invalid_request_error inside a 200
/// is an answer (the request's own fault), not a failure.
answer_verdict judge_answer(endpoint what, dialect from, std::string_view content_type, std::string_view body);

}  // namespace tideover::adapt
