// Runs the program of this build with some arguments to its end: commands as a person or a script uses them.
#pragma once

#include <string>
#include <vector>

namespace tideover::test {

struct program_result {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// `tideover ARGUMENTS…` with an environment of PATH and HOME only.
program_result run_tideover(const std::vector<std::string>& arguments);

}  // namespace tideover::test
