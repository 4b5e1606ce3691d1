// The caller's side of one connection: bytes go out at once where possible, and what the kernel does not take is kept.
// Not HTTP: heads and chunk framing are made by whoever writes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tideover/net/stream.hpp"
#include "tideover/net/task.hpp"
#include "tideover/proxy/byte_buffer.hpp"

namespace tideover::proxy {

class caller_writer {
 public:
  caller_writer(net::stream& to, memory_budget& budget, duration stall_limit)
      : to_(to), pending_(budget), stall_limit_(stall_limit) {}

  /// Tries to send everything now; what is left is copied and has to be flushed before the next call.
  /// False when the connection is broken.
  bool send(std::span<const iovec> pieces);
  bool send(std::string_view bytes);

  bool must_flush() const { return !pending_.empty(); }
  /// Waits until everything is out; false when the caller left, stalled, or the worker stops.
  net::task<bool> flush();

  /// Of all that was to be sent, the last bytes, which the connection has not taken.
  std::size_t unsent() const { return unsent_ + pending_.size(); }
  /// For the caller to take what it was sent.
  duration waited() const { return waited_; }

  bool broken() const { return broken_; }
  bool stalled() const { return stalled_; }  // the caller stopped reading for longer than limits.write_stall

 private:
  net::stream& to_;
  byte_buffer pending_;
  duration stall_limit_;
  std::size_t unsent_ = 0;  // of a broken connection
  duration waited_{};
  bool broken_ = false;
  bool stalled_ = false;
};

}  // namespace tideover::proxy
