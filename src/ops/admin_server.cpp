#include "tideover/ops/admin_server.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace tideover::ops {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr auto patience = std::chrono::seconds(10);
constexpr std::size_t max_connections = 256;
}  // namespace

struct admin_server::state {
  state(tcp::acceptor socket, adapt::host_rules rules, admin_answers what)
      : acceptor(std::move(socket)), hosts(std::move(rules)), answers(std::move(what)) {}

  tcp::acceptor acceptor;
  adapt::host_rules hosts;
  admin_answers answers;
  std::size_t connections = 0;

  http::response<http::string_body> answer(const http::request<http::empty_body>& request) const {
    http::response<http::string_body> response(http::status::ok, request.version());
    response.keep_alive(request.keep_alive());
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.set(http::field::cache_control, "no-store");
    auto const say = [&](http::status status, std::string text) {
      response.result(status);
      response.body() = std::move(text);
    };
    auto const host = request[http::field::host];
    std::string_view target(request.target().data(), request.target().size());
    target = target.substr(0, target.find('#'));
    auto const query_at = target.find('?');
    auto const path = target.substr(0, query_at);
    auto const query = query_at == std::string_view::npos ? std::string_view{} : target.substr(query_at + 1);
    if (request.count(http::field::host) != 1 || !adapt::host_allowed({host.data(), host.size()}, hosts)) {
      say(http::status::misdirected_request, "This Host is not served here: use an IP address or localhost.\n");
    } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
      response.set(http::field::allow, "GET, HEAD");
      say(http::status::method_not_allowed, "Only GET and HEAD: nothing can be changed here.\n");
    } else if (path == "/livez") {
      say(http::status::ok, "ok\n");
    } else if (path == "/readyz") {
      bool const local = query == "tier=local";
      if (!query.empty() && !local) {
        say(http::status::bad_request, "Unknown query: use /readyz or /readyz?tier=local.\n");
      } else if (!answers.serving()) {
        say(http::status::service_unavailable, "draining\n");
      } else if (local) {
        auto const ready = answers.local_ready();
        bool const serves = ready == policy::ready_state::ready || ready == policy::ready_state::degraded;
        say(serves ? http::status::ok : http::status::service_unavailable, std::string(token(ready)) + "\n");
      } else {
        say(http::status::ok, "ok\n");
      }
    } else if (path == "/metrics") {
      response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
      say(http::status::ok, answers.metrics());
    } else if (path == "/") {
      say(http::status::ok, "Tideover\n/livez  /readyz  /readyz?tier=local  /metrics\n");
    } else {
      say(http::status::not_found, "Here are /livez, /readyz and /metrics.\n");
    }
    response.prepare_payload();
    if (request.method() == http::verb::head) response.body().clear();
    return response;
  }
};

namespace {

template <class State>
asio::awaitable<void> serve_connection(std::shared_ptr<State> self, tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer(64 * 1024);
  for (;;) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(16 * 1024);
    parser.body_limit(0);
    stream.expires_after(patience);
    auto const [read_error, read_bytes] = co_await http::async_read(stream, buffer, parser, as_result);
    if (read_error) break;
    auto response = self->answer(parser.get());
    stream.expires_after(patience);
    auto const [write_error, written] = co_await http::async_write(stream, response, as_result);
    if (write_error || !response.keep_alive()) break;
  }
  beast::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

template <class State>
asio::awaitable<void> accept_all(std::shared_ptr<State> self) {
  asio::steady_timer pause(self->acceptor.get_executor());
  while (self->acceptor.is_open()) {
    auto [error, socket] = co_await self->acceptor.async_accept(as_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error || self->connections >= max_connections) {
      pause.expires_after(std::chrono::milliseconds(200));
      (void)co_await pause.async_wait(as_result);
      continue;
    }
    ++self->connections;
    auto const executor = socket.get_executor();
    asio::co_spawn(executor, serve_connection(self, std::move(socket)), [self](std::exception_ptr trouble) {
      --self->connections;
      if (trouble) spdlog::warn("an admin connection ended with an unexpected error");
    });
  }
}

}  // namespace

admin_server::admin_server(asio::io_context& control, tcp::acceptor acceptor, adapt::host_rules hosts,
                           admin_answers answers)
    : state_(std::make_shared<state>(std::move(acceptor), std::move(hosts), std::move(answers))) {
  asio::co_spawn(control, accept_all(state_), asio::detached);
}

admin_server::~admin_server() { stop(); }

void admin_server::stop() {
  beast::error_code ignored;
  state_->acceptor.close(ignored);
}

}  // namespace tideover::ops
