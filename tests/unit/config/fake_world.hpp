// A world of variables and files for the loader, and short ways to load a text in it.
// Not the real file system: nothing here depends on the machine the tests run on.
#pragma once

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include "tideover/config/load.hpp"

namespace tideover::config {

inline void PrintTo(const problem& p, std::ostream* out) { *out << p.to_string(); }

namespace test {

struct fake_file {
  std::string text;
  unsigned mode = 0600;
  bool readable = true;
};

struct fake_world {
  std::map<std::string, std::string> variables;
  std::map<std::string, fake_file> files;

  surroundings view() const {
    surroundings world;
    world.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = variables.find(name);
      return it == variables.end() ? std::nullopt : std::optional(it->second);
    };
    world.read_file = [this](const std::string& path) -> std::optional<std::string> {
      const auto it = files.find(path);
      return it == files.end() || !it->second.readable ? std::nullopt : std::optional(it->second.text);
    };
    world.exists = [this](const std::string& path) { return files.contains(path); };
    world.mode = [this](const std::string& path) -> std::optional<unsigned> {
      const auto it = files.find(path);
      return it == files.end() ? std::nullopt : std::optional(it->second.mode);
    };
    return world;
  }

  loaded load_text(std::string_view yaml, const overrides& flags = {}) const {
    return config::load_text(yaml, "t.yaml", flags, view());
  }
  loaded load(const overrides& flags = {}) const { return config::load(flags, view()); }
};

inline std::string all_of(const loaded& result) {
  std::string text;
  for (const auto& p : result.problems) text += p.to_string() + "\n";
  return text;
}

inline std::size_t errors_in(const loaded& result) {
  return static_cast<std::size_t>(std::count_if(result.problems.begin(), result.problems.end(),
                                                [](const problem& p) { return p.level == severity::error; }));
}

}  // namespace test
}  // namespace tideover::config
