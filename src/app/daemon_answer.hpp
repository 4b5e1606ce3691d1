// What the daemon answered, taken apart for people. It may hold any text, so nothing of it reaches a terminal
// unprinted.
#pragma once

#include <string>
#include <variant>

#include "command_output.hpp"
#include "tideover/app/admin_client.hpp"

namespace tideover::app {

/// A member as printable text; empty where there is none.
std::string text_of(const document& from, const char* name);
/// A member, or null.
const document& member(const document& from, const char* name);
/// Printable names, `a, b`; what is no text is left out.
std::string names_of(const document& list);

/// The answer as an object that has this member, by which the daemon's answer is told from anything else's; or why
/// there is none.
std::variant<document, command_failure> told_by(const admin_answer& answer, const char* expected);

/// What did not answer as Tideover's daemon would.
command_failure not_the_daemon(const std::string& socket);
/// It answered that it does not know what is asked of it.
command_failure another_version();

}  // namespace tideover::app
