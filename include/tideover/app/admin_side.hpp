// The admin side of the daemon: API, event feed, both doors, put together over what the daemon tells of itself.
// Not the daemon's state: that is asked for, each time somebody wants to know. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tideover/app/handed_sockets.hpp"
#include "tideover/ops/admin_explain.hpp"
#include "tideover/ops/admin_readiness.hpp"
#include "tideover/ops/admin_reload.hpp"
#include "tideover/ops/admin_server.hpp"
#include "tideover/ops/admin_socket.hpp"
#include "tideover/ops/contingency_control.hpp"
#include "tideover/ops/status.hpp"

namespace tideover::app {

struct admin_sources {
  std::function<ops::status_facts()> facts;
  std::function<std::string()> metrics;
  std::function<config::snapshot_ptr()> configuration;
  std::function<ops::explain_view()> explain;
  ops::readiness_source readiness;
  std::function<ops::reload_report(const std::string& who)> reload;
};

/// Doors that another configuration wants, bound and not yet in use: closed again unless they are taken.
struct admin_doors {
  admin_doors() = default;
  admin_doors(admin_doors&& other) noexcept;
  admin_doors& operator=(admin_doors&&) = delete;
  ~admin_doors();

  int tcp = -1;  // -1: as it is
  std::string address;
  ops::bound_admin_socket unix_socket;
  std::string path;
};

class admin_side {
 public:
  admin_side(boost::asio::io_context& control, adapt::host_rules hosts, ops::contingency_control& decisions,
             admin_sources sources, const handed_sockets& handed);
  ~admin_side();
  admin_side(const admin_side&) = delete;
  admin_side& operator=(const admin_side&) = delete;

  /// Binds the doors that differ from those there are. The socket that is configured must be possible; of the usual
  /// ones the first that is, if any. Throws std::runtime_error with a sentence; then nothing has changed.
  admin_doors prepare(const config::admin& settings, const std::vector<std::string>& usual_sockets);
  void open(admin_doors doors, const config::admin& settings, adapt::host_rules hosts);

  const std::string& address() const { return address_; }
  const std::string& socket() const { return socket_; }  // empty: none
  ops::admin_api& api() { return api_; }

  void tick(time_point now);
  /// Event streams end; the doors stay open for whoever watches the drain.
  void draining();
  void stop();

 private:
  void serve_reads();
  void keep_socket();
  nlohmann::ordered_json status();

  admin_sources sources_;
  ops::admin_api api_;
  ops::event_feed feed_;
  ops::wall_clock calendar_;
  ops::admin_server server_;
  handed_sockets const handed_;
  config::admin settings_;
  std::string address_;
  std::string socket_;
  ops::bound_admin_socket socket_file_;
  std::string why_no_socket_;
  time_point next_look_at_socket_{};
  time_point next_update_{};
};

}  // namespace tideover::app
