// The file that tells scripts and tests where the daemon listens.
#pragma once

#include <string>

#include "tideover/app/daemon.hpp"

namespace tideover::app {

/// {"proxy":["127.0.0.1:40123"],"admin":"127.0.0.1:40124","pid":123}; throws std::runtime_error naming the file.
void write_ready_file(const std::string& path, const bound_addresses& addresses);

}  // namespace tideover::app
