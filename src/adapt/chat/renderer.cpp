#include "renderer.hpp"

#include <algorithm>

#include "reader.hpp"
#include "tool_schema.hpp"

namespace tideover::adapt::chat {
namespace {

constexpr std::string_view blank_line = "\n\n";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void prepare_tools(const request& what, const render_options& options, prepared& out) {
  using kind = tool_choice::kind;
  auto const& choice = what.choice;
  if (what.tools.empty()) return;
  if (choice.what == kind::none) return out.note("dropped tools: tool_choice is none");
  if (options.continuation) return out.note("dropped tools: an answer in text is being continued");
  bool simplified = false;
  for (auto const& one : what.tools) {
    if (!choice.only.empty() && !contains(choice.only, one.name)) continue;
    out.tools.push_back({one.name, one.description, fit_tool_schema(one.schema, simplified)});
  }
  if (simplified) out.note(schemas_simplified);
  if (out.tools.size() < what.tools.size()) out.note("tools reduced to those that tool_choice allows");
  if (out.tools.empty()) return;
  if (options.can.known && !options.can.tools) {
    out.refused = refusal{"unsupported_parameter", "tools",
                          "The local model cannot use tools; map this model to a local one that can."};
    return;
  }
  if (choice.one_call_at_a_time) out.note("several tool calls at once cannot be ruled out locally");
  if (choice.what != kind::must) return;
  out.must_call = true;
  for (auto const& one : out.tools) out.allowed_calls.push_back(one.name);
  if (out.format.what != output_format::kind::text) {
    out.format = {};
    out.note("dropped the output format: tool_choice demands a tool call");
  }
}

void prepare_thinking(const request& what, const render_options& options, server_habits server, prepared& out) {
  out.think = what.think;
  if (!asks(out.think)) return;
  if (options.can.known ? !options.can.thinking : server.refuses_unable) {
    out.note(options.can.known ? "dropped the wish for reasoning: the local model does not think"
                               : "dropped the wish for reasoning: it is not known whether the local model thinks");
    out.think = reasoning::off;
  } else if (!out.messages.empty() && out.messages.back().who == role::assistant) {
    out.note("dropped the wish for reasoning: an answer that is continued cannot be thought about first");
    out.think = reasoning::off;
  }
}

template <class Value>
void fill_in(std::optional<Value>& asked, const std::optional<Value>& by_default) {
  if (!asked) asked = by_default;
}

parameters prepare_parameters(parameters asked, const parameters& defaults) {
  fill_in(asked.temperature, defaults.temperature);
  fill_in(asked.top_p, defaults.top_p);
  fill_in(asked.min_p, defaults.min_p);
  fill_in(asked.frequency_penalty, defaults.frequency_penalty);
  fill_in(asked.presence_penalty, defaults.presence_penalty);
  fill_in(asked.repeat_penalty, defaults.repeat_penalty);
  fill_in(asked.top_k, defaults.top_k);
  fill_in(asked.seed, defaults.seed);
  fill_in(asked.max_tokens, defaults.max_tokens);
  if (asked.stop.empty()) asked.stop = defaults.stop;
  return asked;
}

/// Templates of many models demand that user and assistant take turns; the Messages API merges neighbours itself.
/// System messages at the beginning are one as well; further down they stay where they are.
void add_message(std::vector<message>& to, message one) {
  bool const mergeable =
      !to.empty() && to.back().who == one.who && one.who != role::tool && (one.who != role::system || to.size() == 1);
  if (!mergeable) {
    to.push_back(std::move(one));
    return;
  }
  auto& last = to.back();
  for (auto& piece : one.parts) {
    if (!piece.is_image() && !last.parts.empty() && !last.parts.back().is_image())
      append_part(last.parts.back().text, piece.text, blank_line);
    else
      last.parts.push_back(std::move(piece));
  }
  std::move(one.calls.begin(), one.calls.end(), std::back_inserter(last.calls));
}

/// Images cannot stay in a tool's message: they follow in one of the user, after the last result of the same turn.
struct tool_images {
  std::vector<part> waiting;

