// Runs the program of this build with some arguments to its end: commands as a person or a script uses them.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tideover::test {

struct program_result {
  int exit_code = -1;
  std::string out;
  std::string err;
};

using environment_of_program = std::map<std::string, std::string>;

/// The binary under test: $TIDEOVER_BIN, else that of this build.
std::string tideover_binary();

/// `tideover ARGUMENTS…` with an environment of PATH, HOME (a folder that is gone afterwards) and what is given.
program_result run_tideover(const std::vector<std::string>& arguments, const environment_of_program& environment = {});

/// Any program, found by its path, in the same way.
program_result run_words(std::vector<std::string> words, const environment_of_program& environment = {});

}  // namespace tideover::test
