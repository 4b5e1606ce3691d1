#include "tideover/ops/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace tideover::ops {
namespace {

std::string sentence(const std::string& path, int error) {
  return path + ": " + std::error_code(error, std::generic_category()).message();
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto const n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : EIO;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

std::string replace_file(const std::string& path, std::string_view text, unsigned mode) {
  std::string const beside = path + ".new";
  ::unlink(beside.c_str());  // left by somebody who was killed; O_EXCL then follows no link
  int const fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return sentence(beside, errno);
  int error = write_all(fd, text);
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(beside.c_str());
    return sentence(path, error);
  }
  // The rename itself is on disk only when the directory is.
  auto const slash = path.rfind('/');
  std::string const directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  int const dir = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    if (::fsync(dir) != 0) error = errno;
    ::close(dir);
  }
  return error == 0 ? std::string() : sentence(directory, error);
}

file_text read_small_file(const std::string& path, std::size_t limit_bytes) {
  file_text result;
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe in its place must not hold us up
  if (fd < 0) {
    result.missing = errno == ENOENT || errno == ENOTDIR;
    result.problem = sentence(path, errno);
    return result;
  }
  std::string text;
  char block[4096];
  for (;;) {
    auto const n = ::read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      result.problem = sentence(path, errno);
      break;
    }
    if (n == 0) {
      result.text = std::move(text);
      break;
    }
    text.append(block, static_cast<std::size_t>(n));
    if (text.size() > limit_bytes) {
      result.problem = path + ": is too large";
      break;
    }
  }
  ::close(fd);
  return result;
}

std::string make_directory(const std::string& path, unsigned mode) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    auto const part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      int const error = errno;
      struct stat about {};
      if (::stat(part.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) return sentence(part, error);
    }
    if (at == std::string::npos) break;
  }
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return sentence(path, errno);
  if (!S_ISDIR(about.st_mode)) return sentence(path, ENOTDIR);
  // It may be somebody else's, or on a disk that is mounted read-only.
  return ::access(path.c_str(), W_OK | X_OK) == 0 ? std::string() : sentence(path, errno);
}

}  // namespace tideover::ops
