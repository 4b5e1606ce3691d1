// GET /api/events: the status as a whole, then each part of it that changed, to a bounded number of listeners.
// Not a socket: text goes into queues, admin_server sends it. Control thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/core/time.hpp"

namespace tideover::ops {

class event_feed {
 public:
  /// `run` tells this process from earlier ones in event ids: what a listener heard of another one is no beginning.
  explicit event_feed(std::string run) : run_(std::move(run)) {}

  /// Somebody who listens. `wake` is called when there is something to send, or when it is over.
  struct listener {
    std::deque<std::string> waiting;  // whole events
    std::size_t waiting_bytes = 0;
    bool dropped = false;  // too slow, or the process ends: nothing more will come
    std::function<void()> wake;
  };

  /// The status as it is now, of an object's members each that changed becomes an event of its name. `counters` never
  /// does: it changes all the time. So do the numbers and texts of `readiness`, which is told when one of its states
  /// changes, and for the rest at most every `numbers_every`.
  void update(const nlohmann::ordered_json& status, time_point now = clock::now());

  /// With the id of the last event that was heard: what came after it, as far as that is known; else the snapshot.
  /// Null: there are as many listeners as there may be.
  std::shared_ptr<listener> subscribe(std::string_view last_event_id);
  /// Ends all.
  void close();

  std::size_t listeners() const;

  static constexpr std::size_t most_listeners = 32;
  static constexpr auto numbers_every = std::chrono::seconds(10);
  static constexpr std::size_t most_waiting_bytes = 256u << 10;  // of one listener: then it is too slow
  static constexpr std::size_t most_remembered = 256;            // events, for those who come back

 private:
  struct remembered {
    std::uint64_t number = 0;
    std::string text;
  };
  std::string event_text(std::string_view name, const nlohmann::ordered_json& data, std::uint64_t number) const;
  std::optional<std::uint64_t> number_of(std::string_view id) const;
  static void give(listener& to, const std::string& text);

  std::string run_;
  std::uint64_t number_ = 0;  // of the last event
  nlohmann::ordered_json status_;
  std::map<std::string, std::string> sections_;  // as text, to see what changed
  std::string states_;                           // of the readiness that was told
  time_point next_numbers_{};
  std::deque<remembered> past_;
  std::vector<std::weak_ptr<listener>> listeners_;
};

}  // namespace tideover::ops
