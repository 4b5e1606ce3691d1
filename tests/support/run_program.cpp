#include "support/run_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <stdexcept>

#include "support/temporary_folder.hpp"

namespace tideover::test {

program_result run_tideover(const std::vector<std::string>& arguments) {
  auto const* other = std::getenv("TIDEOVER_BIN");
  std::vector<std::string> words{other != nullptr && *other != '\0' ? other : TIDEOVER_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  temporary_folder const folder;
  std::string path = "PATH=/usr/bin:/bin", home = "HOME=" + folder.path();
  std::vector<char*> argv, envp{path.data(), home.data(), nullptr};
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  auto const out = folder.file("out"), err = folder.file("err");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child = -1;
  int const failed = ::posix_spawn(&child, argv[0], &files, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot run " + words.front());
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(out), read_file(err)};
}

}  // namespace tideover::test
