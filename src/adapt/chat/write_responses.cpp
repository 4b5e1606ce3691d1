// OpenAI Responses as a stream of events (CL §3). Unlike Ollama's own route (OL §6) it says when an answer was cut
// short.
#include <utility>
#include <vector>

#include "block_writer.hpp"
#include "response_parts.hpp"

namespace tideover::adapt::chat::answer {

namespace {

class responses_writer final : public block_writer {
 public:
  responses_writer(const writer_options& options, const response_begun* begun)
      : block_writer(endpoint::responses, options, begun != nullptr ? block::text : block::none), items_(options) {
    if (begun == nullptr) {
      envelope_ = response_envelope(options);
      return;
    }
    envelope_ = begun->envelope;
    message_ = begun->item;
    item_id_ = begun->item_id;
    output_index_ = begun->output_index;
    content_index_ = begun->content_index;
    sequence_number_ = begun->next_sequence_number;
    said_ = begun->text;
    count_before(said_.size());
  }

 private:
  std::int64_t next_sequence_number() override { return sequence_number_; }

  void on_logprobs(const logprobs& l) override { tokens_.insert(tokens_.end(), l.tokens.begin(), l.tokens.end()); }

  void write_start() override {
    for (const std::string_view name : {"response.created", "response.in_progress"}) {
      auto json = begin_event(name).raw(R"(,"response":)");
      append_response(out(), envelope_, {"in_progress", {}}, {}, nullptr);
      end_event(json);
    }
  }

  void open_block(block kind, const tool_call& call) override {
    said_.clear();
    switch (kind) {
      case block::reasoning: return open_reasoning();
      case block::call: return open_call(call);
      case block::text:
      case block::none: break;
    }
    open_message();
  }

  void open_reasoning() {
    item_id_ = quoted(items_.reasoning_id(output_index_));
    item_event("response.output_item.added",
               [&](std::string& to) { items_.append_reasoning(to, output_index_, "in_progress", {}); });
    auto json = part_event("response.reasoning_summary_part.added", "summary_index");
    json.raw(R"(,"part":)");
    append_summary_part(out(), {});
    end_event(json);
  }

  void open_call(const tool_call& call) {
    call_ = call;
    item_id_ = quoted(items_.call_item_id(output_index_, call_));
    item_event("response.output_item.added",
               [&](std::string& to) { items_.append_call(to, output_index_, "in_progress", call_, {}); });
  }

  void open_message() {
    message_ = items_.message_members(output_index_);
    item_id_ = quoted(items_.message_id(output_index_));
    content_index_ = 0;
    item_event("response.output_item.added",
               [&](std::string& to) { append_message_item(to, message_, "in_progress", {}); });
    auto json = part_event("response.content_part.added", "content_index");
    json.raw(R"(,"part":)");
    append_text_part(out(), {}, {});
    end_event(json);
  }

  void add_piece(block kind, std::string_view piece) override {
    said_ += piece;
    switch (kind) {
      case block::reasoning:
        end_event(part_event("response.reasoning_summary_text.delta", "summary_index").raw(R"(,"delta":)").text(piece));
        return;
      case block::call:
        // Text inside of JSON: what it is can be told when it is whole.
        if (items_.takes_text(call_)) return;
        end_event(part_event("response.function_call_arguments.delta", {}).raw(R"(,"delta":)").text(piece));
        return;
      case block::text:
      case block::none: break;
    }
    auto json = part_event("response.output_text.delta", "content_index");
    json.raw(R"(,"delta":)").text(piece).raw(R"(,"logprobs":)");
    append_token_list(out(), tokens_);
    end_event(json);
    said_tokens_.insert(said_tokens_.end(), tokens_.begin(), tokens_.end());
    tokens_.clear();
  }

  void close_block(block kind, bool cut_short) override {
    const std::string_view status = cut_short ? "incomplete" : "completed";
    std::string item;
    switch (kind) {
      case block::reasoning: close_reasoning(item, status); break;
      case block::call: close_call(item, status); break;
      case block::text:
      case block::none: close_message(item, status); break;
    }
    item_event("response.output_item.done", [&](std::string& to) { to += item; });
    if (!output_.empty()) output_ += ',';
    output_ += item;
    ++output_index_;
  }

