// Answers in one JSON body (CL §2–§4, §8.2).
#include <utility>

#include "answer_write.hpp"
#include "response_parts.hpp"
#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt::chat::answer {

namespace {

bool is_json_object(std::string_view text) {
  json_cursor c(text);
  return c.peek() == json_kind::object && c.skip() && c.finish() && is_utf8(text);
}

std::string_view arguments_of(const tool_call& call) {
  return call.arguments.empty() ? std::string_view("{}") : std::string_view(call.arguments);
}

class whole_writer {
 public:
  whole_writer(const whole& of, const writer_options& options)
      : a_(of),
        o_(options),
        used_(used_with_estimates(of.used, options.prompt_tokens, of.size_bytes())),
        why_(of.ended.value_or(end_reason::stop)),
        reasoning_(options.show_reasoning ? std::string_view(of.reasoning) : std::string_view()) {}

  std::string chat() {
    begin("chatcmpl-", "chat.completion");
    json_.raw(R"({"index":0,"message":{"role":"assistant","content":)");
    if (a_.text.empty() && !a_.calls.empty()) {
      json_.raw("null");
    } else {
      json_.text(a_.text);
    }
    json_.raw(R"(,"refusal":null)");
    if (!reasoning_.empty()) json_.raw(R"(,"reasoning":)").text(reasoning_);
    if (!a_.calls.empty()) {
      json_.raw(R"(,"tool_calls":[)");
      each(a_.calls, [&](const tool_call& call) {
        json_.raw(R"({"id":)").text(id_from("call_", o_.unique, call.index));
        if (takes_text(o_.text_tools, call)) {
          json_.raw(R"(,"type":"custom","custom":{"name":)").text(call.name);
          json_.raw(R"(,"input":)").text(text_given(arguments_of(call))).raw("}}");
          return;
        }
        json_.raw(R"(,"type":"function")");
        json_.raw(R"(,"function":{"name":)").text(call.name).raw(R"(,"arguments":)").text(arguments_of(call)).raw("}}");
      });
      json_.raw("]");
    }
    json_.raw(R"(},"logprobs":)");
    if (a_.tokens.empty()) {
      json_.raw("null");
    } else {
      json_.raw(R"({"content":)");
      append_token_list(out_, a_.tokens);
      json_.raw(R"(,"refusal":null})");
    }
    return end();
  }

  std::string completions() {
    begin("cmpl-", "text_completion");
    json_.raw(R"({"text":)").text(a_.text).raw(R"(,"index":0,"logprobs":)");
    if (a_.tokens.empty()) {
      json_.raw("null");
    } else {
      std::size_t offset = 0;
      append_legacy_logprobs(out_, a_.tokens, offset);
    }
    return end();
  }

  std::string messages() {
    json_.raw(R"({"id":)").text(id("msg_")).raw(R"(,"type":"message","role":"assistant","model":)").text(o_.model);
    json_.raw(R"(,"content":[)");
    std::string_view comma;
    if (!reasoning_.empty()) {
      json_.raw(R"({"type":"thinking","thinking":)").text(reasoning_);
      json_.raw(R"(,"signature":)").text(o_.signature).raw("}");
      comma = ",";
    }
    if (!a_.text.empty()) {
      json_.raw(std::exchange(comma, ",")).raw(R"({"type":"text","text":)").text(a_.text).raw("}");
    }
    for (const auto& call : a_.calls) {
      json_.raw(std::exchange(comma, ",")).raw(R"({"type":"tool_use","id":)");
      json_.text(id_from("toolu_", o_.unique, call.index)).raw(R"(,"name":)").text(call.name).raw(R"(,"input":)");
      append_input(arguments_of(call));
      json_.raw("}");
    }
    json_.raw(R"(],"stop_reason":)").text(anthropic_stop_reason(why_)).raw(R"(,"stop_sequence":null,"usage":)");
    append_anthropic_usage(out_, used_);
    json_.raw("}");
    return std::move(out_);
  }

  std::string responses() {
    const response_items items(o_);
    const auto ends = response_end_of(why_);
    const bool cut_short = why_ == end_reason::length;
    std::size_t left = a_.calls.size() + !a_.text.empty() + !reasoning_.empty();
    std::string output;
    std::size_t index = 0;
    const auto item = [&](auto&& append) {
      if (index != 0) output += ',';
      append(index++, cut_short && --left == 0 ? "incomplete" : "completed");
    };
    if (!reasoning_.empty()) {
      item([&](std::size_t at, std::string_view status) {
        std::string part;
        append_summary_part(part, reasoning_);
        items.append_reasoning(output, at, status, part);
      });
    }
    if (!a_.text.empty()) {
      item([&](std::size_t at, std::string_view status) {
        std::string part;
        append_text_part(part, a_.text, a_.tokens);
        append_message_item(output, items.message_members(at), status, part);
      });
    }
    for (const auto& call : a_.calls) {
      item([&](std::size_t at, std::string_view status) {
        auto const given = arguments_of(call);
        items.append_call(output, at, status, call, items.takes_text(call) ? text_given(given) : std::string(given));
      });
    }
    append_response(out_, response_envelope(o_), ends, output, &used_);
    return std::move(out_);
  }

 private:
  std::string id(std::string_view prefix) const {
    return o_.id.empty() ? id_from(prefix, o_.unique) : std::string(o_.id);
  }

  void begin(std::string_view id_prefix, std::string_view object) {
    json_.raw(R"({"id":)").text(id(id_prefix)).raw(R"(,"object":)").text(object);
    json_.raw(R"(,"created":)").number(o_.created).raw(R"(,"model":)").text(o_.model).raw(R"(,"choices":[)");
  }
  std::string end() {
    json_.raw(R"(,"finish_reason":)").text(openai_finish_reason(why_)).raw(R"(}],"usage":)");
    append_openai_usage(out_, used_);
    json_.raw("}");
    return std::move(out_);
  }

  template <class List, class Append>
  void each(const List& list, Append&& append) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i != 0) json_.raw(",");
      append(list[i]);
    }
  }

  /// An object is wanted. What is none (cut short by the limit, or a model's mistake) is shown, not mended and not
  /// dropped: a tool that runs without its arguments may do harm.
  void append_input(std::string_view arguments) {
    if (is_json_object(arguments)) {
      json_.raw(arguments);
    } else {
      json_.raw(R"({"unreadable_arguments":)").text(arguments).raw("}");
    }
  }

  const whole& a_;
  const writer_options& o_;
  usage used_;
  end_reason why_;
  std::string_view reasoning_;
  std::string out_;
  json_append json_{out_};
};

}  // namespace

std::string write_whole(endpoint what, const whole& of, const writer_options& options) {
  if (!options.prefill.empty()) {
    whole fresh = of;
    fresh.text = without_prefill(of.text, options.prefill);
    writer_options rest = options;
    rest.prefill = {};
    return write_whole(what, fresh, rest);
  }
  whole_writer writer(of, options);
  switch (what) {
    case endpoint::completions: return writer.completions();
    case endpoint::responses: return writer.responses();
    case endpoint::messages: return writer.messages();
    default: return writer.chat();
  }
}

}  // namespace tideover::adapt::chat::answer
