// A running proxy as an object: start, addresses, drain, stop. Used by `tideover run` and by the demo.
// Not signals, banners or exit codes: those belong to the command that runs it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/app/handed_sockets.hpp"
#include "tideover/config/load.hpp"
#include "tideover/ops/access_log.hpp"
#include "tideover/ops/state_lock.hpp"
#include "tideover/policy/contingency.hpp"

namespace tideover::app {

struct daemon_options {
  config::snapshot_ptr configuration;
  std::string https_proxy;  // for cloud upstreams only
  std::string no_proxy;
  std::shared_ptr<ops::line_writer> log;  // request and event lines
  ops::line_format log_format = ops::line_format::json;
  std::string state_directory;  // empty: none, nothing is kept
  /// On that directory, and taken; let go of when the drain begins, so that the next process need not wait for its end.
  std::shared_ptr<ops::state_lock> state_lock;
  /// Called by the control loop while all loops go round.
  std::function<void(time_point now)> alive;
  std::vector<std::string> usual_sockets;  // of the admin API, where the configuration names none
  handed_sockets handed;                   // opened by somebody else before we began
  /// Reads the configuration again, as it was read at the start. Absent: there is nothing to reload.
  std::function<config::loaded()> load_again;
  /// Told on the control loop when a reload begins (true) and when it is over.
  std::function<void(bool)> reloading;
};

struct bound_addresses {
  std::vector<std::string> proxy;  // host:port as bound
  std::string admin;
  std::string admin_socket;  // path; empty: none
};

class daemon {
 public:
  /// Binds, prepares everything and starts the workers; throws std::runtime_error with a sentence that names what is in
  /// the way.
  explicit daemon(const daemon_options& options);
  ~daemon();
  daemon(const daemon&) = delete;
  daemon& operator=(const daemon&) = delete;

  const bound_addresses& addresses() const;

  /// The control loop, on the calling thread: returns when the drain is over or after stop(). Without it, nothing but
  /// the workers serves.
  void run();
  /// From any thread: no new requests; run() returns when the last is done or `limits.drain` is over.
  void drain();
  /// From any thread: run() returns soon, whatever is in flight ends.
  void stop();
  /// From any thread: reads the configuration again and takes it up, or changes nothing and says why in the log, the
  /// journal and the status. `who` goes into the journal.
  void reload(std::string who);
  /// Runs `work` on the control loop.
  void post(std::function<void()> work);

  /// What is known of a local upstream, for the banner: how many models, or why none.
  struct local_state {
    bool known = false;
    std::size_t models = 0;
    std::string problem;
  };
  local_state local(std::string_view upstream) const;
  /// What is in contingency, and who said so. On the control loop only.
  std::vector<policy::contingency_cause> contingency() const;
  /// `done` runs on the control loop when the local server has answered or has not.
  void ask_local(std::function<void()> done);

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace tideover::app
