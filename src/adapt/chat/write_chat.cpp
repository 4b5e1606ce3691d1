// Chat completions as a stream of chunks (CL §3, §8.2).
#include <algorithm>
#include <utility>
#include <vector>

#include "answer_write.hpp"

namespace tideover::adapt::chat::answer {

namespace {

class chat_writer final : public stream_writer {
 public:
  chat_writer(const writer_options& options, const chunks_begun* begun, std::size_t said_bytes)
      : stream_writer(endpoint::chat_completions, options),
        include_usage_(options.include_usage),
        begun_(begun != nullptr),
        unique_(options.unique),
        text_tools_(options.text_tools.begin(), options.text_tools.end()) {
    json_append json(head_);
    json.raw("data: {");
    if (begun != nullptr) {
      json.raw(begun->envelope);
    } else {
      json.raw(R"("id":)").text(options.id.empty() ? id_from("chatcmpl-", options.unique) : std::string(options.id));
      json.raw(R"(,"object":"chat.completion.chunk","created":)").number(options.created);
      json.raw(R"(,"model":)").text(options.model);
    }
    json.raw(R"(,"choices":[)");
    count_before(said_bytes);
  }

 private:
  void on_text(std::string_view text) override { text_chunk(R"({"content":)", text); }
  void on_reasoning(std::string_view text) override { text_chunk(R"({"reasoning":)", text); }
  void on_logprobs(const logprobs& l) override { tokens_.insert(tokens_.end(), l.tokens.begin(), l.tokens.end()); }

  void on_call(const tool_call& call) override {
    if (!call.name.empty()) {
      close_text_call();
      if (takes_text(text_tools_, call)) return open_text_call(call);
    } else if (text_call_ && text_call_->index == call.index) {
      text_call_->arguments += call.arguments;
      return;
    }
    std::string delta;
    json_append json(delta);
    json.raw(R"({"tool_calls":[{"index":)").number(call.index);
    if (!call.name.empty()) {
      json.raw(R"(,"id":)").text(id_from("call_", unique_, call.index)).raw(R"(,"type":"function")");
      json.raw(R"(,"function":{"name":)").text(call.name).raw(R"(,"arguments":)").text(call.arguments);
    } else {
      json.raw(R"(,"function":{"arguments":)").text(call.arguments);
    }
    json.raw("}}]}");
    chunk(delta, {});
  }

  void open_text_call(const tool_call& call) {
    std::string delta;
    json_append json(delta);
    json.raw(R"({"tool_calls":[{"index":)").number(call.index);
    json.raw(R"(,"id":)").text(id_from("call_", unique_, call.index)).raw(R"(,"type":"custom")");
    json.raw(R"(,"custom":{"name":)").text(call.name).raw(R"(,"input":""}}]})");
    chunk(delta, {});
    text_call_ = call;
  }

  /// Text inside of JSON: what it is can be told when it is whole.
  void close_text_call() {
    if (!text_call_) return;
    if (auto const input = text_given(text_call_->arguments); !input.empty()) {
      std::string delta;
      json_append json(delta);
      json.raw(R"({"tool_calls":[{"index":)").number(text_call_->index);
      json.raw(R"(,"custom":{"input":)").text(input).raw("}}]}");
      chunk(delta, {});
    }
    text_call_.reset();
  }

  void on_finish(end_reason why, const usage& used) override {
    close_text_call();
    chunk("{}", openai_finish_reason(why));
    if (include_usage_) {
      out().append(head_).append("],\"usage\":");
      append_openai_usage(out(), used);
      out() += "}\n\n";
    }
    out() += "data: [DONE]\n\n";
  }

  void text_chunk(std::string_view member, std::string_view text) {
    std::string delta;
    json_append(delta).raw(member).text(text).raw("}");
    chunk(delta, {});
  }

  void chunk(std::string_view delta, std::string_view finish_reason) {
    if (!std::exchange(begun_, true)) append(R"({"role":"assistant","content":""})", {}, {});
    append(delta, finish_reason, std::exchange(tokens_, {}));
  }

  void append(std::string_view delta, std::string_view finish_reason, const std::vector<token_logprob>& tokens) {
    json_append json(out());
    json.raw(head_).raw(R"({"index":0,"delta":)").raw(delta);
    if (!tokens.empty()) {
      json.raw(R"(,"logprobs":{"content":)");
      append_token_list(out(), tokens);
      json.raw(R"(,"refusal":null})");
    }
    json.raw(R"(,"finish_reason":)").text_or_null(finish_reason).raw("}]");
    if (include_usage_) json.raw(R"(,"usage":null)");
    json.raw("}\n\n");
  }

  bool include_usage_;
  bool begun_;  // the chunk with the role is out
  std::string unique_;
  std::vector<std::string> text_tools_;
  std::optional<tool_call> text_call_;  // of a custom tool: is begun, and its arguments are not whole
  std::string head_;                    // of every chunk, up to its choices
  std::vector<token_logprob> tokens_;   // of the text that comes next
};

}  // namespace

std::unique_ptr<stream_writer> make_chat_writer(const writer_options& options, const chunks_begun* begun,
                                                std::size_t said_bytes) {
  return std::make_unique<chat_writer>(options, begun, said_bytes);
}

}  // namespace tideover::adapt::chat::answer
