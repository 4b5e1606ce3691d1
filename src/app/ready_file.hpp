// The file that tells scripts and tests where the daemon listens, while it does.
#pragma once

#include <string>

#include "tideover/app/daemon.hpp"

namespace tideover::app {

class ready_file {
 public:
  /// {"proxy":["127.0.0.1:40123"],"admin":"127.0.0.1:40124","pid":123}; throws std::runtime_error naming the file. No
  /// path: no file is wanted.
  ready_file(std::string path, const bound_addresses& addresses);
  /// Removes it, unless it is another process's by now.
  ~ready_file();
  ready_file(const ready_file&) = delete;
  ready_file& operator=(const ready_file&) = delete;

 private:
  std::string const path_;
};

}  // namespace tideover::app
