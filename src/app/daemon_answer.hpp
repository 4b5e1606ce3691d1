// What the daemon answered, taken apart for people. It may hold any text, so nothing of it reaches a terminal
// unprinted.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>

#include "tideover/app/admin_client.hpp"

namespace tideover::app {

/// A member as printable text; empty where there is none.
std::string text_of(const nlohmann::json& from, const char* name);
/// A member, or null.
const nlohmann::json& member(const nlohmann::json& from, const char* name);
/// The answer as JSON; null after saying what is wrong.
nlohmann::json told_by(const admin_answer& answer, std::ostream& err);

}  // namespace tideover::app
