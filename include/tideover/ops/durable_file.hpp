// A small file that is replaced as a whole: after a kill or a power cut at any moment it is the old one or the new.
// Not for logs: those are appended to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tideover::ops {

/// Writes beside it, syncs, renames, syncs the directory. Empty: done; else what went wrong, with the path.
std::string replace_file(const std::string& path, std::string_view text, unsigned mode);

struct file_text {
  std::optional<std::string> text;
  bool missing = false;  // there is no such file: not a problem in itself
  std::string problem;
};
file_text read_small_file(const std::string& path, std::size_t limit_bytes = 1u << 20);

/// Makes the directory and those above it where they are missing; empty, or why there is none that can be written.
std::string make_directory(const std::string& path, unsigned mode);

}  // namespace tideover::ops
