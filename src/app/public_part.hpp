// The configuration for commands that want to know where and what, run by somebody who need not have the service's
// secrets. Not for serving, and not for `check`, which must say that a secret is missing.
#pragma once

#include "tideover/config/load.hpp"

namespace tideover::app {

/// Like config::load; where that fails only because variables are not set or files not readable here, the secrets in
/// them count as known. Their values in the snapshot mean nothing. Else the problems of config::load.
config::loaded load_public_part(const config::overrides& flags, const config::surroundings& world);

}  // namespace tideover::app
