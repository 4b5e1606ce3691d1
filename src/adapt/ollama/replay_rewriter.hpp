// What the endpoint families of replay_body share: the document being rewritten, notes, refusals, tools, text, images.
// Internal to replay_body; not a general JSON toolbox.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../chat/document.hpp"
#include "tideover/adapt/ollama/replay_body.hpp"

namespace tideover::adapt::ollama {

using json = nlohmann::ordered_json;  // keeps the callers' order: property order in tool schemas steers models

/// A request on its way from one dialect's meaning to what the local server understands of it. What is not named by
/// the code of an endpoint does not cross: fields that the local server would ignore may identify the caller, or
/// promise what is not kept.
class rewriter {
 public:
  rewriter(const json& original, const replay_options& wanted) : in(original), options(wanted) {
    out["model"] = wanted.model;
    handled({"model"});
  }

  const json& in;
  const replay_options& options;
  json out = json::object();

  /// The member of the original, or null when it is absent.
  const json& get(std::string_view key) const;
  /// Copies members as they are; null ones are left out, which means the same everywhere.
  void keep(std::initializer_list<std::string_view> keys);
  /// These members were dealt with: they are not mentioned as dropped.
  void handled(std::initializer_list<std::string_view> keys);

  /// What was changed or dropped, said once however often it happened.
  void note(std::string text);
  /// The first refusal counts. Returns false so that `return refuse(…)` ends a step.
  bool refuse(std::string_view code, std::string field, std::string message);

  /// Notes every member that was neither kept nor handled and hands over the result.
  std::variant<replay_body, replay_refusal> finish();
  bool refused() const { return refusal_.has_value(); }

 private:
  std::vector<std::string> notes_;
  std::vector<std::string_view> handled_;
  std::optional<replay_refusal> refusal_;
};

/// A model's tool-call arguments as a JSON object's text, which is all that the local server parses: "" and null become
/// "{}", text that is no object is wrapped so that the turn survives.
std::string fit_arguments(rewriter& to, const json& arguments);

/// A data URI of a type that the local server decodes. Refuses everything else, naming `field`.
bool check_image_url(rewriter& to, std::string_view url, std::string_view field);

/// The schema of a tool reduced to what survives the local server's re-encoding (OL §4): references are inlined, allOf
/// merged, oneOf read as anyOf, boolean schemas opened.
json fit_schema(rewriter& to, const json& schema);

enum class tool_form : std::uint8_t {
  nested,     // chat: {"type":"function","function":{"name":…}}
  flat,       // responses: {"type":"function","name":…}
  anthropic,  // {"name":…,"input_schema":…}
};
/// Reads tools and tool_choice and writes `tools`. Refuses tools that are no functions and choices that cannot be kept.
bool rewrite_tools(rewriter& to, tool_form form);

/// The caller's wish for reasoning in words that every version knows; empty when none was expressed.
std::string_view fit_effort(std::string_view effort);

std::variant<replay_body, replay_refusal> rewrite_chat(rewriter& to);
std::variant<replay_body, replay_refusal> rewrite_completions(rewriter& to);
std::variant<replay_body, replay_refusal> rewrite_embeddings(rewriter& to);
std::variant<replay_body, replay_refusal> rewrite_responses(rewriter& to);
std::variant<replay_body, replay_refusal> rewrite_messages(rewriter& to);

}  // namespace tideover::adapt::ollama
