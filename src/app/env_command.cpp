// `env`: the two variables that point apps at the proxy, as a shell takes them.
#include <algorithm>
#include <ostream>

#include "daemon_answer.hpp"
#include "problems_json.hpp"
#include "public_part.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

/// As a word of sh and fish alike: brackets of an IPv6 address are a pattern to some shells.
std::string quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '/' ||
           c == '.' || c == '-' || c == '_';
  });
  return plain ? text : "'" + text + "'";  // an address holds no quotes
}

/// The address that the running daemon told; nothing after saying why there is none.
std::optional<config::address> bound_address(const env_command& command, const config::surroundings& world,
                                             std::ostream& err) {
  const auto told = told_by(ask_daemon(admin_socket_for(command.door, world), "GET", "/api/status"), err);
  for (const auto& text : member(member(told, "listeners"), "proxy"))
    if (text.is_string())
      if (const auto at = config::parse_address(text.get<std::string>())) return *at;
  if (told.is_object()) err << "tideover: the daemon does not tell where it listens\n";
  return std::nullopt;
}

}  // namespace

int run_env(const env_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  config::overrides flags;
  flags.config_file = command.door.config_file;
  const auto result = load_public_part(flags, world);
  if (!result.ok()) {
    print_problems(result.problems, err);
    return exit_configuration;
  }
  const auto& listener = result.snapshot->listeners.front();
  auto at = listener.at;
  if (command.door.socket || at.port == 0) {
    const auto bound = bound_address(command, world, err);
    if (!bound) {
      if (!command.door.socket)
        err << "tideover: the listener takes any free port, which only a running daemon knows: start it, or give its "
               "--socket; `tideover run --ready-file` writes it down\n";
      return exit_failure;
    }
    at = *bound;
  }
  config::url base{.tls = listener.tls.has_value(), .host = at.host, .port = at.port, .base_path = {}};
  // An address to listen on everywhere is not one to connect to.
  if (base.host == "0.0.0.0") base.host = "127.0.0.1";
  if (base.host == "::") base.host = "::1";
  const std::string openai = base.to_string() + "/v1";
  const std::string anthropic = base.to_string();
  if (command.json) {
    out << dump({{"OPENAI_BASE_URL", openai}, {"ANTHROPIC_BASE_URL", anthropic}});
  } else if (command.shell == "fish") {
    out << "set -gx OPENAI_BASE_URL " << quoted(openai) << "\nset -gx ANTHROPIC_BASE_URL " << quoted(anthropic) << '\n';
  } else {
    out << "export OPENAI_BASE_URL=" << quoted(openai) << "\nexport ANTHROPIC_BASE_URL=" << quoted(anthropic) << '\n';
  }
  return exit_ok;
}

}  // namespace tideover::app
