// `key new`: a key of the house's own for a caller, made here and kept nowhere.
#include <sys/random.h>

#include <algorithm>
#include <ostream>

#include "command_output.hpp"
#include "public_part.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/config/check.hpp"
#include "tideover/core/sha256.hpp"

namespace tideover::app {
namespace {

std::string base64url(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned held = 0, bits = 0;
  for (std::size_t i = 0; i < size; ++i) {
    held = held << 8 | bytes[i];
    for (bits += 8; bits >= 6; bits -= 6) text += letters[held >> (bits - 6) & 63];
  }
  if (bits != 0) text += letters[held << (6 - bits) & 63];
  return text;
}

/// Why this key would be refused in the configuration, as far as that can be read by whoever runs the command.
std::string objection_to(const key_command& command, const config::surroundings& world) {
  config::overrides flags;
  flags.config_file = command.config_file;
  auto const loaded = load_public_part(flags, world);
  if (!loaded.ok()) return {};  // `check` says why; a key is as good without it
  const auto& keys = loaded.snapshot->clients.keys;
  if (std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.name == command.name; }))
    return "the configuration has a key named `" + command.name + "` already: choose another name, or remove that one";
  if (command.workflow && !loaded.snapshot->find_workflow(*command.workflow))
    return config::no_such_workflow(*command.workflow, *loaded.snapshot, false) +
           "; or write it into the configuration first";
  return {};
}

}  // namespace

int run_key(const key_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  if (auto const objection = objection_to(command, world); !objection.empty()) {
    return fail({exit_failure, "bad_order", objection}, command.json, out, err);
  }
  unsigned char random[32];
  if (::getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
    return fail({exit_failure, "no_randomness", "the system gives no random bytes (getrandom): try again"},
                command.json, out, err);
  }
  auto const key = "tide-" + base64url(random, sizeof random);
  auto const digest = to_hex(sha256(key));
  std::string line = "- {name: " + command.name + ", sha256: \"" + digest + "\"";
  if (command.workflow) line += ", workflow: " + *command.workflow;
  line += "}";
  if (command.json) {
    out << dump({{"name", command.name}, {"key", key}, {"sha256", digest}, {"yaml", line}});
    return exit_ok;
  }
  out << key << '\n';
  err << "This key is shown once and kept nowhere: give it to " << command.name
      << " as its API key. Put this under clients.keys:\n    " << line
      << "\nand let the daemon read it: tideover reload\n";
  return exit_ok;
}

}  // namespace tideover::app
