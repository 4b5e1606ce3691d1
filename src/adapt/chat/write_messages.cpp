// Anthropic Messages as a stream of events (CL §4, §8.2, §8.3).
#include "block_writer.hpp"

namespace tideover::adapt::chat::answer {

void append_anthropic_usage(std::string& out, const usage& u) {
  json_append(out)
      .raw(R"({"input_tokens":)")
      .number(u.prompt)
      .raw(R"(,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":)")
      .number(u.completion)
      .raw("}");
}

namespace {

class messages_writer final : public block_writer {
 public:
  messages_writer(const writer_options& options, const message_begun* begun, std::size_t said_bytes)
      : block_writer(endpoint::messages, options, begun != nullptr ? block::text : block::none),
        id_(options.id.empty() ? id_from("msg_", options.unique) : std::string(options.id)),
        model_(options.model),
        unique_(options.unique),
        signature_(options.signature),
        prompt_tokens_(options.prompt_tokens),
        goes_on_(begun != nullptr),
        index_(begun != nullptr ? begun->block_index : 0) {
    count_before(said_bytes);
  }

 private:
  void write_start() override {
    json_append json(out());
    json.raw("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":").text(id_);
    json.raw(R"(,"type":"message","role":"assistant","model":)").text(model_);
    json.raw(R"(,"content":[],"stop_reason":null,"stop_sequence":null,"usage":)");
    append_anthropic_usage(out(), {prompt_tokens_, 0, {}});
    json.raw("}}\n\n");
  }

  void open_block(block kind, const tool_call& call) override {
    json_append json(out());
    json.raw("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":").number(index_);
    json.raw(R"(,"content_block":)");
    switch (kind) {
      case block::reasoning: json.raw(R"({"type":"thinking","thinking":"","signature":""})"); break;
      case block::call:
        json.raw(R"({"type":"tool_use","id":)").text(id_from("toolu_", unique_, call.index));
        json.raw(R"(,"name":)").text(call.name).raw(R"(,"input":{}})");
        break;
      case block::text:
      case block::none: json.raw(R"({"type":"text","text":""})"); break;
    }
    json.raw("}\n\n");
  }

  void add_piece(block kind, std::string_view piece) override {
    switch (kind) {
      case block::reasoning: return delta(R"({"type":"thinking_delta","thinking":)", piece);
      case block::call: return delta(R"({"type":"input_json_delta","partial_json":)", piece);
      case block::text:
      case block::none: break;
    }
    delta(R"({"type":"text_delta","text":)", piece);
  }

  void close_block(block kind, bool) override {
    if (kind == block::reasoning && !signature_.empty())
      delta(R"({"type":"signature_delta","signature":)", signature_);  // last in its block
    json_append json(out());
    json.raw("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":").number(index_++);
    json.raw("}\n\n");
  }

  void write_end(end_reason why, const usage& used) override {
    json_append json(out());
    json.raw("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":");
    json.text(anthropic_stop_reason(why)).raw(R"(,"stop_sequence":null},"usage":)");
    if (goes_on_) {  // what message_start said of the prompt stands
      json.raw(R"({"output_tokens":)").number(used.completion).raw("}");
    } else {
      append_anthropic_usage(out(), used);
    }
    json.raw("}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
  }

  void delta(std::string_view head, std::string_view text) {
    json_append json(out());
    json.raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":").number(index_);
    json.raw(R"(,"delta":)").raw(head).text(text).raw("}}\n\n");
  }

  std::string id_;
  std::string model_;
  std::string unique_;
  std::string signature_;
  std::uint64_t prompt_tokens_;
  bool goes_on_;
  std::size_t index_;  // of the block that is open, or of the next
};

}  // namespace

std::unique_ptr<stream_writer> make_messages_writer(const writer_options& options, const message_begun* begun,
                                                    std::size_t said_bytes) {
  return std::make_unique<messages_writer>(options, begun, said_bytes);
}

}  // namespace tideover::adapt::chat::answer
