// May one more caller connect? The limits on callers in all, and on those from one address.
// Not the counts (proxy/caller_count) and no rate: who is let in stays as long as connections may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/ip_owner.hpp"

namespace tideover::policy {

enum class welcome : std::uint8_t {
  come_in,
  too_many,               // in all: will only be told so
  too_many_from_address,  // will only be told so, and takes no place from callers of other addresses
  turned_away,            // as many again of that address are being told already: closed without a word
};

/// Without the one who comes.
struct crowd {
  std::size_t inside = 0;        // all, but for those who are told that too many came from their address
  std::size_t from_address = 0;  // all from the address of the one who comes
};

/// How many may come from there; nothing: no limit of its own (loopback unless a number is set, and unix sockets).
std::optional<std::size_t> most_from(const std::optional<ip_owner>& address, const config::limits& limits);

/// `address`: nothing where the caller has none.
welcome may_come_in(const crowd& now, const std::optional<ip_owner>& address, const config::limits& limits);

}  // namespace tideover::policy
