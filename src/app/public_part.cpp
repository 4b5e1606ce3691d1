#include "public_part.hpp"

#include <algorithm>
#include <array>

namespace tideover::app {
namespace {

// Fit for a secret, and for nothing else: no host, number, word or duration looks like this.
constexpr auto unknown = "?unknown?";

constexpr std::array<std::string_view, 6> mean_something_unset{"OLLAMA_HOST",     "HOME",           "XDG_CONFIG_HOME",
                                                               "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "STATE_DIRECTORY"};

}  // namespace

config::loaded load_public_part(const config::overrides& flags, const config::surroundings& world) {
  auto strict = config::load(flags, world);
  if (strict.ok()) return strict;
  auto lenient = world;
  lenient.environment = [&](const std::string& name) -> std::optional<std::string> {
    if (auto known = world.environment(name)) return known;
    if (name.starts_with("TIDEOVER_") ||
        std::find(mean_something_unset.begin(), mean_something_unset.end(), name) != mean_something_unset.end())
      return std::nullopt;
    return unknown;
  };
  lenient.read_file = [&](const std::string& path) -> std::optional<std::string> {
    if (auto known = world.read_file(path)) return known;
    return unknown;  // of the configuration itself this is none, so that its problem stays
  };
  lenient.exists = world.exists;
  auto public_part = config::load(flags, lenient);
  return public_part.ok() ? std::move(public_part) : std::move(strict);
}

}  // namespace tideover::app
