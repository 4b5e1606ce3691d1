// The readiness test's own small chats, in the words of the server that is tested: what is sent, and what came back.
// Not for callers' requests: adapt/chat renders and reads those. No connection and no clock here.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tideover/core/words.hpp"
#include "tideover/ops/control_get.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/policy/readiness.hpp"

namespace tideover::ops {

struct small_chat {
  std::string path;
  std::string body;
};

/// `messages` may end with the assistant's: the answer is then to be continued.
small_chat write_small_chat(dialect of, const policy::local_model& m, const nlohmann::json& messages, int most_tokens);

struct small_answer {
  bool readable = false;
  std::string text{};  // thinking included: a model that only thought has spoken too
  policy::inference_timing timing{};
};

/// `took`: from the first byte sent to the last received, for servers that tell no timing.
small_answer read_small_answer(dialect of, std::string_view body, duration took);

/// Why there is no answer: the server's own words where it has any, short enough for a line.
std::string said_by(const control_answer& answer);

}  // namespace tideover::ops
