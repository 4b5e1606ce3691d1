#include "support/own_network.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "support/temporary_folder.hpp"
#include "support/wire.hpp"

namespace tideover::test {
namespace {

ifreq request_for(const char* interface) {
  ifreq r{};
  std::strncpy(r.ifr_name, interface, IFNAMSIZ - 1);
  return r;
}

bool bring_up(int socket) {
  auto r = request_for("lo");
  if (::ioctl(socket, SIOCGIFFLAGS, &r) != 0) return false;
  r.ifr_flags = static_cast<short>(r.ifr_flags | IFF_UP);
  return ::ioctl(socket, SIOCSIFFLAGS, &r) == 0;
}

bool add_address(int socket, const char* alias, const char* text) {
  auto r = request_for(alias);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text, &at.sin_addr) != 1) return false;
  std::memcpy(&r.ifr_addr, &at, sizeof at);
  return ::ioctl(socket, SIOCSIFADDR, &r) == 0;
}

/// So that the resolver asks for IPv6 addresses too: it does not where a machine has none of its own.
bool add_ipv6_address() {
  descriptor const socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto lo = request_for("lo");
  if (!socket || ::ioctl(socket.get(), SIOCGIFINDEX, &lo) != 0) return false;
  struct {  // struct in6_ifreq of <linux/ipv6.h>, which does not go together with <netinet/in.h>
    in6_addr address;
    std::uint32_t prefix;
    int interface;
  } r{{}, 128, lo.ifr_ifindex};
  ::inet_pton(AF_INET6, "fd66::1", &r.address);
  return ::ioctl(socket.get(), SIOCSIFADDR, &r) == 0;
}

/// Puts a text in the place of a file, in this mount namespace only.
bool cover(const temporary_folder& folder, const char* file, const std::string& text) {
  if (::access(file, F_OK) != 0) return true;  // what is not there needs no cover
  auto const name = std::to_string(std::hash<std::string>{}(file));
  folder.write(name, text);
  ::chmod(folder.file(name).c_str(), 0644);  // also for a daemon that is somebody else
  return ::mount(folder.file(name).c_str(), file, nullptr, MS_BIND, nullptr) == 0;
}

bool enter() {
  if (::geteuid() != 0 || ::access("/etc/resolv.conf", F_OK) != 0) return false;
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  descriptor const socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!bring_up(socket.get()) || !add_address(socket.get(), "lo:1", cloud_address) ||
      !add_address(socket.get(), "lo:2", second_cloud_address) || !add_address(socket.get(), "lo:3", public_address) ||
      !add_ipv6_address())
    return false;
  static temporary_folder const folder;  // the covers stay until the program ends
  return cover(folder, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n") &&
         cover(folder, "/etc/hosts", "127.0.0.1 localhost\n") &&
         cover(folder, "/etc/nsswitch.conf", "hosts: files dns\n");
}

}  // namespace

bool has_own_network() {
  static bool const entered = enter();
  return entered;
}

void set_outgoing_ports(const std::string& range) {
  std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << range << '\n';
}

}  // namespace tideover::test
