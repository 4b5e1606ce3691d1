// What the manual says beside the tables: variables, files, and how text becomes man(7) or Markdown.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace tideover::app {

struct named_fact {
  std::string_view name;
  std::string_view meaning;
};

inline constexpr std::array variables{
    named_fact{"TIDEOVER_CONFIG", "The configuration file, where --config is not given."},
    named_fact{"TIDEOVER_LISTEN", "Like --listen of `tideover run`; several are separated by commas."},
    named_fact{"TIDEOVER_ADMIN", "Like --admin."},
    named_fact{"TIDEOVER_CLOUD_URL", "Like --cloud."},
    named_fact{"TIDEOVER_LOCAL_URL", "Like --local."},
    named_fact{"TIDEOVER_LOCAL_MODEL", "Like --local-model."},
    named_fact{"TIDEOVER_LOG_LEVEL", "Like --log-level."},
    named_fact{"TIDEOVER_ADMIN_TOKEN", "The token for changes over TCP, in place of admin.token."},
    named_fact{"TIDEOVER_CONTINGENCY",
               "on, all, or names of workflows separated by commas: no cloud is asked for them."},
    named_fact{"OLLAMA_HOST", "Where Ollama is, as its own client reads it."},
    named_fact{"HTTPS_PROXY", "An HTTP proxy on the way to the clouds; NO_PROXY lists exceptions."},
    named_fact{"STATE_DIRECTORY", "Where decisions and events are kept (set by systemd)."},
    named_fact{"NO_COLOR", "Set to anything: no colours. Without it they are shown on a terminal, never elsewhere."},
};

/// Of a failure under --json; the daemon's own are passed on (docs/reference/admin-api.md).
inline constexpr auto failures_note =
    "With --json a failure is one document on standard output as well, "
    R"({"ok":false,"error":{"code":"...","message":"..."}})"
    ", of a configuration with `problems` (severity, file, line, column, key, message, as far as known). Its message "
    "names the fix. What the daemon refuses has the daemon's code; the others are:";
inline constexpr std::array failure_codes{
    named_fact{"usage", "Wrong words on the command line."},
    named_fact{"bad_configuration", "The configuration has errors."},
    named_fact{"bad_order", "A name that does not exist, or that is taken."},
    named_fact{"bad_request_description", "`explain` cannot make a request of this."},
    named_fact{"daemon_not_running", "Nothing listens on the socket."},
    named_fact{"permission_denied", "The socket is closed to this user."},
    named_fact{"bad_socket", "The path is none of a socket."},
    named_fact{"cannot_connect", "The socket cannot be used; the message says why."},
    named_fact{"no_answer", "The daemon did not answer in time."},
    named_fact{"connection_lost", "`status --watch` lost the daemon, and tries again."},
    named_fact{"not_tideover", "Something else listens on the socket."},
    named_fact{"daemon_of_another_version", "The daemon does not know what this program asks for."},
    named_fact{"file_exists", "`init` does not replace a file without --force."},
    named_fact{"interrupted", "Nobody answered what `init` asked."},
    named_fact{"no_place", "`init` knows no place for the file."},
    named_fact{"cannot_write", "The file cannot be written."},
    named_fact{"cannot_read", "The file cannot be read."},
    named_fact{"cannot_check", "The local tier could not be checked."},
    named_fact{"no_randomness", "The system gives no random bytes."},
    named_fact{"internal_error", "A defect of Tideover."},
};

inline constexpr std::array files{
    named_fact{"/etc/tideover/tideover.yaml", "The configuration of the service."},
    named_fact{"$XDG_CONFIG_HOME/tideover/tideover.yaml", "That of a user, where the former does not exist."},
    named_fact{"/etc/tideover/tideover.env", "Variables of the service, such as keys."},
    named_fact{"/run/tideover/admin.sock", "The socket of the running daemon."},
    named_fact{"/var/lib/tideover", "State: contingency decisions, events.jsonl."},
};

/// Text for man(7): nothing in it is taken for a request or an escape.
std::string roff(std::string_view text);
/// Text for a cell of a Markdown table: one line, no bar that ends the cell.
std::string cell(std::string_view text);

}  // namespace tideover::app
