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

/// What a kind of server needs or minds.
struct server_habits {
  bool needs_instruction = false;  // that a tool must be called is said to the model in words: there is no better way
  bool refuses_unable = false;     // asking a model to think that cannot is an error, so it must be known to be able
};
prepared prepare(const request& what, const render_options& options, server_habits server);

/// The begun answer that the messages end in; empty where they end otherwise.
std::string begun_answer(const prepared& ready);

/// For Ollama: a duration stays text, seconds become a number, because its parser takes no text without a unit.
json keep_alive_value(const std::string& text);

/// The text of a message for servers that read one text: parts joined, a failed tool's result marked as such.
std::string joined_text(const message& from);

}  // namespace tideover::adapt::chat
