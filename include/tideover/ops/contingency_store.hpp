// What operators decided, on disk, so that it holds after a restart: one small file, replaced as a whole.
// Not the journal: that tells what happened, this says what is in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/policy/contingency.hpp"

namespace tideover::ops {

/// The text of the file, and what it says; nothing where it is not the text of such a file.
std::string write_decisions(const std::vector<policy::contingency_decision>& decisions);
std::optional<std::vector<policy::contingency_decision>> read_decisions(std::string_view text);

class contingency_store {
 public:
  /// `directory` empty: there is none, nothing is kept.
  explicit contingency_store(std::string directory) : directory_(std::move(directory)) {}

  struct content {
    std::vector<policy::contingency_decision> decisions;
    std::string problem;     // not empty: there is something that cannot be read, and what is in force is unknown
    bool set_aside = false;  // the unreadable file is kept beside, under another name
  };
  /// A file that is not there is no problem: nobody has decided anything yet.
  content load() const;

  /// A kill or a power cut at any moment leaves either the old decisions or the new. Empty: they are on disk.
  std::string save(const std::vector<policy::contingency_decision>& decisions) const;

  std::string path() const { return directory_ + "/contingency.json"; }

 private:
  std::string directory_;
};

}  // namespace tideover::ops
