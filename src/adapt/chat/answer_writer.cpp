#include "tideover/adapt/chat/answer_writer.hpp"

#include <algorithm>
#include <utility>

#include "answer_write.hpp"
#include "joint.hpp"
#include "overloaded.hpp"
#include "tideover/adapt/error_body.hpp"

namespace tideover::adapt::chat::answer {

stream_writer::stream_writer(endpoint what, const writer_options& options)
    : what_(what),
      request_id_(options.request_id),
      prefill_(options.prefill),
      joint_(prefill_.empty() ? nullptr : std::make_unique<joint>(prefill_, echo::accepted)),
      show_reasoning_(options.show_reasoning),
      must_call_(options.must_call),
      prompt_tokens_(options.prompt_tokens),
      allowed_calls_(options.allowed_calls.begin(), options.allowed_calls.end()) {}

stream_writer::~stream_writer() = default;

void stream_writer::write(const event& e, std::string& out) {
  if (state_ != state::open) return;
  out_ = &out;
  std::visit(overloaded{
                 [](const begin&) {},
                 [](const timings&) {},
                 [this](const text_delta& d) { say(d.text); },
                 [this](const reasoning_delta& d) {
                   if (grows(d.text.size()) && show_reasoning_ && !d.text.empty()) on_reasoning(d.text);
                 },
                 [this](const tool_call& c) {
                   called_ = true;
                   if (!c.name.empty()) called_another_ = called_another_ || !is_allowed(c, allowed_calls_);
                   say_rest();
                   if (grows(c.name.size() + c.arguments.size())) on_call(c);
                 },
                 [this](const logprobs& l) { on_logprobs(l); },
                 [this](const usage& u) { used_ = u; },
                 [this](const finish& f) {
                   say_rest();
                   if (state_ == state::open) end(f.why);
                 },
                 [this](const error& f) { fail(f); },
             },
             e);
  out_ = nullptr;
}

void stream_writer::say(std::string_view text) {
  std::string fresh;
  if (joint_) {
    joint_->take(text, fresh);
    text = fresh;
  }
  if (grows(text.size()) && !text.empty()) on_text(text);
}

/// No more of this text comes: what was held back because it might have been the caller's own is not.
void stream_writer::say_rest() {
  std::string fresh;
  if (joint_) joint_->end(fresh);
  if (!fresh.empty() && grows(fresh.size())) on_text(fresh);
}

std::string without_prefill(std::string_view text, std::string_view prefill) {
  std::string fresh;
  joint meeting(prefill, echo::accepted);
  meeting.take(text, fresh);
  meeting.end(fresh);
  return fresh;
}

bool stream_writer::grows(std::size_t bytes) {
  size_bytes_ += bytes;
  if (size_bytes_ <= largest_answer_bytes) return true;
  fail({"malformed", "the answer is larger than 64 MiB"});
  return false;
}

void stream_writer::end(end_reason why) {
  call_missing_ = must_call_ && (!called_ || called_another_);
  if (call_missing_) return;
  on_finish(why, used());
  if (state_ == state::open) state_ = state::finished;
}

usage stream_writer::used() const {
  usage counts = used_with_estimates(used_, prompt_tokens_, size_bytes_);
  counts.prompt -= std::min(counts.prompt, tokens_before_);  // what was sent before is a prompt only to this server
  counts.completion += tokens_before_;
  return counts;
}

void stream_writer::fail(const error& e) {
  if (state_ != state::open) return;
  state_ = state::failed;
  // The readers' own types say who is at fault, which is no code for a caller to act on.
  const bool by_reader = e.type.empty() || e.type == "malformed" || e.type == "server_error";
  const own_error shown{502,
                        by_reader ? "upstream_ended_early" : e.type,
                        by_reader ? "The local server's answer is incomplete: " + e.message : e.message,
                        {}};
  *out_ += write_error_event(what_, error_dialect(what_, false), shown, request_id_, next_sequence_number());
}

usage used_with_estimates(const std::optional<usage>& counted, std::uint64_t prompt, std::size_t answer_bytes) {
  usage counts = counted.value_or(usage{0, tokens_of_bytes(answer_bytes), std::nullopt});
  if (counts.prompt == 0) counts.prompt = prompt;  // some servers do not count what they had in their cache
  return counts;
}

std::string id_from(std::string_view prefix, std::string_view unique, std::string_view suffix) {
  constexpr std::size_t longest = 24;  // OpenAI refuses ids of tool calls over 40 characters
  std::string clean;
  for (const char c : unique) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                         c == '-';  // Anthropic's rule for ids (CL §9)
    if (allowed) clean += c;
  }
  if (clean.size() > longest) clean.erase(0, clean.size() - longest);
  return std::string(prefix).append(clean).append(suffix);
}

std::string id_from(std::string_view prefix, std::string_view unique, std::size_t number) {
  return id_from(prefix, unique, "_" + std::to_string(number));
}

std::string_view openai_finish_reason(end_reason why) {
  switch (why) {
    case end_reason::length: return "length";
    case end_reason::tool_calls: return "tool_calls";
    case end_reason::content_filter: return "content_filter";
    case end_reason::stop:
    case end_reason::nothing: break;
  }
  return "stop";
}

std::string_view anthropic_stop_reason(end_reason why) {
  switch (why) {
    case end_reason::length: return "max_tokens";
    case end_reason::tool_calls: return "tool_use";
    case end_reason::content_filter: return "refusal";
    case end_reason::stop:
    case end_reason::nothing: break;
  }
  return "end_turn";
}

void append_openai_usage(std::string& out, const usage& u) {
  json_append json(out);
  json.raw(R"({"prompt_tokens":)").number(u.prompt).raw(R"(,"completion_tokens":)").number(u.completion);
  json.raw(R"(,"total_tokens":)").number(u.prompt + u.completion);
  if (u.reasoning) json.raw(R"(,"completion_tokens_details":{"reasoning_tokens":)").number(*u.reasoning).raw("}");
  json.raw("}");
}

namespace {

void append_token(json_append& json, const token_logprob& token) {
  json.raw(R"({"token":)").text(token.token).raw(R"(,"logprob":)").raw(token.logprob);
  json.raw(R"(,"bytes":)").raw(token.bytes);
}

}  // namespace

void append_token_list(std::string& out, std::span<const token_logprob> tokens) {
  json_append json(out);
  json.raw("[");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i != 0) json.raw(",");
    append_token(json, tokens[i]);
    json.raw(R"(,"top_logprobs":[)");
    for (std::size_t k = 0; k < tokens[i].top.size(); ++k) {
      if (k != 0) json.raw(",");
      append_token(json, tokens[i].top[k]);
      json.raw("}");
    }
    json.raw("]}");
  }
  json.raw("]");
}

std::unique_ptr<stream_writer> make_stream_writer(endpoint what, const writer_options& options) {
  switch (what) {
    case endpoint::completions: return make_completions_writer(options);
    case endpoint::responses: return make_responses_writer(options);
    case endpoint::messages: return make_messages_writer(options);
    default: return make_chat_writer(options);
  }
}

}  // namespace tideover::adapt::chat::answer
