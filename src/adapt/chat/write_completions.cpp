// Completions, the API before chat, as a stream of chunks (CL §3, OL §5).
#include <utility>
#include <vector>

#include "answer_write.hpp"

namespace tideover::adapt::chat::answer {

namespace {

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // no continuation byte
  return count;
}

class completions_writer final : public stream_writer {
 public:
  completions_writer(const writer_options& options, const chunks_begun* begun, std::size_t said_bytes)
      : stream_writer(endpoint::completions, options), include_usage_(options.include_usage) {
    json_append json(head_);
    json.raw("data: {");
    if (begun != nullptr) {
      json.raw(begun->envelope);
    } else {
      json.raw(R"("id":)").text(options.id.empty() ? id_from("cmpl-", options.unique) : std::string(options.id));
      json.raw(R"(,"object":"text_completion","created":)").number(options.created);
      json.raw(R"(,"model":)").text(options.model);
    }
    json.raw(R"(,"choices":[)");
    count_before(said_bytes);
  }

 private:
  void on_text(std::string_view text) override { chunk(text, {}); }
  void on_reasoning(std::string_view) override {}  // this API has no place for it
  void on_call(const tool_call&) override { fail({"malformed", "a tool was called where no tools can be"}); }
  void on_logprobs(const logprobs& l) override { tokens_.insert(tokens_.end(), l.tokens.begin(), l.tokens.end()); }

  void on_finish(end_reason why, const usage& used) override {
    chunk({}, openai_finish_reason(why));
    if (include_usage_) {
      out().append(head_).append("],\"usage\":");
      append_openai_usage(out(), used);
      out() += "}\n\n";
    }
    out() += "data: [DONE]\n\n";
  }

  void chunk(std::string_view text, std::string_view finish_reason) {
    json_append json(out());
    json.raw(head_).raw(R"({"text":)").text(text).raw(R"(,"index":0,"logprobs":)");
    if (tokens_.empty()) {
      json.raw("null");
    } else {
      append_legacy_logprobs(out(), std::exchange(tokens_, {}), offset_);
    }
    json.raw(R"(,"finish_reason":)").text_or_null(finish_reason).raw("}]");
    if (include_usage_) json.raw(R"(,"usage":null)");
    json.raw("}\n\n");
  }

  bool include_usage_;
  std::string head_;                   // of every chunk, up to its choices
  std::vector<token_logprob> tokens_;  // of the text that comes next
  std::size_t offset_ = 0;
};

}  // namespace

void append_legacy_logprobs(std::string& out, std::span<const token_logprob> tokens, std::size_t& offset) {
  json_append json(out);
  const auto list = [&](std::string_view name, auto&& value) {
    json.raw(name);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i != 0) json.raw(",");
      value(tokens[i]);
    }
  };
  list(R"({"tokens":[)", [&](const token_logprob& t) { json.text(t.token); });
  list(R"(],"token_logprobs":[)", [&](const token_logprob& t) { json.raw(t.logprob); });
  list(R"(],"top_logprobs":[)", [&](const token_logprob& t) {
    json.raw("{");
    for (std::size_t k = 0; k < t.top.size(); ++k)
      json.raw(k != 0 ? "," : "").text(t.top[k].token).raw(":").raw(t.top[k].logprob);
    json.raw("}");
  });
  list(R"(],"text_offset":[)", [&](const token_logprob& t) {
    json.number(offset);
    offset += characters(t.token);
  });
  json.raw("]}");
}

std::unique_ptr<stream_writer> make_completions_writer(const writer_options& options, const chunks_begun* begun,
                                                       std::size_t said_bytes) {
  return std::make_unique<completions_writer>(options, begun, said_bytes);
}

}  // namespace tideover::adapt::chat::answer
