// POST /api/reload: takes the file up again and tells what that changed, or why it did not.
// Not the reload: the daemon does it, and says how it went in a reload_report.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tideover/config/changes.hpp"
#include "tideover/config/load.hpp"
#include "tideover/ops/admin_api.hpp"
#include "tideover/ops/journal.hpp"

namespace tideover::ops {

enum class reload_end : std::uint8_t {
  done,
  bad_configuration,  // `problems` say what is wrong
  cannot_apply,       // `problem`: a port in use, a certificate that does not fit its key
  draining,           // the daemon is on its way out
};

/// How one reload went. Whatever did not end well has changed nothing.
struct reload_report {
  reload_end how = reload_end::done;
  std::string source;  // the file; empty: built-in defaults
  std::vector<config::change> changes;
  std::vector<config::problem> problems;  // with `done`: warnings
  std::string problem;                    // one sentence, where it did not end well

  /// Keys that changed but wait for a restart.
  std::vector<std::string> waiting() const;
};

/// `reload` is told whose doing it is; it runs on the control thread.
void serve_reload(admin_api& api, std::function<reload_report(const std::string& who)> reload);

/// 200 `{ok, source, changed, restart_needed, problems}`; 422 or 409 with `error` and `problems`.
admin_reply reply_of(const reload_report& report);
journal_entry entry_of(const reload_report& report, const std::string& who);

}  // namespace tideover::ops
