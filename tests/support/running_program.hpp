// A program that goes on while the test watches it: its output line by line as it comes, signals, a reader that leaves.
// Not on a terminal: terminal.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "support/run_program.hpp"
#include "support/wire.hpp"

namespace tideover::test {

class running_program {
 public:
  /// With an environment of PATH and what is given. Standard input is empty, standard output and error are pipes.
  explicit running_program(std::vector<std::string> words, const environment_of_program& environment = {});
  ~running_program();  // ends what still runs
  running_program(const running_program&) = delete;
  running_program& operator=(const running_program&) = delete;

  /// The next whole line of its output, without the end of it; nothing: it ended, or none came in time.
  std::optional<std::string> line();
  /// Waits until it has written something, which stays unread.
  bool begins();
  /// Lines until one holds `text`; false: none does.
  bool line_with(const std::string& text);
  /// Reads on until its errors hold `text`, looking once at each part of them.
  bool complains(const std::string& text);
  const std::string& complaints() const { return complaints_; }

  void signal(int number) const;
  void stop_reading() { out_.close(); }
  /// 128 + signal; -1: it still runs at the deadline.
  int exit_code();

 private:
  static bool read_more(const descriptor& from, std::string& into, steady::time_point by);

  pid_t child_ = -1;
  bool ended_ = false;
  descriptor pidfd_, out_, err_;
  std::string unread_, complaints_;
  std::size_t looked_at_ = 0;
};

}  // namespace tideover::test
