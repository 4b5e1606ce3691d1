// What an error is about, whichever vendor wrote it and wherever it stood: in the body of an error status, inside a
// 200, or in a stream. The one home of that question. Not for what follows: policy/classify and judge_error_in_200 draw
// the verdicts.
#pragma once

#include <cstdint>

#include "tideover/adapt/error_body.hpp"

namespace tideover::adapt {

enum class error_topic : std::uint8_t {
  service,  // the service has trouble, or says nothing that is known
  money,    // an allowance is used up: waiting does not help
  rate,     // too much at once: waiting helps
  request,  // this request or its key: somebody else would say the same, or it is the caller's to mend
};

/// `status` is the response's own: 2xx where the error stood inside a success or in its stream. `asks_to_wait`: it came
/// with a Retry-After that makes sense.
error_topic topic_of(const error_facts& error, unsigned status, bool asks_to_wait);

}  // namespace tideover::adapt
