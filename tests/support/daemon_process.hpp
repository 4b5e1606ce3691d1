// The real tideover program as a child process with its own folder, configuration, environment and ports.
// Not a mock: everything is seen from outside, through sockets, files, signals and the exit code.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/temporary_folder.hpp"
#include "support/wire.hpp"

namespace tideover::test {

struct daemon_options {
  std::string yaml;                                // written to tideover.yaml and passed by --config; empty: no file
  std::map<std::string, std::string> environment;  // all there is, apart from PATH, HOME, TMPDIR and the state folder
  std::vector<std::string> arguments;              // further ones, after `run`
  std::string redirections = {};                   // of a shell, such as `>&-`, for what else its output may be
  std::vector<int> handed = {};                    // listening sockets that are handed down as systemd does
  std::string handed_names = {};                   // LISTEN_FDNAMES
  std::optional<unsigned> user = {};               // who it runs as, without any capability, group the same; needs root
  std::optional<std::uint64_t> most_threads = {};  // of that user: RLIMIT_NPROC, the soft limit
};

/// Whether the program was built with sanitizers: they have threads, memory and descriptors of their own, so that what
/// a test takes away from the daemon is missed by them first.
bool has_sanitizers();

class daemon_process {
 public:
  /// Starts the program and waits until it serves or has ended; `serves()` tells which.
  explicit daemon_process(const daemon_options& options);
  ~daemon_process();  // SIGTERM, then SIGKILL; fails the test when a sanitizer had something to say
  daemon_process(const daemon_process&) = delete;
  daemon_process& operator=(const daemon_process&) = delete;

  bool serves() const { return serves_; }
  std::uint16_t port(std::size_t listener = 0) const { return ports_.at(listener); }
  std::uint16_t admin_port() const { return admin_port_; }
  pid_t pid() const { return pid_; }
  const temporary_folder& folder() const { return folder_; }

  void signal(int number) const;
  /// The exit code, or 128 + the signal; nullopt: still running at the deadline.
  std::optional<int> wait_for_exit(steady::time_point deadline = soon());
  /// SIGTERM and wait.
  std::optional<int> stop();

  std::string standard_output() const;
  std::string standard_error() const;
  /// How often these words stand in its standard error.
  std::size_t times_said(std::string_view words) const;
  std::string all_output() const { return standard_output() + standard_error(); }

  /// Every line of output that is a JSON object.
  std::vector<nlohmann::json> log_lines() const;
  std::vector<nlohmann::json> log_lines_of(std::string_view event) const;
  /// Lines of this event, once there are at least so many (or at the deadline, whatever there is).
  std::vector<nlohmann::json> wait_for_log(std::string_view event, std::size_t at_least) const;

  std::string metrics() const;
  /// Sum of all samples of a metric whose label text contains every one of `parts` (such as `code="200"`).
  double metric(std::string_view name, const std::vector<std::string>& parts = {}) const;
  /// Open descriptors, resident kilobytes and processor time so far, from /proc.
  std::size_t open_descriptors() const;
  std::size_t resident_kib() const;
  double processor_seconds() const;
  /// The numbers of its threads whose names begin so.
  std::vector<pid_t> threads(std::string_view name = {}) const;

 private:
  void spawn(const daemon_options& options);
  void wait_until_ready();

  temporary_folder folder_;
  pid_t pid_ = -1;
  descriptor pidfd_;
  bool serves_ = false;
  std::optional<int> exit_code_;
  std::vector<std::uint16_t> ports_;
  std::uint16_t admin_port_ = 0;
};

/// In a child between fork and exec or exit: this user without any right, group the same. False: not permitted.
bool become(unsigned user);

}  // namespace tideover::test
