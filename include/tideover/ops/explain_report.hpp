// An explanation (policy/explain) as JSON, as POST /api/explain answers it; and that JSON as text for people.
// Not the explaining. Never holds a prompt, a header's value or a key.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/policy/explain.hpp"

namespace tideover::ops {

/// Where the facts come from.
struct explain_source {
  bool daemon = false;                 // a running one, which knows health, operators' decisions and queues
  std::vector<std::string> assumed{};  // what was filled in of the request
  std::vector<std::string> unknown{};  // what could not be found out, for people
  std::string models_asked_of{};       // the URL that was asked for its models now; empty: none was
};

nlohmann::ordered_json explain_document(const policy::explanation& e, const config::snapshot& configuration,
                                        const explain_source& source);

/// Short lines, each with the rule that says so. `told` may come from another process: control characters never reach
/// a terminal.
std::string explain_text(const nlohmann::ordered_json& told);

}  // namespace tideover::ops
