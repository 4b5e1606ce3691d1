// Callers who are connected, in all workers: how many in all and from each address. Asked once per connection.
// Not the limits (policy/crowd). Thread-safe; nothing here waits or calls out.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>

#include "tideover/policy/crowd.hpp"

namespace tideover::proxy {

class caller_count {
 public:
  /// One caller's place in the counts, whatever was said to that caller; it ends with the connection, and before the
  /// caller_count.
  class place {
   public:
    place(caller_count& in, const std::optional<ip_owner>& address, const config::limits& limits);
    ~place();
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    policy::welcome said() const { return said_; }

   private:
    caller_count& in_;
    std::optional<std::map<ip_owner, std::size_t>::iterator> from_;  // nothing: the caller has no address
    policy::welcome said_;
  };

  /// As policy::crowd::inside.
  std::size_t inside() const {
    std::lock_guard const lock(mutex_);
    return inside_;
  }
  /// How many addresses are counted: never more than there are connections.
  std::size_t addresses() const {
    std::lock_guard const lock(mutex_);
    return by_address_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::size_t inside_ = 0;
  /// An entry goes with the last caller of its address. Ordered, not hashed: callers choose their addresses.
  std::map<ip_owner, std::size_t> by_address_;
};

}  // namespace tideover::proxy
