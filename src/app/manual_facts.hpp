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
