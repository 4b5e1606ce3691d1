// Problems of a configuration as JSON, and JSON as text: the same in every command.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tideover/config/load.hpp"

namespace tideover::app {

nlohmann::json to_json(const config::problem& p);

/// Indented, for people as well; bytes that are no UTF-8 (paths may hold any) are replaced.
std::string dump(const nlohmann::json& document);

}  // namespace tideover::app
