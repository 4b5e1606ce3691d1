// The schema of a tool reduced to what survives a local server's re-encoding (OL §4).
// Not a validator: what it does not understand it leaves as it is.
#pragma once

#include "document.hpp"

namespace tideover::adapt {

/// References are inlined, allOf is merged, oneOf read as anyOf, const as enum, boolean schemas opened.
/// `changed` is set when there was anything to do.
ordered_document fit_tool_schema(const ordered_document& schema, bool& changed);

/// Said once for all schemas of a request.
inline constexpr const char* schemas_simplified =
    "tool schemas simplified: references inlined, allOf merged, oneOf read as anyOf";

}  // namespace tideover::adapt
