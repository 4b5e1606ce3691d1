// Listening sockets that systemd opened for us (sd_listen_fds(3)): they stay open while the service restarts, so that
// no caller is refused. Not for sockets we open ourselves: net/listener.
#pragma once

#include <string>
#include <vector>

#include "tideover/config/load.hpp"

namespace tideover::app {

struct handed_sockets {
  std::vector<int> proxy;  // in the order in which they came; TCP
  int admin_tcp = -1;
  int admin_unix = -1;
};

/// Those that are named `admin` belong to the admin API, all others to the listeners, in the order of `listen`. None
/// where nothing was handed down, or to another process. Throws std::runtime_error with a sentence about one that is
/// no listening stream socket. Call once, before threads begin: the descriptors become ours and the variables go.
handed_sockets take_handed_sockets(const config::surroundings& world);

/// HOST:PORT of a TCP socket, the path of a unix one.
std::string name_of_socket(int descriptor);

}  // namespace tideover::app
