// Walks one configuration text with the table and fills a snapshot; every problem is kept with its place.
// Not for defaults, environment or flags (load), nor for rules between keys (check).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/load.hpp"
#include "tideover/config/table.hpp"
#include "tideover/config/yaml_document.hpp"

namespace tideover::config {

/// Where a path got its value from.
struct origin {
  place at;              // in the file; line 0: not from the file
  std::string shown_as;  // `--listen`, `$OLLAMA_HOST`; empty: the path itself
};
using origins = std::map<std::string, origin, std::less<>>;

struct reading {
  origins from;  // every path of the file that was understood
  std::vector<problem> problems;
  std::vector<problem> misspelt;  // keys that were meant by unknown ones: what follows from their absence is noise
};

/// `made` holds the defaults; keys of the file replace them. Never throws on bad text.
reading read_file_text(std::string_view yaml, const std::string& file, const surroundings& world, snapshot& made);

}  // namespace tideover::config
