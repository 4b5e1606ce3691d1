// GET, PUT and DELETE /api/contingency: reads orders strictly and hands them to contingency_control.
// Not the rules nor the file: a wrong order changes nothing and is answered with what to write.
#pragma once

#include <functional>

#include "tideover/ops/admin_api.hpp"
#include "tideover/ops/contingency_control.hpp"

namespace tideover::ops {

/// `configuration` gives the one in force: orders may only name workflows that exist.
void serve_contingency(admin_api& api, contingency_control& control,
                       std::function<config::snapshot_ptr()> configuration);

}  // namespace tideover::ops
