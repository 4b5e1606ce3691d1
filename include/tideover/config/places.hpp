// Where things are that have a place of their own on this machine: the configuration, the state directory and the admin
// socket (contract §1). Not for what is in them, and nothing is created here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/load.hpp"

namespace tideover::config {

/// $STATE_DIRECTORY (systemd; the first of several), else /var/lib/tideover for root, else $XDG_STATE_HOME/tideover or
/// what an unset one stands for. Empty: there is none.
std::string state_directory(const surroundings& world);

/// What the systemd unit reads; its user exists only while it runs, so everybody may read this file.
inline constexpr std::string_view service_configuration_file = "/etc/tideover/tideover.yaml";

/// Where the file is looked for when nobody says: the service's, then the user's ($XDG_CONFIG_HOME).
std::vector<std::string> usual_configuration_files(const surroundings& world);

/// Where the admin socket is when nobody says: /run/tideover/admin.sock, and for somebody who cannot write there,
/// $XDG_RUNTIME_DIR/tideover/admin.sock. The first that works counts.
std::vector<std::string> usual_admin_sockets(const surroundings& world);

}  // namespace tideover::config
