// One request to the daemon's unix socket and its answer, waiting: what commands need, and no more.
// Not an HTTP client for others: no redirects, no reuse, no TCP.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace tideover::app {

struct admin_answer {
  int status = 0;  // 0: no answer, see `problem`
  std::string body;
  std::string problem;  // a sentence that names the fix
};

/// `body` empty: none is sent. `patience`: for the whole of it.
admin_answer ask_daemon(const std::string& socket, std::string_view method, std::string_view target,
                        std::string_view body = {}, std::chrono::seconds patience = std::chrono::seconds(15));

}  // namespace tideover::app
