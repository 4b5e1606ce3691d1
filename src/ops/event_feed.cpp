#include "tideover/ops/event_feed.hpp"

#include <algorithm>
#include <charconv>

namespace tideover::ops {

namespace {

/// The states in a readiness, without numbers and words.
std::string states_of(const nlohmann::ordered_json& value) {
  std::string states;
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      if (member.is_structured())
        states += states_of(member);
      else if (name == "state" || name == "checking" || name == "check" || name == "subject" || name == "upstream")
        states += member.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + ",";
    }
  } else if (value.is_array()) {
    for (const auto& entry : value) states += states_of(entry);
  }
  return states;
}

}  // namespace

std::string event_feed::event_text(std::string_view name, const nlohmann::ordered_json& data,
                                   std::uint64_t number) const {
  std::string text = "id: " + run_ + "-" + std::to_string(number) + "\nevent: ";
  text += name;
  text += "\ndata: ";
  text += data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);  // one line: JSON escapes line ends
  text += "\n\n";
  return text;
}

std::optional<std::uint64_t> event_feed::number_of(std::string_view id) const {
  if (id.size() <= run_.size() + 1 || !id.starts_with(run_) || id[run_.size()] != '-') return std::nullopt;
  id.remove_prefix(run_.size() + 1);
  std::uint64_t number = 0;
  auto const read = std::from_chars(id.data(), id.data() + id.size(), number);
  if (read.ec != std::errc{} || read.ptr != id.data() + id.size() || number > number_) return std::nullopt;
  return number;
}

void event_feed::give(listener& to, const std::string& text) {
  if (to.dropped) return;
  if (to.waiting_bytes + text.size() > most_waiting_bytes && !to.waiting.empty()) {
    to.dropped = true;  // it comes back with its last event id and gets what it missed, or all of it
  } else {
    to.waiting.push_back(text);
    to.waiting_bytes += text.size();
  }
  if (to.wake) to.wake();
}

void event_feed::update(const nlohmann::ordered_json& status, time_point now) {
  bool const first = status_.is_null();
  status_ = status;
  for (const auto& [name, value] : status.items()) {
    if (name == "counters") continue;
    auto text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    auto& known = sections_[name];
    if (known == text) continue;
    if (name == "readiness") {
      auto states = states_of(value);
      if (states == states_ && now < next_numbers_) continue;
      states_ = std::move(states);
      next_numbers_ = after(now, numbers_every);
    }
    known = std::move(text);
    if (first) continue;
    ++number_;
    past_.push_back({number_, event_text(name, value, number_)});
    if (past_.size() > most_remembered) past_.pop_front();
    for (auto& weak : listeners_)
      if (auto l = weak.lock()) give(*l, past_.back().text);
  }
}

std::size_t event_feed::listeners() const {
  return static_cast<std::size_t>(
      std::count_if(listeners_.begin(), listeners_.end(), [](const auto& l) { return !l.expired(); }));
}

std::shared_ptr<event_feed::listener> event_feed::subscribe(std::string_view last_event_id) {
  std::erase_if(listeners_, [](const auto& l) { return l.expired(); });
  if (listeners_.size() >= most_listeners) return nullptr;
  auto made = std::make_shared<listener>();
  auto const heard = number_of(last_event_id);
  bool const known = heard && (*heard == number_ || (!past_.empty() && past_.front().number <= *heard + 1));
  if (known) {
    for (const auto& event : past_)
      if (event.number > *heard) give(*made, event.text);
  } else {
    give(*made, event_text("snapshot", status_, number_));
  }
  listeners_.push_back(made);
  return made;
}

void event_feed::close() {
  for (auto& weak : listeners_)
    if (auto l = weak.lock()) {
      l->dropped = true;
      if (l->wake) l->wake();
    }
}

}  // namespace tideover::ops
