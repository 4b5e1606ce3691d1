#include "tideover/app/admin_side.hpp"

#include <spdlog/spdlog.h>

#include <random>
#include <stdexcept>

#include "tideover/config/values.hpp"
#include "tideover/net/listener.hpp"
#include "tideover/ops/admin_contingency.hpp"
#include "tideover/ops/admin_socket.hpp"

namespace tideover::app {

namespace {

constexpr auto update_while_nobody_listens = std::chrono::seconds(1);
constexpr auto front_page =
    "Tideover\n/livez  /readyz  /readyz?tier=local  /metrics  /api/status  /api/events  /api/contingency  "
    "/api/readiness\n";

std::string name_of_this_run() {
  std::random_device entropy;
  return std::to_string((static_cast<std::uint64_t>(entropy()) << 32) ^ entropy());
}

}  // namespace

admin_side::admin_side(boost::asio::io_context& control, adapt::host_rules hosts, ops::contingency_control& decisions,
                       admin_sources sources)
    : sources_(std::move(sources)), api_(std::move(hosts)), feed_(name_of_this_run()), server_(control, api_, feed_) {
  serve_reads();
  ops::serve_contingency(api_, decisions, sources_.configuration);
  ops::serve_readiness(api_, sources_.readiness);
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

void admin_side::open(const config::admin& settings, const std::vector<std::string>& usual_sockets) {
  api_.set_token(settings.token);
  auto bound = net::listen_on(settings.at.host, settings.at.port, 1);
  address_ = bound.address;
  bool const reachable = config::kind_of_host(settings.at.host) != config::host_kind::loopback;
  server_.listen_tcp(bound.descriptors.front(), address_.front() == '[', reachable && !settings.allow_unauthenticated);

  auto const take = [&](const std::string& path) {
    auto const socket = ops::listen_on_admin_socket(path);
    if (socket.descriptor < 0) return socket.problem;
    server_.listen_unix(socket.descriptor);
    socket_ = path;
    return std::string();
  };
  if (!settings.socket_path.empty()) {
    if (auto const problem = take(settings.socket_path); !problem.empty())
      throw std::runtime_error("no admin socket: " + problem);
    return;
  }
  std::string why;
  for (const auto& path : usual_sockets) {
    auto const problem = take(path);
    if (problem.empty()) return;
    if (!why.empty()) why += "; ";
    why += problem;
  }
  if (!why.empty())
    spdlog::info("no admin socket ({}): commands such as `tideover status` need one; set admin.socket", why);
}

void admin_side::tick(time_point now) {
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
