// The form of the replay tables: a request's body, and what it becomes or why it is refused.
// Not for heads: header_rules_test has those.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/adapt/ollama/replay_body.hpp"

namespace tideover::adapt::ollama {

struct replay_row {
  const char* name;
  std::string input;     // without the model, which every row gets
  std::string expected;  // the same, or "code field" when `refused`
  std::vector<std::string> notes = {};
  bool refused = false;
  bool model_thinks = false;
  bool model_has_tools = true;
};

/// `{"a":1}` → `{"model":"gpt-4o","a":1}`
inline std::string with_model(const std::string& text, const char* model) {
  auto const first = R"({"model":")" + std::string(model) + '"';
  return text == "{}" ? first + "}" : first + "," + text.substr(1);
}

inline void check(endpoint what, const std::vector<replay_row>& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    auto const result = make_replay_body(
        what, with_model(row.input, "gpt-4o"),
        {.model = "llama3.1:8b", .model_thinks = row.model_thinks, .model_has_tools = row.model_has_tools});
    if (row.refused) {
      if (auto const* const body = std::get_if<replay_body>(&result)) {
        ADD_FAILURE() << "was accepted as " << body->body;
        continue;
      }
      auto const& refusal = std::get<replay_refusal>(result);
      EXPECT_EQ(refusal.code + " " + refusal.field, row.expected);
      EXPECT_FALSE(refusal.message.empty());
      continue;
    }
    if (auto const* const refusal = std::get_if<replay_refusal>(&result)) {
      ADD_FAILURE() << "was refused: " << refusal->code << ' ' << refusal->field << ": " << refusal->message;
      continue;
    }
    auto const& body = std::get<replay_body>(result);

    EXPECT_EQ(nlohmann::json::parse(body.body), nlohmann::json::parse(with_model(row.expected, "llama3.1:8b")))
        << body.body;
    EXPECT_EQ(body.notes, row.notes);
  }
}

}  // namespace tideover::adapt::ollama
