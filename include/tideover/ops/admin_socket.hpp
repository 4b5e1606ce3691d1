// The unix socket of the admin API: its file, its mode, and who is at the other end.
// Not a server. Whoever may open the file may change things: that is the whole of its authentication.
#pragma once

#include <sys/types.h>

#include <string>

namespace tideover::ops {

/// A listening socket whose file has mode 0660, made elsewhere and moved into place, so that it never had another.
/// A file left by a process that is gone is replaced; one that somebody answers at is not.
struct bound_admin_socket {
  int descriptor = -1;
  dev_t device = 0;  // of the file, which anybody may remove
  ino_t inode = 0;
  std::string problem;  // why not
};
bound_admin_socket listen_on_admin_socket(const std::string& path);

/// Is the file of such a socket still the one that was made then?
bool admin_socket_is_at(const std::string& path, const bound_admin_socket& made);

/// After the listening socket was closed: removes its file, unless somebody else listens there by now.
void remove_admin_socket(const std::string& path);

/// The user at the other end, by the kernel's word (SO_PEERCRED): `root (uid 0)`.
std::string peer_of(int descriptor);

}  // namespace tideover::ops
