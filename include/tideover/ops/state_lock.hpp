// One process at a time keeps decisions in a state directory: two would replace each other's.
// Not for reading, and not for the journal, whose whole lines may come from two processes.
#pragma once

#include <string>

#include "tideover/core/time.hpp"

namespace tideover::ops {

/// A lock of the kernel's on the file `lock` in the directory: it is gone with the process, however that ends.
/// Control thread only.
class state_lock {
 public:
  explicit state_lock(std::string directory) : directory_(std::move(directory)) {}
  ~state_lock() { release(); }
  state_lock(const state_lock&) = delete;
  state_lock& operator=(const state_lock&) = delete;

  /// False: another process has it. True also where nobody can have it, because nothing can be written there.
  bool take();
  /// The same, trying for so long: whoever has it may be on its way out. Blocks.
  bool take_within(duration patience);
  void release();
  bool is_mine() const { return descriptor_ >= 0; }

  /// Who has it, for people: `another Tideover (pid 123)`.
  std::string holder() const;

 private:
  std::string path() const { return directory_ + "/lock"; }

  std::string directory_;  // empty: there is none
  int descriptor_ = -1;
};

}  // namespace tideover::ops
