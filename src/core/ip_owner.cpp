#include "tideover/core/ip_owner.hpp"

#include <algorithm>

namespace tideover {

ip_owner owner_of_ip(std::span<const unsigned char> address) {
  ip_owner owner;
  if (address.size() == 4) {
    owner.address[10] = owner.address[11] = 0xff;
    std::copy(address.begin(), address.end(), owner.address.begin() + 12);
    return owner;
  }
  auto const network = address.first(8);
  bool const single = std::all_of(network.begin(), network.end(), [](unsigned char b) { return b == 0; });
  auto const counts = single ? address : network;
  std::copy(counts.begin(), counts.end(), owner.address.begin());
  return owner;
}

}  // namespace tideover
