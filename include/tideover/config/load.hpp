// From flags, environment and a YAML file to a snapshot, or to every problem found, each with its place.
// Not for reading secrets later: references are resolved here, once, into core/secret.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tideover/config/snapshot.hpp"

namespace tideover::config {

enum class severity : std::uint8_t { error, warning };

struct problem {
  severity level = severity::error;
  std::string file;  // empty: not from a file
  int line = 0;      // 1-based, 0: no place
  int column = 0;
  std::string path;             // `upstreams.openai.timeouts.connect`, `--listen`, `$TIDEOVER_LISTEN`
  std::string message;          // what is wrong and, where known, what to write instead
  bool error_in_check = false;  // a warning at start that `tideover check` does not let pass

  /// `file:line:column: error: path: message`
  std::string to_string() const;
};

/// What `tideover run` was told on the command line; every field wins over environment and file.
struct overrides {
  std::optional<std::string> config_file;
  std::vector<std::string> listen;
  std::optional<std::string> admin;
  std::optional<std::string> cloud_url;
  std::optional<std::string> local_url;
  std::optional<std::string> local_model;
  std::optional<std::string> log_level;
  std::optional<std::size_t> workers;
};

/// The outside world as the loader sees it; tests hand in their own.
struct surroundings {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::function<std::optional<std::string>(const std::string& path)> read_file;  // nullopt: cannot be read
  std::function<bool(const std::string& path)> exists;
  std::function<std::optional<unsigned>(const std::string& path)> mode;  // permission bits, for secret files
  bool is_root = false;

  static surroundings real();
};

struct loaded {
  snapshot_ptr snapshot;          // null when there was an error
  std::vector<problem> problems;  // errors and warnings, in order of the file
  bool ok() const { return snapshot != nullptr; }
};

/// Finds the file (flag, $TIDEOVER_CONFIG, /etc, $XDG_CONFIG_HOME, none) and loads it. Never throws.
loaded load(const overrides& flags, const surroundings& world);

/// The same for a text that is already there; `file` is only for messages.
loaded load_text(std::string_view yaml, std::string file, const overrides& flags, const surroundings& world);

/// What a file was before and behind one reading of it.
struct file_facts {
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::chrono::nanoseconds written{};  // since 1970
};
/// May this text be half of what somebody is writing at this moment? Then it is read again.
bool may_be_half_written(const file_facts& before, const file_facts& behind, std::string_view text,
                         std::chrono::nanoseconds now);

/// JSON Schema (draft 2020-12) of the file, from the same table that the loader walks.
std::string json_schema();

}  // namespace tideover::config
