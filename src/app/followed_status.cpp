#include "followed_status.hpp"

namespace tideover::app {

bool followed_status::take(std::string_view bytes) {
  unread_ += bytes;
  auto const whole = boundary_.complete(unread_);
  bool told = false;
  adapt::sse_reader reader(std::string_view(unread_).substr(0, whole));
  for (adapt::sse_event event; reader.next(event);) {
    if (!event.has_data) continue;  // a heartbeat, or `retry`
    auto said = document::parse(event.data, nullptr, false);
    if (said.is_discarded()) continue;
    if (event.name == "snapshot") {
      if (!said.is_object()) continue;
      said.erase("counters");
      status_ = std::move(said);
    } else if (status_.is_object()) {
      status_[std::string(event.name)] = std::move(said);
    } else {
      continue;  // a change of what was never told
    }
    last_id_ = event.id;
    told = true;
  }
  unread_.erase(0, whole);
  boundary_.consumed(whole);
  return told;
}

void followed_status::cut() {
  unread_.clear();
  boundary_ = {};
}

}  // namespace tideover::app
