// What follows from a failure: who is next and who is blamed.
// Not for health bookkeeping: endpoint_health acts on the blame.
#pragma once

#include <cstdint>

#include "tideover/core/failure.hpp"

namespace tideover::policy {

enum class then : std::uint8_t {
  fail_over,  // the next candidate gets the untouched request
  give_up,    // no other candidate would do better
};

enum class blame : std::uint8_t {
  nobody,      // busy, out of money or an operator's wish: nothing is broken
  connection,  // the way to the upstream: counts per upstream
  service,     // what the upstream answers: counts per upstream, credential and model
};

struct ruling {
  enum then then = then::fail_over;
  enum blame blame = blame::nobody;
};

/// No default: a new reason does not compile without a ruling.
ruling rule(const failure& what);

}  // namespace tideover::policy
