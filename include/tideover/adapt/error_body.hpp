// Errors as the vendors write them: reading theirs, writing ours in the dialect of the endpoint.
// Not for deciding: whether an error is a failure is policy/classify.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tideover/core/words.hpp"

namespace tideover::adapt {

/// What an error body says, whichever vendor wrote it; fields empty where absent or not JSON.
struct error_facts {
  bool recognised = false;  // it was a JSON error object of a known form
  std::string type;         // error.type
  std::string code;         // error.code, or Anthropic's error.details.error_code
  std::string message;      // error.message, shortened to 300 bytes
};
error_facts read_error_body(std::string_view body);

/// An error Tideover makes itself.
struct own_error {
  int status = 503;
  std::string code;     // what to do about it: local_unavailable, not_replayable, … (contract §4)
  std::string message;  // one sentence for the developer who reads it, naming the fix
  std::string param;    // the field at fault, empty if none
};

/// The dialect an error must be written in for this endpoint and caller.
/// Ollama-native paths use {"error":"…"}; everything that is not Anthropic's uses OpenAI's shape.
dialect error_dialect(endpoint what, bool caller_speaks_anthropic);

/// The JSON body of the error (OpenAI: error{message,type,param,code}; Anthropic: type,error{type,message,details{
/// error_code}},request_id; Ollama: error). Types by status as CL §2, §4 and §8.5 say.
std::string write_error_body(dialect in, const own_error& error, std::string_view request_id);

/// The event(s) that end a stream visibly, in the form whose SDKs raise (CL §6.3), without a terminator.
std::string write_error_event(endpoint what, dialect in, const own_error& error, std::string_view request_id);

}  // namespace tideover::adapt
