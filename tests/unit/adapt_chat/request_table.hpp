// The form of the request tables: a caller's body, and what Ollama's native route is asked, or why it is refused.
// Not for what a renderer does by its options: render_test has that.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/adapt/chat/request.hpp"

namespace tideover::adapt::chat {

inline constexpr capabilities everything{.known = true, .tools = true, .vision = true, .thinking = true};
inline constexpr capabilities text_only{.known = true};

struct request_row {
  const char* name;
  std::string input;     // without the model, which every row gets
  std::string expected;  // the native body without what is the same in every row, or "code field" when `refused`
  std::vector<std::string> notes = {};
  bool refused = false;
  capabilities can = everything;
};

/// `{"a":1}` → `{"model":"gpt-4o","a":1}`
inline std::string with_model(const std::string& text) {
  return text == "{}" ? R"({"model":"gpt-4o"})" : R"({"model":"gpt-4o",)" + text.substr(1);
}

/// The body as sent, without the members that have the value they always have unless somebody wants another.
inline nlohmann::json essence(const std::string& body) {
  auto document = nlohmann::json::parse(body);
  EXPECT_EQ(document.value("model", ""), "local");
  document.erase("model");
  for (const char* key : {"stream", "think", "truncate"})
    if (document.contains(key) && document[key] == false) document.erase(key);
  return document;
}

struct outcome {
  std::optional<rendered> body{};
  std::optional<refusal> refused{};
  std::vector<std::string> notes{};
};

inline outcome translate(endpoint what, const std::string& input, const render_options& options) {
  auto read = parse_request(what, input);
  if (auto* const no = std::get_if<refusal>(&read)) return {.refused = std::move(*no)};
  auto& given = std::get<parsed>(read);
  auto made = render_ollama_chat(given.what, options);
  if (auto* const no = std::get_if<refusal>(&made)) return {.refused = std::move(*no)};
  outcome out{.body = std::move(std::get<rendered>(made)), .notes = std::move(given.notes)};
  out.notes.insert(out.notes.end(), out.body->notes.begin(), out.body->notes.end());
  return out;
}

inline void check(endpoint what, const std::vector<request_row>& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    auto const result = translate(what, with_model(row.input), {.model = "local", .can = row.can});
    if (row.refused) {
      if (result.body) {
        ADD_FAILURE() << "was accepted as " << result.body->body;
        continue;
      }
      EXPECT_EQ(result.refused->code + " " + result.refused->field, row.expected);
      EXPECT_FALSE(result.refused->message.empty());
      continue;
    }
    if (result.refused) {
      ADD_FAILURE() << "was refused: " << result.refused->code << ' ' << result.refused->field << ": "
                    << result.refused->message;
      continue;
    }
    EXPECT_EQ(essence(result.body->body), nlohmann::json::parse(row.expected)) << result.body->body;
    EXPECT_EQ(result.notes, row.notes);
  }
}

}  // namespace tideover::adapt::chat