  void take_from(message& result) {
    if (std::none_of(result.parts.begin(), result.parts.end(), [](const part& p) { return p.is_image(); })) return;
    add_text(waiting, "Images from the result of " + (result.tool_name.empty() ? "the tool" : result.tool_name) + ":");
    for (auto& piece : result.parts)
      if (piece.is_image()) waiting.push_back(piece);
    std::erase_if(result.parts, [](const part& p) { return p.is_image(); });
  }
  void flush(prepared& to) {
    if (waiting.empty()) return;
    to.note("images in tool results moved to a user message");
    add_message(to.messages, {role::user, std::exchange(waiting, {})});
  }
};

void prepare_messages(const request& what, const render_options& options, prepared& out) {
  bool const replace =
      !options.workflow_prompt.text.empty() && options.workflow_prompt.mode == system_prompt::placing::replace;
  tool_images images;
  for (auto const& one : what.messages) {
    if (one.who == role::system && replace) {
      out.note("the caller's system prompt was replaced by the workflow's");
      continue;
    }
    auto copy = one;
    if (one.who == role::tool)
      images.take_from(copy);
    else
      images.flush(out);
    add_message(out.messages, std::move(copy));
  }
  images.flush(out);
}

/// Puts a text before or behind what the system message at the top says; makes one when there is none.
void add_to_system(std::vector<message>& messages, std::string_view text, bool in_front) {
  if (messages.empty() || messages.front().who != role::system)
    messages.insert(messages.begin(), message{role::system});
  auto& system = messages.front();
  std::string whole(in_front ? std::string(text) : text_of(system.parts));
  append_part(whole, in_front ? text_of(system.parts) : std::string(text), blank_line);
  system.parts = {{std::move(whole)}};
}

void add_workflow_prompt(const render_options& options, prepared& out) {
  auto const& prompt = options.workflow_prompt;
  if (prompt.text.empty()) return;
  add_to_system(out.messages, prompt.text, prompt.mode != system_prompt::placing::append);
  if (prompt.mode != system_prompt::placing::replace) out.note("the workflow's system prompt was added");
}

/// For servers that ignore tool_choice (OL §4). Names of tools are the caller's own words and stay in the prompt.
void add_call_instruction(const render_options& options, prepared& out) {
  std::string names;
  for (auto const& name : out.allowed_calls) append_part(names, name, ", ");
  std::string text = out.allowed_calls.size() == 1 ? "Answer by calling the tool " + names + "."
                                                   : "Answer by calling one of these tools: " + names + ".";
  text += " Do not answer in text.";
  if (options.insist_on_call)
    text += " An answer in text is of no use here and is thrown away: only a tool call counts.";
  add_to_system(out.messages, text, false);
  out.note("tool_choice became an instruction to the model");
}

void add_continuation(const std::string& text, std::vector<message>& messages) {
  // A caller's own beginning and what was said after it are one answer: nothing may come between them.
  if (!messages.empty() && messages.back().who == role::assistant && messages.back().calls.empty()) {
    auto& parts = messages.back().parts;
    if (parts.empty() || parts.back().is_image()) parts.push_back({});
    parts.back().text += text;
  } else {
    messages.push_back({role::assistant, {{text}}});
  }
}

}  // namespace

void prepared::note(std::string text) {
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(std::move(text));
}

prepared prepare(const request& what, const render_options& options, server_habits server) {
  prepared out;
  out.format = what.format;
  prepare_messages(what, options, out);
  if (options.can.known && !options.can.vision && what.has_images())
    out.refused = refusal{"unsupported_content", "image",
                          "The local model cannot see images; map this model to a local one that can."};
  prepare_tools(what, options, out);
  add_workflow_prompt(options, out);
  if (out.must_call && server.needs_instruction) add_call_instruction(options, out);
  if (options.continuation) add_continuation(*options.continuation, out.messages);
  prepare_thinking(what, options, server, out);
  out.params = prepare_parameters(what.params, options.defaults);
  if (options.room_for_answer) {
    auto const room = static_cast<std::int64_t>(std::clamp<std::uint64_t>(*options.room_for_answer, 1, 1u << 30));
    out.params.max_tokens = std::min(out.params.max_tokens.value_or(room), room);
  }
  return out;
}

std::string begun_answer(const prepared& ready) {
  if (ready.messages.empty()) return {};
  auto const& last = ready.messages.back();
  return last.who == role::assistant && last.calls.empty() ? joined_text(last) : std::string();
}

std::string joined_text(const message& from) {
  auto text = text_of(from.parts);
  if (from.failed) text = text.empty() ? "Error" : "Error: " + text;
  return text;
}

}  // namespace tideover::adapt::chat
