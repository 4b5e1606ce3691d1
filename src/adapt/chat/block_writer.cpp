#include "block_writer.hpp"

#include <utility>

namespace tideover::adapt::chat::answer {

// A call is open only while pieces of it may come: one that came whole is closed at once.

void block_writer::say(block kind, std::string_view text) {
  if (open_ == block::call) {
    if (waiting_.empty() || waiting_.back().kind != kind) waiting_.push_back({kind, {}, {}});
    waiting_.back().text += text;
    return;
  }
  if (open_ != kind) change_to(kind, {});
  add_piece(kind, text);
}

void block_writer::on_call(const tool_call& call) {
  const bool is_new = !call.name.empty();
  if (open_ == block::call) {
    if (!is_new && call.index == open_call_) {
      if (!call.arguments.empty()) add_piece(block::call, call.arguments);
    } else if (is_new) {
      waiting_calls_[call.index] = waiting_.size();
      waiting_.push_back({block::call, call, call.arguments});
    } else if (const auto place = waiting_calls_.find(call.index); place != waiting_calls_.end()) {
      waiting_[place->second].text += call.arguments;
    }
    return;
  }
  if (!is_new) return;  // of a call that is closed: it came whole
  change_to(block::call, call);
  if (!call.arguments.empty()) add_piece(block::call, call.arguments);
  if (call.complete) close(false);
}

void block_writer::on_finish(end_reason why, const usage& used) {
  if (!std::exchange(started_, true)) write_start();
  const bool cut_short = why == end_reason::length;
  const auto waiting = std::exchange(waiting_, {});
  close(cut_short && waiting.empty());
  for (const auto& next : waiting) {
    change_to(next.kind, next.call);
    if (!next.text.empty()) add_piece(next.kind, next.text);
    close(cut_short && &next == &waiting.back());
  }
  write_end(why, used);
}

void block_writer::change_to(block kind, const tool_call& call) {
  if (!std::exchange(started_, true)) write_start();
  close(false);
  open_ = kind;
  open_call_ = call.index;
  open_block(kind, call);
}

void block_writer::close(bool cut_short) {
  if (open_ != block::none) close_block(std::exchange(open_, block::none), cut_short);
}

}  // namespace tideover::adapt::chat::answer