  void close_reasoning(std::string& item, std::string_view status) {
    end_event(part_event("response.reasoning_summary_text.done", "summary_index").raw(R"(,"text":)").text(said_));
    std::string part;
    append_summary_part(part, said_);
    end_event(part_event("response.reasoning_summary_part.done", "summary_index").raw(R"(,"part":)").raw(part));
    items_.append_reasoning(item, output_index_, status, part);
  }

  void close_call(std::string& item, std::string_view status) {
    if (items_.takes_text(call_)) {
      auto const text = text_given(said_);
      if (!text.empty())
        end_event(part_event("response.custom_tool_call_input.delta", {}).raw(R"(,"delta":)").text(text));
      end_event(part_event("response.custom_tool_call_input.done", {}).raw(R"(,"input":)").text(text));
      items_.append_call(item, output_index_, status, call_, text);
      return;
    }
    end_event(part_event("response.function_call_arguments.done", {})
                  .raw(R"(,"name":)")
                  .text(call_.name)
                  .raw(R"(,"arguments":)")
                  .text(said_));
    items_.append_call(item, output_index_, status, call_, said_);
  }

  void close_message(std::string& item, std::string_view status) {
    said_tokens_.insert(said_tokens_.end(), tokens_.begin(), tokens_.end());
    tokens_.clear();
    auto json = part_event("response.output_text.done", "content_index");
    json.raw(R"(,"text":)").text(said_).raw(R"(,"logprobs":)");
    append_token_list(out(), said_tokens_);
    end_event(json);
    std::string part;
    append_text_part(part, said_, said_tokens_);
    end_event(part_event("response.content_part.done", "content_index").raw(R"(,"part":)").raw(part));
    append_message_item(item, message_, status, part);
    said_tokens_.clear();
  }

  void write_end(end_reason why, const usage& used) override {
    const auto end = response_end_of(why);
    auto json = begin_event(end.status == "completed" ? "response.completed" : "response.incomplete");
    json.raw(R"(,"response":)");
    append_response(out(), envelope_, end, output_, &used);
    end_event(json);
  }

  static std::string quoted(std::string_view id) {
    std::string text;
    json_append(text).text(id);
    return text;
  }

  json_append begin_event(std::string_view name) {
    json_append json(out());
    json.raw("event: ").raw(name).raw("\ndata: {\"type\":\"").raw(name).raw("\",\"sequence_number\":");
    return json.number(sequence_number_++);
  }
  static void end_event(json_append& json) { json.raw("}\n\n"); }

  /// An event about a part of the item that is open. `index`: what numbers the parts, empty where an item has none.
  json_append part_event(std::string_view name, std::string_view index) {
    auto json = begin_event(name);
    json.raw(R"(,"item_id":)").raw(item_id_).raw(R"(,"output_index":)").number(output_index_);
    if (!index.empty()) {
      json.raw(",\"").raw(index).raw("\":").number(index == "content_index" ? content_index_ : 0);
    }
    return json;
  }
  template <class Append>
  void item_event(std::string_view name, Append&& append_item) {
    auto json = begin_event(name);
    json.raw(R"(,"output_index":)").number(output_index_).raw(R"(,"item":)");
    append_item(out());
    end_event(json);
  }

  response_items items_;
  std::string envelope_;
  std::string output_;                      // items that are done
  std::string message_;                     // of the message item that is open: members but status and content
  tool_call call_;                          // that is open
  std::string item_id_;                     // that is open, as JSON
  std::string said_;                        // in the item that is open
  std::vector<token_logprob> tokens_;       // of the text that comes next
  std::vector<token_logprob> said_tokens_;  // of the text in the item that is open
  std::uint64_t output_index_ = 0;
  std::uint64_t content_index_ = 0;
  std::int64_t sequence_number_ = 0;
};

}  // namespace

std::unique_ptr<stream_writer> make_responses_writer(const writer_options& options, const response_begun* begun) {
  return std::make_unique<responses_writer>(options, begun);
}

}  // namespace tideover::adapt::chat::answer
