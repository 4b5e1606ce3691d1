// A folder of its own for one test, removed with everything in it at the end.
// Not for sharing between tests.
#pragma once

#include <string>

namespace tideover::test {

class temporary_folder {
 public:
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Writes the file (mode 0600) and returns its path.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

std::string read_file(const std::string& path);  // empty if it cannot be read

}  // namespace tideover::test
