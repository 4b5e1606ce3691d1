// What the parts of an explanation share: the request as its exchange would know it.
#pragma once

#include <string_view>

#include "tideover/adapt/chat/clean_history.hpp"
#include "tideover/adapt/request_scan.hpp"
#include "tideover/policy/explain.hpp"
#include "tideover/policy/plan.hpp"

namespace tideover::policy {

struct asked_request {
  const request_head& head;
  const route& r;
  std::string_view bytes;  // of the body
  adapt::request_facts body{};
  adapt::chat::cleaned cleaned{};
  bool caller_key_is_ours = false;
};

/// What the attempt that `machine` has just named would be: its limits, company, words and head.
void explain_attempt(const asked_request& asked, const explain_facts& facts, const failover& machine,
                     explained_upstream& into);

/// The local server's side of it. `fault_status` is that of requests a local server cannot be given.
explained_replay explain_replay(const asked_request& asked, const explain_facts& facts, std::uint16_t upstream,
                                int fault_status);

}  // namespace tideover::policy
