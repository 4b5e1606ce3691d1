#include "tideover/adapt/chat/clean_history.hpp"

#include <algorithm>
#include <optional>

#include "../json_read.hpp"

namespace tideover::adapt::chat {
namespace {

/// Views into the body: where things are is what counts here.
using list = std::vector<std::string_view>;

std::optional<list> elements(std::string_view array) {
  json_cursor at(array);
  if (at.peek() != json_kind::array) return std::nullopt;
  list found;
  each_element(at, [&] {
    std::string_view raw;
    at.skip(raw);
    found.push_back(raw);
  });
  return found;
}

/// The value of a member; of the last one, where there are several. Empty when there is none.
std::string_view value_of(std::string_view object, std::string_view key) {
  json_cursor at(object);
  std::string_view value;
  if (at.peek() == json_kind::object) only_member(at, key, [&] { at.skip(value); });
  return value;
}

std::string text_value(std::string_view object, std::string_view key) {
  json_cursor at(value_of(object, key));
  return take_text(at);
}

/// Pieces of the body to leave out or to replace.
class editor {
 public:
  explicit editor(std::string_view body) : body_(body) {}

  void replace(std::string_view piece, std::string_view by) {
    edits_.push_back({static_cast<std::size_t>(piece.data() - body_.data()), piece.size(), std::string(by)});
  }
  void cut(const char* from, const char* to) { replace({from, static_cast<std::size_t>(to - from)}, {}); }

  /// Leaves out the elements of one array that `cut` names, each with the comma that goes with it.
  void cut_elements(const list& all, const std::vector<bool>& which) {
    bool kept_one = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!which[i]) {
        kept_one = true;
      } else if (kept_one) {
        cut(end_of(all[i - 1]), end_of(all[i]));
      } else {
        cut(all[i].data(), i + 1 < all.size() ? all[i + 1].data() : end_of(all[i]));
      }
    }
  }

  bool any() const { return !edits_.empty(); }

  std::string result() {
    std::sort(edits_.begin(), edits_.end(), [](const edit& a, const edit& b) { return a.at < b.at; });
    std::string out;
    out.reserve(body_.size());
    std::size_t done = 0;
    for (auto const& one : edits_) {
      out += body_.substr(done, one.at - done);
      out += one.by;
      done = one.at + one.size;
    }
    out += body_.substr(done);
    return out;
  }

 private:
  static const char* end_of(std::string_view piece) { return piece.data() + piece.size(); }

  struct edit {
    std::size_t at, size;
    std::string by;
  };

  std::string_view body_;
  std::vector<edit> edits_;
};

bool is_thinking(const std::string& type) { return type == "thinking" || type == "redacted_thinking"; }

/// What became of the last message of the assistant.
struct last_turn {
  bool local = false;
  bool calls_tools = false;
  bool begins_with_thinking = false;

  bool misses_thinking() const { return local && calls_tools && !begins_with_thinking; }
};

class messages_cleaner {
 public:
  explicit messages_cleaner(std::string_view body) : body_(body), edit_(body) {}
  cleaned run();

 private:
  bool clean_message(std::string_view message);
  void turn_thinking_off();

  std::string_view body_;
  editor edit_;
  last_turn last_;
  std::vector<std::string> notes_;
};

/// True when nothing of the message is left, so that it goes as a whole.
bool messages_cleaner::clean_message(std::string_view message) {
  bool const of_assistant = text_value(message, "role") == "assistant";
  if (of_assistant) last_ = {};
  auto const blocks = elements(value_of(message, "content"));
  if (!blocks) return false;
  last_turn turn;
  std::vector<bool> cut(blocks->size());
  bool kept_one = false;
  bool cut_one = false;
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    auto const block = (*blocks)[i];
    auto const type = text_value(block, "type");
    cut[i] = type == "thinking" && is_local_signature(text_value(block, "signature"));
    if (cut[i]) {
      turn.local = cut_one = true;
      continue;
    }
    if (!kept_one) turn.begins_with_thinking = is_thinking(type);
    kept_one = true;
    if (type == "tool_use") {
      turn.calls_tools = true;
      turn.local = turn.local || is_local_id(text_value(block, "id"));
    }
  }
  if (of_assistant) last_ = turn;
  if (cut_one && !kept_one) return true;
  edit_.cut_elements(*blocks, cut);
  return false;
}

void messages_cleaner::turn_thinking_off() {
  auto const thinking = value_of(body_, "thinking");
  // adaptive and absent make no such demand
  if (text_value(thinking, "type") != "enabled") return;
  edit_.replace(thinking, R"({"type":"disabled"})");
  notes_.push_back("thinking turned off for a turn that a local model began");
  auto const edits = elements(value_of(value_of(body_, "context_management"), "edits"));
  if (!edits) return;
  std::vector<bool> cut(edits->size());
  std::transform(edits->begin(), edits->end(), cut.begin(),
                 [](std::string_view one) { return text_value(one, "type").starts_with("clear_thinking"); });
  edit_.cut_elements(*edits, cut);
}

cleaned messages_cleaner::run() {
  auto const messages = elements(value_of(body_, "messages"));
  if (!messages) return {};
  std::vector<bool> cut(messages->size());
  for (std::size_t i = 0; i < messages->size(); ++i) cut[i] = clean_message((*messages)[i]);
  edit_.cut_elements(*messages, cut);
  if (edit_.any()) notes_.push_back("dropped thinking of the local model");
  if (last_.misses_thinking()) turn_thinking_off();
  if (!edit_.any()) return {};
  return {.what = cleaned::kind::changed, .body = edit_.result(), .notes = std::move(notes_)};
}

cleaned not_at_the_cloud(std::string field) {
  std::string message = field +
                        " names an answer that a local model gave while the cloud was away, which the cloud does not "
                        "know; send the whole history in input instead.";
  return {.what = cleaned::kind::refused, .why = {"previous_response_not_found", std::move(field), std::move(message)}};
}

cleaned clean_responses(std::string_view body) {
  if (is_local_id(text_value(body, "previous_response_id"))) return not_at_the_cloud("previous_response_id");
  auto const items = elements(value_of(body, "input"));
  if (!items) return {};
  std::vector<bool> cut(items->size());
  for (std::size_t i = 0; i < items->size(); ++i) {
    auto const item = (*items)[i];
    auto const type = text_value(item, "type");
    auto const id = text_value(item, "id");
    if (type == "reasoning") {
      cut[i] = is_local_id(id) || is_local_signature(text_value(item, "encrypted_content"));
    } else if (is_local_id(id) && (type == "item_reference" || (type.empty() && value_of(item, "role").empty()))) {
      // The type of a reference may be left out.
      if (!id.starts_with("rs_")) return not_at_the_cloud("input[].type=item_reference");
      cut[i] = true;
    }
  }
  editor edit(body);
  edit.cut_elements(*items, cut);
  if (!edit.any()) return {};
  return {.what = cleaned::kind::changed, .body = edit.result(), .notes = {"dropped reasoning of the local model"}};
}

}  // namespace

cleaned clean_history_of_marked(endpoint what, std::string_view body) {
  // A body that is no JSON is the cloud's to refuse.
  json_cursor at(body);
  at.skip();
  if (!at.finish()) return {};
  return what == endpoint::responses ? clean_responses(body) : messages_cleaner(body).run();
}

}  // namespace tideover::adapt::chat
