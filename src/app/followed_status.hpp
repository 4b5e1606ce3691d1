// The daemon's status as `GET /api/events` tells it: a snapshot, then each part that changed, put together again.
// Pure: bytes go in. Not the connection.
#pragma once

#include <string>
#include <string_view>

#include "command_output.hpp"
#include "tideover/adapt/sse.hpp"

namespace tideover::app {

class followed_status {
 public:
  /// Bytes of the stream's body as they come. True: something was told, the whole of it or a change.
  bool take(std::string_view bytes);
  /// The stream ended: what was left unfinished means nothing, the next one begins anew.
  void cut();

  /// Null before the first snapshot. Without `counters`, which do not come by themselves.
  const document& status() const { return status_; }
  /// For Last-Event-ID; empty: nothing was heard yet.
  const std::string& last_id() const { return last_id_; }

 private:
  document status_;
  std::string last_id_;
  std::string unread_;
  adapt::sse_boundary boundary_;
};

}  // namespace tideover::app
