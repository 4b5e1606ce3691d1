#include "tideover/config/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tideover/config/check.hpp"
#include "tideover/config/defaults.hpp"
#include "tideover/config/file_reader.hpp"
#include "tideover/config/places.hpp"
#include "tideover/config/values.hpp"

namespace tideover::config {
namespace {

constexpr std::size_t most_file_bytes = 4u << 20;  // whoever names /dev/zero gets an error, not an end of memory

std::string environment_or_empty(const surroundings& world, const char* name) {
  return world.environment(name).value_or("");
}

struct reading_of_file {
  std::optional<std::string> text;
  bool half_written = false;
};

std::optional<file_facts> facts_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return file_facts{info.st_ino, info.st_size,
                    std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec)};
}

reading_of_file read_once(const std::string& path) {
  const auto before = facts_of(path);
  std::ifstream in(path, std::ios::binary);
  std::string text(most_file_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto got = static_cast<std::size_t>(in.gcount());
  if (!in.is_open() || in.bad() || (in.fail() && !in.eof())) return {};  // a folder opens, but does not read
  text.resize(got);
  const auto behind = facts_of(path);
  // A pipe can be read once only.
  const bool half = before && behind &&
                    may_be_half_written(*before, *behind, text, std::chrono::system_clock::now().time_since_epoch());
  return {std::move(text), half};
}

problem cannot_read(std::string shown_as, const std::string& file) {
  problem p;
  p.path = std::move(shown_as);
  p.message =
      "the configuration file `" + printable(file) + "` cannot be read: check that it exists and its permissions";
  return p;
}

// Turns what check() says of a path into a problem with the place that path came from.
problem placed(const finding& found, const origins& from, const std::string& file) {
  problem p;
  p.level = found.level;
  p.path = found.path;
  p.message = found.message;
  // The nearest thing that was said: of `upstreams.a.url` that is missing, `upstreams.a`.
  for (std::string path = found.path; !path.empty();) {
    if (const auto hit = from.find(path); hit != from.end()) {
      if (!hit->second.shown_as.empty()) {
        p.path = hit->second.shown_as;
      } else {
        p.file = file;
        p.line = hit->second.at.line;
        p.column = hit->second.at.column;
      }
      break;
    }
    const auto cut = path.find_last_of(".[");
    path.resize(cut == std::string::npos ? 0 : cut);
  }
  return p;
}

// A key that could not be read is still at its default, or missing: what follows from that is noise. `shown` is how the
// finding would be shown, `path` where the snapshot has it.
bool covers(const problem& old, const std::string& shown, const std::string& path) {
  if (old.level != severity::error) return false;
  if (old.path == shown) return true;
  if (old.path.starts_with(shown) && !shown.starts_with('-') && !shown.starts_with('$')) return true;
  if (!old.path.starts_with("upstreams.") || !old.path.ends_with(".tier")) return false;
  const auto upstream = std::string_view(old.path).substr(0, old.path.size() - 4);  // `upstreams.NAME.`
  return path.starts_with(upstream) || path.starts_with("workflows.");
}

loaded finish(snapshot made, reading notes, const std::string& file, const overrides& flags,
              const surroundings& world) {
  if (!notes.from.contains("upstreams")) {
    const bool local_is_given = flags.local_url || !environment_or_empty(world, "TIDEOVER_LOCAL_URL").empty();
    add_default_upstreams(made, world, local_is_given, notes);
  }
  apply_overrides(made, flags, world, notes);
  made.source = file;
  for (const auto& found : check(made)) {
    auto p = placed(found, notes.from, file);
    const auto covered = [&](const problem& old) { return covers(old, p.path, found.path); };
    if (std::none_of(notes.problems.begin(), notes.problems.end(), covered) &&
        std::none_of(notes.misspelt.begin(), notes.misspelt.end(), covered))
      notes.problems.push_back(std::move(p));
  }
  loaded result;
  std::stable_sort(notes.problems.begin(), notes.problems.end(), [](const problem& a, const problem& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  result.problems = std::move(notes.problems);
  const bool broken = std::any_of(result.problems.begin(), result.problems.end(),
                                  [](const problem& p) { return p.level == severity::error; });
  if (!broken) result.snapshot = std::make_shared<const snapshot>(std::move(made));
  return result;
}

}  // namespace

/// Editors that write in place begin by making the file empty, and what they write ends with a line's end.
bool may_be_half_written(const file_facts& before, const file_facts& behind, std::string_view text,
                         std::chrono::nanoseconds now) {
  constexpr auto just_now = std::chrono::milliseconds(200);
  if (before.inode != behind.inode || before.size != behind.size || before.written != behind.written) return true;
  const bool unfinished = text.empty() || text.back() != '\n';
  return unfinished && now >= behind.written && now - behind.written < just_now;
}

std::string problem::to_string() const {
  std::string text;
  if (!file.empty()) {
    text = file + ":";
    if (line > 0) text += std::to_string(line) + ":" + std::to_string(column) + ":";
    text += " ";
  }
  text += level == severity::error ? "error: " : "warning: ";
  if (!path.empty()) text += path + ": ";
  return text + message;
}

surroundings surroundings::real() {
  surroundings world;
  world.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* found = name.empty() ? nullptr : std::getenv(name.c_str());
    return found ? std::optional<std::string>(found) : std::nullopt;
  };
  world.read_file = [](const std::string& path) -> std::optional<std::string> {
    constexpr int most_readings = 15;
    for (int readings = 1;; ++readings) {
      auto read = read_once(path);
      if (!read.half_written || readings == most_readings) return std::move(read.text);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  };
  world.exists = [](const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0;
  };
  world.mode = [](const std::string& path) -> std::optional<unsigned> {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return static_cast<unsigned>(info.st_mode) & 07777u;
  };
  world.is_root = ::geteuid() == 0;
  return world;
}

loaded load_text(std::string_view yaml, std::string file, const overrides& flags, const surroundings& world) {
  auto made = built_in_defaults();
  auto notes = read_file_text(yaml, file, world, made);
  return finish(std::move(made), std::move(notes), file, flags, world);
}

loaded load(const overrides& flags, const surroundings& world) {
  std::string file;
  std::string shown_as;
  if (flags.config_file) {
    file = *flags.config_file;
    shown_as = "--config";
  } else if (file = environment_or_empty(world, "TIDEOVER_CONFIG"); !file.empty()) {
    shown_as = "$TIDEOVER_CONFIG";
  } else {
    const auto usual = usual_configuration_files(world);
    const auto found = std::find_if(usual.begin(), usual.end(), world.exists);
    if (found == usual.end()) return finish(built_in_defaults(), {}, {}, flags, world);
    file = *found;
  }
  const auto text = world.read_file(file);
  if (!text) {
    loaded result;
    result.problems.push_back(cannot_read(shown_as, file));
    return result;
  }
  return load_text(*text, file, flags, world);
}

}  // namespace tideover::config
