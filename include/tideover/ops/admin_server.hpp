// The admin listener: liveness, readiness, metrics. Reads only, for the people and machines that watch.
// Not the proxy: nothing of a caller's traffic passes here, and nothing can be changed here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "tideover/adapt/framing.hpp"
#include "tideover/policy/readiness.hpp"

namespace tideover::ops {

struct admin_answers {
  std::function<bool()> serving;      // false while draining
  std::function<policy::ready_state()> local_ready;
  std::function<std::string()> metrics;
};

class admin_server {
 public:
  /// Takes a listening acceptor on the control context. `hosts` guards against DNS rebinding.
  admin_server(boost::asio::io_context& control, boost::asio::ip::tcp::acceptor acceptor, adapt::host_rules hosts,
               admin_answers answers);
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  void stop();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace tideover::ops
