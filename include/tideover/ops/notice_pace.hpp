// How often the same thing may be said in the log: the first time, and then once per pause and subject.
// Not for request lines: every request has one. Thread-safe, one for all workers.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "tideover/core/time.hpp"

namespace tideover::ops {

class notice_pace {
 public:
  explicit notice_pace(duration pause) : pause_(pause) {}

  /// True: say it now. Subjects come from the configuration, so their number is bounded.
  bool due(std::string_view subject, time_point now) {
    std::lock_guard const lock(mutex_);
    auto const said = last_.find(subject);
    if (said == last_.end()) {
      last_.emplace(subject, now);
      return true;
    }
    if (now - said->second < pause_) return false;
    said->second = now;
    return true;
  }

 private:
  duration pause_;
  std::mutex mutex_;
  std::map<std::string, time_point, std::less<>> last_;
};

}  // namespace tideover::ops
