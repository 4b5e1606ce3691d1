#include "support/run_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <stdexcept>

#include "support/temporary_folder.hpp"

namespace tideover::test {

std::string tideover_binary() {
  auto const* other = std::getenv("TIDEOVER_BIN");
  return other != nullptr && *other != '\0' ? other : TIDEOVER_BINARY;
}

program_result run_tideover(const std::vector<std::string>& arguments, const environment_of_program& environment) {
  std::vector<std::string> words{tideover_binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_words(std::move(words), environment);
}

program_result run_words(std::vector<std::string> words, const environment_of_program& environment) {
  temporary_folder const folder;
  environment_of_program all{{"PATH", "/usr/bin:/bin"}, {"HOME", folder.path()}};
  for (const auto& [name, value] : environment) all[name] = value;
  std::vector<std::string> variables;
  for (const auto& [name, value] : all) variables.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (auto& w : words) argv.push_back(w.data());
  for (auto& v : variables) envp.push_back(v.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
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
