// Why nobody could serve, in words that say what to do (contract §4): from the machine's ending to the caller's error.
// Not the cloud's own error, which comes first where there is one (proxy/local_reply). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/request_scan.hpp"
#include "tideover/config/snapshot.hpp"
#include "tideover/policy/failover.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

struct ending_facts {
  const failover& machine;  // it gave up
  const route& asked;
  const adapt::request_facts& body;
  const config::snapshot& configuration;
  const adapt::own_error* local_error = nullptr;  // what the local tier said against it, if it did
  std::optional<unsigned> left_alone_for{};       // seconds for which the cloud's health keeps it from us
};
adapt::own_error final_error(const ending_facts& facts);

}  // namespace tideover::policy
