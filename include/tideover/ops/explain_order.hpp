// What somebody asks to have explained, read strictly: a JSON object into a complete description of a request.
// Not the explaining (policy/explain): what is left out is filled in here, and said.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/policy/explain.hpp"

namespace tideover::ops {

struct explain_order {
  policy::described_request request;
  std::vector<std::string> assumed;  // what was filled in, for people
  std::string problem;               // not empty: there is no order, and this says what to write
};

/// Members, all optional: `path` (with query), `method`, `headers` (an object), `workflow` (as X-Tideover-Workflow),
/// `model` (in place of the body's), `body` (an object; or text, byte for byte), `client` (a name under clients.keys).
explain_order read_explain_order(const nlohmann::json& from, const config::snapshot& configuration);

}  // namespace tideover::ops
