// What servers have been asked about models in their memory, by URL and model: what is under way, what is pinned, who
// expects it. One for the process: configurations come and go, a server's memory does not.
// Not an asker and no decision: those are warmth's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tideover/core/time.hpp"

namespace tideover::ops {

/// One model at one URL. Guarded by the mutex of its model_stays; changed on the control loop, but for `expected`.
struct model_stay {
  /// How a request about it ended.
  struct ending {
    bool loaded_it = false;  // it was a load, not a word about how long it stays
    bool worked = false;
    duration took{};
    std::string problem;
  };

  std::string const url, name;
  bool busy = false;     // a load or a prolongation is under way: nobody else asks
  bool loading = false;  // a load is
  bool ours = false;     // loaded by us, not to be left behind
  bool pinned = false;   // it was told to stay for ever
  time_point began{};
  time_point prolonged{};
  time_point not_before{};  // after a failure
  duration pause{};
  time_point expected = time_point::min();                  // the last time somebody did
  std::vector<std::function<void(const ending&)>> hearing;  // of the end of what is under way, on the control loop
};

class model_stays {
 public:
  /// Guards all stays. Their fields may be used with it held, from any thread; whoever holds it neither waits nor calls
  /// out.
  std::mutex& mutex() { return mutex_; }

  // With the mutex held.

  /// Forgotten when nobody holds it any more. `name` is as it is to be said to the server.
  std::shared_ptr<model_stay> at(const std::string& url, std::string_view name);
  /// All that somebody holds at this URL.
  std::vector<std::shared_ptr<model_stay>> all_at(const std::string& url) const;

  /// Two names of one model have the same: without :latest, in small letters.
  static std::string key_of(std::string_view name);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<model_stay>> stays_;  // by URL and key
};

}  // namespace tideover::ops
