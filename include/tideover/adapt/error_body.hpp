// Errors as the vendors write them: reading theirs, writing ours in the dialect of the endpoint.
// Not for deciding: whether an error is a failure is policy/classify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/core/words.hpp"

namespace tideover::adapt {

/// What an error body says, whichever vendor wrote it; fields empty where absent or not JSON.
struct error_facts {
  bool recognised = false;  // it was a JSON error object of a known form
  std::string type;         // error.type
  std::string code;         // error.code (a number as its digits), or Anthropic's error.details.error_code
  std::string message;      // error.message, shortened to 300 bytes
};
error_facts read_error_body(std::string_view body);

class json_cursor;
/// For readers that meet an error inside something larger: consumes the value of an `error` member (object or text) and
/// says whether it holds an error at all; null, false, "" and {} do not.
bool read_error_value(json_cursor& at, error_facts& into);
/// Type and code with a space before each, as far as they are plain tokens: fit for a log. The message beside them may
/// quote the prompt or the key, so it is not; nor is a "token" in which anything but letters, digits and `_-.` stands.
std::string words_for_log(const error_facts& error);
/// At most `limit` bytes of `text`, cut between characters and not inside one.
std::string_view shortened(std::string_view text, std::size_t limit = 300);

/// An error Tideover makes itself.
struct own_error {
  int status = 503;
  std::string code;           // what to do about it: local_unavailable, not_replayable, … (contract §4)
  std::string message;        // one sentence for the developer who reads it, naming the fix
  std::string param;          // the field at fault, empty if none
  bool waiting_helps = true;  // false: Retry-After would be a lie
};

/// The dialect an error must be written in for this endpoint and caller.
/// Ollama-native paths use {"error":"…"}; everything that is not Anthropic's uses OpenAI's shape.
dialect error_dialect(endpoint what, bool caller_speaks_anthropic);

/// The JSON body of the error (OpenAI: error{message,type,param,code}; Anthropic: type,error{type,message,details{
/// error_code}},request_id; Ollama: error). Types by status are those the vendors use for it, so that SDKs raise the
/// class an application already handles; 503 is `server_error` for OpenAI and `overloaded_error` for Anthropic.
std::string write_error_body(dialect in, const own_error& error, std::string_view request_id);

/// The event that ends a stream visibly, in the form whose SDKs raise, without a terminator. Streams of Ollama's own
/// API are lines of JSON, so theirs is such a line. `sequence_number` is of Responses events, where it is known.
std::string write_error_event(endpoint what, dialect in, const own_error& error, std::string_view request_id,
                              std::int64_t sequence_number = 0);

}  // namespace tideover::adapt
