// A small request of the control side: one request, one answer, one deadline, a size limit.
// Not for callers' traffic: no pooling, no streaming, no failover.
#pragma once

#include <cstddef>
#include <string>

#include "tideover/config/snapshot.hpp"
#include "tideover/net/dialer.hpp"

namespace tideover::ops {

struct control_answer {
  int status = 0;          // 0: no answer, see `problem`
  bool connected = false;  // false: nobody took the connection
  std::string body;
  std::string problem;
};

/// `authority` goes into Host; `path` begins with a slash. `bearer`: the upstream's own key, where it has one.
net::task<control_answer> control_get(net::event_loop& loop, net::resolver& names, const net::dial_target& target,
                                      std::string authority, std::string path, std::size_t limit_bytes,
                                      time_point deadline, std::string bearer = {});

/// The same with a JSON body.
net::task<control_answer> control_post(net::event_loop& loop, net::resolver& names, const net::dial_target& target,
                                       std::string authority, std::string path, std::string json,
                                       std::size_t limit_bytes, time_point deadline, std::string bearer = {});

/// The key that requests to this upstream carry; empty where none is configured.
std::string bearer_of(const config::upstream& to);

}  // namespace tideover::ops
