// What operators decided, on disk, so that it holds after a restart: one small file, replaced as a whole.
// Not the journal: that tells what happened, this says what is in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/ops/state_lock.hpp"
#include "tideover/policy/contingency.hpp"

namespace tideover::ops {

/// The text of the file, and what it says; nothing where it is not the text of such a file.
std::string write_decisions(const std::vector<policy::contingency_decision>& decisions);
std::optional<std::vector<policy::contingency_decision>> read_decisions(std::string_view text);

class contingency_store {
 public:
  /// `directory` empty: there is none, nothing is kept. `lock`, if there is one, is taken and outlives this.
  explicit contingency_store(std::string directory, state_lock* lock = nullptr)
      : directory_(std::move(directory)), lock_(lock) {}

  struct content {
    std::vector<policy::contingency_decision> decisions;
    std::string problem;     // not empty: there is something that cannot be read, and what is in force is unknown
    bool set_aside = false;  // the unreadable file is kept beside, under another name
  };
  /// A file that is not there is no problem: nobody has decided anything yet.
  content load();

  /// A kill or a power cut at any moment leaves either the old decisions or the new. Empty: they are on disk.
  std::string save(const std::vector<policy::contingency_decision>& decisions);

  /// Whoever comes next keeps what is decided from here on. What is decided here all the same is kept as long as nobody
  /// has come.
  void hand_over();
  /// Why nothing that is decided here would be kept: somebody else has come. Empty: it would.
  std::string taken_over();

  std::string path() const { return directory_ + "/contingency.json"; }

 private:
  std::string borrow_lock();

  std::string directory_;
  state_lock* lock_;
  bool handed_over_ = false;
  std::optional<std::string> known_text_;  // of the file, as it was read or written last; nothing: it was missing
};

}  // namespace tideover::ops
