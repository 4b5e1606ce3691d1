// The demo's client: posts a chat request like an OpenAI SDK does and hands out the answer as it comes.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace tideover::app {

struct demo_answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string text;                            // what the model said
  std::string problem;                         // empty: a complete answer
};

/// Blocking, one connection a call. `on_text` sees each piece of a streamed answer when it arrives.
demo_answer ask_like_an_app(const std::string& address, const std::string& question, bool stream,
                            const std::function<void(const std::string&)>& on_text);

}  // namespace tideover::app
