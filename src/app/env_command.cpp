// `env`: the two variables that point apps at the proxy, as a shell takes them.
#include <algorithm>
#include <ostream>

#include "daemon_answer.hpp"
#include "public_part.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/config/check.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

/// Where the proxy is, as far as apps have to know.
struct place {
  config::url base;
  bool needs_key = false;          // of `clients.keys`
  bool needs_certificate = false;  // of the caller's
};
using place_or_failure = std::variant<place, command_failure>;

/// As a word of a shell: brackets of an IPv6 address are a pattern to some.
std::string quoted(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '/' ||
           c == '.' || c == '-' || c == '_';
  });
  return plain ? text : "'" + text + "'";  // an address holds no quotes
}

std::string assignment(const std::string& shell, const char* name, const std::string& value) {
  if (shell == "fish") return std::string("set -gx ") + name + " " + quoted(value) + "\n";
  if (shell == "powershell") return std::string("$env:") + name + " = '" + value + "'\n";
  return std::string("export ") + name + "=" + quoted(value) + "\n";
}

/// The first address that only this machine can reach, else one that it can reach, else the first.
template <class Places, class HostOf>
std::size_t nearest_of(const Places& places, HostOf host_of) {
  for (auto const wanted : {config::host_kind::loopback, config::host_kind::unspecified})
    for (std::size_t i = 0; i < places.size(); ++i)
      if (config::kind_of_host(host_of(places[i])) == wanted) return i;
  return 0;
}

command_failure unknown_workflow(std::string message) { return {exit_failure, "bad_order", std::move(message)}; }

place_or_failure told_by_daemon(const env_command& command, const config::surroundings& world) {
  auto const socket = admin_socket_for(command.door, world);
  auto const word = told_by(ask_daemon(socket, "GET", "/api/status"), "listeners");
  if (const auto* failure = std::get_if<command_failure>(&word)) return *failure;
  const auto& told = std::get<document>(word);
  std::vector<config::url> urls;
  for (const auto& text : member(member(told, "listeners"), "urls"))
    if (text.is_string())
      if (const auto at = config::parse_url(text.get<std::string>())) urls.push_back((*at).where);
  if (urls.empty()) return another_version();
  if (command.workflow) {
    config::snapshot known;
    for (const auto& w : member(told, "workflows")) known.workflows[text_of(w, "name")] = {};
    if (!known.find_workflow(*command.workflow))
      return unknown_workflow(config::no_such_workflow(*command.workflow, known, false));
  }
  auto const at = nearest_of(urls, [](const config::url& u) { return u.host; });
  return place{urls[at], member(member(told, "clients"), "required") == true};
}

place_or_failure configured(const env_command& command, const config::surroundings& world) {
  config::overrides flags;
  flags.config_file = command.door.config_file;
  const auto result = load_public_part(flags, world);
  if (!result.ok()) return bad_configuration(result.problems);
  const auto& made = *result.snapshot;
  if (command.workflow && !made.find_workflow(*command.workflow))
    return unknown_workflow(config::no_such_workflow(*command.workflow, made, false));
  const auto& listener =
      made.listeners[nearest_of(made.listeners, [](const config::listener& l) { return l.at.host; })];
  if (listener.at.port == 0) {
    auto told = told_by_daemon(command, world);
    if (auto* failure = std::get_if<command_failure>(&told))
      failure->message +=
          " The listener takes any free port, which only a running daemon knows; `tideover run --ready-file` writes it "
          "down.";
    return told;
  }
  place found;
  found.base = {.tls = listener.tls.has_value(), .host = listener.at.host, .port = listener.at.port, .base_path = {}};
  found.needs_key = made.clients.required;
  found.needs_certificate = listener.tls && !listener.tls->client_ca_file.empty();
  return found;
}

}  // namespace

int run_env(const env_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  auto const found = command.door.socket ? told_by_daemon(command, world) : configured(command, world);
  if (const auto* failure = std::get_if<command_failure>(&found)) return fail(*failure, command.json, out, err);
  const auto& at = std::get<place>(found);
  auto base = at.base;
  // An address to listen on everywhere is not one to connect to.
  if (base.host == "0.0.0.0") base.host = "127.0.0.1";
  if (base.host == "::") base.host = "::1";
  if (command.workflow) base.base_path = "/w/" + *command.workflow;
  const auto anthropic = base.to_string();
  const auto openai = anthropic + "/v1";
  if (command.json)
    out << dump({{"OPENAI_BASE_URL", openai}, {"ANTHROPIC_BASE_URL", anthropic}});
  else
    out << assignment(command.shell, "OPENAI_BASE_URL", openai)
        << assignment(command.shell, "ANTHROPIC_BASE_URL", anthropic);
  // A shell takes what stands on standard output; what else apps need is for people.
  if (at.needs_key)
    err << "Every request needs a key of Tideover's: set OPENAI_API_KEY and ANTHROPIC_API_KEY to one that `tideover "
           "key "
           "new NAME` made.\n";
  if (base.tls)
    err << "The listener speaks TLS: its certificate must be valid for " << base.host
        << ", and apps must trust who signed it; else put a name of the certificate in the place of the address.\n";
  if (at.needs_certificate) err << "Apps must show a certificate of their own (listen[].tls.client_ca).\n";
  return exit_ok;
}

}  // namespace tideover::app
