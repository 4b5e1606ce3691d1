// What a stand-in says to a request, as a value: status, body, or the events of a stream.
// Not for sockets or time: app/stand_in sends it word by word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tideover/app/stand_in.hpp"

namespace tideover::app {

struct stand_in_answer {
  unsigned status = 200;
  std::string body{};
  std::vector<std::string> events{};  // not empty: a stream of these instead of the body
  std::string_view stream_type = "text/event-stream";
  std::size_t words = 0;  // how many words the answer has, for its pace when it comes whole
};

stand_in_answer answer_as(stand_in_kind kind, std::string_view method, std::string_view path, std::string_view body);

}  // namespace tideover::app
