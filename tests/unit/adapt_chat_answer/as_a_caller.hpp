// What a caller makes of a stream: events as an SDK parses them, put together as its helpers do, and strictly.
// Not the code under test: it reads with nlohmann's parser and rules of its own.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chat/answer.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt::chat::answer {

using nlohmann::json;

struct sent_event {
  std::string name;
  std::string data;
  json object;  // of the data, discarded if it is none
};
/// Strict: every event ends with a blank line, has data, and nothing else is there but comments.
std::vector<sent_event> events_of(std::string_view stream);

struct read_call {
  std::string id, name, arguments;
  bool operator==(const read_call&) const = default;
};

/// One answer as the application has it in the end.
struct read_answer {
  std::string id, model, text, reasoning, signature, finish;
  std::vector<read_call> calls;
  json usage;
  std::vector<std::string> trouble;  // what an SDK would stumble over, or what breaks the protocol
  int terminators = 0;
  int errors = 0;
  std::string error_code, error_message;
};
read_answer read_stream(endpoint what, std::string_view stream);
read_answer read_body(endpoint what, std::string_view body);

std::ostream& operator<<(std::ostream& out, const read_call& call);

/// For failures of tests.
void PrintTo(const event& e, std::ostream* out);

}  // namespace tideover::adapt::chat::answer
