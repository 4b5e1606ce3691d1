// What the readers of the dialects share: the request under construction, notes, refusals, typed fields, tools, images.
// Internal to parse_request; not a general JSON toolbox.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "document.hpp"
#include "tideover/adapt/chat/request.hpp"

namespace tideover::adapt::chat {

/// A body on its way into the model. Members that no reader names are noted as dropped.
class reader {
 public:
  explicit reader(const json& original) : in(original) {
    out.model = member_text(original, "model");
    handled({"model"});
  }

  const json& in;
  request out;

  /// The member of the body, or null when it is absent.
  const json& get(std::string_view key) const { return member(in, key); }
  /// These members were dealt with: they are not mentioned as dropped.
  void handled(std::initializer_list<std::string_view> keys);
  /// What was changed or dropped, said once however often it happened.
  void note(std::string text);
  /// The first refusal counts. Returns false so that `return refuse(…)` ends a step.
  bool refuse(std::string_view code, std::string field, std::string message);

  // A member of one type, with null as absent; another type is refused.
  bool number(std::string_view key, std::optional<double>& to);
  bool integer(std::string_view key, std::optional<std::int64_t>& to);
  bool flag(std::string_view key, bool& to);
  bool stop_texts(std::string_view key);
  /// A limit of tokens, at least 1.
  bool limit(std::string_view key);

  std::variant<parsed, refusal> finish();

 private:
  std::vector<std::string> notes_;
  std::vector<std::string_view> handled_;
  std::optional<refusal> refusal_;
};

/// Neighbouring texts become one, with a line between: everything downstream has one text per message.
void add_text(std::vector<part>& to, std::string_view text);
std::string text_of(const std::vector<part>& parts, std::string_view between = "\n");

/// A data URI, or base64 with its type beside it. Refuses what a local server would not decode, naming `field`.
bool add_image_url(reader& to, std::string_view url, const std::string& field, std::vector<part>& out);
bool add_image_data(reader& to, std::string_view type, std::string_view data, const std::string& field,
                    std::vector<part>& out);

/// Tool-call arguments as an object, which is all that local servers parse: "" and null become {}, text that is no
/// object is wrapped so that the turn survives.
json read_arguments(reader& to, const json& arguments);

/// `effort` in words of every dialect; unsaid with a note that names `field` when the word is not known.
reasoning read_effort(reader& to, std::string_view effort, std::string_view field);

enum class tool_form : std::uint8_t {
  nested,     // chat: {"type":"function","function":{"name":…}}
  flat,       // responses: {"type":"function","name":…}
  anthropic,  // {"name":…,"input_schema":…}
};
/// Reads tools, tool_choice and the wish for one call at a time.
bool read_tools(reader& to, tool_form form);

/// n and best_of: local servers give one answer.
bool refuse_more_than_one(reader& to, std::string_view key);
bool refuse_logit_bias(reader& to);
bool read_stream(reader& to);

std::variant<parsed, refusal> parse_chat(reader& to);
std::variant<parsed, refusal> parse_completions(reader& to);
std::variant<parsed, refusal> parse_responses(reader& to);
std::variant<parsed, refusal> parse_messages(reader& to);

}  // namespace tideover::adapt::chat
