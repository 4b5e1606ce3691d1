// Problems of a configuration for others to read: as JSON, the same in the admin API and in every command, and as one
// sentence. Not the finding of them (load), and not the lines that editors read (problem::to_string).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/config/load.hpp"

namespace tideover::config {

/// `severity`, `message` and, where known, `key`, `file`, `line`, `column`. The key is written as in the file, with its
/// sections; what came from elsewhere is called by its name (`--listen`, `$TIDEOVER_LISTEN`).
nlohmann::ordered_json to_json(const problem& p);
nlohmann::ordered_json to_json(const std::vector<problem>& problems);

/// The same read back, from whoever said it: members that are missing or make no sense stay empty, text is printable.
problem read_problem(const nlohmann::ordered_json& told);

/// The first error as one line, and how many more there are.
std::string first_error(const std::vector<problem>& problems);

}  // namespace tideover::config
