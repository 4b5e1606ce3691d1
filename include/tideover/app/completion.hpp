// What a shell may offer for the words typed so far, and the scripts by which bash, zsh and fish ask.
// Not for the commands themselves: the candidates come from the command table.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/app/command_line.hpp"

namespace tideover::app {

struct candidate {
  std::string word;
  std::string description;
};

struct candidates {
  std::vector<candidate> words;
  bool files = false;       // names of files as well
  bool workflows = false;   // names of workflows as well, each with `before` in front
  std::string before;       // `--workflow=` where the value stands in the same word
  std::string begun;        // what the value begins with
  std::string config_file;  // --config, as far as it was typed: where the workflows are
};

/// `words`: those after `tideover`; the last one, maybe empty, is being typed. Pure.
candidates complete(const std::vector<std::string>& words);

/// One candidate a line, its description after a tab; `:files` as a last line where names of files are wanted.
int run_complete(const complete_command& command, const config::surroundings& world, std::ostream& out);

/// bash, zsh or fish; empty for another word.
std::string_view completion_script(std::string_view shell);
int run_completion(const completion_command& command, std::ostream& out);

}  // namespace tideover::app
