#include "tideover/adapt/chat/answer.hpp"

#include <algorithm>

#include "overloaded.hpp"

namespace tideover::adapt::chat::answer {

bool is_usable(const event& e) {
  return std::visit(overloaded{
                        [](const begin&) { return false; },
                        [](const text_delta&) { return true; },
                        [](const reasoning_delta&) { return true; },
                        [](const tool_call&) { return true; },
                        [](const logprobs&) { return false; },
                        [](const usage&) { return false; },
                        [](const timings&) { return false; },
                        // A bare stop after nothing is an empty answer, as stream_inspector has it.
                        [](const finish& f) { return f.why != end_reason::stop && f.why != end_reason::nothing; },
                        [](const error&) { return false; },
                    },
                    e);
}

void whole::add(const event& e) {
  std::visit(overloaded{
                 [this](const begin& b) { model = b.model; },
                 [this](const text_delta& d) { text += d.text; },
                 [this](const reasoning_delta& d) { reasoning += d.text; },
                 [this](const tool_call& c) {
                   // Calls begin in the order of their numbers, so a new one is always the next.
                   if (c.index < calls.size()) {
                     calls[c.index].arguments += c.arguments;
                     calls[c.index].complete = c.complete;
                   } else {
                     calls.push_back(c);
                   }
                 },
                 [this](const logprobs& l) { tokens.insert(tokens.end(), l.tokens.begin(), l.tokens.end()); },
                 [this](const usage& u) { used = u; },
                 [this](const timings& t) { took = t; },
                 [this](const finish& f) { ended = f.why; },
                 [this](const error& f) { failed = f; },
             },
             e);
}

std::size_t whole::size_bytes() const {
  std::size_t bytes = text.size() + reasoning.size();
  for (const auto& call : calls) bytes += call.name.size() + call.arguments.size();
  return bytes;
}

whole gather(std::span<const event> events) {
  whole all;
  for (const auto& e : events) all.add(e);
  return all;
}

bool is_allowed(const tool_call& call, std::span<const std::string> allowed) {
  return allowed.empty() || std::find(allowed.begin(), allowed.end(), call.name) != allowed.end();
}

bool called_as_told(std::span<const tool_call> calls, std::span<const std::string> allowed) {
  return !calls.empty() &&
         std::all_of(calls.begin(), calls.end(), [&](const tool_call& c) { return is_allowed(c, allowed); });
}

}  // namespace tideover::adapt::chat::answer
