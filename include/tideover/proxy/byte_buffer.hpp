// A growing block of bytes without zero-filling, and the process-wide budget that blocks are charged to.
// Not a string: it exists for bodies, where std::string would write every byte twice.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace tideover::proxy {

/// Bytes that may be held for replay and judgement in the whole process (limits.replay_memory). Thread-safe.
class memory_budget {
 public:
  explicit memory_budget(std::size_t limit_bytes) : limit_(limit_bytes) {}
  bool take(std::size_t bytes) {
    auto const before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= limit_.load(std::memory_order_relaxed)) return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void give(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  /// What is taken stays taken.
  void set_limit(std::size_t limit_bytes) { limit_.store(limit_bytes, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> limit_;
  std::atomic<std::size_t> used_{0};
};

class byte_buffer {
 public:
  explicit byte_buffer(memory_budget& budget) : budget_(&budget) {}
  byte_buffer(const byte_buffer&) = delete;
  byte_buffer& operator=(const byte_buffer&) = delete;
  ~byte_buffer() { release(); }

  char* data() { return bytes_.get(); }
  const char* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::size_t room() const { return capacity_ - size_; }
  char* end() { return bytes_.get() + size_; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  bool empty() const { return size_ == 0; }

  /// Makes room for `bytes` in all, exactly. False when the budget does not allow it; nothing changes then.
  [[nodiscard]] bool reserve(std::size_t bytes);
  /// Makes room for `more` behind what is there, growing by half at least.
  [[nodiscard]] bool make_room(std::size_t more);
  [[nodiscard]] bool append(std::string_view bytes);
  /// Bytes were written at end().
  void grew(std::size_t bytes) { size_ += bytes; }
  void shrink_to(std::size_t bytes) { size_ = bytes; }
  /// Takes bytes from the front; what is left moves down.
  void drop_front(std::size_t bytes);
  void release();

 private:
  memory_budget* budget_;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tideover::proxy
