#include "tideover/ops/refusal_journal.hpp"

namespace tideover::ops {

bool refused_to_ask_cloud(const proxy::exchange_record& record) {
  if (!record.kept_inside || record.tier != tier::none) return false;
  switch (record.how) {  // no default: a new outcome does not compile without an answer
    case proxy::outcome::refused:
    case proxy::outcome::failed: return true;
    case proxy::outcome::answered:
    case proxy::outcome::failed_over:
    case proxy::outcome::cut:
    case proxy::outcome::client_gone: return false;
  }
  return false;
}

void refusal_journal::note(const proxy::exchange_record& record, time_point now) {
  if (!refused_to_ask_cloud(record)) return;
  std::string const why(token(*record.kept_inside));
  std::lock_guard const lock(mutex_);
  if (now >= window_ends_) {
    sum_up_locked();
    window_ends_ = after(now, window);
    written_ = 0;
  }
  if (written_ == entries_a_window) {
    kind which{record.workflow, why, record.error_code};
    if (counted_.size() >= most_kinds && !counted_.contains(which)) which = {"", why, ""};
    ++counted_[std::move(which)];
    return;
  }
  ++written_;
  journal_entry entry{.event = "refusal", .who = "tideover", .why = why};
  entry.decision = true;
  entry.more["workflow"] = record.workflow;
  if (!record.client.empty()) entry.more["client"] = record.client;
  entry.more["request_id"] = record.request_id;
  entry.more["endpoint"] = token(record.what);
  entry.more["code"] = record.error_code;
  entry.more["status"] = record.status;
  write_(entry);
}

void refusal_journal::note_remote_answer(const proxy::exchange_record& record, std::string_view upstream,
                                         std::string_view model) {
  journal_entry entry{.event = "answered_remotely", .who = "tideover", .why = "a local model ran at ollama.com"};
  entry.decision = true;
  entry.more["workflow"] = record.workflow;
  if (!record.client.empty()) entry.more["client"] = record.client;
  entry.more["request_id"] = record.request_id;
  entry.more["upstream"] = upstream;
  entry.more["model"] = model;
  std::lock_guard const lock(mutex_);
  write_(entry);
}

void refusal_journal::tick(time_point now) {
  std::lock_guard const lock(mutex_);
  if (!counted_.empty() && now >= window_ends_) sum_up_locked();
}

void refusal_journal::sum_up() {
  std::lock_guard const lock(mutex_);
  sum_up_locked();
}

void refusal_journal::sum_up_locked() {
  for (const auto& [which, count] : counted_) {
    const auto& [workflow, why, code] = which;
    journal_entry entry{.event = "refusals", .who = "tideover", .why = why};
    entry.decision = true;
    if (!workflow.empty()) entry.more["workflow"] = workflow;
    if (!code.empty()) entry.more["code"] = code;
    entry.more["further"] = count;
    write_(entry);
  }
  counted_.clear();
}

}  // namespace tideover::ops
