#include "tideover/app/admin_side.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <random>
#include <stdexcept>
#include <utility>

#include "tideover/config/check.hpp"
#include "tideover/config/values.hpp"
#include "tideover/net/listener.hpp"
#include "tideover/ops/admin_contingency.hpp"
#include "tideover/ops/admin_socket.hpp"

namespace tideover::app {

namespace {

constexpr auto between_looks_at_socket = std::chrono::seconds(2);
constexpr auto update_while_nobody_listens = std::chrono::seconds(1);
constexpr auto front_page =
    "Tideover\n/livez  /readyz  /readyz?tier=local  /metrics  /api/status  /api/events  /api/contingency  "
    "/api/readiness  /api/reload  /api/explain\n";

std::string name_of_this_run() {
  std::random_device entropy;
  return std::to_string((static_cast<std::uint64_t>(entropy()) << 32) ^ entropy());
}

}  // namespace

admin_doors::admin_doors(admin_doors&& other) noexcept
    : tcp(std::exchange(other.tcp, -1)),
      address(std::move(other.address)),
      unix_socket(std::exchange(other.unix_socket, {})),
      path(std::move(other.path)) {}

admin_doors::~admin_doors() {
  if (tcp >= 0) ::close(tcp);
  if (unix_socket.descriptor < 0) return;
  ::close(unix_socket.descriptor);
  ops::remove_admin_socket(path);
}

admin_side::admin_side(boost::asio::io_context& control, adapt::host_rules hosts, ops::contingency_control& decisions,
                       admin_sources sources, const handed_sockets& handed)
    : sources_(std::move(sources)),
      api_(std::move(hosts)),
      feed_(name_of_this_run()),
      server_(control, api_, feed_),
      handed_(handed) {
  serve_reads();
  ops::serve_contingency(api_, decisions, sources_.configuration);
  ops::serve_explain(api_, sources_.explain);
  ops::serve_readiness(api_, sources_.readiness);
  ops::serve_reload(api_, sources_.reload);
}

admin_side::~admin_side() { stop(); }

nlohmann::ordered_json admin_side::status() { return ops::status_document(sources_.facts(), calendar_); }

void admin_side::serve_reads() {
  api_.on_open("/livez", [](const ops::admin_call&) { return ops::text_reply("ok\n"); });
  api_.on_open("/readyz", [this](const ops::admin_call& call) {
    bool const local = call.query == "tier=local";
    if (!call.query.empty() && !local)
      return ops::text_reply("Unknown query: use /readyz or /readyz?tier=local.\n", 400);
    auto const facts = sources_.facts();
    if (facts.draining) return ops::text_reply("draining\n", 503);
    if (local) {
      auto const state = facts.readiness.state;
      bool const serves = state == policy::ready_state::ready || state == policy::ready_state::degraded;
      return ops::text_reply(std::string(token(state)) + "\n", serves ? 200 : 503);
    }
    return ops::text_reply("ok\n");
  });
  api_.on("GET", "/metrics", [this](const ops::admin_call&) {
    auto reply = ops::text_reply(sources_.metrics());
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return reply;
  });
  api_.on("GET", "/", [](const ops::admin_call&) { return ops::text_reply(front_page); });
  api_.on("GET", "/api/status", [this](const ops::admin_call&) { return ops::json_reply(status()); });
  api_.on("GET", "/api/events", [this](const ops::admin_call&) {
    feed_.update(status());  // whoever comes now gets what is so now
    ops::admin_reply reply;
    reply.content_type = "text/event-stream";
    reply.event_stream = true;
    return reply;
  });
}

admin_doors admin_side::prepare(const config::admin& settings, const std::vector<std::string>& usual_sockets) {
  admin_doors made;
  if (handed_.admin_tcp >= 0) {
    auto const bound = name_of_socket(handed_.admin_tcp);
    if (config::is_too_open(settings, bound.substr(0, bound.rfind(':'))))
      throw std::runtime_error("the admin socket " + bound +
                               " that was handed down can be reached from other machines, and reading needs no token: "
                               "set `admin.token`, or give ListenStream= an address on this machine");
    if (address_.empty()) {
      made.tcp = ::fcntl(handed_.admin_tcp, F_DUPFD_CLOEXEC, 0);
      made.address = bound;
    }
  } else if (address_.empty() || settings.at.host != settings_.at.host || settings.at.port != settings_.at.port) {
    bool const ours = !address_.empty() && settings.at.port == settings_.at.port && settings.at.port != 0;
    auto const bound = net::listen_on(settings.at.host, settings.at.port, 1,
                                      ours ? net::port_use::may_be_ours : net::port_use::must_be_free);
    made.tcp = bound.descriptors.front();
    made.address = bound.address;
  }
  if (handed_.admin_unix >= 0) {
    if (!socket_.empty()) return made;
    made.unix_socket.descriptor = ::fcntl(handed_.admin_unix, F_DUPFD_CLOEXEC, 0);
    made.path = name_of_socket(handed_.admin_unix);
    return made;
  }
  auto const take = [&](const std::string& path) {
    auto socket = ops::listen_on_admin_socket(path);
    if (socket.descriptor < 0) return socket.problem;
    made.unix_socket = std::move(socket);
    made.path = path;
    return std::string();
  };
  keep_socket();
  if (!settings.socket_path.empty()) {
    if (settings.socket_path == socket_) return made;
    if (auto const problem = take(settings.socket_path); !problem.empty())
      throw std::runtime_error("no admin socket: " + problem);
    return made;
  }
  if (!socket_.empty() && settings_.socket_path.empty()) return made;
  std::string why;
  for (const auto& path : usual_sockets) {
    if (path == socket_) return made;
    auto const problem = take(path);
    if (problem.empty()) return made;
    if (!why.empty()) why += "; ";
    why += problem;
  }
  if (!why.empty())
    spdlog::info("no admin socket ({}): commands such as `tideover status` need one; set admin.socket", why);
  return made;
}

void admin_side::open(admin_doors doors, const config::admin& settings, adapt::host_rules hosts) {
  settings_ = settings;
  api_.set_token(settings.token);
  api_.set_hosts(std::move(hosts));
  auto const host = handed_.admin_tcp >= 0 ? name_of_socket(handed_.admin_tcp) : settings.at.host + ":0";
  bool const reachable =
      config::kind_of_host(std::string_view(host).substr(0, host.rfind(':'))) != config::host_kind::loopback;
  server_.set_reads_need_token(reachable && !settings.allow_unauthenticated);
  if (doors.tcp >= 0) {
    address_ = doors.address;
    server_.listen_tcp(std::exchange(doors.tcp, -1), address_.front() == '[');
  }
  if (doors.unix_socket.descriptor >= 0) {
    socket_file_ = std::exchange(doors.unix_socket, {});
    server_.listen_unix(socket_file_.descriptor);
    if (!socket_.empty()) ops::remove_admin_socket(socket_);
    socket_ = doors.path;
  }
}

/// Whoever removes its file (a tidy hand, tmpfiles) leaves a socket that nobody finds: commands would say that Tideover
/// does not run.
void admin_side::keep_socket() {
  if (socket_.empty() || handed_.admin_unix >= 0 || ops::admin_socket_is_at(socket_, socket_file_)) return;
  auto made = ops::listen_on_admin_socket(socket_);
  if (made.descriptor < 0) {
    if (made.problem != why_no_socket_)
      spdlog::warn("the file of the admin socket is gone, and no other can be made: {}", made.problem);
    why_no_socket_ = made.problem;
    return;
  }
  why_no_socket_.clear();
  socket_file_ = std::move(made);
  server_.listen_unix(socket_file_.descriptor);
  spdlog::warn("the file of the admin socket {} was removed or replaced: it is made again", socket_);
}

void admin_side::tick(time_point now) {
  if (now >= next_look_at_socket_) {
    next_look_at_socket_ = after(now, between_looks_at_socket);
    keep_socket();
  }
  if (feed_.listeners() == 0 && now < next_update_) return;
  next_update_ = after(now, update_while_nobody_listens);
  feed_.update(status());
}

void admin_side::draining() {
  feed_.update(status());
  feed_.close();
}

void admin_side::stop() {
  server_.stop();
  if (!socket_.empty()) ops::remove_admin_socket(socket_);
  socket_.clear();
}

}  // namespace tideover::app
