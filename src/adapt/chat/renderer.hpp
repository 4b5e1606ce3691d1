// What the renderers for local servers share: which tools are offered, what the messages become, whose parameters
// count. Internal to the renderers; decides nothing about how a dialect spells it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "document.hpp"
#include "tideover/adapt/chat/request.hpp"

namespace tideover::adapt::chat {

/// A request made ready for a local model, still in the model's own words: the workflow's prompt and defaults are in,
/// the capabilities are respected, neighbours of one role are one message.
struct prepared {
  std::vector<message> messages;
  std::vector<tool> tools;
  parameters params;
  output_format format;
  reasoning think = reasoning::unsaid;
  bool must_call = false;
  std::vector<std::string> allowed_calls;
  std::vector<std::string> notes;
  std::optional<refusal> refused;

  void note(std::string text);
};

/// `instruct`: tell the model in words that it must call a tool, for servers that have no better way.
prepared prepare(const request& what, const render_options& options, bool instruct);

/// For Ollama: a duration stays text, seconds become a number, because its parser takes no text without a unit.
json keep_alive_value(const std::string& text);

/// The text of a message for servers that read one text: parts joined, a failed tool's result marked as such.
std::string joined_text(const message& from);

}  // namespace tideover::adapt::chat
