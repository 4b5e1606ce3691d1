// Random requests of what all dialects can say, and their bodies in each dialect, for properties over many of them.
// Not for what only one dialect says: the tables have that.
#pragma once

#include <string>
#include <vector>

#include "simulation/seed.hpp"
#include "tideover/adapt/chat/request.hpp"

namespace tideover::adapt::chat {

/// What one seed gives. The result is as a reader would leave it: no two texts side by side, no two messages of one
/// role, results right behind their calls, the names of tools filled in.
class random_request {
 public:
  explicit random_request(std::uint64_t seed) : dice_(seed) {}

  request make() {
    request out;
    out.model = "gpt-4o";
    if (dice_.once_in(2)) out.messages.push_back({role::system, {{text()}}});
    for (auto turns = dice_.below(4) + 1; turns > 0; --turns) {
      if (out.messages.empty() || out.messages.back().who != role::tool || dice_.once_in(2))
        out.messages.push_back({role::user, parts()});
      if (turns > 1 || dice_.once_in(2)) add_answer(out);
    }
    if (out.messages.back().who == role::assistant) out.messages.push_back({role::user, parts()});
    for (auto count = dice_.below(3); count > 0; --count) {
      static constexpr const char* names[] = {"zero", "find_lamp", "get-weather", "f3"};
      out.tools.push_back({names[count], dice_.once_in(2) ? text() : "", schema()});
    }
    if (!out.tools.empty() && dice_.once_in(4)) out.choice.what = tool_choice::kind::must;
    if (dice_.once_in(3)) out.think = dice_.pick(grades_);
    if (dice_.once_in(3)) out.format = {output_format::kind::schema, "shape", schema()};
    out.params.max_tokens = static_cast<std::int64_t>(dice_.below(1000) + 1);
    if (dice_.once_in(2)) out.params.temperature = static_cast<double>(dice_.below(20)) / 10;
    if (dice_.once_in(2)) out.params.top_p = static_cast<double>(dice_.below(100)) / 128;
    out.stream = dice_.once_in(2);
    return out;
  }

 private:
  static constexpr reasoning grades_[] = {reasoning::low, reasoning::medium, reasoning::high};

  std::string text() {
    static const std::string words[] = {
        "lamp", "käse \"n\"", "a\\b\n", "\xf0\x9f\x92\xa1", "{\"x\":1}", "</s>", "null", "\x7f\x01", "日本", " "};
    std::string out = "t";
    for (auto count = dice_.below(4); count > 0; --count) out += dice_.pick(words);
    return out + std::to_string(dice_.below(1000));
  }

  part image() {
    static constexpr const char* types[] = {"image/png", "image/jpeg", "image/webp"};
    return {{}, dice_.pick(types), dice_.once_in(2) ? "AAAA" : "iVBORw0KGgo="};
  }

  std::vector<part> parts() {
    std::vector<part> out = {{text()}};
    if (dice_.once_in(4)) out.push_back(image());
    if (out.size() > 1 && dice_.once_in(2)) out.push_back({text()});
    return out;
  }

  json schema() {
    json out = {{"type", "object"}, {"properties", json::object()}};
    for (auto count = dice_.below(3); count > 0; --count)
      out["properties"]["p" + std::to_string(count)] = {{"type", "string"}, {"description", text()}};
    return out;
  }

  void add_answer(request& out) {
    message answer{role::assistant};
    auto const calls = dice_.once_in(3) ? dice_.below(2) + 1 : 0;
    if (calls == 0 || dice_.once_in(2)) answer.parts.push_back({text()});
    for (std::uint64_t i = 0; i < calls; ++i)
      answer.calls.push_back({"call_" + std::to_string(++ids_), "find_lamp",
                              dice_.once_in(3) ? json::object() : json{{"where", text()}, {"n", dice_.below(99)}}});
    out.messages.push_back(answer);
    for (auto const& call : answer.calls) {
      message result{role::tool, {{text()}}, {}, call.id, call.name};
      if (dice_.once_in(4)) result.parts.push_back(image());
      out.messages.push_back(std::move(result));
    }
  }

  simulation::dice dice_;
  unsigned ids_ = 0;
};

std::string write_chat(const request& what);
std::string write_messages(const request& what);
std::string write_responses(const request& what);

/// What a body for /api/chat says, as far as it says it in the words of the model.
request read_native(const std::string& body);

}  // namespace tideover::adapt::chat
