#include "tideover/adapt/chat/splice.hpp"

#include <algorithm>

#include "joint.hpp"
#include "overloaded.hpp"
#include "relayed_stream.hpp"

namespace tideover::adapt::chat::answer {

splice::splice(endpoint what, const splice_options& options)
    : include_usage_(options.include_usage),
      prompt_tokens_(options.prompt_tokens),
      request_id_(options.request_id),
      relayed_(make_relayed_stream(what)) {}

splice::~splice() = default;

void splice::relayed(std::string_view whole_events) {
  if (given_up_.empty()) relayed_->take(whole_events);
}

void splice::give_up(std::string_view why) {
  if (given_up_.empty()) given_up_ = why;
}

std::string_view splice::obstacle() const {
  return given_up_.empty() ? relayed_->obstacle() : std::string_view(given_up_);
}
std::string_view splice::text() const { return relayed_->text(); }
std::string_view splice::prefill() const { return without_white_end(text()); }
bool splice::finished() const { return writer_ && writer_->finished(); }
bool splice::failed() const { return writer_ && writer_->failed(); }

void splice::asked(std::string_view whole_prefill, std::optional<bool> echoes) {
  asked_ = std::string(whole_prefill).append(text().substr(prefill().size()));
  echoes_ = echoes;
}

void splice::write(const event& e, std::string& out) {
  if (!obstacle().empty() || finished() || failed()) return;
  if (!writer_) {
    if (!asked_) asked_ = text();
    const echo repeats = !echoes_ ? echo::unknown : *echoes_ ? echo::expected : echo::none;
    joint_ = std::make_unique<joint>(*asked_, repeats);
    writer_ = relayed_->go_on({.include_usage = include_usage_,
                               .show_reasoning = true,  // it never gets there
                               .prompt_tokens = prompt_tokens_,
                               .request_id = request_id_});
  }
  std::visit(overloaded{
                 [&](const text_delta& d) { write_text(d.text, out); },
                 [&](const reasoning_delta&) { refuse("it turned into reasoning", out); },
                 [&](const tool_call&) { refuse("it turned into a tool call", out); },
                 [&](const usage& u) { writer_->write(adjusted(u), out); },
                 [&](const finish& f) {
                   std::string fresh;
                   if (!joint_->end(fresh)) return refuse(joint_->why_not(), out);
                   if (!fresh.empty()) writer_->write(text_delta{std::move(fresh)}, out);
                   writer_->write(f, out);
                 },
                 [&](const error& f) { writer_->write(f, out); },
                 [](const begin&) {},
                 [](const logprobs&) {},
                 [](const timings&) {},
             },
             e);
}

void splice::write_text(std::string_view text, std::string& out) {
  std::string fresh;
  if (!joint_->take(text, fresh)) return refuse(joint_->why_not(), out);
  if (!fresh.empty()) writer_->write(text_delta{std::move(fresh)}, out);
}

void splice::refuse(std::string_view why, std::string& out) {
  std::string message = "The cloud's answer broke off, and the local model's continuation does not fit it: ";
  writer_->write(error{"upstream_ended_early", message.append(why).append(".")}, out);
}

/// The writer counts what was said before by itself, which a model that began anew has counted as well. A server's echo
/// is in no count.
usage splice::adjusted(usage u) const {
  if (joint_->began_anew()) u.completion -= std::min(u.completion, tokens_of_bytes(asked_->size()));
  return u;
}

}  // namespace tideover::adapt::chat::answer
