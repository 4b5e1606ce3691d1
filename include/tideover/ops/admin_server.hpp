// The doors of the admin API: TCP and the unix socket, HTTP in and out, event streams to those who subscribe.
// Not the API: what a request may do and what it is answered is admin_api's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "tideover/ops/admin_api.hpp"
#include "tideover/ops/event_feed.hpp"

namespace tideover::ops {

class admin_server {
 public:
  /// On the control context. `api` and `feed` outlive the server's last connection, that is: the context's run.
  admin_server(boost::asio::io_context& control, admin_api& api, event_feed& feed);
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  /// Take over listening descriptors; what was listened on before, of the same kind, is closed.
  void listen_tcp(int descriptor, bool v6);
  void listen_unix(int descriptor);
  /// Of the TCP door, from the next connection on.
  void set_reads_need_token(bool needed);

  /// Accepts no more. What is being answered goes on while the context runs.
  void stop();

  static constexpr std::size_t most_connections = 256;
  static constexpr std::size_t most_head_bytes = 16u << 10;
  static constexpr std::size_t most_body_bytes = 64u << 10;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace tideover::ops
