// A program on a terminal of its own: what it shows is read, lines are typed, as a person would.
// Not for programs that want no terminal: run_program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tideover::test {

class terminal {
 public:
  /// Starts it; its input, output and errors are the terminal. `environment` is all it gets.
  terminal(std::vector<std::string> words, const std::map<std::string, std::string>& environment);
  ~terminal();  // ends what still runs
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  /// Waits until this is shown, after whatever the last call saw; false: not within 20 s, or the program has ended.
  bool shows(const std::string& text);
  /// Types these bytes; a line ends with \r.
  void type(const std::string& bytes);
  void press_ctrl_d() { type("\x04"); }
  /// Makes the window so large; the program is told by SIGWINCH.
  void resize(unsigned short columns, unsigned short rows);
  void signal(int number) const;
  /// Waits for its end and gives its exit code; 128 + signal; -1: not within 20 s.
  int exit_code();

  const std::string& everything() const { return seen_; }

 private:
  enum class came : std::uint8_t { something, nothing_yet, the_end };
  came read_more(std::chrono::steady_clock::time_point by);

  int master_ = -1;
  pid_t child_ = -1;
  bool ended_ = false;
  std::string seen_;
  std::size_t looked_at_ = 0;
};

}  // namespace tideover::test
