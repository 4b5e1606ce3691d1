// Memory for what comes and goes with every request: frames of coroutines, and what they would hold for too long.
// Not an allocator for anything that grows: few sizes, up to 4 KiB; larger ones come from the heap.
#pragma once

#include <cstddef>
#include <new>

namespace tideover::net {

/// Each thread keeps the pieces it has freed, until the process ends. Not under sanitizers, which would no longer see
/// who uses one too long.
class frame_store {
 public:
  static void* take(std::size_t bytes) {
    auto const slot = (bytes - 1) / step;
    if (pooled && slot < slots && kept_[slot]) {
      auto* const frame = kept_[slot];
      kept_[slot] = frame->next;
      return frame;
    }
    return ::operator new((slot + 1) * step);
  }
  static void give(void* memory, std::size_t bytes) noexcept {
    auto const slot = (bytes - 1) / step;
    if (pooled && slot < slots) {
      auto* const frame = static_cast<node*>(memory);
      frame->next = kept_[slot];
      kept_[slot] = frame;
      return;
    }
    ::operator delete(memory);
  }

 private:
  struct node {
    node* next;
  };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr bool pooled = false;
#else
  static constexpr bool pooled = true;
#endif
  static constexpr std::size_t step = 128;
  static constexpr std::size_t slots = 32;
  static inline thread_local constinit node* kept_[slots] = {};
};

}  // namespace tideover::net
