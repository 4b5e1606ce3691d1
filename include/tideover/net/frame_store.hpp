// Memory for what comes and goes with every request: frames of coroutines, and what they would hold for too long.
// Not an allocator for anything that grows: few sizes, up to 4 KiB; larger ones come from the heap.
#pragma once

#include <cstddef>
#include <new>

namespace tideover::net {

/// Each thread keeps some of the pieces it has freed, as many of a size as a busy thread passes from hand to hand. What
/// a crowd held in one phase of its requests goes back to the heap, or the next phase could not have it. Not under
/// sanitizers, which would no longer see who uses a piece too long.
class frame_store {
 public:
  static void* take(std::size_t bytes) {
    auto const slot = (bytes - 1) / step;
    if (pooled && slot < slots && kept_[slot].first) {
      auto& kept = kept_[slot];
      auto* const piece = kept.first;
      kept.first = piece->next;
      --kept.count;
      return piece;
    }
    return ::operator new((slot + 1) * step);
  }
  static void give(void* memory, std::size_t bytes) noexcept {
    auto const slot = (bytes - 1) / step;
    if (pooled && slot < slots && kept_[slot].count < most_kept) {
      auto& kept = kept_[slot];
      kept.first = ::new (memory) node{kept.first};
      ++kept.count;
      return;
    }
    ::operator delete(memory);
  }

 private:
  struct node {
    node* next;
  };
  struct list {
    node* first;
    std::size_t count;
  };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr bool pooled = false;
#else
  static constexpr bool pooled = true;
#endif
  static constexpr std::size_t step = 128;
  static constexpr std::size_t slots = 32;
  static constexpr std::size_t most_kept = 64;
  static inline thread_local constinit list kept_[slots] = {};
};

}  // namespace tideover::net
